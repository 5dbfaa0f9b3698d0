/**
 * One subscription to a stream of events, across all the sessions that it is on one after the other: what has arrived and
 * waits, what was delivered already and is not delivered twice, and what is missing.
 *
 * Synchronous; sessions are opened, moved and given up by whoever owns it, who tells it by `begin`, `lost` and `end`.
 */
import * as Deferred from "effect/Deferred"
import type * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { SubscribeError } from "../errors.ts"
import { History, type Replayed } from "./Duplicates.ts"
import type { Broken, Sink } from "./Feed.ts"
import type { HealthBus, QueueOwner } from "./Health.ts"
import { Mailbox, type MailboxOptions, type Source } from "./Mailbox.ts"
import type { Notification } from "./Notification.ts"
import type { Gap, SubscriptionEvent } from "./SubscriptionEvent.ts"
import type { QueueStatistics } from "./SubscriptionQueue.ts"

export interface Options {
  readonly mailbox: MailboxOptions
  readonly owner: QueueOwner
  readonly health: HealthBus
  readonly maxBytes: number
  readonly patience: number
  /** Whether it may go on on another session: then it remembers what it must not deliver twice. */
  readonly resumes: boolean
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Whether what was logged is asked for. */
  readonly replays: boolean
}

/** What has passed through a subscription. */
export interface SubscriptionStatistics extends QueueStatistics {
  /** Notifications that came again after a resume or a move, and were delivered before. */
  readonly duplicates: number
  /** Notifications that could not be read; each is a gap. */
  readonly malformed: number
  /** Notifications that broke off: too large, or the next one began inside of them. */
  readonly incomplete: number
  readonly gaps: number
  /** How often it went on on another session after one was lost. */
  readonly resumed: number
  /** Whether its session is held back, because the queue is full (policy `suspend`). */
  readonly paused: boolean
}

/** How a subscription goes on after a loss. */
export interface Resumed {
  readonly gap: Omit<Gap, "_tag"> | undefined
  /** There is no gap if the replay brings again what was delivered last, before anything new. */
  readonly inDoubt: boolean
  /** Whether what was logged since then comes first. */
  readonly replays: boolean
}

/** Where an event's own size is not known, it counts as little. */
const sizeOf = (event: SubscriptionEvent): number => (event._tag === "Notification" ? event.bytes : 0)

export class Subscription implements Sink {
  readonly maxBytes: number
  readonly patience: number
  readonly mailbox: Mailbox<SubscriptionEvent>
  readonly ended = Deferred.makeUnsafe<Exit.Exit<void, SubscribeError>>()
  readonly history: History | undefined
  readonly now: () => number
  #isActive = false
  #last: string | undefined
  /** The end of what was logged has been told; after a resume it is not told again. */
  #replayed: boolean
  /** Says which of the notifications of a feed were delivered before, while that is in question. */
  #repeated: Replayed | undefined
  #watch: ((notification: Notification) => void) | undefined
  #doubtful: Omit<Gap, "_tag"> | undefined
  readonly #counters = { duplicates: 0, malformed: 0, incomplete: 0, gaps: 0, resumed: 0 }

