/**
 * The sessions of a fleet: one per device, opened by whoever wants it first, shared, closed when nobody has used it for a
 * while, replaced when it has died. What one device does delays no other.
 *
 * How many there may be, and how fast they are opened, is decided in the device's transport, because further sessions
 * with the same device (checks of a confirmed commit) come through there too.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Scope from "effect/Scope"
import { ChannelError, type ConnectError } from "../../errors.ts"
import * as Monotonic from "../../transport/Monotonic.ts"
import { type Device, type Limits, unknownDevice } from "./Devices.ts"
import { guarded } from "./Guarded.ts"
import { FleetGate } from "./LimitedTransport.ts"
import { Holders } from "./Holders.ts"
import type { Wish } from "./Line.ts"
import * as Membership from "./Membership.ts"
import { Groups } from "./RedundancyGroups.ts"
import type { Fork } from "./Pacer.ts"
import * as Netconf from "../Netconf.ts"
import { Forfeits } from "../reconnecting/Forfeits.ts"
import { leasesOf, type Session } from "../Session.ts"

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

/** Milliseconds until a session that somebody may go on with is looked at again, at least. */
const leastLinger = 1000

/** A session of a device, from the first wish for it to its end. */
interface Shared extends Wish {
  readonly device: Device
  readonly opened: Deferred.Deferred<Session, ConnectError>
  readonly scope: Scope.Closeable
  connecting: Fiber.Fiber<unknown> | undefined
  session: Session | undefined
  open: boolean
  wires: number
  slots: number
  readonly holders: Holders
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
  /** By device, what was lost with an earlier session and may still be believed in. */
  readonly #forfeits = new Map<string, Forfeits>()
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
    Effect.flatMap(Membership.Current, (membership) => this.#session(name, Membership.isOf(this, membership)))

  /** `urgent`: for a program that keeps the session of another device until it has this one. */
  #session(name: string, urgent: boolean): Effect.Effect<Session, ConnectError, Scope.Scope> {
    return Effect.uninterruptibleMask((restore) => {
      const device = this.devices.get(name)
      if (device === undefined) return Effect.fail(unknownDevice("device", name, this.devices.keys()))
      if (this.#closed) return Effect.fail(closedError(device))
      const shared = this.#join(device, urgent)
      const leave = Effect.sync(() => this.#leave(shared))
      return Effect.flatMap(
        Effect.onError(restore(Deferred.await(shared.opened)), () => leave),
        (session) => {
          if (!shared.ended) return Effect.as(this.#used(shared), session)
          this.#leave(shared)
          return this.#session(name, urgent)
        }
      )
    })
  }

  /** Its user until the scope closes. */
  #used(shared: Shared): Effect.Effect<void, never, Scope.Scope> {
    return Effect.flatMap(Effect.scope, (scope) => {
      const unused = shared.holders.uses(scope)
      return Effect.addFinalizer(() =>
        Effect.sync(() => {
          unused()
          this.#leave(shared)
        })
      )
    })
  }

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
    return Monotonic.millis(this.#clock)
  }

  #join(device: Device, urgent: boolean): Shared {
    const shared = this.#shared.get(device.name) ?? this.#connect(device)
    shared.users++
    this.#idle.delete(shared)
    if (urgent && !shared.urgent) {
      shared.urgent = true
      shared.hurry?.()
    }
    return shared
  }

  #leave(shared: Shared): void {
    if (--shared.users > 0 || shared.ended) return
    // Nobody waits for it any more.
    if (!shared.open || isSubscribed(shared)) return this.#retire(shared)
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
      session: undefined,
      urgent: false,
      hurry: undefined,
      open: false,
      wires: 0,
      slots: 0,
      holders: new Holders(this),
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
    if (Exit.isSuccess(exit)) shared.session = exit.value
    if (!shared.open || shared.wires === 0) this.#retire(shared)
    Deferred.doneUnsafe(
      shared.opened,
      Exit.map(exit, (session) => this.#guarded(shared.device, session))
    )
  }

  #guarded({ name }: Device, session: Session): Session {
    const forfeits = this.#forfeits.get(name)
    if (forfeits === undefined) return session
    if (!forfeits.none) return guarded(session, forfeits)
    this.#forfeits.delete(name)
    return session
  }

  /** What is lost with a session. Who was using it learns of lost locks by the loss of the session. */
  #forfeit({ device: { name }, session, users }: Shared): void {
    const leases = session === undefined ? undefined : leasesOf(session)
    if (leases === undefined) return
    const lost = { locks: users === 0 ? leases.held.keys() : [], edits: leases.dirty, pending: leases.pending }
    const forfeits = this.#forfeits.get(name) ?? new Forfeits()
    forfeits.add(lost)
    if (!forfeits.none) this.#forfeits.set(name, forfeits)
  }

  /** Closes it, or what there is of it; whoever asks next gets a new one. */
  #retire(shared: Shared, done = Effect.void): void {
    if (shared.ended) return
    shared.ended = true
    this.#idle.delete(shared)
    if (this.#shared.get(shared.device.name) === shared) this.#shared.delete(shared.device.name)
    this.#forfeit(shared)
    shared.connecting?.interruptUnsafe()
    // Not at once: it may be in the middle of its own end.
    const closing = Effect.andThen(Effect.yieldNow, Scope.close(shared.scope, Exit.void))
    this.#fork(Effect.andThen(closing, done))
  }

  /**
   * A device waits for a session while all are taken: the one that has been idle for longest goes. One with locks or edits goes
   * after those without; one with an unconfirmed commit stays, because its end would roll that back.
   */
  #makeRoom(): void {
    const oldest = first(this.#idle, (shared) => !keeps(shared)) ?? first(this.#idle, (shared) => !isPending(shared))
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

  /** Looked at again after another idle time. */
  #linger(shared: Shared, now: number): void {
    shared.idleSince = now + Math.max(0, leastLinger - this.#idleTime)
    this.#idle.delete(shared)
    this.#idle.add(shared)
  }

  #expire(): void {
    this.#timer = undefined
    const now = this.#now()
    for (const shared of Array.from(this.#idle)) {
      if (shared.idleSince + this.#idleTime > now) break
      if (keeps(shared)) this.#linger(shared, now)
      else this.#retire(shared)
    }
    this.#arm()
  }
}

/** A create-subscription ends with its session alone (RFC 5277 §2.3): the next program could not subscribe it again. */
const isSubscribed = ({ session }: Shared): boolean => session !== undefined && leasesOf(session)?.subscribed === true

const isPending = ({ session }: Shared): boolean => session !== undefined && leasesOf(session)?.pending === true

const first = (shared: Iterable<Shared>, wanted: (one: Shared) => boolean): Shared | undefined => {
  for (const one of shared) if (wanted(one)) return one
  return undefined
}

/** A program has left something on the device that belongs to the session, for a later one to go on with. */
const keeps = (shared: Shared): boolean => {
  const leases = shared.session === undefined ? undefined : leasesOf(shared.session)
  return isPending(shared) || (leases !== undefined && (leases.dirty || leases.held.size > 0))
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
