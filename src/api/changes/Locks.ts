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
import { InputError, type OperationError, tryInput, withContext, withState } from "../../errors.ts"
import type { CallOptions, Operation, Run } from "../../rpc/Operation.ts"
import type { Reply } from "../../rpc/Reply.ts"
import type { Session } from "../../rpc/Session.ts"
import { aFunction, anEffect, aSchedule, knownNames, shown } from "../Checks.ts"
import { discardChanges } from "../operations/Commit.ts"
import type { Datastore } from "../operations/Datastore.ts"
import type { Gate } from "../session/Gate.ts"
import { lock, unlock } from "../operations/Lock.ts"
import { type Outliving, untilLost } from "./LostLocks.ts"
import * as Logs from "../../telemetry/Logs.ts"
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

/** The names of them. */
export const lockOptions: ReadonlyArray<string> = ["wait", "breakStale"]

/** Throws an `InputError` for what could not be waited with, or decided by. */
export const checkLockOptions = ({ breakStale, wait }: LockedOptions): void => {
  if (wait !== undefined) aSchedule("wait", wait)
  if (breakStale !== undefined) aFunction("breakStale", breakStale, '(holder) => holder.username === "automation"')
}

/** What a program under locks is given; throws an `InputError`. */
export const checkLocked = (datastores: unknown, program: unknown, options: LockedOptions | undefined): void => {
  if (!Array.isArray(datastores)) {
    const why = `expected a list, such as ["running", "candidate"], got ${shown(datastores)}`
    throw new InputError({ what: "datastores", why })
  }
  anEffect("program", program)
  if (options === undefined) return
  knownNames("locked", options, lockOptions)
  checkLockOptions(options)
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

/** What could not be given back goes with the session. An operator must know: nobody may be left to be told. */
const endFor = (session: Session, { message, operation }: OperationError): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (session.ended) return Effect.void
    const { context } = session
    session.end({
      by: "us",
      detail: `${operation ?? "unlock"} failed, and the end of the session gives back its locks`
    })
    return Logs.annotated(context, Effect.logWarning(`the session is ended, which gives back its locks: ${message}`))
  })

/** Discards while others of the session still rely on the lock: what stays in the candidate they would commit. */
export const discardOrEnd = (session: Session, run: Run, cleanUp: CallOptions): Effect.Effect<Reply, OperationError> =>
  Effect.tapError(run(discardChanges(), cleanUp), (error) => endFor(session, error))

/** What a clean-up could not do: all of it, and the first that the end of the session has to do instead. */
interface Failures {
  readonly all: ReadonlyArray<OperationError>
  readonly kept: OperationError | undefined
}

/** Gives back what was taken: the edits, then the locks, last one first. Every step is tried. */
const release = ({ cleanUp, run, session }: LockedContext, taken: ReadonlyArray<Datastore>, spoilt: boolean) =>
  Effect.gen(function* () {
    const all: Array<OperationError> = []
    let kept: OperationError | undefined
    const attempt = (operation: Operation<unknown>, keeps: boolean) =>
      Effect.catch(Effect.asVoid(run(operation, cleanUp)), (error) =>
        Effect.sync(() => {
          all.push(error)
          if (keeps) kept ??= error
        })
      )
    const own = taken.includes("candidate")
    if ((own && session.leases.dirty) || spoilt) yield* attempt(discardChanges(), !own)
    for (const datastore of taken.toReversed()) yield* attempt(unlock({ target: datastore }), true)
    const failures: Failures = { all, kept }
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
): Effect.Effect<A, E | OperationError, R> => {
  const checked = tryInput(() => checkLocked(datastores, program, options))
  const where = { ...context.session.context, operation: "lock" }
  const inside = context.gate.enter(
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const { leases } = context.session
        const planned = yield* plan(datastores, context.session)
        const found = leases.dirty
        const asked = new Map(planned.map((target) => [target, lock({ target })]))
        const take = takeLocks(context, asked, options)
        const inside = Effect.andThen(take, context.gate.lend(program))
        const exit = yield* Effect.exit(restore(untilLost(context.session, context.outliving, inside)))
        // Only what was granted to these very requests: another program of the session may hold the others.
        const granted = planned.filter((target) => leases.held.get(target) === asked.get(target))
        // What a program leaves behind that failed, inside of another one, is no change that the other may commit.
        const spoilt = Exit.isFailure(exit) && leases.dirty && !found && leases.held.has("candidate")
        if (needless(context.session, exit)) return yield* exit
        const { all, kept } = yield* release(context, granted, spoilt)
        if (needless(context.session, exit)) return yield* exit
        if (kept !== undefined) yield* endFor(context.session, kept)
        return yield* withFailures(exit, all)
      })
    )
  )
  return Effect.andThen(
    Effect.mapError(checked, (error) => withContext(error, where)),
    inside
  )
}

/** An ended session has given its locks back; only what it left uncommitted may still be there. */
const needless = ({ ended, leases }: Session, exit: Exit.Exit<unknown, unknown>): boolean =>
  ended && (Exit.isFailure(exit) || !leases.dirty)

/** In milliseconds: no lock is waited for longer, and between two looks. */
const patience = 60_000
const look = 50

/**
 * Waits for the answer to a lock that was asked for before and abandoned: if it is granted it is given back, and the new
 * request must not come in front of that.
 */
const answered = (session: Session, target: Datastore): Effect.Effect<void> =>
  Effect.suspend(() => {
    const owed = () =>
      session.unanswered.some(({ operation: { lease } }) => lease?.change === "lock" && lease.datastore === target)
    if (!owed()) return Effect.void
    return Effect.ignore(Effect.timeout(Effect.repeat(Effect.sleep(look), { while: owed }), patience))
  })

const takeLocks = (context: LockedContext, asked: ReadonlyMap<Datastore, Operation<Reply>>, options: LockedOptions) =>
  Effect.gen(function* () {
    for (const [target, asking] of asked) {
      yield* answered(context.session, target)
      yield* acquire(context, asking, options)
    }
    // A stale candidate must not commit over what others have changed in running since.
    if (asked.has("candidate")) yield* context.run(discardChanges())
  })
