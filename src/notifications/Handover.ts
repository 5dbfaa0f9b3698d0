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
  readonly #overlap = new Overlap()
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
    this.#unwatch = subscription.watch((notification) => void this.#overlap.isDuplicate("old", notification))
  }

  /** The new session is subscribed. */
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
    for (const hand of held) hand()
    this.#release?.()
  }

  /** Unless the new session has taken over, it is given up, and the subscription stays where it is. */
  giveUp(): void {
    this.#unwatch()
    if (this.#held !== undefined) this.#held = []
  }

  notification(notification: Notification): void {
    this.#inTurn(() => this.#hand(notification), notification.bytes)
  }

  replayComplete(eventTime: string | undefined): void {
    this.#inTurn(() => this.#subscription.replayComplete(eventTime))
  }

  completed(): void {
    this.#inTurn(() => this.#subscription.completed())
  }

  lostOne(bytes: number, why: string, kind: Broken): void {
    this.#inTurn(() => this.#subscription.lostOne(bytes, why, kind))
  }

  odd(bytes: number, why: string, kind: Broken): void {
    this.#inTurn(() => this.#subscription.odd(bytes, why, kind))
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
    const mayRepeat = this.#until !== -Infinity && this.#subscription.now() < this.#until
    if (!mayRepeat) this.#until = -Infinity
    else if (this.#overlap.isDuplicate("new", notification)) return this.#subscription.repeated()
    this.#subscription.notification(notification)
  }
}
