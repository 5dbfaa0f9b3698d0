/**
 * The way of every session of a fleet to its device: a slot of the device, one of all devices, then its turn to connect;
 * the slots are given back when the connection is closed.
 *
 * A further session of a device that has one, for the check of a confirmed commit, counts as one
 * of all but does not wait for them, and connects before the others: otherwise it could wait until its commit is
 * rolled back. One that confirms or cancels after the loss of its own session does not even wait for a slot of its device.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { DeadlineError, InputError } from "../../errors.ts"
import type { Connection, OpenContext, Transport } from "../../transport/Transport.ts"
import * as Urgent from "../changes/Urgent.ts"
import type { Device, Limits } from "./Devices.ts"
import { type Restore, Slots, type Wish } from "./Line.ts"
import { type Fork, Pacer } from "./Pacer.ts"

/** The shared session whose transport it is; what is opened once it is open, is a further session. */
interface First extends Wish {
  readonly open: boolean
  readonly ended: boolean
  /** How many connections it has: none before and after its life. */
  wires: number
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
      Effect.uninterruptibleMask((restore) => {
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
      if (urgent) own.force()
      else if (further && own.max === 1 && !first.ended) return yield* onlyOne(device)
      else yield* own.take(restore)
      yield* Effect.addFinalizer(() => Effect.sync(() => own.give()))
      if (further) this.#slots.force()
      else yield* this.#take(restore, first)
      yield* Effect.addFinalizer(() => Effect.sync(() => this.#slots.give()))
      yield* this.#pacer.turn(restore, further)
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

const contextOf = (device: Device) => ({ label: device.name, peer: device.transport.peer, operation: "connect" })

/** It would wait for the very session that waits for it. */
const onlyOne = (device: Device): InputError =>
  new InputError({
    ...contextOf(device),
    what: "maxSessionsPerDevice",
    why: '1 allows no second session; allow 2, or check with verifyOn: "this-session"'
  })

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
