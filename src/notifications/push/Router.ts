/**
 * Whose a notification is, on a session that carries several dynamic subscriptions: updates and state changes name the
 * subscription, records of an event stream name none (RFC 8639 §2.6), so that at most one subscription takes those.
 *
 * What comes for a subscription before its id is known, which is in the reply to establish-subscription, is kept for it.
 */
import * as Element from "../../xml/Element.ts"
import type { Broken, Sink } from "../Feed.ts"
import * as Notification from "../Notification.ts"
import * as OwnEvent from "./OwnEvent.ts"

/** A subscription, as what carries it sees it. */
export interface Receiver {
  /** A state change or an update of its own. */
  own(notification: Notification.Notification): void
  /** A record of its event stream. */
  record(notification: Notification.Notification): void
  /** Something was lost, perhaps of this subscription. */
  lost(bytes: number, why: string, kind: Broken): void
  /** Bytes that were no notification, or one that may still come. */
  odd(bytes: number, why: string, kind: Broken): void
  /** Everything from the log has been sent, in the words of RFC 5277. */
  replayed(eventTime: string | undefined): void
}

/** An id at the beginning of an event, which is where all devices have it. */
const firstId = /<(?:[\w.-]+:)?push-(?:change-)?update\b[^>]*>\s*<(?:[\w.-]+:)?id(?:\s[^>]*)?>\s*(\d{1,10})\s*</

/** Characters of a notification that are looked at for its id before all of it is parsed. */
const beginning = 2048

/** The subscription that a notification of its own names; undefined where it names none, or cannot be read. */
export const idOf = (notification: Notification.Notification): number | undefined => {
  const found = firstId.exec(notification.xml.slice(0, beginning))
  if (found !== null) return Number(found[1])
  try {
    const id = Element.child(Notification.dataOf(notification), "id")
    const text = id === undefined ? "" : Element.text(id).trim()
    return /^\d{1,10}$/.test(text) ? Number(text) : undefined
  } catch {
    return undefined
  }
}

export class Router implements Sink {
  readonly maxBytes: number
  readonly patience: number
  /** For nobody: of subscriptions that are over. */
  discarded = 0
  readonly #receivers = new Map<number, Receiver>()
  #records: Receiver | undefined
  /** Subscriptions whose ids are not known yet. */
  readonly #expected = new Set<Receiver>()
  #early: Array<readonly [id: number, notification: Notification.Notification]> = []

  constructor(maxBytes: number, patience: number) {
    this.maxBytes = maxBytes
    this.patience = patience
  }

  get receivers(): Iterable<Receiver> {
    return new Set([...this.#receivers.values(), ...this.#expected])
  }

  /** Whether a subscription to a stream is on it, or about to be. */
  get hasRecords(): boolean {
    return this.#records !== undefined
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
      else this.discarded++
    }
  }

  /** It was refused, or is over. */
  leave(receiver: Receiver, id?: number): void {
    if (id !== undefined) this.#receivers.delete(id)
    if (this.#records === receiver) this.#records = undefined
    this.#settle(receiver)
  }

  #settle(receiver: Receiver): void {
    this.#expected.delete(receiver)
    if (this.#expected.size > 0) return
    this.discarded += this.#early.length
    this.#early = []
  }

  notification(notification: Notification.Notification): void {
    if (!OwnEvent.isOwn(notification)) {
      if (this.#records === undefined) this.discarded++
      else this.#records.record(notification)
      return
    }
    const id = idOf(notification)
    if (id === undefined)
      return this.lostOne(notification.bytes, `a ${notification.name} names no subscription`, "malformed")
    const receiver = this.#receivers.get(id)
    if (receiver !== undefined) receiver.own(notification)
    else if (this.#expected.size > 0) this.#early.push([id, notification])
    else this.discarded++
  }

  replayComplete(eventTime: string | undefined): void {
    this.#records?.replayed(eventTime)
  }

  /** RFC 5277's word for an end; here each subscription is told its own. */
  completed(): void {
    this.discarded++
  }

  lostOne(bytes: number, why: string, kind: Broken): void {
    for (const receiver of this.receivers) receiver.lost(bytes, why, kind)
  }

  odd(bytes: number, why: string, kind: Broken): void {
    for (const receiver of this.receivers) receiver.odd(bytes, why, kind)
  }
}
