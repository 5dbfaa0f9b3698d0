/**
 * Where the notifications of one subscription wait for their reader: a ring with a policy for what happens when it is
 * full. The session's reader puts in, synchronously, and never waits; readers take out in chunks. Marks, which say
 * something of what is around them, take no place of an item's and are never dropped.
 *
 * What is in it when it ends is read first, then the reason. A reader that is cancelled while it waits has taken nothing.
 * What the policy does to the connection (pausing it) belongs to whoever gives `onFull` and `onRoom`.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Stream from "effect/Stream"
import { InputError } from "../errors.ts"
import { shown } from "../transport/Checks.ts"

/**
 * What happens to an item for which there is no room. `suspend`: it is kept, and the source is told to stop (`onFull`) until
 * there is room again. `dropNewest`: it is dropped. `dropOldest`: those that waited longest are. `unbounded`: there always
 * is room, as long as memory lasts.
 */
export type Policy = "suspend" | "dropNewest" | "dropOldest" | "unbounded"

/** All of them. */
export const policies: ReadonlyArray<Policy> = ["suspend", "dropNewest", "dropOldest", "unbounded"]

export interface QueueLimits {
  /** Default: `suspend`. */
  readonly policy?: Policy
  /** Items that may wait. Default: 4096. */
  readonly capacity?: number
  /** Bytes that may wait. Default: 16 MiB. */
  readonly maxBytes?: number
}

export interface QueueHooks {
  /** An item came for which there was no room, or which took the last of it; once, until `onRoom`. */
  readonly onFull?: () => void
  /** Half of the queue is free again. */
  readonly onRoom?: () => void
  /** So many items were dropped; called when the queue is as it is afterwards. */
  readonly onDrop?: (count: number) => void
}

/** One mark for two that are neighbours; undefined where each says something of its own. */
export type Join<A> = (first: A, second: A) => A | undefined

/** What has passed through a queue. `received = delivered + dropped + size`; marks that were joined count as one. */
export interface QueueStatistics {
  readonly size: number
  /** Bytes of what waits now. */
  readonly bytes: number
  readonly received: number
  readonly delivered: number
  readonly dropped: number
  /** The most items that have ever waited. */
  readonly highWatermark: number
}

/** What became of an item. `full`: it was accepted, and the source should pause; only `suspend` says so. */
export type Offered = "accepted" | "dropped" | "full"

/** Largest chunk that a reader gets unless it says otherwise. */
const largestChunk = 4096
/** And in bytes, whatever it says, but for one that is larger: what a reader holds is no longer counted by the queue. */
const largestChunkBytes = 256 * 1024
const smallestRing = 16
/** Marks that may wait; beyond they are items like others, so that a peer cannot send any number of them. */
const mostMarks = 4096

export class SubscriptionQueue<A, E = never> {
  readonly policy: Policy
  readonly capacity: number
  readonly maxBytes: number
  readonly #sizeOf: (item: A) => number
  readonly #hooks: QueueHooks
  readonly #join: Join<A>
  /** A power of two long, so that an index wraps by a mask. */
  #ring: Array<A | undefined> = Array.from({ length: smallestRing })
  #head = 0
  /** How many have left the ring: the first one in it has this number, and the others follow. */
  #gone = 0
  /** The numbers of the marks in the ring, in order. */
  #marks: Array<number> = []
  #size = 0
  #bytes = 0
  #received = 0
  #delivered = 0
  #dropped = 0
  #highWatermark = 0
  #isFull = false
  #end: Exit.Exit<void, E> | undefined
  /** Readers that found nothing, in the order in which they came. */
  readonly #waiting = new Set<() => void>()
  #waking = false

  /** Throws an `InputError` for limits that are none. */
  constructor(
    sizeOf: (item: A) => number,
    limits: QueueLimits = {},
    hooks: QueueHooks = {},
    join: Join<A> = () => undefined
  ) {
    this.policy = limits.policy ?? "suspend"
    const bounded = this.policy !== "unbounded"
    this.capacity = bounded ? checked("capacity", limits.capacity ?? 4096) : Infinity
    this.maxBytes = bounded ? checked("maxBytes", limits.maxBytes ?? 16 * 1024 * 1024) : Infinity
    this.#sizeOf = sizeOf
    this.#hooks = hooks
    this.#join = join
  }

