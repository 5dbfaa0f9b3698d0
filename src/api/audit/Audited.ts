/**
 * The audit around one operation: a record before it is sent, without which it is not sent, and one of its outcome.
 *
 * What counts is what may change the device (`kind: "write"`), and kill-session, which takes another session's work. What
 * takes a change back or confirms it is never held up: a broken audit must not let a confirm-timeout run out.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { createHash, randomUUID } from "node:crypto"
import { userInfo } from "node:os"
import { AuditError, type OperationError, printable } from "../../errors.ts"
import type { Operation } from "../../rpc/Operation.ts"
import type { Reply } from "../../rpc/Reply.ts"
import type * as Core from "../../rpc/Session.ts"
import * as Logs from "../../telemetry/Logs.ts"
import * as OperationOutcome from "../../telemetry/OperationOutcome.ts"
import { print } from "../../xml/Print.ts"
import * as Audit from "../Audit.ts"
import * as ChangeId from "./ChangeId.ts"
import { defined } from "../Defined.ts"

/** In milliseconds: a sink that hangs holds up the device's other operations. */
const patience = 10_000

/** Where the process has no entry among the users, as in many containers, its number. */
const user = (): string => {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? "unknown"}`
  }
}

type Facts = Omit<Audit.Entry, "outcome" | "time" | "payload" | "error" | "elapsed">

const factsOf = (
  core: Core.Session,
  { datastore, name }: Operation<unknown>,
  text: string,
  changeId: string | undefined
): Facts => {
  const { label, peer, sessionId } = core.context
  return {
    id: randomUUID(),
    user: user(),
    operation: name,
    payloadHash: `sha256:${createHash("sha256").update(text).digest("hex")}`,
    ...defined({ label, peer, sessionId, target: datastore && core.redaction.text(datastore), changeId })
  }
}

/** What became of a write. Whatever is not known for certain is unknown. */
const outcomeOf = (exit: Exit.Exit<unknown, OperationError>): Exclude<Audit.Outcome, "started"> => {
  const error = OperationOutcome.failureOf(exit)
  const outcome = OperationOutcome.of(exit)
  if (outcome === "ok" || outcome === "warned") return "ok"
  if (error?._tag === "RpcError") return error.partial === undefined ? "refused" : "partial"
  if (error?._tag === "DeadlineError" && error.phase === "queue") return "not-sent"
  return outcome === "not-sent" ? "not-sent" : "unknown"
}

/** By tags alone: a device's own words may hold what it was sent. */
const why = (exit: Exit.Exit<unknown, OperationError>): string | undefined => {
  if (exit._tag === "Success") return undefined
  const error = OperationOutcome.failureOf(exit)
  if (error === undefined) return Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "defect"
  const said = error._tag === "CommitUnknownError" ? error.cause : error
  const tags = said._tag === "RpcError" ? said.errors.map(({ tag }) => tag) : []
  const names = [error._tag, ...(said === error ? [] : [said._tag])].join(", ")
  return tags.length === 0 ? names : `${names}: ${tags.join(", ")}`
}

const time = (millis: number): string => new Date(millis).toISOString()

const inWords = (cause: Cause.Cause<unknown>): string => {
  const said = Cause.squash(cause)
  return said instanceof Error ? said.message : String(said)
}

/** One write, on its way into the audit. */
class Recording {
  readonly #core: Core.Session
  readonly #sink: Audit.Sink
  readonly #facts: Facts
  #began = 0

  constructor(core: Core.Session, sink: Audit.Sink, facts: Facts) {
    this.#core = core
    this.#sink = sink
    this.#facts = facts
  }

  /** Fails with the reason in words. */
  before(payload: () => string): Effect.Effect<void, string> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      this.#began = now
      return this.#put(() => ({ ...this.#facts, outcome: "started", time: time(now), payload: payload() }))
    })
  }

  /** Never fails: the write has its outcome, whether that can be recorded or not. */
  after(outcome: Audit.Outcome, error: string | undefined): Effect.Effect<void> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const entry = { ...this.#facts, outcome, time: time(now), elapsed: now - this.#began, ...defined({ error }) }
      return Effect.catchCause(
        this.#put(() => entry),
        (cause) => this.report(`ended as ${outcome}, which could not be audited`, inWords(cause))
      )
    })
  }

  #put(entry: () => Audit.Entry): Effect.Effect<void, string> {
    const late = () => Effect.fail(`no answer within ${patience} ms`)
    const recorded = Effect.timeoutOrElse(
      Effect.suspend(() => this.#sink.record(entry())),
      { duration: patience, orElse: late }
    )
    return Effect.catchCause(recorded, (cause) =>
      Cause.hasInterruptsOnly(cause) ? Effect.interrupt : Effect.fail(inWords(cause))
    )
  }

  /** An operator must know. */
  report(what: string, detail: string): Effect.Effect<void> {
    const { id, operation } = this.#facts
    const error = Effect.logError(`${operation} ${what}: ${printable(detail)}`)
    return Effect.annotateLogs(Logs.annotated(this.#core.context, error), { audit: id })
  }

  refusal(detail: string): AuditError {
    return new AuditError({ ...this.#core.context, operation: this.#facts.operation, detail })
  }
}

/** The record before, without which only what is sent `regardless` is sent. */
const begin = (recording: Recording, payload: () => string, regardless: boolean): Effect.Effect<void, AuditError> =>
  Effect.catch(
    Effect.onInterrupt(recording.before(payload), () => recording.after("not-sent", "interrupted")),
    (detail) =>
      regardless ? recording.report("is sent though it cannot be audited", detail) : recording.refusal(detail)
  )

const counts = ({ kind, name }: Operation<unknown>): boolean => kind === "write" || name === "kill-session"

/** What cannot be encoded has no record: it fails with its own error when it is sent. */
const encoded = (core: Core.Session, operation: Operation<unknown>) => {
  try {
    const element = operation.encode(core.hello.capabilities)
    return { text: print(element), payload: () => print(core.redaction.element(element)) }
  } catch {
    return undefined
  }
}

/**
 * Records an operation that is about to be sent, if it is a write and auditing is on, and how it ends. What `frees`
 * something is sent even where it cannot be recorded, and that is logged; kill-session is not.
 */
export const around = <A>(
  core: Core.Session,
  operation: Operation<unknown>,
  frees: boolean,
  self: Effect.Effect<A, OperationError>
): Effect.Effect<A, OperationError> => {
  if (!counts(operation)) return self
  return Effect.gen(function* () {
    const sink = yield* Audit.Current
    const content = sink === undefined ? undefined : encoded(core, operation)
    if (sink === undefined || content === undefined) return yield* self
    const facts = factsOf(core, operation, content.text, yield* ChangeId.Current)
    const recording = new Recording(core, sink, facts)
    const regardless = frees && operation.name !== "kill-session"
    return yield* Effect.uninterruptibleMask((restore) =>
      Effect.andThen(
        restore(begin(recording, content.payload, regardless)),
        Effect.onExit(restore(self), (exit) => recording.after(outcomeOf(exit), why(exit)))
      )
    )
  })
}

/**
 * Calls an operation. Where its success may come when nobody waits any more, and is then taken back by a write of the
 * session's own, that write is recorded where the operation was.
 */
export const call = (
  core: Core.Session,
  operation: Operation<unknown>,
  sending: Core.Sending
): Effect.Effect<Reply, OperationError> => {
  if (operation.kind !== "write" || operation.undo === undefined) return core.call(operation, sending)
  return Effect.gen(function* () {
    const sink = yield* Audit.Current
    const changeId = yield* ChangeId.Current
    if (sink === undefined) return yield* core.call(operation, sending)
    const attend: Core.Sending["attend"] = (undo, sent) =>
      around(core, undo, true, sent).pipe(
        Effect.provideService(Audit.Current, sink),
        Effect.provideService(ChangeId.Current, changeId)
      )
    return yield* core.call(operation, { ...sending, attend })
  })
}
