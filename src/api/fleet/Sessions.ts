/**
 * The sessions of a fleet: one per device, opened by whoever wants it first, shared, closed when nobody has used it for a
 * while, replaced when it has died. What one device does delays no other.
 *
 * How many there may be, and how fast they are opened, is decided in the device's transport, because further sessions
 * with the same device (checks of a confirmed commit, subscriptions) come through there too.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Scope from "effect/Scope"
import { ChannelError, type ConnectError } from "../../errors.ts"
import { type Device, type Limits, unknownDevice } from "./Devices.ts"
import { FleetGate } from "./LimitedTransport.ts"
import { Groups } from "./RedundancyGroups.ts"
import type { Fork } from "./Pacer.ts"
import * as Netconf from "../Netconf.ts"
import type { Session } from "../Session.ts"

/** What a fleet has open. */
export interface FleetStatistics {
  /** Sessions that are open or being opened or closed, of all devices. */
  readonly sessions: number
  /** Those of them that are shared and without users. */
  readonly idle: number
  /** Devices that wait for one of `maxSessions`. */
  readonly waiting: number
  /** Connects that wait for their turn of `connectsPerSecond`. */
  readonly pacing: number
}

/** A session of a device, from the first wish for it to its end. */
interface Shared {
  readonly device: Device
  readonly opened: Deferred.Deferred<Session, ConnectError>
  readonly scope: Scope.Closeable
  connecting: Fiber.Fiber<unknown> | undefined
  open: boolean
  wires: number
  /** Those who use it or wait for it. */
  users: number
  /** It is not handed out any more. */
  ended: boolean
  idleSince: number
}

/** A run that goes on in this fleet: over before any session is closed under it. */
export interface Attached {
  readonly close: Effect.Effect<void>
}

export class FleetSessions {
  readonly devices: ReadonlyMap<string, Device>
  readonly groups = new Groups()
  readonly runs = new Set<Attached>()
  readonly #clock: Clock.Clock
  readonly #fork: Fork
  readonly #idleTime: number
  readonly #gate: FleetGate
  readonly #shared = new Map<string, Shared>()
  /** Sessions without users, the one that has been idle for longest first. */
  readonly #idle = new Set<Shared>()
  #timer: Fiber.Fiber<void> | undefined
  /** Sessions on their way out to make room. */
  #leaving = 0
  #closed = false

  constructor(devices: ReadonlyMap<string, Device>, limits: Limits, clock: Clock.Clock, fork: Fork) {
    this.devices = devices
    this.#clock = clock
    this.#fork = fork
    this.#idleTime = limits.idleTime
    this.#gate = new FleetGate(limits, clock, fork, () => this.#makeRoom())
  }

  readonly statistics = (): FleetStatistics => ({
    sessions: this.#gate.sessions,
    idle: this.#idle.size,
    waiting: this.#gate.waiting,
    pacing: this.#gate.pacing
  })

