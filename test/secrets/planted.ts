/**
 * Everything that the library emits while a program runs: log lines of every level, the wire log, the audit, spans with their
 * attributes, events and ends, metrics, and each failure in every form in which somebody may print it.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as References from "effect/References"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { inspect } from "node:util"
import * as Audit from "../../src/api/Audit.ts"
import type { ConnectOptions } from "../../src/api/Netconf.ts"

/** Is part of every secret. */
export const mark = "PLANTED"

/** Secrets as models, devices and people write them. */
export const planted = {
  password: "PLANTED-password",
  /** With what XML, JSON and regular expressions escape. */
  odd: `PLANTED <&> "odd" \\ [a-z]+ 'one'`,
  short: "PLANTED",
  crypt: "$6$salt$PLANTEDcrypt",
  junos: "$9$PLANTEDnine",
  type7: "0822455D0A16PLANTED",
  community: "PLANTED-community",
  url: "sftp://ops:PLANTED-url@192.0.2.1/file",
  pem: "-----BEGIN PRIVATE KEY-----\nPLANTEDpem\n-----END PRIVATE KEY-----",
  cli: "username ops privilege 15 password 0 PLANTED cli\nsnmp-server community PLANTED-cli RO\nenable secret 5 $1$x$PLANTED\n"
} as const

/** One thing that was emitted, and where. */
export interface Emission {
  readonly where: string
  readonly text: string
}

export interface Emitted {
  readonly exit: Exit.Exit<unknown, unknown>
  readonly all: ReadonlyArray<Emission>
}

/** What a case is run with. */
export interface Tools {
  readonly wireLog: NonNullable<ConnectOptions["wireLog"]>
  /** For what the library hands out for showing: reasons, notes, warnings. */
  readonly emit: (where: string, value: unknown) => void
}

const everyForm = (value: unknown): ReadonlyArray<string> => [
  typeof value === "string"
    ? value
    : (JSON.stringify(value, (_key, part: unknown) => (typeof part === "bigint" ? String(part) : part)) ?? ""),
  inspect(value, { depth: Infinity, showHidden: true, maxStringLength: Infinity, maxArrayLength: Infinity }),
  ...(value instanceof Error ? [value.message, String(value), String(value.stack), String(value.cause)] : [])
]

const recordingTracer = (spans: Array<Tracer.NativeSpan>) =>
  Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      return span
    }
  })

/** Runs a program, and gives all that it made the library say. */
export const emittedBy = (
  program: (tools: Tools) => Effect.Effect<unknown, unknown, Scope.Scope>,
  sink: "lines" | "entries"
): Effect.Effect<Emitted> =>
  Effect.gen(function* () {
    const all: Array<Emission> = []
    const spans: Array<Tracer.NativeSpan> = []
    const emit = (where: string, value: unknown) => {
      for (const text of everyForm(value)) all.push({ where, text })
    }
    const logger = (format: Logger.Logger<unknown, unknown>) => Logger.map(format, (line) => emit("log", line))
    const wireLog = sink === "lines" ? true : (entry: unknown) => Effect.sync(() => emit("wire log", entry))
    const exit = yield* Effect.exit(Effect.scoped(program({ wireLog, emit }))).pipe(
      Effect.provide([
        Logger.layer([logger(Logger.formatJson), logger(Logger.formatStructured), logger(Logger.formatSimple)]),
        Audit.layer({ record: (entry) => Effect.sync(() => emit("audit", entry)) })
      ]),
      Effect.provideService(References.MinimumLogLevel, "Trace"),
      Effect.provideService(Tracer.Tracer, recordingTracer(spans))
    )
    if (Exit.isFailure(exit)) {
      emit("cause", Cause.pretty(exit.cause))
      emit("exit", exit)
      for (const reason of exit.cause.reasons) emit("error", Cause.isFailReason(reason) ? reason.error : reason)
    }
    for (const { attributes, events, name, status } of spans)
      emit("span", { name, attributes: [...attributes], events, status })
    for (const { attributes, description, id, state } of yield* Metric.snapshot)
      emit("metric", { id, attributes, description, state })
    return { exit, all }
  })
