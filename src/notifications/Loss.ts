/**
 * What a subscription may have missed between a lost session and the one on which it goes on: the gap, told once and in its
 * place, and what the replay brings again. A further loss before that is settled is the same one.
 *
 * How it goes on is decided by whoever opens sessions; what was delivered before is Duplicates'.
 */
import type { History, Replayed } from "./Duplicates.ts"
import type { Notification } from "./Notification.ts"
import type { Gap } from "./SubscriptionEvent.ts"

/** What nobody can ask for any more. */
export interface Missing extends Pick<Gap, "from" | "to" | "reason"> {
  /** Nothing is missing if the replay brings again what was delivered last, before anything new. */
  readonly inDoubt?: boolean
}

/** How a subscription is to go on. */
export interface Resumption {
  /** Undefined: nothing is missing. */
  readonly missing: Missing | undefined
  /** Whether what was logged since the loss comes first. */
  readonly replays: boolean
}

export class Loss {
  readonly #lostAt: number
  #resumedAt: number | undefined
  #missing: Missing | undefined
  #replayed: Replayed | undefined

  constructor(lostAt: number) {
    this.#lostAt = lostAt
  }

  /** A session is asked to go on like this; what one before it was asked for counts no more. */
  attempt({ missing, replays }: Resumption, history: History | undefined): void {
    this.#missing = missing
    this.#replayed = replays ? history?.replayed() : undefined
    this.#resumedAt = undefined
  }

  /** A session carries it again. */
  resumed(at: number): void {
    this.#resumedAt ??= at
  }

  /** Whether a gap is still to be told, or to be found none. */
  get isOpen(): boolean {
    return this.#missing !== undefined
  }

  /** Whether the replay has yet to say if there is a gap. */
  get isInDoubt(): boolean {
    return this.#missing?.inDoubt === true
  }

  get isReplaying(): boolean {
    return this.#replayed !== undefined
  }

  /** What is now known to be new of all that has come. */
  fresh(notification: Notification): ReadonlyArray<Notification> {
    const replayed = this.#replayed
    if (replayed === undefined) return [notification]
    const fresh = replayed.fresh(notification)
    if (fresh.length === 0 && replayed.hasLast && this.isInDoubt) this.#missing = undefined
    return fresh
  }

  /** What waited for the rest of the replay, when there is none. */
  rest(): ReadonlyArray<Notification> {
    return this.#replayed?.rest() ?? []
  }

  /** How many were left out. */
  get leftOut(): number {
    return this.#replayed?.leftOut ?? 0
  }

  /** The gap, if there is one to be told: once. */
  gap(now: number): Omit<Gap, "_tag"> | undefined {
    const missing = this.#missing
    if (missing === undefined) return undefined
    this.#missing = undefined
    this.resumed(now)
    const { from, reason, to } = missing
    return { from, to, reason, lostAt: this.#lostAt, resumedAt: this.#resumedAt ?? now }
  }
}
