/**
 * Whether the events of one subscription are complete, in order and single, told as they come: nothing of them is kept but
 * where it stands. What is missing must lie in a gap that was reported just there, or, for a subscription that drops, be
 * among what it has counted as dropped.
 */
import type { SubscriptionEvent } from "../../src/index.ts"
import { parse } from "../../src/notifications/EventTime.ts"
import { isLossy, type Traits } from "./traits.ts"

/** A gap with what came before and after it, for the device to judge. */
export interface Settled {
  readonly device: string
  /** The last event before it, and the first one after it. */
  readonly after: number | undefined
  readonly next: number
  readonly to: string | undefined
  readonly resumedAt: number
  readonly reason: string
  readonly lossy: boolean
}

type Gap = Extract<SubscriptionEvent, { readonly _tag: "Gap" }>
type Notification = Extract<SubscriptionEvent, { readonly _tag: "Notification" }>

export const findings = [
  "events missing without a gap",
  "events doubled or out of order",
  "gaps that do not begin with the last event",
  "gaps that end later than what follows",
  "replays without an end, or with two"
] as const

export type Finding = (typeof findings)[number]

export interface Listener {
  readonly settled: (gap: Settled) => void
  readonly find: (finding: Finding, detail: string) => void
}

/** Not before, where both are moments. */
const isBefore = (a: string, b: string): boolean => parse(a)!.nanoseconds < parse(b)!.nanoseconds

export class Sequence {
  /** Events of the device's own that came, and those that did not: within gaps, and dropped. */
  events = 0
  missing = 0
  dropped = 0
  gaps = 0
  replayCompletes = 0
  readonly #traits: Traits
  readonly #lossy: boolean
  readonly #listener: Listener
  /** The number of the event that must come next. */
  #next: number
  /** Whether the last event may have been the second of its pair, because there was a gap before it. */
  #ambiguous = false
  #last: string | undefined
  #pending: Array<Gap> = []

  /** `first`: the number of the first event that must come. */
  constructor(traits: Traits, first: number, listener: Listener) {
    this.#traits = traits
    this.#lossy = isLossy(traits)
    this.#listener = listener
    this.#next = first
  }

  /** The number of the event that must come next. */
  get next(): number {
    return this.#next
  }

  take(event: SubscriptionEvent): void {
    switch (event._tag) {
      case "Gap":
        return this.#gap(event)
      case "ReplayComplete":
        this.replayCompletes++
        return
      case "Notification":
        return this.#notification(event)
    }
  }

  #gap(gap: Gap): void {
    this.gaps++
    // What was dropped last is not seen here; an initial replay may be lost before its first event.
    const begins = this.#lossy || gap.from === this.#last || (this.#last === undefined && this.events === 0)
    if (!begins) this.#find("gaps that do not begin with the last event", `from ${gap.from}, not ${this.#last}`)
    this.#pending.push(gap)
  }

  #notification(notification: Notification): void {
    const number = /<n>(\d+)<\/n>/.exec(notification.xml)?.[1]
    if (number !== undefined) this.#number(this.#place(Number(number)), notification)
    this.#last = notification.eventTime ?? this.#last
  }

  /** Which event it is: of two equal ones the one that is due, or the first. */
  #place(content: number): number {
    if (!this.#traits.pairs) return content
    const due = Math.floor(this.#next / 2)
    if (content === due) return this.#next
    // Then the one before was the second of its pair.
    if (this.#ambiguous && content === due + 1) this.#next++
    return 2 * content
  }

  #number(number: number, { eventTime }: Notification): void {
    const due = this.#next
    this.events++
    this.#ambiguous = this.#traits.pairs && this.#pending.length > 0
    if (number < due) return this.#find("events doubled or out of order", `${number} came, ${due} was due`)
    const missing = number - due
    if (this.#pending.length > 0) this.missing += missing
    else if (this.#lossy) this.dropped += missing
    else if (missing > 0) this.#find("events missing without a gap", `${due} to ${number - 1}, up to ${eventTime}`)
    this.#settle(due, number, eventTime)
    this.#next = number + 1
  }

  #settle(due: number, next: number, eventTime: string | undefined): void {
    for (const [i, { reason, resumedAt, to: end }] of this.#pending.entries()) {
      // Of several in a row, what is missing after the end of one may lie in the next.
      const to = i === this.#pending.length - 1 ? end : undefined
      if (to !== undefined && eventTime !== undefined && isBefore(eventTime, to)) {
        this.#find("gaps that end later than what follows", `to ${to}, and ${eventTime} follows`)
      }
      const after = this.events === 1 ? undefined : due - 1
      this.#listener.settled({ device: this.#traits.name, after, next, to, resumedAt, reason, lossy: this.#lossy })
    }
    this.#pending = []
  }

  /** It is over, and everything has come. */
  end(): void {
    const expected = this.#traits.fromTheBeginning ? 1 : 0
    if (!this.#lossy && this.replayCompletes !== expected) {
      this.#find("replays without an end, or with two", `${this.replayCompletes} replayComplete, not ${expected}`)
    }
  }

  #find(finding: Finding, detail: string): void {
    this.#listener.find(finding, detail)
  }
}
