/**
 * Locks as a scope around a program, by the rules of change safety: running before candidate, one discard after the locks,
 * and on every exit discard what was edited and not committed, then unlock.
 *
 * A lock belongs to the session (RFC 6241 §7.5): while a program holds one, what other fibers of the same session would
 * change waits outside.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type * as Schedule from "effect/Schedule"
import * as Semaphore from "effect/Semaphore"
import { InputError, type OperationError } from "../errors.ts"
import type { CallOptions, Operation, Run } from "../rpc/Operation.ts"
import type { Session } from "../rpc/Session.ts"
import { discardChanges } from "./Commit.ts"
import type { Datastore } from "./Datastore.ts"
import { lock, unlock } from "./Lock.ts"

/** Marks the fibers of one locked program, by being the same object. */
type Holder = object

const CurrentHolder = Context.Reference<Holder | undefined>("effect-netconf/CurrentHolder", {
  defaultValue: () => undefined
})

/** Lets one locked program at a time into a session, and keeps the changes of everybody else outside. */
export class Gate {
  readonly #turn = Semaphore.makeUnsafe(1)
  readonly #open = Latch.makeUnsafe(true)
  #holder: Holder | undefined

  /** Runs a change once no other program is inside. */
  pass<A, E, R>(change: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.flatMap(CurrentHolder, (mine) =>
      this.#holder === undefined || this.#holder === mine ? change : this.#wait(change)
    )
  }

  /** Runs a program as the only one inside; a program that is inside already goes straight on. */
  hold<A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.flatMap(CurrentHolder, (mine) =>
      mine !== undefined && mine === this.#holder
        ? program
        : this.#turn.withPermit(Effect.suspend(() => this.#enter(program)))
    )
  }

  #wait<A, E, R>(change: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.andThen(
      this.#open.await,
      Effect.suspend(() => this.pass(change))
    )
  }

  #enter<A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const holder: Holder = {}
    this.#holder = holder
    this.#open.closeUnsafe()
    const leave = Effect.sync(() => {
      this.#holder = undefined
      this.#open.openUnsafe()
    })
    return Effect.ensuring(Effect.provideService(program, CurrentHolder, holder), leave)
  }
}

const order: ReadonlyArray<Datastore> = ["running", "candidate", "startup"]

/**
 * What is locked: in the order of RFC 6241 appendix E.1, without what a device's other lock covers. Running after the
 * candidate is refused: two clients in opposite orders would each hold what the other waits for.
 */
const plan = (
  datastores: ReadonlyArray<Datastore>,
  session: Session
): Effect.Effect<ReadonlyArray<Datastore>, InputError> => {
  const { held } = session.leases
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
}

const isHeld = (error: OperationError): boolean =>
  error._tag === "RpcError" && (error.has("lock-denied") || error.has("in-use"))

/** One lock; asking again is safe, because a refused lock has changed nothing. */
const acquire = ({ run }: LockedContext, target: Datastore, { wait }: LockedOptions) => {
  const asked = run(lock({ target }))
  return wait === undefined ? asked : Effect.retry(asked, { schedule: wait, while: isHeld })
}

export interface LockedContext {
  readonly session: Session
  readonly gate: Gate
  readonly run: Run
  /** How long each step of the clean-up may take. */
  readonly cleanUp: CallOptions
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

const withFailures = <A, E>(
  exit: Exit.Exit<A, E>,
  failures: ReadonlyArray<OperationError>
): Effect.Effect<A, E | OperationError> => {
  if (failures.length === 0) return exit
  const cleanUp = Cause.fromReasons(failures.map((error) => Cause.makeFailReason(error)))
  return Effect.failCause(Exit.isSuccess(exit) ? cleanUp : Cause.combine(exit.cause, cleanUp))
}

/**
 * Runs a program under locks. The first refused or unanswered lock ends it: nothing is edited, discarded or unlocked
 * that this session has not locked. The program's own failure wins over a failed clean-up, which is attached to its cause;
 * after a success a failed clean-up fails the call.
 */
export const locked = <A, E, R>(
  datastores: ReadonlyArray<Datastore>,
  program: Effect.Effect<A, E, R>,
  context: LockedContext,
  options: LockedOptions = {}
): Effect.Effect<A, E | OperationError, R> =>
  context.gate.hold(
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const { held } = context.session.leases
        const planned = yield* plan(datastores, context.session)
        const take = Effect.gen(function* () {
          for (const datastore of planned) yield* restore(acquire(context, datastore, options))
          // A stale candidate must not commit over what others have changed in running since.
          if (planned.includes("candidate")) yield* restore(context.run(discardChanges()))
        })
        const exit = yield* Effect.exit(Effect.andThen(take, restore(program)))
        // A session that has ended has given back its locks; its end is the program's failure already.
        if (Exit.isFailure(exit) && context.session.ended) return yield* exit
        return yield* withFailures(
          exit,
          yield* release(
            context,
            planned.filter((datastore) => held.has(datastore))
          )
        )
      })
    )
  )
