/**
 * How many operations may be under way at once over all devices: a bounded pool that is resized while it runs, fair
 * between devices.
 *
 * Every device has a queue of its own and devices with waiters take turns, so one device's queue never delays another's.
 * All bookkeeping is synchronous; a hand-over costs the same with one waiter and with 50,000. A device's own order is
 * kept by its semaphore, outside of the pool: a device that waits its turn holds no permit.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { type InputError, tryInput } from "../errors.ts"
import { wholeNumber } from "../transport/Checks.ts"

/** The default size: enough to keep a thousand devices busy, and small beside what one event loop can hold open. */
export const defaultSize = 256

export interface Statistics {
  readonly size: number
  /** Operations that hold a permit; more than `size` for a while after shrinking. */
  readonly running: number
  readonly waiting: number
  /** Only devices that run or wait. */
  readonly devices: ReadonlyMap<string, { readonly running: number; readonly waiting: number }>
}

interface Waiter {
  /** Undefined once it was granted or went away. */
  resume: ((granted: Effect.Effect<Queue>) => void) | undefined
  /** It went on without a permit. */
  left: boolean
}

/** What those who wait wait for: once it has ended, a permit is of no use to them. */
export interface Worth {
  readonly ended: boolean
  /** Has somebody told of the end. */
  add(tell: () => void): void
  delete(tell: () => void): void
}

/** One device: its waiters, oldest first, some of them gone. */
interface Queue {
  readonly device: string
  waiters: Array<Waiter>
  head: number
  live: number
  running: number
}

export class OperationPool {
  #size: number
  #running = 0
  #waiting = 0
  #draining = false
  readonly #queues = new Map<string, Queue>()
  /** Devices with waiters, the next one first. */
  readonly #turns = new Set<Queue>()

  constructor(size: number) {
    this.#size = size
  }

  get size(): number {
    return this.#size
  }

  /**
   * Changes the size while operations run: growing starts waiters at once, shrinking disturbs nothing that runs, 0 pauses.
   * Fails with an `InputError` for what is no whole number from 0.
   */
  resize(size: number): Effect.Effect<void, InputError> {
    return tryInput(() => {
      this.#size = checkSize(size)
      this.#drain()
    })
  }

  statistics(): Statistics {
    const devices = new Map(
      [...this.#queues.values()].map(({ device, live, running }) => [device, { running, waiting: live }])
    )
    return { size: this.#size, running: this.#running, waiting: this.#waiting, devices }
  }

  /**
   * Runs an effect with a permit, in turn with the other devices. Interrupting it gives the permit back at once. Where
   * `worth` is given and ends, whoever waits goes on without a permit, to be told so.
   */
  withPermit<A, E, R>(device: string, self: Effect.Effect<A, E, R>, worth?: Worth): Effect.Effect<A, E, R> {
    return Effect.uninterruptibleMask((restore) => {
      const run = (queue: Queue | undefined) =>
        queue === undefined ? restore(self) : Effect.onExitPrimitive(restore(self), () => this.#release(queue), true)
      if (this.#running >= this.#size || this.#waiting > 0) {
        return worth?.ended === true ? restore(self) : Effect.flatMap(restore(this.#wait(device, worth)), run)
      }
      const queue = this.#queue(device)
      this.#start(queue)
      return run(queue)
    })
  }

  #queue(device: string): Queue {
    let queue = this.#queues.get(device)
    if (queue === undefined) this.#queues.set(device, (queue = { device, waiters: [], head: 0, live: 0, running: 0 }))
    return queue
  }

  #start(queue: Queue): void {
    this.#running++
    queue.running++
  }

  #release(queue: Queue): undefined {
    this.#running--
    queue.running--
    this.#forget(queue)
    if (this.#waiting > 0) this.#drain()
  }

  #forget(queue: Queue): void {
    if (queue.running === 0 && queue.live === 0) this.#queues.delete(queue.device)
  }

  /** Undefined: it has become worthless. */
  #wait(device: string, worth: Worth | undefined): Effect.Effect<Queue | undefined> {
    return Effect.callback<Queue | undefined>((resume) => {
      const queue = this.#queue(device)
      const waiter: Waiter = { resume, left: false }
      const useless = () => {
        worth?.delete(useless)
        this.#leave(queue, waiter)
        waiter.left = true
        resume(Effect.succeed(undefined))
      }
      if (worth !== undefined) {
        worth.add(useless)
        waiter.resume = (granted) => {
          worth.delete(useless)
          resume(granted)
        }
      }
      queue.waiters.push(waiter)
      queue.live++
      this.#waiting++
      this.#turns.add(queue)
      return Effect.sync(() => {
        worth?.delete(useless)
        if (!waiter.left) this.#leave(queue, waiter)
      })
    })
  }

  /** Interrupted: after the grant the permit goes back; before it, a dead entry stays behind and is skipped. */
  #leave(queue: Queue, waiter: Waiter): void {
    if (waiter.resume === undefined) return this.#release(queue)
    waiter.resume = undefined
    this.#waiting--
    if (--queue.live > 0) return
    queue.waiters = []
    queue.head = 0
    this.#turns.delete(queue)
    this.#forget(queue)
  }

  /** Resuming runs the fiber inline, and it may release before it returns: the flag turns recursion into a loop. */
  #drain(): void {
    if (this.#draining) return
    this.#draining = true
    try {
      while (this.#running < this.#size && this.#waiting > 0) {
        const queue = this.#turns.values().next().value!
        const resume = this.#next(queue)
        // Counted before it is resumed: no newcomer comes between.
        this.#start(queue)
        resume(Effect.succeed(queue))
      }
    } finally {
      this.#draining = false
    }
  }

  /** Takes the oldest waiter of a device, and puts the device behind the others. */
  #next(queue: Queue): (granted: Effect.Effect<Queue>) => void {
    let waiter = queue.waiters[queue.head++]!
    while (waiter.resume === undefined) waiter = queue.waiters[queue.head++]!
    if (queue.head > 32 && queue.head * 2 > queue.waiters.length) {
      queue.waiters.splice(0, queue.head)
      queue.head = 0
    }
    const { resume } = waiter
    waiter.resume = undefined
    this.#waiting--
    this.#turns.delete(queue)
    if (--queue.live > 0) this.#turns.add(queue)
    return resume
  }
}

/** Throws an `InputError` for what is no whole number from 0. */
const checkSize = (size: number): number => wholeNumber("operation pool size", size, 0)

const processWide = new OperationPool(defaultSize)

/** The pool that sessions take their permits from: one for the process, unless a layer gives another. */
export const Current: Context.Reference<OperationPool> = Context.Reference<OperationPool>(
  "effect-netconf/OperationPool",
  {
    defaultValue: () => processWide
  }
)

/** A pool of its own for what is connected inside. */
export const layer = (size: number): Layer.Layer<never, InputError> =>
  Layer.effect(
    Current,
    tryInput(() => new OperationPool(checkSize(size)))
  )

/** Resizes the pool of the process, at any time and from anywhere; 0 pauses. Throws an `InputError`. */
export const setOperationPoolSize = (size: number): void => {
  checkSize(size)
  Effect.runSync(Effect.orDie(processWide.resize(size)))
}

/** The size of the pool of the process. */
export const operationPoolSize = (): number => processWide.size
