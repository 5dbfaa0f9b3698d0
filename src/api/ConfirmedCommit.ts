/**
 * A commit that the device takes back by itself unless it is confirmed (RFC 6241 §8.4), as a scope around a check: confirmed
 * when the check succeeds, cancelled when it fails or is interrupted.
 *
 * Its locks are held from before the edit to the end. With `:confirmed-commit:1.1` it is persistent, under a random id,
 * so that it can be confirmed or cancelled from another session when this one is lost.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import {
  type ConnectError,
  DeadlineError,
  InputError,
  type OperationError,
  tryInput,
  withContext,
  withState
} from "../errors.ts"
import { millis } from "../transport/Deadlines.ts"
import type { ChangeContext } from "./Change.ts"
import { cancelCommit, commit, type CommitReply } from "./Commit.ts"
import { defined } from "./Defined.ts"
import { editConfig, validate as validateOperation } from "./Edit.ts"
import type { Fragment } from "./Fragment.ts"
import type { LockedOptions } from "./Locks.ts"
import type { Session } from "./Session.ts"

export interface ConfirmedCommitOptions extends LockedOptions {
  /** How long the device waits for the confirmation before it rolls back: whole seconds, rounded up. */
  readonly timeout: Duration.Input
  /** The change. Without it, what the program has loaded into the candidate, inside of `session.locked`. */
  readonly config?: Fragment
  /**
   * Where the check runs. `new-session` (default): on a connection of its own, because a broken ACL or AAA server spares
   * the one that stands.
   */
  readonly verifyOn?: "new-session" | "this-session"
  /** The check and the confirmation have to be done this long before the timeout. Default: a fifth of it, at most 10 seconds. */
  readonly margin?: Duration.Input
  /** Called with the persist-id before anything is committed; write it down, to confirm or cancel after a crash. */
  readonly record?: (persistId: string) => Effect.Effect<void>
}

export interface ConfirmedCommitContext extends ChangeContext {
  /** Another session with the same device. */
  readonly reconnect: Effect.Effect<Session, ConnectError, Scope.Scope>
  /** This session, as the check sees it. */
  readonly self: () => Session
}

/** In milliseconds. */
interface Times {
  readonly timeout: number
  readonly margin: number
}

const timesOf = ({ margin, timeout }: ConfirmedCommitOptions): Effect.Effect<Times, InputError> =>
  tryInput(() => {
    const whole = Math.ceil(millis("timeout", timeout) / 1000) * 1000
    const kept = millis("margin", margin ?? Math.min(10_000, whole / 5))
    if (kept < whole) return { timeout: whole, margin: kept }
    throw new InputError({ what: "margin", why: "it is longer than the timeout" })
  })

interface Pending {
  readonly id: string | undefined
  /** Confirming later than this could commit again what the device has rolled back. */
  readonly confirmBefore: number
  /** By then the device has rolled back what was not confirmed. */
  readonly over: number
  readonly rollback: CommitReply["rollback"]
}

const load = ({ run, session }: ConfirmedCommitContext, config: Fragment | undefined) =>
  Effect.gen(function* () {
    if (config === undefined) return
    yield* run(editConfig({ config, target: "candidate" }))
    const { capabilities } = session.hello
    if (capabilities.has(":validate") && session.profile.validateBeforeCommit) yield* run(validateOperation())
  })

const idOf = (id: string | undefined) => (id === undefined ? {} : { persistId: id })

/** What an operator must know when neither a confirmation nor a cancellation reached the device. */
const rollsBack = ({ rollback }: Pending): string =>
  rollback === undefined
    ? "the device rolls back by itself"
    : `the device rolls back by itself between ${DateTime.formatIso(rollback.earliest)} and ${DateTime.formatIso(rollback.latest)}`

/** A session to speak to: this one, or a new one when it has ended; there the locks are gone and the candidate is anyone's. */
const onLiving = <A>(
  context: ConfirmedCommitContext,
  here: Effect.Effect<A, OperationError>,
  elsewhere: (session: Session) => Effect.Effect<A, OperationError>
): Effect.Effect<A, OperationError | ConnectError> =>
  Effect.suspend(() => (context.session.ended ? Effect.scoped(Effect.flatMap(context.reconnect, elsewhere)) : here))

const confirm = (context: ConfirmedCommitContext, pending: Pending) =>
  Effect.gen(function* () {
    const { session } = context
    const now = yield* Clock.currentTimeMillis
    if (now >= pending.confirmBefore || (session.ended && pending.id === undefined)) {
      const deadline = Math.max(0, Math.round(pending.confirmBefore - now))
      return yield* new DeadlineError({ ...session.context, operation: "commit", phase: "verify", deadline, bytes: 0 })
    }
    const confirming = commit(idOf(pending.id))
    // Nobody can interrupt it: its reply is waited for as long as there is anything to confirm.
    const left = pending.over - now
    const inTime = { deadline: left, total: left }
    // A confirming commit also commits what is in the candidate by then: `locked` discards it first.
    const elsewhere = (other: Session) => other.locked(["candidate"], other.run(confirming, inTime))
    yield* onLiving(context, context.run(confirming, inTime), elsewhere)
  })

