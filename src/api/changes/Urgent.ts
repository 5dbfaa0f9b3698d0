/**
 * A session that something on the device waits for, with a confirm-timeout that runs: its own has ended, and a confirmed
 * commit is confirmed or cancelled from this one (RFC 6241 §8.4). It waits neither for a slot of a fleet nor for a permit.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ConnectError, DeadlineError, OperationError } from "../../errors.ts"
import { discardChanges } from "../operations/Commit.ts"
import { lock, unlock } from "../operations/Lock.ts"
import type { Session } from "../Session.ts"

/** Whether what is being connected cannot wait for its turn. */
export const Current = Context.Reference<boolean>("effect-netconf/Urgent", { defaultValue: () => false })

/** Connects within so many milliseconds. */
export const session = (
  reconnect: Effect.Effect<Session, ConnectError, Scope.Scope>,
  within: number,
  late: () => DeadlineError
): Effect.Effect<Session, ConnectError, Scope.Scope> =>
  Effect.timeoutOrElse(Effect.provideService(reconnect, Current, true), {
    duration: within,
    orElse: () => Effect.fail(late())
  })

/** With the candidate locked and discarded, for as long as `within` says: the next commit takes nothing along. */
export const withCleanCandidate = <A>(
  { run }: Session,
  within: () => number,
  late: () => DeadlineError,
  use: Effect.Effect<A, OperationError>
): Effect.Effect<A, OperationError> => {
  const target = "candidate"
  const inTime = (step: Effect.Effect<unknown, OperationError>) =>
    Effect.suspend(() => Effect.timeoutOrElse(step, { duration: within(), orElse: () => Effect.fail(late()) }))
  // Whatever becomes of the unlock, the lock goes with the session.
  const locked = Effect.ensuring(
    Effect.andThen(inTime(run(discardChanges())), use),
    Effect.ignore(run(unlock({ target }), { total: "5 seconds" }))
  )
  return Effect.andThen(inTime(run({ ...lock({ target }), release: true })), locked)
}
