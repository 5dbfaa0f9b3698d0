/**
 * A subscription of a blocking client, and what is read one after the other: both live in the working thread, where they go on
 * collecting while this one computes.
 */
import type * as Duration from "effect/Duration"
import type { PlainSubscriptionEvent } from "../promise/SubscriptionHandle.ts"
import type { RetryPlan } from "../promise/RetryPlan.ts"
import type { SubscribeClientOptions } from "../promise/SubscribeOptions.ts"
import type { SubscriptionStatistics } from "../Subscribe.ts"
import type { About, Line } from "./Line.ts"
import { type Reference, reference } from "./Messages.ts"

export interface WaitSyncOptions {
  /** How long to wait, 0 for not at all; undefined is what comes then. */
  readonly timeout?: Duration.Input | "none"
}

export type SubscribeSyncOptions = Omit<SubscribeClientOptions, "signal" | "resume"> & {
  /** Goes on on another session when its own is lost: true, or how often and when to try. Default: as `reconnect`. */
  readonly resume?: boolean | RetryPlan
}

export const reading: About = { operation: "subscription", kind: "read", permit: false }

/** A subscription that is established. What waits in it can still be read when it is over, until its client disconnects again. */
export class SubscriptionSync implements Iterable<PlainSubscriptionEvent, undefined>, Disposable {
  /** The event stream, `NETCONF` unless another was named. */
  readonly stream: string
  readonly #line: Line
  readonly #given: Reference

  constructor(line: Line, given: Reference) {
    this.#line = line.lent(given[reference])
    this.#given = given
    this.stream = given.stream!
  }

  /** What stands for it in the working thread. */
  static given(subscription: unknown): unknown {
    return subscription instanceof SubscriptionSync ? subscription.#given : subscription
  }

  /** Whether a session carries it now: false while it resumes, and when it is over. */
  get isActive(): boolean {
    return this.#line.call("isActive", [], reading) as boolean
  }

  /**
   * The next event, as soon as there is one; undefined when `timeout` (default: none) passes first, or when it is over and
   * all of it has been read. Throws the error that ended it, once everything before that has been read.
   */
  next(options: WaitSyncOptions = {}): PlainSubscriptionEvent | undefined {
    return this.#line.call("next", [options], reading) as PlainSubscriptionEvent | undefined
  }

  /** The oldest of what waits; it stays there. Default: 100 at most. */
  peek(max?: number): ReadonlyArray<PlainSubscriptionEvent> {
    return this.#line.call("peek", [max], reading) as ReadonlyArray<PlainSubscriptionEvent>
  }

  statistics(): SubscriptionStatistics {
    return this.#line.call("statistics", [], reading) as SubscriptionStatistics
  }

  /** Ends it, and the session that it has to itself. What waits can still be read. Never throws. */
  close(): void {
    this.#line.call("close", [], reading)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  *[Symbol.iterator](): Generator<PlainSubscriptionEvent, undefined> {
    for (let event = this.next(); event !== undefined; event = this.next()) yield event
    return undefined
  }
}

/** What an asynchronous iterator of the working thread brings, one after the other. */
export function* itemsOf<A>(line: Line, given: Reference): Generator<A, undefined> {
  const items = line.lent(given[reference])
  try {
    for (;;) {
      const { done, value } = items.call("next", [], reading) as IteratorResult<A, undefined>
      if (done === true) return undefined
      yield value
    }
  } finally {
    items.drop("return", reading)
  }
}
