/**
 * A commit that the device takes back by itself unless it is confirmed (RFC 6241 §8.4), as a scope around a check: confirmed
 * when the check succeeds, cancelled when it fails or is interrupted.
 *
 * Its locks are held from before the edit to the end. With `:confirmed-commit:1.1` it is persistent, under a random id,
 * so that it can be confirmed or cancelled from another session when this one is lost.
 */
import * as Cause from "effect/Cause"
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
  wasNotSent,
  withContext,
  withState
} from "../errors.ts"
import { millis } from "../transport/Deadlines.ts"
import type { Run } from "../rpc/Operation.ts"
import { type ChangeContext, onlyThisEdit } from "./Change.ts"
import { aFunction, effectful, knownNames, seconds, shown } from "./Checks.ts"
import { cancelCommit, commit, type CommitReply } from "./Commit.ts"
import { ConfirmWindow, type Times } from "./ConfirmWindow.ts"
import { defined } from "./Defined.ts"
import { editConfig, validate as validateOperation } from "./Edit.ts"
import type { Fragment } from "./Fragment.ts"
import { checkLockOptions, discardOrEnd, type LockedOptions, lockOptions } from "./Locks.ts"
import type { Session } from "./Session.ts"
import * as Urgent from "./Urgent.ts"

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

const timesOf = ({ margin, timeout }: ConfirmedCommitOptions): Effect.Effect<Times, InputError> =>
  tryInput(() => {
    const whole = Math.ceil(seconds("timeout", timeout) / 1000) * 1000
    const kept = millis("margin", margin ?? Math.min(10_000, whole / 5))
    if (kept < whole) return { timeout: whole, margin: kept }
    throw new InputError({ what: "margin", why: "it is not shorter than the timeout" })
  })

const optionNames = ["timeout", "config", "verifyOn", "margin", "record", ...lockOptions]

/** Throws an `InputError`: whatever is found only after the commit would have to be taken back. */
export const checkConfirmedCommit = (
  options: Omit<ConfirmedCommitOptions, "record"> & { readonly record?: unknown },
  verify: unknown,
  ofPromises: ReadonlyArray<string> = []
): void => {
  knownNames("confirmedCommit", options, optionNames, ofPromises)
  aFunction("verify", verify, "confirmedCommit({ timeout, config }, (session) => session.get())")
  checkLockOptions(options)
  if (options.record !== undefined) aFunction("record", options.record, "(persistId) => writeDown(persistId)")
  const { verifyOn = "new-session" } = options
  if (verifyOn === "new-session" || verifyOn === "this-session") return
  throw new InputError({ what: "verifyOn", why: `expected new-session or this-session, got ${shown(verifyOn)}` })
}

const sent = "the commit had been sent"

/** Plain code says with false what an effect says by failing. It must not confirm. */
const notFalse = <A>(context: ConfirmedCommitContext, verified: A): Effect.Effect<A, InputError> => {
  if (verified !== false) return Effect.succeed(verified)
  const why = "it returned false; fail the check instead"
  return new InputError({ ...context.session.context, operation: "commit", what: "verify", why, state: sent })
}

interface Pending {
  readonly id: string | undefined
  readonly window: ConfirmWindow
  readonly rollback: CommitReply["rollback"]
}

