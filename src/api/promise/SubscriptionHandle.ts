/**
 * A subscription for plain async code: what comes, one event after the other, by `for await` or by `next`.
 *
 * What it promises is `Subscribe`'s; the client that it belongs to reads from the same queue (`Subscriptions.ts`).
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { inspect } from "node:util"
import { type PlainNotification, toPlain } from "../../notifications/PlainNotification.ts"
import type { Gap, ReplayComplete, SubscriptionEvent } from "../../notifications/SubscriptionEvent.ts"
import type { Subscription, SubscriptionStatistics } from "../Subscribe.ts"
import { wholeNumber } from "../Checks.ts"
import { Arrivals } from "./Arrivals.ts"
import { Items, limitOf, type Look, over, Readers, type WaitOptions } from "./Readers.ts"
import { run, unwrap } from "./Run.ts"

/** What a subscription hands out, by `_tag`: what happened on the device, and what there is to know about what is missing. */
export type PlainSubscriptionEvent = PlainNotification | ReplayComplete | Gap

export const plain = (event: SubscriptionEvent): PlainSubscriptionEvent =>
  event._tag === "Notification" ? toPlain(event) : event

/** For a call that wants the oldest of what waits: how much of it. */
const mostPeeked = 100

/**
 * A subscription that is established. What waits in it can still be read when it is over. Its events are shared with
 * the readers of its client: each is given out once.
 */
export interface SubscriptionHandle extends AsyncIterable<PlainSubscriptionEvent, undefined>, AsyncDisposable {
  /** The event stream, `NETCONF` unless another was named. */
  readonly stream: string
  /** Whether a session carries it now: false while it resumes, and when it is over. */
  readonly isActive: boolean
  /** Waits for its end; rejects with the error that ended it. It does not wait for what has not been read. */
  readonly ended: Promise<void>
  /**
   * The next event, as soon as there is one; undefined when `timeout` (default: none) passes first, or when it is over and
   * all of it has been read. Rejects with the error that ended it, once everything before that has been read.
   */
  next(options?: WaitOptions): Promise<PlainSubscriptionEvent | undefined>
  /** The oldest of what waits; it stays there. Default: 100 at most. Throws an `InputError` for what is no number of events. */
  peek(max?: number): ReadonlyArray<PlainSubscriptionEvent>
  statistics(): SubscriptionStatistics
  /** Ends it, and the session that it has to itself. What waits can still be read. Never rejects. */
  close(): Promise<void>
}

/** The handle, with what its client needs of it. */
export class Handle implements SubscriptionHandle {
  readonly arrivals: Arrivals
  readonly stream: string
  readonly #subscription: Subscription
  readonly #scope: Scope.Closeable
  readonly #readers: Readers
  #closing: Promise<void> | undefined
  #isTold = false

  constructor(subscription: Subscription, scope: Scope.Closeable) {
    this.stream = subscription.stream
    this.arrivals = new Arrivals(subscription)
    this.#subscription = subscription
    this.#scope = scope
    this.#readers = new Readers((wake) => this.arrivals.wait(wake))
  }

  get isActive(): boolean {
    return this.#subscription.isActive()
  }

  get ended(): Promise<void> {
    return run(this.#subscription.ended)
  }

  /** Over, with nothing left to read and no error that nobody has been told. */
  get isDone(): boolean {
    const end = this.arrivals.over
    return end !== undefined && (this.#isTold || Exit.isSuccess(end))
  }

  async next(options: WaitOptions = {}): Promise<PlainSubscriptionEvent | undefined> {
    const millis = limitOf(options, "none")
    const found = await this.#readers.read(this.#look, { millis, signal: options.signal })
    return found?.value
  }

  peek(max: number = mostPeeked): ReadonlyArray<PlainSubscriptionEvent> {
    return this.arrivals.peek(wholeNumber("max", max, 0)).map(plain)
  }

  statistics(): SubscriptionStatistics {
    return this.arrivals.statistics
  }

  close(): Promise<void> {
    return (this.#closing ??= Effect.runPromise(Scope.close(this.#scope, Exit.void)))
  }

  [Symbol.asyncIterator](): AsyncIterator<PlainSubscriptionEvent, undefined> {
    return new Items(this.#readers, this.#look, undefined)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Throws the error that it has ended with, if it has and all that came before was read. */
  tell(): void {
    const end = this.arrivals.over
    if (end === undefined) return
    this.#isTold = true
    unwrap(end, undefined)
  }

  readonly #look: Look<PlainSubscriptionEvent> = () => {
    const event = this.arrivals.poll()
    if (event !== undefined) return { value: plain(event) }
    this.tell()
    return this.arrivals.over && over
  }

  /** For logs: what it is about, never its content. */
  toJSON(): unknown {
    const { isActive, stream } = this
    const { label, peer } = this.#subscription
    return { stream, label, peer, isActive, unread: this.arrivals.size }
  }

  [inspect.custom](): unknown {
    return this.toJSON()
  }
}
