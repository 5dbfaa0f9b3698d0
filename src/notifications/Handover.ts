/**
 * A subscription on its way from one session to another, make-before-break: what the new session brings is held until the
 * old one has been read to its end, and what both have brought is delivered once. So nothing is lost, doubled, or out of
 * order.
 *
 * Opening the new session and closing the old one is the business of whoever moves it.
 */
import { Overlap } from "./Duplicates.ts"
import type { Broken, Sink } from "./Feed.ts"
import type { Source } from "./Mailbox.ts"
import type { Notification } from "./Notification.ts"
import type { Subscription } from "./Subscription.ts"

/** Bytes that are held of the new session; it is held back when there are more. */
const mostHeld = 4 * 1024 * 1024

/** How long after the old session's end the new one may still bring what that had brought, in milliseconds. */
const lag = 60_000

export class Handover implements Sink {
  readonly maxBytes: number
  readonly patience: number
  readonly #subscription: Subscription
  /** Undefined once nothing of it can come again. */
  #overlap: Overlap | undefined = new Overlap()
  /** What waits for the end of the old session, in order; undefined once that has come. */
  #held: Array<() => void> | undefined = []
  #bytes = 0
  #source: Source | undefined
  #release: (() => void) | undefined
  #until = Infinity
  readonly #unwatch: () => void

  constructor(subscription: Subscription) {
    this.maxBytes = subscription.maxBytes
    this.patience = subscription.patience
    this.#subscription = subscription
    // From here on: the new session may begin with anything that the old one has yet to bring.
    this.#unwatch = subscription.watch((notification) => this.#overlap?.brought(notification))
  }

  /** The new session is subscribed: it can be held back from now on. Before, it would never read that it is. */
  begin(source: Source): void {
    this.#source = source
    this.#hold()
  }

  /** The old session has ended, and all of it has been read: the new one takes over. */
  takeOver(): void {
    this.#unwatch()
    const held = this.#held ?? []
    this.#held = undefined
    this.#until = this.#subscription.now() + lag
    if (this.#overlap?.isTooFar === true) {
      this.#subscription.missed("more came while it moved than can be remembered: some of it may come again")
    }
    for (const hand of held) hand()
    this.#release?.()
  }

  /** Unless the new session has taken over, it is given up, and the subscription stays where it is. */
  giveUp(): void {
    this.#unwatch()
    if (this.#held === undefined) return
    this.#held = []
    this.#overlap = undefined
  }

  notification(notification: Notification): void {
    if (this.#held === undefined) this.#hand(notification)
    else this.#inTurn(() => this.#hand(notification), notification.bytes)
  }

  replayComplete(eventTime: string | undefined): void {
    this.#inTurn(() => this.#subscription.replayComplete(eventTime))
  }

  completed(): void {
    this.#inTurn(() => this.#subscription.completed())
  }

  notificationLost(bytes: number, why: string, kind: Broken): void {
    this.#inTurn(() => this.#subscription.notificationLost(bytes, why, kind))
  }

  tolerated(bytes: number, why: string, kind: Broken): void {
    this.#inTurn(() => this.#subscription.tolerated(bytes, why, kind))
  }

  #inTurn(hand: () => void, bytes = 0): void {
    if (this.#held === undefined) return hand()
    this.#held.push(hand)
    this.#bytes += bytes
    this.#hold()
  }

  #hold(): void {
    if (this.#held !== undefined && this.#bytes > mostHeld) this.#release ??= this.#source?.pause()
  }

  #hand(notification: Notification): void {
    const overlap = this.#overlap
    if (overlap !== undefined) {
      if (overlap.isLevel || this.#subscription.now() >= this.#until) this.#overlap = undefined
      else if (overlap.isDuplicate(notification)) return this.#subscription.leftOut()
    }
    this.#subscription.notification(notification)
  }
}
