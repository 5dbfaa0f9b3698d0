/**
 * What has arrived at one subscription, for readers that are not effects: taken one by one, and only when there is somebody
 * who wants it, so that the policy of the queue sees what is really unread.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { SubscribeError } from "../../errors.ts"
import type { SubscriptionEvent } from "../../notifications/SubscriptionEvent.ts"
import type { Subscription, SubscriptionStatistics } from "../Subscribe.ts"

export class Arrivals {
  readonly subscription: Subscription
  readonly #waiting = new Set<() => void>()
  #taking: Fiber.Fiber<void, never> | undefined
  /** Taken for a reader that has found something elsewhere first; the next one's. */
  #held: SubscriptionEvent | undefined
  #end: Exit.Exit<void, SubscribeError> | undefined
  /** Nothing is left to take; how it ended is told next. */
  #isEmptied = false

  constructor(subscription: Subscription) {
    this.subscription = subscription
    Effect.runFork(subscription.ended).addObserver((exit) => {
      this.#end = exit
      this.#wake()
    })
  }

  /** How it ended, once that is all there is left to know. */
  get over(): Exit.Exit<void, SubscribeError> | undefined {
    return this.#has ? undefined : this.#end
  }

  /** How much is unread. */
  get size(): number {
    return this.statistics.size
  }

  get statistics(): SubscriptionStatistics {
    const statistics = this.subscription.statistics()
    if (this.#held === undefined) return statistics
    return { ...statistics, size: statistics.size + 1, delivered: statistics.delivered - 1 }
  }

  /** The next one, if there is one. */
  poll(): SubscriptionEvent | undefined {
    const held = this.#held
    this.#held = undefined
    if (held !== undefined || !this.#has) return held
    const exit = Effect.runSyncExit(this.subscription.take(1))
    return Exit.isSuccess(exit) ? exit.value[0] : undefined
  }

  /** The first ones, at most `max`; they stay. */
  peek(max: number): ReadonlyArray<SubscriptionEvent> {
    if (this.#held === undefined || max < 1) return this.subscription.peek(max)
    return [this.#held, ...this.subscription.peek(max - 1)]
  }

  /** Calls back once, when there is something to {@link poll} or it is over; returns how to stop waiting. */
  wait(wake: () => void): () => void {
    const waiter = (): void => wake()
    this.#waiting.add(waiter)
    if (this.#has || this.#end !== undefined) queueMicrotask(() => this.#wake())
    else this.#take()
    return () => {
      this.#waiting.delete(waiter)
      // One that is interrupted has taken nothing.
      if (this.#waiting.size === 0) this.#taking?.interruptUnsafe()
    }
  }

  get #has(): boolean {
    return this.#held !== undefined || this.subscription.peek(1).length > 0
  }

  #take(): void {
    if (this.#taking !== undefined || this.#isEmptied) return
    const taking = Effect.runFork(
      Effect.match(this.subscription.take(1), {
        onFailure: () => {
          this.#isEmptied = true
        },
        onSuccess: ([event]) => {
          this.#held = event
        }
      })
    )
    this.#taking = taking
    taking.addObserver(() => {
      this.#taking = undefined
      this.#wake()
    })
  }

  #wake(): void {
    for (const waiter of Array.from(this.#waiting)) {
      if (!this.#has && this.#end === undefined) break
      if (this.#waiting.delete(waiter)) waiter()
    }
    if (this.#waiting.size > 0 && !this.#has && this.#end === undefined) this.#take()
  }
}
