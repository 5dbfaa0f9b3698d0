/**
 * The way of every session of a fleet to its device: a slot of the device, one of all devices, then its turn to connect;
 * the slots are given back when the connection is closed.
 *
 * A further session of a device that has one, for the check of a confirmed commit, counts as one
 * of all but does not wait for them, and connects before the others: otherwise it could wait until its commit is
 * rolled back. One that confirms or cancels after the loss of its own session does not even wait for a slot of its device.
 * One that would wait for its own program is refused.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { DeadlineError, InputError } from "../../errors.ts"
import type { Connection, OpenContext, Transport } from "../../transport/Transport.ts"
import * as Urgent from "../changes/Urgent.ts"
import * as AtOnce from "../session/AtOnce.ts"
import type { Device, Limits } from "./Devices.ts"
import type { Holders } from "./Holders.ts"
import { type Restore, Slots, type Wish } from "./Line.ts"
import * as Membership from "./Membership.ts"
import { type Fork, Pacer } from "./Pacer.ts"

/** The shared session whose transport it is; what is opened once it is open, is a further session. */
interface First extends Wish {
  readonly open: boolean
  readonly ended: boolean
  /** How many connections it has: none before and after its life. */
  wires: number
  /** Slots of the device that it has, with its further sessions. */
  slots: number
  readonly holders: Holders
}

export class FleetGate {
  readonly #limits: Limits
  readonly #slots: Slots
  readonly #perDevice = new Map<string, Slots>()
  readonly #pacer: Pacer
  readonly #makeRoom: () => void

  constructor(limits: Limits, clock: Clock.Clock, fork: Fork, makeRoom: () => void) {
    this.#limits = limits
    this.#slots = new Slots(limits.maxSessions)
    this.#pacer = new Pacer(limits.connectsPerSecond, clock, fork)
    this.#makeRoom = makeRoom
  }

  get sessions(): number {
    return this.#slots.used
  }

  get waiting(): number {
    return this.#slots.waiting
  }

  get pacing(): number {
    return this.#pacer.waiting
  }

  stop(): void {
    this.#pacer.stop()
  }

  /** The device's transport with the limits in its way; `cut` is called when a connection of the first session is at its end. */
  limit(device: Device, first: First, cut: () => void): Transport {
    const { transport } = device
    return {
      ...transport,
      peer: transport.peer,
      open: this.#limited(device, first, cut, (handler, context) => transport.open(handler, context))
    }
  }

  /** A further channel of a connection counts as a further session. */
  #limited(device: Device, first: First, cut: () => void, open: Transport["open"]): Transport["open"] {
    return (handler, context) =>
      ownScope((restore) => {
        const further = first.open
        return Effect.gen({ self: this }, function* () {
          const entering = Effect.uninterruptible(this.#enter(device, first, further, restore))
          yield* restore(bounded(device, context, entering))
          const opened = yield* restore(open(handler, context))
          const connection = withBeside(opened, (beside) => this.#limited(device, first, cut, beside))
          // The last finalizer is the first to run: before any call that waits hears of the end.
          if (further) return connection
          first.wires++
          yield* Effect.addFinalizer(() =>
            Effect.sync(() => {
              first.wires--
              cut()
            })
          )
          return connection
        })
      })
  }

  #enter(
    device: Device,
    first: First,
    further: boolean,
    restore: Restore
  ): Effect.Effect<void, InputError, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const own = this.#ofDevice(device)
      const urgent = further && (yield* Urgent.Current)
      const program = further ? first.holders.programOf(yield* Membership.Current) : undefined
      if (urgent) own.force()
      else if (program === undefined) yield* own.take(restore)
      else yield* this.#takeFurther(device, first, program, restore)
      const left = program && first.holders.holds(program)
      first.slots++
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          first.slots--
          left?.()
          own.give()
        })
      )
      if (further) this.#slots.force()
      else yield* this.#take(restore, first)
      yield* Effect.addFinalizer(() => Effect.sync(() => this.#slots.give()))
      yield* this.#pacer.turn(restore, further)
    })
  }

  #takeFurther(device: Device, first: First, program: object, restore: Restore): Effect.Effect<void, InputError> {
    return Effect.gen({ self: this }, function* () {
      const own = this.#ofDevice(device)
      if (own.max === 1 && !first.ended) return yield* onlyOne(device)
      if (!own.full) return yield* own.take(restore)
      if (yield* AtOnce.Current) return yield* noSlot(device, own.max)
      if (first.slots >= own.max && first.holders.isStuck(program)) return yield* allItsOwn(device, own.max)
      const stop = first.holders.waits(program)
      yield* Effect.ensuring(own.take(restore), Effect.sync(stop))
    })
  }

  #take(restore: Restore, first: First): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#slots.full) this.#makeRoom()
      return this.#slots.take(restore, first)
    })
  }

  #ofDevice({ name }: Device): Slots {
    let slots = this.#perDevice.get(name)
    if (slots === undefined) this.#perDevice.set(name, (slots = new Slots(this.#limits.maxSessionsPerDevice)))
    return slots
  }
}

/** In a scope that a failure closes at once: whoever tries another way gives its slots back first. */
const ownScope = <A, E>(
  open: (restore: Restoring) => Effect.Effect<A, E, Scope.Scope>
): Effect.Effect<A, E, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const scope = yield* Scope.fork(yield* Effect.scope)
      return yield* Effect.onError(Scope.provide(open(restore), scope), (cause) =>
        Scope.close(scope, Exit.failCause(cause))
      )
    })
  )

/** The same connection, with another way to open a channel beside it. */
const withBeside = (connection: Connection, limited: (beside: Transport["open"]) => Transport["open"]): Connection => {
  const { beside, reactor } = connection
  if (beside === undefined) return connection
  return {
    write: (frame) => connection.write(frame),
    pause: () => connection.pause(),
    resume: () => connection.resume(),
    get details() {
      return connection.details
    },
    get notes() {
      return connection.notes
    },
    ...(reactor === undefined ? {} : { reactor }),
    beside: limited(beside)
  }
}

type Restoring = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

const contextOf = (device: Device) => ({ label: device.name, peer: device.transport.peer, operation: "connect" })

/** It would wait for the very session that waits for it. */
const onlyOne = (device: Device): InputError =>
  new InputError({
    ...contextOf(device),
    what: "maxSessionsPerDevice",
    why: '1 allows no second session; allow 2, check with verifyOn: "this-session", or subscribe with session: "shared"'
  })

const allItsOwn = (device: Device, max: number): InputError =>
  new InputError({
    ...contextOf(device),
    what: "maxSessionsPerDevice",
    why: `this program holds all ${max} that it allows, and would wait for itself; allow more, or close one of them first`
  })

const noSlot = (device: Device, max: number): InputError =>
  new InputError({ ...contextOf(device), what: "maxSessionsPerDevice", why: `all ${max} that it allows are taken` })

/** Waiting for slots and turn is waiting in a queue: `deadlines.queue`, where the device has one. */
const bounded = <E, R>(
  device: Device,
  { deadlines }: OpenContext,
  entering: Effect.Effect<void, E, R>
): Effect.Effect<void, E | DeadlineError, R> => {
  const { queue } = deadlines
  if (queue === Infinity) return entering
  const late = () =>
    Effect.fail(new DeadlineError({ ...contextOf(device), phase: "queue", deadline: queue, elapsed: queue, bytes: 0 }))
  return Effect.timeoutOrElse(entering, { duration: queue, orElse: late })
}
