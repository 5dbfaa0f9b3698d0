/**
 * Many devices: their sessions, opened on demand and shared, and programs that run on all of them.
 *
 * `fleet/Sessions.ts` owns the sessions and their limits, `fleet/Plan.ts` the order of a run and when it stops,
 * `fleet/Run.ts` the run itself.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Cause from "effect/Cause"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type ConnectError, type InputError, tryInput, withContext } from "../errors.ts"
import * as Monotonic from "../transport/Monotonic.ts"
import { aFunction, effectful } from "./Checks.ts"
import { byName, type Device, type FleetOptions, limitsOf } from "./fleet/Devices.ts"
import * as Membership from "./fleet/Membership.ts"
import { Groups } from "./fleet/RedundancyGroups.ts"
import * as FleetPlan from "./fleet/Plan.ts"
import type { RunOptions } from "./fleet/Plan.ts"
import { type Options, Run } from "./fleet/Run.ts"
import * as FleetSessions from "./fleet/Sessions.ts"
import type { FleetStatistics } from "./fleet/Sessions.ts"
import type { DeviceResult, Progress, Summary } from "./fleet/Summary.ts"
import type { Session } from "./Session.ts"
import type { Writes } from "./session/Writes.ts"

export type { Device, FleetOptions } from "./fleet/Devices.ts"
export type { Retry, RetryTag, RunOptions, StopAfter } from "./fleet/Plan.ts"
export type { FleetStatistics } from "./fleet/Sessions.ts"
export type { DeviceResult, DeviceSummary, Outcome, Progress, Stopped, Summary } from "./fleet/Summary.ts"

/** What is run on every device. */
export type Program<A, E, R> = (session: Session, device: Device) => Effect.Effect<A, E, R>

/** A run under way. */
export interface FleetRun<A, E> {
  /** One result per device that was started, as it finishes. To be read once; leaving it early stops the run. */
  readonly results: Stream.Stream<DeviceResult<A, E>>
  /** The latest state; a slow reader misses states in between and holds nothing back. */
  readonly progress: Stream.Stream<Progress>
  /** Starts no further device. What has sent a write finishes, everything else is interrupted. Returns at once. */
  readonly stop: Effect.Effect<void>
  /** Who is in which state; waits for the end of the run. */
  readonly summary: Effect.Effect<Summary>
}

/** What a fleet gives. */
export interface FleetService {
  /** In the order that they were given in. */
  readonly devices: ReadonlyMap<string, Device>
  /**
   * The device's session, shared with all who want it, for as long as the scope is open. Fails with an `InputError` for
   * a name that is not in the fleet, and as connecting fails.
   */
  readonly session: (name: string) => Effect.Effect<Session, ConnectError, Scope.Scope>
  readonly statistics: () => FleetStatistics
}

/**
 * Many devices as a service.
 *
 * @example
 * const devices = names.map((name) => ({ name, transport: Ssh.make({ host: name, username, auth }) }))
 * const program = Effect.gen(function* () {
 *   const run = yield* Fleet.start((session) => session.edit(config), { canary: 1, soak: "5 minutes", batch: 20 })
 *   console.log(String(yield* run.summary))
 * })
 * yield* program.pipe(Effect.scoped, Effect.provide(Fleet.layer(devices)))
 */
export class Fleet extends Context.Service<Fleet, FleetService>()("effect-netconf/Fleet") {
  /**
   * A fleet of these devices; nothing is connected yet. Its end stops its runs, waits for their writes, and closes all
   * sessions. Fails with an `InputError` for a name that is there twice, no device at all, and limits that are none.
   */
  static layer(devices: ReadonlyArray<Device>, options: FleetOptions = {}): Layer.Layer<Fleet, InputError> {
    return Layer.effect(
      Fleet,
      Effect.gen(function* () {
        const [named, limits] = yield* tryInput(() => [byName(devices), limitsOf(options)] as const)
        return yield* FleetSessions.make(named, limits)
      })
    )
  }

  /**
   * Runs a program on the devices. One device's failure, a defect included, is a value among the results. When the scope
   * closes, the run is stopped: no further device is started, devices that have sent a write finish, the others are
   * interrupted. Fails with an `InputError` for options that do not fit the fleet, and inside of a program for a device of
   * that program's own redundancy group, whose turn would never come.
   */
  static start<A, E, R>(
    program: Program<A, E, R>,
    options: RunOptions = {}
  ): Effect.Effect<FleetRun<A, E>, InputError, Fleet | Exclude<R, Scope.Scope> | Scope.Scope> {
    return Effect.gen(function* () {
      const fleet = yield* Fleet
      const membership = yield* Membership.Current
      const plan = yield* tryInput(() => {
        aFunction("program", program, "(session, device) => session.getConfig()")
        const made = FleetPlan.make(fleet.devices, options)
        const devices = made.steps.flatMap((step) => step.devices)
        Membership.checkGroups(fleet, membership, devices)
        return made
      })
      const clock = yield* Clock.Clock
      const context = yield* Effect.context<Exclude<R, Scope.Scope>>()
      const attempt = (device: Device, writes: Writes) => {
        const located = (error: InputError) => withContext(error, { label: device.name, operation: "run" })
        const called = effectful("program", program, located)
        const run = (session: Session) => writes.within(Membership.within(fleet, device, called(session, device)))
        return Effect.scoped(Effect.flatMap(fleet.session(device.name), run))
      }
      return yield* begin(fleet, {
        plan,
        groups: fleet instanceof FleetSessions.FleetSessions ? fleet.groups : new Groups(),
        attempt,
        fork: Effect.runForkWith(context),
        now: () => Monotonic.millis(clock)
      })
    })
  }

  /** The results of a run as one stream; leaving it early stops the run and waits for the writes that are under way. */
  static run<A, E, R>(
    program: Program<A, E, R>,
    options: RunOptions = {}
  ): Stream.Stream<DeviceResult<A, E>, InputError, Fleet | Exclude<R, Scope.Scope>> {
    return Stream.unwrap(Effect.map(Fleet.start(program, options), (run) => run.results))
  }
}

/** A run that ends with the scope, and before the fleet's sessions. */
const begin = <A, E, R>(
  fleet: FleetService,
  options: Options<A, E, R>
): Effect.Effect<FleetRun<A, E>, never, Scope.Scope> =>
  Effect.uninterruptible(
    Effect.gen(function* () {
      const run = new Run(options, yield* Queue.unbounded<DeviceResult<A, E>, Cause.Done>())
      if (fleet instanceof FleetSessions.FleetSessions) {
        fleet.runs.add(run)
        yield* Effect.addFinalizer(() => Effect.sync(() => fleet.runs.delete(run)))
      }
      yield* Effect.addFinalizer(() => run.close)
      run.start()
      return {
        results: run.results,
        progress: run.progress,
        stop: Effect.sync(() => run.stop({ by: "asked", detail: "stop was called" })),
        summary: run.summary
      }
    })
  )