  /** Puts an item in. Readers that wait get it, and all that follows at once, in a microtask. Never throws, never waits. */
  offer(item: A): Offered {
    this.#received++
    const size = this.#sizeOf(item)
    if (this.#end !== undefined) return this.#drop(1)
    const fits = this.#fits(size)
    if (!fits && this.policy !== "suspend") {
      this.#fill()
      if (this.policy === "dropNewest" || size > this.maxBytes) return this.#refuse()
      this.#makeRoom(size)
    }
    this.#push(item, size)
    if (this.#size - this.#marks.length >= this.capacity || this.#bytes >= this.maxBytes) this.#fill()
    return this.#isFull && this.policy === "suspend" ? "full" : "accepted"
  }

  /** Puts in a mark, whether or not there is room. While the queue is full, it is joined with one right before it. */
  offerMark(mark: A): Offered {
    if (this.#end !== undefined || this.#marks.length >= mostMarks) return this.offer(mark)
    const next = this.#gone + this.#size
    if (this.#isFull && this.#marks.at(-1) === next - 1) {
      const joined = this.#join(this.#ring[this.#at(this.#size - 1)]!, mark)
      if (joined !== undefined) {
        this.#put(this.#size - 1, joined)
        return "accepted"
      }
    }
    this.#received++
    this.#marks.push(next)
    this.#push(mark, this.#sizeOf(mark))
    return "accepted"
  }

  /** No more comes. What waits is still read, then readers get the reason; the first one counts. */
  end(reason: Exit.Exit<void, E>): void {
    if (this.#end !== undefined) return
    this.#end = reason
    this.#wake()
  }

  /** Why it ended, whether or not all of it has been read. */
  get ended(): Exit.Exit<void, E> | undefined {
    return this.#end
  }

  get size(): number {
    return this.#size
  }

  get statistics(): QueueStatistics {
    return {
      size: this.#size,
      bytes: this.#bytes,
      received: this.#received,
      delivered: this.#delivered,
      dropped: this.#dropped,
      highWatermark: this.#highWatermark
    }
  }

  /** The next item, if there is one. */
  poll(): A | undefined {
    return this.#size === 0 ? undefined : this.#shift(1)[0]
  }

  /** The first items, at most `max`; they stay where they are. */
  peek(max = 100): ReadonlyArray<A> {
    return this.#slice(Math.min(max, this.#size))
  }

  /** Drops what waits, and counts it. Returns how many. */
  clear(): number {
    const count = this.#size
    if (count > 0) {
      this.#remove(count)
      this.#drop(count)
      this.#roomAgain()
    }
    return count
  }

  /**
   * What waits, at most `max` of it and 256 KiB, as soon as there is any. When it is over: fails with the reason, or
   * with `Done`. Interrupting it takes nothing.
   */
  take(max = largestChunk): Effect.Effect<readonly [A, ...Array<A>], E | Cause.Done> {
    return Effect.suspend((): Effect.Effect<readonly [A, ...Array<A>], E | Cause.Done> => {
      if (this.#size > 0) return Effect.succeed(this.#shift(max) as [A, ...Array<A>])
      const end = this.#end
      if (end !== undefined) return Exit.isSuccess(end) ? Cause.done() : Effect.failCause(end.cause)
      // The fiber takes for itself when it runs: one that is interrupted in between has taken nothing.
      return Effect.flatMap(this.#arrival, () => this.take(max))
    })
  }

  readonly #arrival: Effect.Effect<void> = Effect.callback<void>((resume) => {
    const cancel = this.wait(() => resume(Effect.void))
    return Effect.sync(cancel)
  })

  /**
   * All that comes, in chunks. Whoever leaves it in the middle of a chunk leaves the rest of that chunk: with `chunk: 1`
   * nothing is taken that is not handed on.
   */
  stream(options: { readonly chunk?: number } = {}): Stream.Stream<A, E> {
    return Stream.fromPull(Effect.succeed(this.take(options.chunk ?? largestChunk)))
  }

  /**
   * Calls back once, when there is something to {@link poll} or it is over; returns how to stop waiting. Readers are
   * called in the order in which they came, each as long as there is something left.
   */
  wait(wake: () => void): () => void {
    // A function of its own: the same one may wait twice.
    const waiter = (): void => wake()
    this.#waiting.add(waiter)
    this.#wake()
    return () => void this.#waiting.delete(waiter)
  }

  #fits(size: number): boolean {
    return this.#size - this.#marks.length < this.capacity && this.#bytes + size <= this.maxBytes
  }

  #push(item: A, size: number): void {
    if (this.#size === this.#ring.length) this.#resize(this.#ring.length * 2)
    this.#ring[(this.#head + this.#size) & (this.#ring.length - 1)] = item
    this.#size++
    this.#bytes += size
    if (this.#size > this.#highWatermark) this.#highWatermark = this.#size
    if (this.#waiting.size > 0) this.#wake()
  }

  #fill(): void {
    if (this.#isFull) return
    this.#isFull = true
    this.#hooks.onFull?.()
  }

  /** An item that is large may be refused although there is room for others. */
  #refuse(): "dropped" {
    this.#drop(1)
    this.#roomAgain()
    return "dropped"
  }

  #drop(count: number): "dropped" {
    this.#dropped += count
    this.#hooks.onDrop?.(count)
    return "dropped"
  }

  #makeRoom(size: number): void {
    if (this.#marks.length > 0) return this.#makeRoomAroundMarks(size)
    let count = 0
    for (let freed = 0; this.#size - count >= this.capacity || this.#bytes - freed + size > this.maxBytes; count++) {
      freed += this.#sizeOf(this.#ring[(this.#head + count) & (this.#ring.length - 1)]!)
    }
    this.#remove(count)
    this.#drop(count)
  }

  /** Marks between the items that are dropped move up to what remains, and are joined where they meet. */
  #makeRoomAroundMarks(size: number): void {
    const items = this.#size - this.#marks.length
    const marks: Array<A> = []
    let count = 0
    let freed = 0
    const isTooFull = (): boolean =>
      count < items && (items - count >= this.capacity || this.#bytes - freed + size > this.maxBytes)
    for (;;) {
      const nth = count + marks.length
      const isMark = this.#marks[marks.length] === this.#gone + nth
      if (!isMark && !isTooFull()) break
      const item = this.#ring[this.#at(nth)]!
      if (isMark) marks.push(item)
      else {
        freed += this.#sizeOf(item)
        count++
      }
    }
    this.#replaceFirst(count, marks)
    if (count > 0) this.#drop(count)
  }

  /** So many items, and these marks between them, make room for the marks alone. */
  #replaceFirst(count: number, marks: ReadonlyArray<A>): void {
    const left: Array<A> = []
    for (const mark of marks) {
      const joined = left.length === 0 ? undefined : this.#join(left.at(-1)!, mark)
      if (joined === undefined) left.push(mark)
      else left[left.length - 1] = joined
    }
    const from = count + marks.length - left.length
    for (const [i, mark] of left.entries()) this.#put(from + i, mark)
    this.#received -= marks.length - left.length
    this.#marks.splice(0, marks.length, ...left.map((_, i) => this.#gone + from + i))
    this.#remove(from)
  }

  /** Where the nth in the ring is. */
  #at(nth: number): number {
    return (this.#head + nth) & (this.#ring.length - 1)
  }

  /** In the place of the nth. */
  #put(nth: number, item: A): void {
    const at = this.#at(nth)
    this.#bytes += this.#sizeOf(item) - this.#sizeOf(this.#ring[at]!)
    this.#ring[at] = item
  }

  #slice(count: number): Array<A> {
    const items: Array<A> = []
    for (let i = 0; i < count; i++) items.push(this.#ring[(this.#head + i) & (this.#ring.length - 1)]!)
    return items
  }

  #shift(max: number): Array<A> {
    const items = this.#slice(this.#countOf(Math.min(Math.max(1, max), this.#size)))
    this.#delivered += items.length
    this.#remove(items.length)
    this.#roomAgain()
    return items
  }