const load = ({ run, session }: ConfirmedCommitContext, config: Fragment | undefined) =>
  Effect.gen(function* () {
    if (config === undefined) return
    yield* onlyThisEdit(session)
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

/** What is left to say when the answer to a confirmation is missing and the device cancels nothing. */
const confirmedOrNot = "the commit is confirmed, or rolled back: read the device"

/** A session to speak to: this one, or a new one when it has ended; there the locks are gone and the candidate is anyone's. */
const onLiving = <A>(
  context: ConfirmedCommitContext,
  here: Effect.Effect<A, OperationError>,
  within: () => number,
  late: () => DeadlineError,
  elsewhere: (session: Session) => Effect.Effect<A, OperationError>
): Effect.Effect<A, OperationError | ConnectError> =>
  Effect.suspend(() => {
    if (!context.session.ended) return here
    return Effect.scoped(Effect.flatMap(Urgent.session(context.reconnect, within(), late), elsewhere))
  })

/** In milliseconds, between two looks. */
const look = 10

/**
 * Waits until what is unanswered now has been answered, or it is too late. The device does one rpc after the other (RFC 6241
 * §4.5): behind one that hangs, a commit without an id would be done after the rollback, as a new one.
 */
const notBehind = ({ session }: ConfirmedCommitContext, window: ConfirmWindow): Effect.Effect<void> => {
  const inFront = session.unanswered
  const wait: Effect.Effect<void> = Effect.suspend(() => {
    const still = new Set(session.unanswered)
    if (window.toConfirm <= 0 || !inFront.some((call) => still.has(call))) return Effect.void
    return Effect.andThen(Effect.sleep(look), wait)
  })
  return wait
}

const wasLate = (error: OperationError | ConnectError): boolean =>
  error._tag === "DeadlineError" && error.phase === "queue"

const confirm = (context: ConfirmedCommitContext, { id, window }: Pending) =>
  Effect.gen(function* () {
    if (window.toConfirm <= 0 || (context.session.ended && id === undefined)) return yield* window.late()
    // Whatever it waits for, it is asked again directly before it is sent, and while it waits for room.
    const confirming = { ...commit(idOf(id)), sendWithin: () => window.toConfirm }
    const sent = (run: Run) =>
      Effect.suspend(() => {
        // Nobody can interrupt it: its reply is waited for as long as there is anything to confirm.
        const left = window.toRollback
        return run(confirming, { deadline: left, total: left })
      })
    const ours = sent(context.run)
    // A confirming commit also commits what is in the candidate by then.
    const within = () => window.toConfirm
    const late = () => window.late()
    const elsewhere = (other: Session) => Urgent.withCleanCandidate(other, within, late, sent(other.run))
    // Without an id only this session can confirm: from another one it would be a new commit.
    const alone = Effect.andThen(
      Effect.suspend(() => notBehind(context, window)),
      ours
    )
    const confirmed = id === undefined ? alone : onLiving(context, ours, within, late, elsewhere)
    const reply = yield* Effect.mapError(confirmed, (error) => (wasLate(error) ? window.late() : error))
    const doubt = window.doubt(reply)
    if (doubt !== undefined) return yield* doubt
  })

/** Takes the commit back. Without cancel-commit (`:confirmed-commit:1.0`) the end of the session does. */
const cancel = (
  context: ConfirmedCommitContext,
  pending: Pending,
  otherwise = rollsBack(pending)
): Effect.Effect<void, OperationError | ConnectError> => {
  if (pending.id === undefined && !context.session.hello.capabilities.has(":confirmed-commit:1.1")) {
    return context.session.close
  }
  const cancelling = cancelCommit(idOf(pending.id))
  // Later the device has rolled back by itself.
  let deadline = 0
  const within = () => (deadline = Math.round(pending.window.toRollback))
  const late = () => {
    const { label, peer } = context.session.context
    return new DeadlineError({ label, peer, operation: "cancel-commit", phase: "connect", deadline, bytes: 0 })
  }
  const attempt = onLiving(context, context.run(cancelling), within, late, (other) => other.run(cancelling))
  return Effect.mapError(Effect.asVoid(attempt), (error) => withState(error, otherwise))
}

/** On some devices the candidate keeps what was cancelled: nobody is to commit that along with his own. */
const clear = ({ cleanUp, run, session }: ConfirmedCommitContext): Effect.Effect<void, OperationError> =>
  Effect.suspend(() => {
    if (session.ended || !session.leases.held.has("candidate")) return Effect.void
    return Effect.asVoid(discardOrEnd(session, run, cleanUp))
  })

const alsoFailed = <E, E2>(cause: Cause.Cause<E>, exit: Exit.Exit<unknown, E2>): Cause.Cause<E | E2> =>
  Exit.isSuccess(exit) ? cause : Cause.combine(cause, exit.cause)

/** Whether it may have been carried out all the same. */
const isInDoubt = <A>(exit: Exit.Exit<A, unknown>): boolean =>
  Exit.isFailure(exit) &&
  exit.cause.reasons.some(
    (reason) => Cause.isFailReason(reason) && (reason.error as OperationError)._tag === "CommitUnknownError"
  )

/** Then there is nothing to cancel. */
const neverSent = ({ reasons }: Cause.Cause<OperationError>): boolean =>
  reasons.some((reason) => Cause.isFailReason(reason) && wasNotSent(reason.error))

/** The commit itself, in an uninterruptible region. However it ends without a clear yes, its id is cancelled. */
const begin = (
  context: ConfirmedCommitContext,
  { record }: ConfirmedCommitOptions,
  times: Times,
  restore: <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const { capabilities } = context.session.hello
    const id = capabilities.has(":confirmed-commit:1.1") ? randomUUID() : undefined
    if (id !== undefined && record !== undefined) yield* restore(effectful("record", record)(id))
    const persist = id === undefined ? {} : { persist: id }
    const window = new ConfirmWindow(context.session, times)
    const pending: Pending = { id, window, rollback: undefined }
    const sendWithin = () => {
      window.open()
      return Infinity
    }
    const asked = { confirmed: true, confirmTimeout: Duration.millis(times.timeout), ...persist }
    const committing = { ...commit(asked), sendWithin }
    // A reply that comes later than this could not be followed by a confirmation.
    const latest = window.toConfirm
    const inTime = { deadline: latest, total: latest }
    const reply = yield* Effect.onError(restore(context.run(committing, inTime)), (cause) =>
      !window.isOpen || neverSent(cause) ? Effect.void : Effect.ignore(cancel(context, pending))
    )
    return { ...pending, rollback: reply.rollback }
  })

const check = <A, E, R>(
  context: ConfirmedCommitContext,
  options: ConfirmedCommitOptions,
  { window }: Pending,
  verify: (session: Session) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function* () {
    const left = window.toConfirm
    const inContext = { ...context.session.context, operation: "commit" }
    const called = (session: Session) =>
      Effect.scoped(effectful("verify", verify, (error) => withState(withContext(error, inContext), sent))(session))
    const checking =
      options.verifyOn === "this-session"
        ? Effect.suspend(() => called(context.self()))
        : // Closing it may take its time: not the confirmation's.
          Effect.flatMap(context.reconnect, called)
    const notRefused = Effect.flatMap(checking, (verified) => notFalse(context, verified))
    return yield* Effect.timeoutOrElse(notRefused, {
      duration: left,
      orElse: () => window.late(left)
    })
  })

/**
 * Commits for a limited time, checks, and confirms. Fails with the check's own error when that failed, with the commit
 * cancelled; so does a check that returns false, with an `InputError`. Where the cancellation failed too, that error is
 * attached to the cause and says between which two moments the device rolls back by itself.
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
    const checked = tryInput(() => checkConfirmedCommit(options, verify))
    const timed = Effect.andThen(
      checked,
      Effect.suspend(() => timesOf(options))
    )
    const times = yield* Effect.mapError(timed, (error) => withContext(error, where))
    if (options.config === undefined && !context.session.leases.held.has("candidate")) {
      const why = "give the change, or load it into the candidate and call this inside of session.locked"
      return yield* new InputError({ ...where, what: "config", why })
    }
    const change = Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        yield* restore(load(context, options.config))
        const pending = yield* begin(context, options, times, restore)
        const verified = yield* Effect.exit(restore(check(context, options, pending, verify)))
        const exit: Exit.Exit<A, E | OperationError | ConnectError> = Exit.isSuccess(verified)
          ? yield* Effect.exit(Effect.as(confirm(context, pending), verified.value))
          : verified
        if (Exit.isSuccess(exit)) return exit.value
        const doubt = Exit.isSuccess(verified) && isInDoubt(exit) ? confirmedOrNot : undefined
        const cancelled = yield* Effect.exit(cancel(context, pending, doubt))
        const cleared = yield* Effect.exit(clear(context))
        return yield* Effect.failCause(alsoFailed(alsoFailed(exit.cause, cancelled), cleared))
      })
    )
    const { breakStale, wait } = options
    return yield* context.locked(["running", "candidate"], Effect.scoped(change), defined({ breakStale, wait }))
  })