/** Takes the commit back. Without cancel-commit (`:confirmed-commit:1.0`) the end of the session does. */
const cancel = (
  context: ConfirmedCommitContext,
  pending: Pending
): Effect.Effect<void, OperationError | ConnectError> => {
  if (pending.id === undefined && !context.session.hello.capabilities.has(":confirmed-commit:1.1")) {
    return context.session.close
  }
  const cancelling = cancelCommit(idOf(pending.id))
  const attempt = onLiving(context, context.run(cancelling), (other) => other.run(cancelling))
  return Effect.mapError(Effect.asVoid(attempt), (error) => withState(error, rollsBack(pending)))
}

/** Then it was not sent, and there is nothing to cancel. */
const wasUnrecorded = ({ reasons }: Cause.Cause<OperationError>): boolean =>
  reasons.some((reason) => Cause.isFailReason(reason) && reason.error._tag === "AuditError")

/** The commit itself, in an uninterruptible region. However it ends without a clear yes, its id is cancelled. */
const begin = (
  context: ConfirmedCommitContext,
  { record }: ConfirmedCommitOptions,
  { margin, timeout }: Times,
  restore: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const { capabilities } = context.session.hello
    const id = capabilities.has(":confirmed-commit:1.1") ? randomUUID() : undefined
    if (id !== undefined && record !== undefined) yield* restore(record(id))
    const began = yield* Clock.currentTimeMillis
    const persist = id === undefined ? {} : { persist: id }
    const committing = commit({ confirmed: true, confirmTimeout: Duration.millis(timeout), ...persist })
    const pending: Pending = { id, confirmBefore: began + timeout - margin, over: began + timeout, rollback: undefined }
    // A reply that comes later than this could not be followed by a confirmation.
    const inTime = { deadline: timeout - margin, total: timeout - margin }
    const reply = yield* Effect.onError(restore(context.run(committing, inTime)), (cause) =>
      wasUnrecorded(cause) ? Effect.void : Effect.ignore(cancel(context, pending))
    )
    return { ...pending, rollback: reply.rollback }
  })

const check = <A, E, R>(
  context: ConfirmedCommitContext,
  options: ConfirmedCommitOptions,
  pending: Pending,
  verify: (session: Session) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const left = Math.max(0, pending.confirmBefore - (yield* Clock.currentTimeMillis))
    const checking =
      options.verifyOn === "this-session"
        ? Effect.suspend(() => verify(context.self()))
        : Effect.scoped(Effect.flatMap(context.reconnect, verify))
    return yield* Effect.timeoutOrElse(checking, {
      duration: left,
      orElse: () =>
        new DeadlineError({
          ...context.session.context,
          operation: "commit",
          phase: "verify",
          deadline: left,
          bytes: 0
        })
    })
  })

/**
 * Commits for a limited time, checks, and confirms. Fails with the check's own error when that failed, with the commit
 * cancelled; where the cancellation failed too, that error is attached to the cause and says between which two moments
 * the device rolls back by itself.
 *
 * Besides the errors of its operations: `DeadlineError` of phase `verify` when the check left no time to confirm.
 */
export const confirmedCommit = <A, E, R>(
  context: ConfirmedCommitContext,
  options: ConfirmedCommitOptions,
  verify: (session: Session) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | OperationError | ConnectError, Exclude<R, Scope.Scope>> =>
  Effect.gen(function* () {
    const where = { ...context.session.context, operation: "commit" }
    const times = yield* Effect.mapError(timesOf(options), (error) => withContext(error, where))
    if (options.config === undefined && !context.session.leases.held.has("candidate")) {
      const why = "give the change, or load it into the candidate and call this inside of session.locked"
      return yield* new InputError({ ...where, what: "config", why })
    }
    const program = Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        yield* restore(load(context, options.config))
        const pending = yield* begin(context, options, times, restore)
        const verified = restore(Effect.scoped(check(context, options, pending, verify)))
        const exit = yield* Effect.exit(Effect.tap(verified, () => confirm(context, pending)))
        if (Exit.isSuccess(exit)) return exit.value
        const cancelled = yield* Effect.exit(cancel(context, pending))
        return yield* Effect.failCause(
          Exit.isSuccess(cancelled) ? exit.cause : Cause.combine(exit.cause, cancelled.cause)
        )
      })
    )
    const { breakStale, wait } = options
    return yield* context.locked(["running", "candidate"], program, defined({ breakStale, wait }))
  })
