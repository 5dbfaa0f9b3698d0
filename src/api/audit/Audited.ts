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
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import { createHash, randomUUID } from "node:crypto"
import { userInfo } from "node:os"
import { AuditError, type OperationError, printable, wasNotSent } from "../../errors.ts"
import type { Operation } from "../../rpc/Operation.ts"
import type { Reply } from "../../rpc/Reply.ts"
import type * as Core from "../../rpc/Session.ts"
import * as Logs from "../../telemetry/Logs.ts"
import * as OperationOutcome from "../../telemetry/OperationOutcome.ts"
import { print } from "../../xml/Print.ts"
import * as Audit from "../Audit.ts"
import * as ChangeId from "./ChangeId.ts"
import { defined } from "../../data/Defined.ts"

/** In milliseconds: a sink that hangs holds up the device's other operations. */
const patience = 10_000

/** The same for the outcome of what starts, confirms or takes back a confirmed commit. */
const briefly = 250

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
  return error !== undefined && wasNotSent(error) ? "not-sent" : "unknown"
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

/** Runs what may not even be interruptible, and waits no longer than its patience; from then on it is left to itself. */
const impatiently = (self: Effect.Effect<void, unknown>): Effect.Effect<void, string> =>
  Effect.flatMap(Effect.forkDetach(self, { startImmediately: true }), (fiber) =>
    Fiber.await(fiber).pipe(
      Effect.timeoutOption(patience),
      Effect.ensuring(Effect.sync(() => fiber.interruptUnsafe())),
      Effect.flatMap((ended) => {
        if (Option.isNone(ended)) return Effect.fail(`no answer within ${patience} ms`)
        return Exit.isSuccess(ended.value) ? Effect.void : Effect.fail(inWords(ended.value.cause))
      })
    )
  )

type Put = Fiber.Fiber<void, string>

/** One write, on its way into the audit. */
class Recording {
  readonly #core: Core.Session
  readonly #sink: Audit.Sink
  readonly #facts: Facts
  #began = 0
  /** The record before, which the sink has first. */
  #last: Put | undefined

  constructor(core: Core.Session, sink: Audit.Sink, facts: Facts) {
    this.#core = core
    this.#sink = sink
    this.#facts = facts
  }

  /** The record before it is sent; its fiber fails with the reason in words. */
  before(payload: () => string): Effect.Effect<Put> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      this.#began = now
      return this.#put(() => ({ ...this.#facts, outcome: "started", time: time(now), payload: payload() }))
    })
  }

  /** The record of how it ended; never fails: the write has its outcome, whether that can be recorded or not. */
  after(outcome: Audit.Outcome, error: string | undefined): Effect.Effect<Put> {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const entry = { ...this.#facts, outcome, time: time(now), elapsed: now - this.#began, ...defined({ error }) }
      return this.#put(() => entry, `ended as ${outcome}, which could not be audited`)
    })
  }

  /** In a fiber that nobody has to wait for; with what it `lacks` when it fails, it is reported there. */
  #put(entry: () => Audit.Entry, lacks?: string): Effect.Effect<Put> {
    const last = this.#last
    const recorded = impatiently(Effect.suspend(() => this.#sink.record(entry())))
    const behind = last === undefined ? recorded : Effect.andThen(Fiber.await(last), recorded)
    const reported = lacks === undefined ? behind : Effect.catch(behind, (detail) => this.report(lacks, detail))
    return Effect.tap(Effect.forkDetach(reported, { startImmediately: true }), (put) =>
      Effect.sync(() => void (this.#last = put))
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

/**
 * The record before, without which it is not sent. Whoever keeps the records may have it all the same, or get it later: so
 * the second one says that it was not sent.
 */
const begin = (recording: Recording, payload: () => string): Effect.Effect<void, AuditError> =>
  Effect.flatMap(recording.before(payload), (put) => {
    const notSent = (why: string) => Effect.asVoid(recording.after("not-sent", why))
    const given = Effect.onInterrupt(Fiber.join(put), () => {
      put.interruptUnsafe()
      return notSent("interrupted")
    })
    return Effect.catch(given, (detail) => Effect.andThen(notSent("AuditError"), recording.refusal(detail)))
  })

/** The record before of what is sent regardless, and at once: time passes on the device. */
const beginRegardless = (recording: Recording, payload: () => string): Effect.Effect<void> =>
  Effect.flatMap(recording.before(payload), (put) => {
    const reported = Effect.catch(Fiber.join(put), (detail) =>
      recording.report("is sent though it cannot be audited", detail)
    )
    return Effect.asVoid(Effect.forkDetach(reported, { startImmediately: true }))
  })

/** The record of the outcome, which is waited for: but hardly where a confirm-timeout runs. */
const end = (recording: Recording, exit: Exit.Exit<unknown, OperationError>, hurried: boolean): Effect.Effect<void> =>
  Effect.flatMap(recording.after(outcomeOf(exit), why(exit)), (put) =>
    hurried ? Effect.asVoid(Effect.timeoutOption(Fiber.await(put), briefly)) : Effect.asVoid(Fiber.await(put))
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
 * something is sent at once, even where it cannot be recorded, and that is logged; kill-session is not.
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
    const beginning = regardless ? beginRegardless(recording, content.payload) : begin(recording, content.payload)
    return yield* Effect.uninterruptibleMask((restore) =>
      Effect.andThen(
        restore(beginning),
        Effect.onExit(restore(self), (exit) =>
          end(recording, exit, regardless || operation.lease?.lasts !== undefined || core.leases.pending)
        )
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