  /** Throws an `InputError` for limits that are none. */
  constructor({ health, mailbox, maxBytes, now, owner, patience, replays, resumes }: Options) {
    this.#replayed = !replays
    this.maxBytes = maxBytes
    this.patience = patience
    this.now = now
    this.history = resumes ? new History() : undefined
    this.mailbox = new Mailbox(sizeOf, mailbox, owner, health)
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
    return { ...this.mailbox.queue.statistics, ...this.#counters, paused: this.mailbox.paused }
  }

  /** Fails with the reason of its end, or succeeds. */
  get end(): Effect.Effect<Exit.Exit<void, SubscribeError>> {
    return Deferred.await(this.ended)
  }

  /** A session carries it from now on. */
  begin(source: Source): void {
    this.#isActive = true
    this.mailbox.feedFrom(source)
    this.mailbox.report({ _tag: "SubscriptionStarted", message: "the subscription is established" })
  }

  /** Its session is lost, and another one is looked for. */
  lost(reason: string): void {
    const wasActive = this.#isActive
    this.#isActive = false
    this.mailbox.feedFrom(undefined)
    // An attempt to resume that fails ends nothing.
    if (wasActive)
      this.mailbox.report({ _tag: "SubscriptionEnded", reason, message: `the subscription was lost: ${reason}` })
  }

  /** It goes on, having missed nothing but what the gap says. What a replay brings again is left out, until it is through. */
  resumed({ gap, inDoubt, replays }: Resumed): void {
    this.#counters.resumed++
    this.#doubtful = inDoubt ? gap : undefined
    if (gap !== undefined && !inDoubt) this.#gap(gap)
    this.#repeated = replays ? this.history?.replayed() : undefined
  }

  /** Has somebody told of each notification that is delivered, until the result is called. */
  watch(tell: (notification: Notification) => void): () => void {
    this.#watch = tell
    return () => {
      if (this.#watch === tell) this.#watch = undefined
    }
  }

  /** One that was delivered before is left out. */
  repeated(): void {
    this.#counters.duplicates++
  }

  /** It has moved to another session while this one still delivered. */
  movedTo(source: Source): void {
    this.mailbox.feedFrom(source)
  }

  /** It has moved, and what the old session had not delivered yet is gone. */
  missed(reason: string): void {
    const now = this.now()
    this.#gap({ from: this.#last, to: undefined, lostAt: now, resumedAt: now, reason })
  }

  /** Whether what was logged is still being sent. */
  get isReplaying(): boolean {
    return this.#repeated !== undefined || !this.#replayed
  }

  /** It is over. Readers get what waits, then the reason. */
  finish(exit: Exit.Exit<void, SubscribeError>, reason: string): void {
    if (this.mailbox.queue.ended !== undefined) return
    this.#isActive = false
    this.mailbox.end(exit)
    this.mailbox.report({ _tag: "SubscriptionEnded", reason, message: `the subscription has ended: ${reason}` })
    Deferred.doneUnsafe(this.ended, Exit.succeed(exit))
  }

  notification(notification: Notification): void {
    const repeated = this.#repeated
    if (repeated?.isDuplicate(notification) === true) {
      if (repeated.hasLast) this.#doubtful = undefined
      return this.repeated()
    }
    if (this.#doubtful !== undefined) this.#settle()
    this.#watch?.(notification)
    this.#last = notification.eventTime ?? this.#last
    this.history?.note(notification)
    this.mailbox.queue.offer(notification)
  }

  replayComplete(eventTime: string | undefined): void {
    this.#repeated = undefined
    this.#settle()
    if (this.#replayed) return
    this.#replayed = true
    this.mailbox.queue.offer({ _tag: "ReplayComplete", eventTime })
  }

  completed(): void {
    this.finish(Exit.void, "the device has completed it (notificationComplete)")
  }

  lostOne(bytes: number, why: string, kind: Broken): void {
    this.odd(bytes, why, kind)
    this.missed(why)
  }

  odd(bytes: number, message: string, kind: Broken): void {
    if (kind === "malformed") {
      this.#counters.malformed++
      this.mailbox.report({ _tag: "MalformedNotification", message, partialBytes: bytes })
    } else {
      this.#counters.incomplete++
      const incompleteNotificationsReceived = this.#counters.incomplete
      this.mailbox.report({
        _tag: "IncompleteNotification",
        guard: kind,
        message,
        partialBytes: bytes,
        incompleteNotificationsReceived
      })
    }
  }

  /** What came last did not come again: the log does not reach back to it. */
  #settle(): void {
    const gap = this.#doubtful
    this.#doubtful = undefined
    if (gap !== undefined) this.#gap(gap)
  }

  #gap(gap: Omit<Gap, "_tag">): void {
    this.#counters.gaps++
    const { from, reason, to } = gap
    this.mailbox.queue.offer({ _tag: "Gap", ...gap })
    this.mailbox.report({ _tag: "SubscriptionGap", from, to, message: `notifications may be missing: ${reason}` })
  }
}
