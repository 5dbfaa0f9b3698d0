/**
 * Which notifications come a second time when a subscription goes on on another session: after a loss, out of the device's
 * replay log (RFC 5277 §3.3), or while two sessions bring the same stream for a moment. Told by count: as many equal ones
 * (eventTime as sent, and content) are left out as were delivered, because events repeat truly within a whole second.
 *
 * What is kept is bounded, and says when that was too little. Whether the log reaches back is ReplayLog's.
 */
import { hash } from "node:crypto"
import { contentEnd, isJunk } from "../xml/Prolog.ts"
import * as EventTime from "./EventTime.ts"
import { messageOf, type Notification } from "./Notification.ts"

/** Delivered notifications of one moment that are told apart: beyond, the oldest of them are forgotten. */
export const mostRemembered = 65_536
/** The last ones that are remembered whatever their time: devices stamp before they send, and not always in order. */
export const leastRemembered = 128

/** The message itself, its eventTime included: a digest (0.5 µs). */
const keyOf = (notification: Notification): string => {
  const message = messageOf(notification)
  return typeof message === "string"
    ? digest(bare(message))
    : digest(isBare(message) ? message : bare(message.toString()))
}

const digest = (message: Buffer | string): string => hash("sha256", message, "base64")

/** Neither white space around it nor a declaration: those are of the frame, and may differ the second time. */
const isBare = (message: Buffer): boolean =>
  message[0] === 0x3c && message[1] !== 0x3f && message[message.length - 1] === 0x3e

const bare = (text: string): string => {
  let start = 0
  while (isJunk(text.charCodeAt(start))) start++
  if (text.startsWith("<?xml", start)) start = text.indexOf("?>", start) + 2
  while (isJunk(text.charCodeAt(start))) start++
  return text.slice(start, contentEnd(text))
}

/** Below 0: `a` is before `b`. Undefined where one of them is no moment. */
const compare = (a: string | undefined, b: string | undefined): number | undefined => {
  if (a === undefined || b === undefined) return undefined
  if (a === b) return 0
  // Stamps of one device have one form, whose texts are in the order of their times.
  if (a.length === b.length && endsAlike(a, b)) return a < b ? -1 : 1
  const [first, second] = [EventTime.parse(a), EventTime.parse(b)]
  if (first === undefined || second === undefined) return undefined
  return first.nanoseconds < second.nanoseconds ? -1 : first.nanoseconds > second.nanoseconds ? 1 : 0
}

const endsAlike = (a: string, b: string): boolean => {
  const end = a.length - 1
  if (a.charCodeAt(end) === 0x5a) return b.charCodeAt(end) === 0x5a
  return /[+-]\d\d:\d\d$/.test(a) && a.slice(-6) === b.slice(-6)
}

const isMoment = (text: string | undefined): boolean => text !== undefined && EventTime.parse(text) !== undefined

/** The later one of two, as far as they are moments. */
const latest = (known: string | undefined, other: string | undefined): string | undefined => {
  const order = compare(known, other)
  return (order === undefined ? isMoment(other) : order < 0) ? other : known
}

interface Noted {
  readonly eventTime: string | undefined
  readonly key: string
}

/** What was delivered last: all from the eventTime on from which it would be resumed, and some before that. */
export class History {
  #noted: Array<Noted> = []
  /** Where in `#noted` it begins. */
  #from = 0
  /** The latest eventTime of what was forgotten. */
  #forgotten: string | undefined
  /** eventTime of the very first. */
  #first: string | undefined

  /** A notification is delivered. */
  note(notification: Notification): void {
    const { eventTime } = notification
    this.#first ??= eventTime
    this.#noted.push({ eventTime, key: keyOf(notification) })
    while (this.size > leastRemembered && this.#isSpent(this.#noted[this.#from]!, eventTime)) this.#forget()
  }

  #isSpent(oldest: Noted, last: string | undefined): boolean {
    if (this.size > mostRemembered) return true
    const order = compare(oldest.eventTime, last)
    return order === undefined ? !isMoment(oldest.eventTime) : order < 0
  }

  #forget(): void {
    this.#forgotten = latest(this.#forgotten, this.#noted[this.#from++]!.eventTime)
    // Half of the array at a time: each is moved once.
    if (this.#from * 2 < this.#noted.length) return
    this.#noted = this.#noted.slice(this.#from)
    this.#from = 0
  }

  /** How many are remembered. */
  get size(): number {
    return this.#noted.length - this.#from
  }

  /** eventTime of the last notification that has one which is a moment, as the device sent it: where to resume from. */
  get last(): string | undefined {
    for (let at = this.#noted.length - 1; at >= this.#from; at--) {
      const { eventTime } = this.#noted[at]!
      if (isMoment(eventTime)) return eventTime
    }
    return undefined
  }

