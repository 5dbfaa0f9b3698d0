/**
 * One subscription to a stream of events, across all the sessions that it is on one after the other: what has arrived and
 * waits, what was delivered already and is not delivered twice, and what is missing.
 *
 * Synchronous; sessions are opened, moved and given up by whoever owns it, who tells it by `begin`, `sessionLost` and
 * `finish`.
 */
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { SubscribeError } from "../errors.ts"
import { History } from "./Duplicates.ts"
import type { Broken, Sink } from "./Feed.ts"
import type { HealthBus, QueueOwner } from "./Health.ts"
import { Loss, type Resumption } from "./Loss.ts"
import { Mailbox, type MailboxOptions, type MailboxStatistics, type Source } from "./Mailbox.ts"
import type { Notification } from "./Notification.ts"

export interface Options {
  readonly mailbox: MailboxOptions
  readonly owner: QueueOwner
  readonly health: HealthBus
  /** Bytes that an unfinished notification may have; the session's own limit holds besides. */
  readonly maxBytes: number
  /** Milliseconds that an unfinished notification may stay without a further byte. */
  readonly patience: number
  /** Whether it may go on on another session: then it remembers what it must not deliver twice. */
  readonly resumes: boolean
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Whether what was logged is asked for. */
  readonly replays: boolean
}

/** What has passed through a subscription. */
export interface SubscriptionStatistics extends MailboxStatistics {
  /** Notifications that came again after a resume or a move, and were delivered before. */
  readonly duplicates: number
  /** How often it went on on another session after one was lost. */
  readonly resumed: number
}

export class Subscription implements Sink {
  readonly maxBytes: number
  readonly patience: number
  readonly mailbox: Mailbox
  readonly history: History | undefined
  readonly now: () => number
  #isActive = false
  #hasBegun = false
  #last: string | undefined
  /** The end of what was logged has been told; after a resume it is not told again. */
  #replayed: boolean
  /** The last one, until it is known what is missing, and what came again. */
  #loss: Loss | undefined
  #watch: ((notification: Notification) => void) | undefined
  readonly #counters = { duplicates: 0, resumed: 0 }

  /** Throws an `InputError` for limits that are none. */
  constructor({ health, mailbox, maxBytes, now, owner, patience, replays, resumes }: Options) {
    this.#replayed = !replays
    this.maxBytes = maxBytes
    this.patience = patience
    this.now = now
    this.history = resumes ? new History() : undefined
    this.mailbox = new Mailbox(mailbox, owner, health)
  }

  /** Whether a session carries it now. */
  get isActive(): boolean {
    return this.#isActive
  }

  /** eventTime of the last notification that was taken in, as sent. */
  get lastEventTime(): string | undefined {
    return this.#last
  }

  get statistics(): SubscriptionStatistics {
    return { ...this.mailbox.statistics, ...this.#counters }
  }

  /** Waits for its end, and fails with the reason if there is one. */
  get ended(): Effect.Effect<void, SubscribeError> {
    return this.mailbox.ended
  }

  /** Whether a session has carried it. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** A session carries it from now on. */
  begin(source: Source): void {
    // Completed already: what a device sends behind its reply may be read first.
    if (this.mailbox.queue.ended !== undefined) return
    this.mailbox.feedFrom(source)
    this.#established()
  }

  #established(): void {
    if (this.#hasBegun) this.#counters.resumed++
    this.#hasBegun = true
    this.#isActive = true
    this.mailbox.report({ _tag: "SubscriptionUp", message: "the subscription is established" })
    this.#loss?.resumed(this.now())
    if (this.#loss?.isInDoubt === false) this.#tellGap(this.#loss)
  }

  /** Its session is lost, and another one is looked for. */
  sessionLost(reason: string): void {
    const wasActive = this.#isActive
    this.#isActive = false
    this.mailbox.feedFrom(undefined)
    // An attempt to resume that fails ends nothing.
    if (!wasActive) return
    if (this.#loss?.isOpen !== true) this.#loss = new Loss(this.now())
    this.mailbox.report({ _tag: "SubscriptionDown", reason, message: `the subscription was lost: ${reason}` })
  }

  /** A session is asked to go on like this, after a loss: {@link begin} follows, or another attempt. */
  resuming(resumption: Resumption): void {
    this.#loss ??= new Loss(this.now())
    this.#loss.attempt(resumption, this.history)
  }

  /** Has somebody told of each notification that is delivered, until the result is called. */
  watch(tell: (notification: Notification) => void): () => void {
    this.#watch = tell
    return () => {
      if (this.#watch === tell) this.#watch = undefined
    }
  }

  /** One that was delivered before is left out. */
  leftOut(): void {
    this.#counters.duplicates++
  }

  /** It has moved to another session while this one still delivered. */
  movedTo(source: Source): void {
    this.mailbox.feedFrom(source)
  }

  /** It has moved, and what the old session had not delivered yet is gone. */
  missed(reason: string): void {
    const now = this.now()
    this.mailbox.gap({ from: this.#last, to: undefined, lostAt: now, resumedAt: now, reason })
  }

  /** Whether what was logged is still being sent. */
  get isReplaying(): boolean {
    return this.#loss !== undefined || !this.#replayed
  }

  /** It is over. Readers get what waits, then the reason. */
  finish(exit: Exit.Exit<void, SubscribeError>, reason: string): void {
    if (this.#isActive) this.#settle()
    this.#isActive = false
    const told = { reason, message: `the subscription has ended: ${reason}` }
    this.mailbox.end(exit, this.#hasBegun ? told : undefined)
  }

  notification(notification: Notification): void {
    const loss = this.#loss
    if (loss === undefined) return this.#deliver(notification)
    const before = loss.leftOut
    const fresh = loss.fresh(notification)
    this.#counters.duplicates += loss.leftOut - before
    if (fresh.length > 0) this.#tellGap(loss)
    for (const each of fresh) this.#deliver(each)
  }

  #deliver(notification: Notification): void {
    this.#watch?.(notification)
    this.#last = notification.eventTime ?? this.#last
    this.history?.note(notification)
    this.mailbox.queue.offer(notification)
  }

  replayComplete(eventTime: string | undefined): void {
    this.#settle()
    this.#replayIsThrough(eventTime)
  }

  #replayIsThrough(eventTime: string | undefined): void {
    if (this.#replayed) return
    this.#replayed = true
    this.mailbox.queue.offerMark({ _tag: "ReplayComplete", eventTime })
  }

  completed(): void {
    if (!this.#isActive) this.#established()
    this.finish(Exit.void, "the device has completed it (notificationComplete)")
  }

  notificationLost(bytes: number, why: string, kind: Broken): void {
    this.mailbox.broken(bytes, why, kind)
    this.missed(why)
  }

  tolerated(bytes: number, why: string, kind: Broken): void {
    this.mailbox.broken(bytes, why, kind)
  }

  /** In its place: before the first that is new. Where nothing is replayed, that is the end of a replay that was lost. */
  #tellGap(loss: Loss): void {
    const gap = loss.gap(this.now())
    if (gap !== undefined) this.mailbox.gap(gap)
    if (loss.isReplaying) return
    this.#loss = undefined
    this.#replayIsThrough(undefined)
  }

  /** Nothing of a replay comes any more. What came last and did not come again is not in the log: that is the gap. */
  #settle(): void {
    const loss = this.#loss
    if (loss === undefined) return
    this.#tellGap(loss)
    this.#loss = undefined
    for (const each of loss.rest()) this.#deliver(each)
  }
}
