/**
 * Whose a notification is, on a session that carries several dynamic subscriptions: updates and state changes name the
 * subscription, records of an event stream name none (RFC 8639 §2.6), so that at most one subscription takes those.
 *
 * What comes for a subscription before its id is known, which is in the reply to establish-subscription, is kept for it.
 */
import type { Broken, Sink } from "../Feed.ts"
import type { Notification } from "../Notification.ts"
import * as OwnEvent from "./OwnEvent.ts"
import { idOf } from "./SubscriptionId.ts"

/** A subscription, as what carries it sees it. */
export interface Receiver {
  /** One that has ended gets nothing more, and its id may be another's. */
  readonly state: "active" | "suspended" | "ended"
  /** A state change or an update of its own. */
  own(notification: Notification): void
  /** A record of its event stream. */
  record(notification: Notification): void
  /** Something was lost, perhaps of this subscription. */
  notificationLost(bytes: number, why: string, kind: Broken): void
  /** Bytes that were no notification, or one that may still come. */
  tolerated(bytes: number, why: string, kind: Broken): void
  /** Everything from the log has been sent, in the words of RFC 5277. */
  replayed(eventTime: string | undefined): void
}

const living = (receiver: Receiver | undefined): Receiver | undefined =>
  receiver?.state === "ended" ? undefined : receiver

export class Router implements Sink {
  readonly maxBytes: number
  readonly patience: number
  readonly #discard: (count: number) => void
  readonly #receivers = new Map<number, Receiver>()
  #records: Receiver | undefined
  /** Subscriptions whose ids are not known yet. */
  readonly #expected = new Set<Receiver>()
  #early: Array<readonly [id: number, notification: Notification]> = []

  /** `discard` is told how many came for nobody: of subscriptions that are over. */
  constructor(maxBytes: number, patience: number, discard: (count: number) => void) {
    this.maxBytes = maxBytes
    this.patience = patience
    this.#discard = discard
  }

  /** Whether a subscription to a stream is on it, or about to be. */
  get hasRecords(): boolean {
    return living(this.#records) !== undefined
  }

  /** A subscription is about to be asked for. */
  expect(receiver: Receiver, takesRecords: boolean): void {
    this.#expected.add(receiver)
    if (takesRecords) this.#records = receiver
  }

  /** It was granted under this id: it gets what came before. */
  attach(id: number, receiver: Receiver): void {
    this.#receivers.set(id, receiver)
    const early = this.#early
    this.#early = []
    this.#settle(receiver)
    for (const [of, notification] of early) {
      if (of === id) receiver.own(notification)
      else if (this.#expected.size > 0) this.#early.push([of, notification])
      else this.#discard(1)
    }
  }

  /** Whether this id may be another subscription's by now. */
  isAnothers(id: number, receiver: Receiver): boolean {
    const holder = living(this.#receivers.get(id))
    return holder === undefined ? this.#expected.size > 0 : holder !== receiver
  }

  /** It was refused, or is over. */
  leave(receiver: Receiver, id?: number): void {
    // Devices give the ids of subscriptions that are over to others.
    if (id !== undefined && this.#receivers.get(id) === receiver) this.#receivers.delete(id)
    if (this.#records === receiver) this.#records = undefined
    this.#settle(receiver)
  }

  #settle(receiver: Receiver): void {
    this.#expected.delete(receiver)
    if (this.#expected.size > 0) return
    this.#discard(this.#early.length)
    this.#early = []
  }

  notification(notification: Notification): void {
    if (!OwnEvent.isOwn(notification)) {
      const records = living(this.#records)
      if (records === undefined) this.#discard(1)
      else records.record(notification)
      return
    }
    const id = idOf(notification)
    if (id === undefined) {
      const why = `a ${notification.name} names no subscription`
      return this.notificationLost(notification.bytes, why, "malformed")
    }
    const receiver = living(this.#receivers.get(id))
    if (receiver !== undefined) receiver.own(notification)
    else if (this.#expected.size > 0) this.#early.push([id, notification])
    else this.#discard(1)
  }

  replayComplete(eventTime: string | undefined): void {
    living(this.#records)?.replayed(eventTime)
  }

  /** RFC 5277's word for an end; here each subscription is told its own. */
  completed(): void {
    this.#discard(1)
  }

  notificationLost(bytes: number, why: string, kind: Broken): void {
    for (const receiver of this.#all()) receiver.notificationLost(bytes, why, kind)
  }

  tolerated(bytes: number, why: string, kind: Broken): void {
    for (const receiver of this.#all()) receiver.tolerated(bytes, why, kind)
  }

  /** Each once: what is attached is expected no more. */
  #all(): Iterable<Receiver> {
    return [...this.#receivers.values(), ...this.#expected].filter((receiver) => living(receiver) !== undefined)
  }
}
