/**
 * Locks as a scope around a program, by the rules of change safety: running before candidate, one discard after the locks,
 * and on every exit discard what was edited and not committed, then unlock.
 *
 * A lock belongs to the session (RFC 6241 §7.5): while a program holds one, what other fibers of the same session would
 * change waits outside.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Schedule from "effect/Schedule"
import { InputError, type OperationError, withState } from "../errors.ts"
import type { CallOptions, Operation, Run } from "../rpc/Operation.ts"
import type { Reply } from "../rpc/Reply.ts"
import type { Session } from "../rpc/Session.ts"
import { discardChanges } from "./Commit.ts"
import type { Datastore } from "./Datastore.ts"
import type { Gate } from "./Gate.ts"
import { lock, unlock } from "./Lock.ts"
import { type Outliving, untilLost } from "./LostLocks.ts"
import { type BreakStale, breaking } from "./StaleLocks.ts"

const order: ReadonlyArray<Datastore> = ["running", "candidate", "startup"]

/**
 * What is locked: in the order of RFC 6241 appendix E.1, without what a device's other lock covers. Running after the
 * candidate is refused: two clients in opposite orders would each hold what the other waits for.
 */
const plan = (
  datastores: ReadonlyArray<Datastore>,
  session: Session
): Effect.Effect<ReadonlyArray<Datastore>, InputError> => {
  // An ended session has lost what it held: asking anew says so.
  const held: ReadonlyMap<string, unknown> = session.ended ? new Map() : session.leases.held
  const unknown = datastores.find((datastore) => !order.includes(datastore))
  if (unknown !== undefined || datastores.length === 0) {
    const why = `expected ${order.join(", ")}, got ${unknown === undefined ? "none" : String(unknown)}`
    return new InputError({ ...session.context, operation: "lock", what: "datastores", why })
  }
  const wanted = order.filter((datastore) => datastores.includes(datastore) && !held.has(datastore))
  if (session.profile.locks === "candidate" && (wanted.includes("candidate") || held.has("candidate"))) {
    return Effect.succeed(wanted.filter((datastore) => datastore !== "running"))
  }
  if (!wanted.includes("running") || !held.has("candidate")) return Effect.succeed(wanted)
  const why = `the candidate is locked already, and running is locked first: use locked(["running", "candidate"], ...)`
  return new InputError({ ...session.context, operation: "lock", what: "datastores", why })
}

export interface LockedOptions {
  /**
   * How long and how often to ask again while another session holds a lock: `Schedule.spaced("2 seconds")`, limited by
   * `Schedule.upTo({ duration: "1 minute" })`. Default: a held lock fails at once.
   */
  readonly wait?: Schedule.Schedule<unknown, OperationError>
  /**
   * Kills the session that holds a lock, if this says so of what the device tells about it: who, from where, since when. Never
   * unless it is a NETCONF session of somebody else that the device lists at this moment; at most one for each lock.
   *
   * The device rolls back what the victim has committed and not confirmed, unless that was persistent; what it left in the
   * candidate may stay there and keep that locked. The default kills nobody.
   */
  readonly breakStale?: BreakStale
}

const isHeld = (error: OperationError): boolean =>
  error._tag === "RpcError" && (error.has("lock-denied") || error.has("in-use"))

/** One lock; asking again is safe, because a refused lock has changed nothing. */
const acquire = ({ run, session }: LockedContext, asking: Operation<Reply>, { breakStale, wait }: LockedOptions) => {
  const ask = breakStale === undefined ? run(asking) : breaking({ session, run, breakStale }, asking)
  return wait === undefined ? ask : Effect.retry(ask, { schedule: wait, while: isHeld })
}

export interface LockedContext {
  readonly session: Session
  readonly gate: Gate
  readonly run: Run
  /** How long each step of the clean-up may take. */
  readonly cleanUp: CallOptions
  readonly outliving: Outliving
}

/** Gives back what was taken: the edits, then the locks, last one first. Every step is tried; the failures come back. */
const release = ({ cleanUp, run, session }: LockedContext, taken: ReadonlyArray<Datastore>) =>
  Effect.gen(function* () {
    const failures: Array<OperationError> = []
    const attempt = (operation: Operation<unknown>) =>
      Effect.catch(Effect.asVoid(run(operation, cleanUp)), (error) => Effect.sync(() => void failures.push(error)))
    if (taken.includes("candidate") && session.leases.dirty) yield* attempt(discardChanges())
    for (const datastore of taken.toReversed()) yield* attempt(unlock({ target: datastore }))
    return failures
  })

const succeeded = "the program under the locks had succeeded"

const withFailures = <A, E>(
  exit: Exit.Exit<A, E>,
  failures: ReadonlyArray<OperationError>
): Effect.Effect<A, E | OperationError> => {
  if (failures.length === 0) return exit
  const told = Exit.isFailure(exit) ? failures : failures.map((error) => withState(error, succeeded))
  const cleanUp = Cause.fromReasons(told.map((error) => Cause.makeFailReason(error)))
  return Effect.failCause(Exit.isSuccess(exit) ? cleanUp : Cause.combine(exit.cause, cleanUp))
}

/**
 * Runs a program under locks. The first refused or unanswered lock ends it: nothing is edited, discarded or unlocked
 * that it has not locked itself. The program's own failure wins over a failed clean-up, which is attached to its cause;
 * after a success a failed clean-up fails the call.
 */
export const locked = <A, E, R>(
  datastores: ReadonlyArray<Datastore>,
  program: Effect.Effect<A, E, R>,
  context: LockedContext,
  options: LockedOptions = {}
): Effect.Effect<A, E | OperationError, R> =>
  context.gate.enter(
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const planned = yield* plan(datastores, context.session)
        const asked = new Map(planned.map((target) => [target, lock({ target })]))
        const take = takeLocks(context, asked, options)
        const inside = Effect.andThen(take, context.gate.lend(program))
        const exit = yield* Effect.exit(restore(untilLost(context.session, context.outliving, inside)))
        const { leases } = context.session
        // Only what was granted to these very requests: another program of the session may hold the others.
        const granted = planned.filter((target) => leases.held.get(target) === asked.get(target))
        const failures = needless(context.session, exit) ? [] : yield* release(context, granted)
        return yield* needless(context.session, exit) ? exit : withFailures(exit, failures)
      })
    )
  )

/** An ended session has given its locks back; only what it left uncommitted may still be there. */
const needless = ({ ended, leases }: Session, exit: Exit.Exit<unknown, unknown>): boolean =>
  ended && (Exit.isFailure(exit) || !leases.dirty)

const takeLocks = (context: LockedContext, asked: ReadonlyMap<Datastore, Operation<Reply>>, options: LockedOptions) =>
  Effect.gen(function* () {
    for (const asking of asked.values()) yield* acquire(context, asking, options)
    // A stale candidate must not commit over what others have changed in running since.
    if (asked.has("candidate")) yield* context.run(discardChanges())
  })
