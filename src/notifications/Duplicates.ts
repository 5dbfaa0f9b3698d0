/**
 * Which notifications come a second time when a subscription goes on on another session: after a loss, out of the device's
 * replay log (RFC 5277 §3.3), or while two sessions bring the same stream for a moment. Told by count: as many equal ones
 * (eventTime as sent, and content) are left out as were delivered, because events repeat truly within a whole second. The
 * one exception is proven by the order of the log: what happened in the second in which the subscription began, before it
 * did.
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
/** Notifications of the first second that wait for what tells on which side of the subscription's begin they are. */
const mostHeld = 4096
/** And bytes of them. */
const mostBytesHeld = 4 * 1024 * 1024

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
   * the device's clock was set back. They will be delivered again, behind a gap that whoever resumes has to report.
   */
  get isPartial(): boolean {
    return this.#forgotten !== undefined && (compare(this.#forgotten, this.last) ?? 0) >= 0
  }

  /** Leaves out of a replay from `last` on what is remembered now. */
  replayed(): Replayed {
    const counts = new Map<string, number>()
    const earlier = new Map<string, number>()
    const start = this.last
    for (let at = this.#from; at < this.#noted.length; at++) {
      const { eventTime, key } = this.#noted[at]!
      // A log is read from the first one on that is not before the time that it is asked for.
      const isDue = counts.size > 0 || (compare(eventTime, start) ?? 0) >= 0
      add(isDue ? counts : earlier, key)
    }
    const isFirst = (compare(latest(this.#forgotten, this.#first), start) ?? -1) >= 0
    return new Replayed(counts, earlier, this.#noted.at(-1)?.key, isFirst ? start : undefined)
  }
}

const add = (counts: Map<string, number>, key: string): void => void counts.set(key, (counts.get(key) ?? 0) + 1)

/** Whether there was one. */
const take = (counts: Map<string, number>, key: string): boolean => {
  const count = counts.get(key)
  if (count === undefined) return false
  if (count === 1) counts.delete(key)
  else counts.set(key, count - 1)
  return true
}

const none: ReadonlyArray<Notification> = []

/** A replay, as it arrives. It is over with replayComplete: then {@link rest} is new, and nobody asks further. */
export class Replayed {
  /** How often each was delivered, of those that are asked for. */
  readonly #counts: Map<string, number>
  /** Of those before, which some devices replay as well; they come first. */
  readonly #earlier: Map<string, number>
  readonly #last: string | undefined
  /** The eventTime of the first of all, if the replay begins there. */
  readonly #first: string | undefined
  /** How often the last one is still to come. */
  #left: number
  /** One that was asked for and delivered before has come. */
  #hasBegun = false
  #held: Array<Notification> = []
  #bytesHeld = 0
  #leftOut = 0

  constructor(
    counts: Map<string, number>,
    earlier: Map<string, number>,
    last: string | undefined,
    first: string | undefined
  ) {
    this.#counts = counts
    this.#earlier = earlier
    this.#last = last
    this.#first = first
    this.#left = counts.get(last ?? "") ?? 0
  }

  /**
   * What of all that has come is now known to be new, in order; to be asked once for each that arrives, in order. What is of
   * the first eventTime of all and was not delivered waits: before anything that was, it happened before the subscription
   * began (devices stamp whole seconds); otherwise it is new.
   */
  fresh(notification: Notification): ReadonlyArray<Notification> {
    const key = keyOf(notification)
    if (take(this.#counts, key)) {
      if (key === this.#last) this.#left--
      this.#hasBegun = true
      this.#leftOut += 1 + this.rest().length
      return none
    }
    if (!this.#hasBegun) {
      if (take(this.#earlier, key)) {
        this.#leftOut++
        return none
      }
      if (this.#mayPrecede(notification)) {
        this.#held.push(notification)
        this.#bytesHeld += notification.bytes
        return none
      }
    }
    return this.#held.length === 0 ? [notification] : [...this.rest(), notification]
  }

  #mayPrecede({ bytes, eventTime }: Notification): boolean {
    if (this.#held.length >= mostHeld || this.#bytesHeld + bytes > mostBytesHeld) return false
    return compare(eventTime, this.#first) === 0
  }

  /** What waited, and is new if nothing that was delivered comes any more. */
  rest(): ReadonlyArray<Notification> {
    const held = this.#held
    if (held.length === 0) return none
    this.#held = []
    this.#bytesHeld = 0
    return held
  }

  /** How many it has left out. */
  get leftOut(): number {
    return this.#leftOut
  }

  /** Whether what was delivered last has come again, and as often: then nothing is missing that came after it. */
  get hasLast(): boolean {
    return this.#left <= 0
  }
}

/**
 * Two feeds of one stream at once, while a subscription moves: what the old one has brought is left out of the new one, which
 * is read when the old one has ended.
 *
 * The new feed begins with what happens now, perhaps between two equal events of one eventTime: the later one is taken for
 * the earlier. What has no moment as eventTime looks alike for ever, so it is never left out.
 */
export class Overlap {
  /** By how many the old feed is ahead of the new one. */
  readonly #ahead = new Map<string, number>()
  #isTooFar = false

  /** The old feed has brought it. */
  brought(notification: Notification): void {
    if (this.#isTooFar || !isMoment(notification.eventTime)) return
    add(this.#ahead, keyOf(notification))
    if (this.#ahead.size <= 2 * mostRemembered) return
    this.#isTooFar = true
    this.#ahead.clear()
  }

  /** Whether the old feed has brought what the new one brings; to be asked once of each that arrives. */
  isDuplicate(notification: Notification): boolean {
    return take(this.#ahead, keyOf(notification))
  }

  /** Nothing of what the old feed has brought is still to come. */
  get isLevel(): boolean {
    return this.#ahead.size === 0
  }

  /** The old feed has brought more than can be remembered ({@link mostRemembered}, twice): nothing will be left out. */
  get isTooFar(): boolean {
    return this.#isTooFar
  }
}
