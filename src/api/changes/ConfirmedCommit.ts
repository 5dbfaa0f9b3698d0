/**
 * A commit that the device takes back by itself unless it is confirmed (RFC 6241 §8.4), as a scope around a check: confirmed
 * when the check succeeds, cancelled when it fails or is interrupted.
 *
 * Its locks are held from before the edit to the end. With `:confirmed-commit:1.1` it is persistent, under a random id,
 * so that it can be confirmed or cancelled from another session when this one is lost.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import {
  type ConnectError,
  InputError,
  type OperationError,
  tryInput,
  wasNotSent,
  withContext,
  withState
} from "../../errors.ts"
import { millis } from "../../transport/Deadlines.ts"
import { onlyThisEdit } from "./Change.ts"
import {
  cancel,
  confirm,
  type ConfirmedCommitContext,
  confirmedOrNot,
  isInDoubt,
  type Pending
} from "./Confirmation.ts"
import { aFunction, effectful, knownNames, seconds, shown } from "../Checks.ts"
import { commit } from "../operations/Commit.ts"
import { ConfirmWindow, type Times } from "./ConfirmWindow.ts"
import { defined } from "../../data/Defined.ts"
import { editConfig, validate as validateOperation } from "../operations/Edit.ts"
import type { Fragment } from "../operations/Fragment.ts"
import { checkLockOptions, discardOrEnd, type LockedOptions, lockOptions } from "./Locks.ts"
import type { Session } from "../Session.ts"

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

const load = ({ run, session }: ConfirmedCommitContext, config: Fragment | undefined) =>
  Effect.gen(function* () {
    if (config === undefined) return
    yield* onlyThisEdit(session)
    yield* run(editConfig({ config, target: "candidate" }))
    const { capabilities } = session.hello
    if (capabilities.has(":validate") && session.profile.validateBeforeCommit) yield* run(validateOperation())
  })

/** On some devices the candidate keeps what was cancelled: nobody is to commit that along with their own. */
const clear = ({ cleanUp, run, session }: ConfirmedCommitContext): Effect.Effect<void, OperationError> =>
  Effect.suspend(() => {
    if (session.ended || !session.leases.held.has("candidate")) return Effect.void
    return Effect.asVoid(discardOrEnd(session, run, cleanUp))
  })

const alsoFailed = <E, E2>(cause: Cause.Cause<E>, exit: Exit.Exit<unknown, E2>): Cause.Cause<E | E2> =>
  Exit.isSuccess(exit) ? cause : Cause.combine(cause, exit.cause)

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