  /** How many of the first `most` a reader gets at once. */
  #countOf(most: number): number {
    if (this.#bytes <= largestChunkBytes) return most
    const mask = this.#ring.length - 1
    let bytes = this.#sizeOf(this.#ring[this.#head]!)
    let count = 1
    while (count < most && (bytes += this.#sizeOf(this.#ring[(this.#head + count) & mask]!)) <= largestChunkBytes)
      count++
    return count
  }

  #remove(count: number): void {
    const mask = this.#ring.length - 1
    for (let i = 0; i < count; i++) {
      const at = (this.#head + i) & mask
      this.#bytes -= this.#sizeOf(this.#ring[at]!)
      this.#ring[at] = undefined
    }
    this.#head = (this.#head + count) & mask
    this.#size -= count
    this.#gone += count
    if (this.#marks.length > 0) this.#forgetMarks()
    // What a burst has needed is given back when it is over.
    if (this.#size === 0 && this.#ring.length > largestChunk) this.#resize(smallestRing)
  }

  #forgetMarks(): void {
    const left = this.#marks.findIndex((number) => number >= this.#gone)
    this.#marks = left === -1 ? [] : left === 0 ? this.#marks : this.#marks.slice(left)
  }

  #resize(length: number): void {
    const items: Array<A | undefined> = this.#slice(this.#size)
    items.length = length
    this.#ring = items
    this.#head = 0
  }

  /** Room is told at half: a reader that takes one at a time does not stop and start its source at each. */
  #roomAgain(): void {
    if (!this.#isFull || this.#bytes > this.maxBytes / 2) return
    if (this.#size - this.#marks.length > this.capacity / 2) return
    this.#isFull = false
    this.#hooks.onRoom?.()
  }

  /** In a microtask: the reader of the session finishes its batch before anyone runs, and a batch wakes once. */
  #wake(): void {
    if (this.#waking || this.#waiting.size === 0 || (this.#size === 0 && this.#end === undefined)) return
    this.#waking = true
    queueMicrotask(() => {
      this.#waking = false
      // Those who begin to wait now are not asked in this round.
      for (const waiter of Array.from(this.#waiting)) {
        if (this.#size === 0 && this.#end === undefined) return
        if (this.#waiting.delete(waiter)) waiter()
      }
    })
  }
}

const checked = (what: string, value: number): number => {
  if (value === Infinity || (Number.isSafeInteger(value) && value > 0)) return value
  throw new InputError({ what, why: `expected a whole number above zero, got ${shown(value)}` })
}