  /**
   * Of what would come again from `last` on, some was forgotten: more notifications of one eventTime than are remembered, or
   * the device's clock was set back. Those that the log brings in its order are still left out rightly; whoever
   * resumes should report that something may be missing.
   */
  get isPartial(): boolean {
    return this.#forgotten !== undefined && (compare(this.#forgotten, this.last) ?? 0) >= 0
  }

  /** Leaves out of a replay from `last` on what is remembered now. */
  replayed(): Replayed {
    return new Replayed(this.remembered())
  }

  /** @internal */
  remembered(): Remembered {
    const counts = new Map<string, number>()
    let older = latest(this.#forgotten, this.#first)
    const start = this.last
    for (let at = this.#from; at < this.#noted.length; at++) {
      const { eventTime, key } = this.#noted[at]!
      // A log is read from the first one on that is not before the time that it is asked for.
      if (counts.size > 0 || (compare(eventTime, start) ?? 0) >= 0) counts.set(key, (counts.get(key) ?? 0) + 1)
      else older = latest(older, eventTime)
    }
    const last = this.#noted.at(-1)?.key
    return { counts, place: new Place(older, last, counts.get(last ?? "") ?? 0) }
  }
}

interface Remembered {
  /** How often each was delivered. */
  readonly counts: Map<string, number>
  readonly place: Place
}

/** Where in the device's log a replay is: a log has an order, and all before the last one that was delivered is past. */
class Place {
  readonly #older: string | undefined
  readonly #last: string | undefined
  #left: number

  /** Up to the time `older` there is more than what is counted; `last` comes so many times more. */
  constructor(older: string | undefined, last: string | undefined, left: number) {
    this.#older = older
    this.#last = last
    this.#left = left
  }

  passed(key: string): void {
    if (key === this.#last) this.#left--
  }

  /** Whether it has come to the last one that was delivered. */
  get isReached(): boolean {
    return this.#left <= 0
  }

  /**
   * Whether something that is not counted is past: a device replays from earlier than it was asked for, more of one second
   * than are remembered, or what happened in the second in which the subscription began, before it did.
   */
  isPast({ eventTime }: Notification): boolean {
    return this.#left > 0 && (compare(eventTime, this.#older) ?? 1) <= 0
  }
}

/** A replay, as it arrives. It is over with replayComplete; whoever reads that asks no further. */
export class Replayed {
  readonly #remembered: Remembered

  constructor(remembered: Remembered) {
    this.#remembered = remembered
  }

  /** Whether it was delivered before; to be asked once of each that arrives, in order. */
  isDuplicate(notification: Notification): boolean {
    const { counts, place } = this.#remembered
    const key = keyOf(notification)
    const count = counts.get(key)
    if (count === undefined) return place.isPast(notification)
    place.passed(key)
    if (count === 1) counts.delete(key)
    else counts.set(key, count - 1)
    return true
  }

  /** Whether what was delivered last has come again, and as often: then nothing is missing that came after it. */
  get hasLast(): boolean {
    return this.#remembered.place.isReached
  }
}

/**
 * Two feeds of one stream at once, while a subscription moves: each event is delivered when the first of them brings it. What
 * one of them was ahead by when it ended is still left out of the other, until whoever moves it asks no more.
 *
 * Exact, and in order, when the new feed begins with a replay from `history.last` on, and `history` is given as it is then. A
 * new feed that begins with what happens now may begin between two equal events of one eventTime: the later one is taken for
 * the earlier.
 */
export class Overlap {
  /** By how many the old feed is ahead of the new one; below 0 the new one is. */
  readonly #ahead: Map<string, number>
  /** Of the new feed. */
  readonly #place: Place | undefined

  constructor(history?: History) {
    const remembered = history?.remembered()
    this.#ahead = remembered?.counts ?? new Map<string, number>()
    this.#place = remembered?.place
  }

  /** Whether the other feed has brought it; to be asked once of each that arrives, in order. */
  isDuplicate(feed: "old" | "new", notification: Notification): boolean {
    const key = keyOf(notification)
    const ahead = this.#ahead.get(key) ?? 0
    if (feed === "new") {
      if (ahead === 0 && this.#place?.isPast(notification)) return true
      this.#place?.passed(key)
    }
    const next = feed === "old" ? ahead + 1 : ahead - 1
    if (next === 0) this.#ahead.delete(key)
    else this.#ahead.set(key, next)
    return Math.abs(next) < Math.abs(ahead)
  }

  /**
   * One feed has fallen behind by more than can be remembered ({@link mostRemembered} on top of what was at first): the move
   * has failed, and that feed should be closed.
   */
  get isTooFar(): boolean {
    return this.#ahead.size > 2 * mostRemembered
  }
}