  /** The device's session, until the scope closes; opens one where there is none that lives. */
  readonly session = (name: string): Effect.Effect<Session, ConnectError, Scope.Scope> =>
    Effect.uninterruptibleMask((restore) => {
      const device = this.devices.get(name)
      if (device === undefined) return Effect.fail(unknownDevice("device", name, this.devices.keys()))
      if (this.#closed) return Effect.fail(closedError(device))
      const shared = this.#join(device)
      const leave = Effect.sync(() => this.#leave(shared))
      return Effect.flatMap(
        Effect.onError(restore(Deferred.await(shared.opened)), () => leave),
        (session) => {
          if (!shared.ended)
            return Effect.as(
              Effect.addFinalizer(() => leave),
              session
            )
          this.#leave(shared)
          return this.session(name)
        }
      )
    })

  /** Ends the runs, whose writes finish, then everything that is open: at once, each within its own deadlines. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.#closed = true
    const runs = Effect.forEach([...this.runs], (run) => run.close, { concurrency: "unbounded", discard: true })
    const sessions = Effect.sync(() => {
      this.#timer?.interruptUnsafe()
      for (const shared of this.#shared.values()) {
        Deferred.doneUnsafe(shared.opened, Exit.fail(closedError(shared.device)))
        this.#retire(shared)
      }
      this.#gate.stop()
    })
    return Effect.andThen(runs, sessions)
  })

  #now(): number {
    return Number(this.#clock.monotonicTimeNanosUnsafe()) / 1_000_000
  }

  #join(device: Device): Shared {
    const shared = this.#shared.get(device.name) ?? this.#connect(device)
    shared.users++
    this.#idle.delete(shared)
    return shared
  }

  #leave(shared: Shared): void {
    if (--shared.users > 0 || shared.ended) return
    // Nobody waits for it any more.
    if (!shared.open) return this.#retire(shared)
    shared.idleSince = this.#now()
    this.#idle.add(shared)
    this.#arm()
    if (this.#gate.waiting > this.#leaving) this.#makeRoom()
  }

  #connect(device: Device): Shared {
    const shared: Shared = {
      device,
      opened: Deferred.makeUnsafe<Session, ConnectError>(),
      scope: Scope.makeUnsafe(),
      connecting: undefined,
      open: false,
      wires: 0,
      users: 0,
      ended: false,
      idleSince: 0
    }
    this.#shared.set(device.name, shared)
    const { name, redundancyGroup: _, tags: __, ...options } = device
    const cut = () => {
      if (shared.open) this.#retire(shared)
    }
    const transport = this.#gate.limit(device, shared, cut)
    const connecting = Netconf.connect({ ...options, label: name, transport })
    const settled = (exit: Exit.Exit<Session, ConnectError>) => Effect.sync(() => this.#settled(shared, exit))
    // Not at once: whoever asks for it has to be counted before it can be there.
    const begin = Effect.andThen(Effect.yieldNow, Scope.provide(connecting, shared.scope))
    shared.connecting = this.#fork(Effect.asVoid(Effect.exit(Effect.onExit(begin, settled))))
    return shared
  }

  #settled(shared: Shared, exit: Exit.Exit<Session, ConnectError>): void {
    shared.connecting = undefined
    shared.open = Exit.isSuccess(exit)
    if (!shared.open || shared.wires === 0) this.#retire(shared)
    Deferred.doneUnsafe(shared.opened, exit)
  }

  /** Closes it, or what there is of it; whoever asks next gets a new one. */
  #retire(shared: Shared, done = Effect.void): void {
    if (shared.ended) return
    shared.ended = true
    this.#idle.delete(shared)
    if (this.#shared.get(shared.device.name) === shared) this.#shared.delete(shared.device.name)
    shared.connecting?.interruptUnsafe()
    // Not at once: it may be in the middle of its own end.
    const closing = Effect.andThen(Effect.yieldNow, Scope.close(shared.scope, Exit.void))
    this.#fork(Effect.andThen(closing, done))
  }

  /** A device waits for a session while all are taken: the one that has been idle for longest goes. */
  #makeRoom(): void {
    const [oldest] = this.#idle
    if (oldest === undefined) return
    this.#leaving++
    this.#retire(
      oldest,
      Effect.sync(() => void this.#leaving--)
    )
  }

  #arm(): void {
    const [oldest] = this.#idle
    if (this.#timer !== undefined || oldest === undefined || this.#idleTime === Infinity) return
    const due = Math.max(1, Math.ceil(oldest.idleSince + this.#idleTime - this.#now()))
    this.#timer = this.#fork(
      Effect.andThen(
        Effect.sleep(due),
        Effect.sync(() => this.#expire())
      )
    )
  }

  #expire(): void {
    this.#timer = undefined
    const now = this.#now()
    for (const shared of this.#idle) {
      if (shared.idleSince + this.#idleTime > now) break
      this.#retire(shared)
    }
    this.#arm()
  }
}

const closedError = (device: Device): ChannelError =>
  new ChannelError({
    label: device.name,
    peer: device.transport.peer,
    operation: "connect",
    phase: "open",
    by: "us",
    detail: "the fleet was closed"
  })

/** A fleet that ends with the scope. */
export const make = (
  devices: ReadonlyMap<string, Device>,
  limits: Limits
): Effect.Effect<FleetSessions, never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    const fibers = yield* FiberSet.make()
    const fork = yield* FiberSet.runtime(fibers)<never>()
    const sessions = new FleetSessions(devices, limits, clock, fork)
    yield* Effect.addFinalizer(() => Effect.andThen(sessions.close, FiberSet.awaitEmpty(fibers)))
    return sessions
  })
