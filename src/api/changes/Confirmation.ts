/**
 * The two ways out of a confirmed commit (RFC 6241 §8.4): confirmed in time, or cancelled; on the session that made it, or
 * on a new one where that has ended.
 *
 * When they are tried is `ConfirmedCommit`'s; until when, `ConfirmWindow`'s.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Cause from "effect/Cause"
import type * as Scope from "effect/Scope"
import { type ConnectError, DeadlineError, type OperationError, withState } from "../../errors.ts"
import type { Run } from "../../rpc/Operation.ts"
import { cancelCommit, commit, type CommitReply } from "../operations/Commit.ts"
import type { Session } from "../Session.ts"
import type { ChangeContext } from "./Change.ts"
import type { ConfirmWindow } from "./ConfirmWindow.ts"
import * as Urgent from "./Urgent.ts"

export interface ConfirmedCommitContext extends ChangeContext {
  /** Another session with the same device. */
  readonly reconnect: Effect.Effect<Session, ConnectError, Scope.Scope>
  /** This session, as the check sees it. */
  readonly self: () => Session
}

/** A confirmed commit that waits for one of them. */
export interface Pending {
  readonly id: string | undefined
  readonly window: ConfirmWindow
  readonly rollback: CommitReply["rollback"]
}

const idOf = (id: string | undefined) => (id === undefined ? {} : { persistId: id })

/** What an operator must know when neither a confirmation nor a cancellation reached the device. */
const rollsBack = ({ rollback }: Pending): string =>
  rollback === undefined
    ? "the device rolls back by itself"
    : `the device rolls back by itself between ${DateTime.formatIso(rollback.earliest)} and ${DateTime.formatIso(rollback.latest)}`

/** What is left to say when the answer to a confirmation is missing and the device cancels nothing. */
export const confirmedOrNot = "the commit is confirmed, or rolled back: read the device"

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

/** Confirms it, and only while there is something to confirm. */
export const confirm = (context: ConfirmedCommitContext, { id, window }: Pending) =>
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
export const cancel = (
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

/** Whether it may have been carried out all the same. */
export const isInDoubt = <A>(exit: Exit.Exit<A, unknown>): boolean =>
  Exit.isFailure(exit) &&
  exit.cause.reasons.some(
    (reason) => Cause.isFailReason(reason) && (reason.error as OperationError)._tag === "CommitUnknownError"
  )
