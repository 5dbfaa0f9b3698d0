/**
 * One dynamic subscription (RFC 8639 §2.4): what has arrived and waits, its state, and its end, which the device may tell in
 * three ways: completed, terminated with a reason, or with its session. Synchronous; what is sent for it is elsewhere.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import {
  type ErrorContext,
  type ProtocolError,
  type SubscribeError,
  SubscriptionTerminatedError
} from "../../errors.ts"
import type { Broken } from "../Feed.ts"
import type { HealthBus, QueueOwner } from "../Health.ts"
import { Mailbox, type MailboxOptions, type Source } from "../Mailbox.ts"
import type { Notification } from "../Notification.ts"
import type { Gap, ReplayComplete, SubscriptionEvent } from "../SubscriptionEvent.ts"
import type { QueueStatistics } from "../SubscriptionQueue.ts"
import * as OwnEvent from "./OwnEvent.ts"
import type { Receiver } from "./Router.ts"

/**
 * What a dynamic subscription hands out: records of its stream, updates of its datastore, what the device says of the
 * subscription itself, and what is known to be missing.
 */
export type DynamicEvent =
  | Notification
  | ReplayComplete
  | Gap
  | OwnEvent.Of<
      | "PushUpdate"
      | "PushChangeUpdate"
      | "SubscriptionStarted"
      | "SubscriptionModified"
      | "SubscriptionSuspended"
      | "SubscriptionResumed"
    >

/** What has passed through a dynamic subscription. */
export interface DynamicStatistics extends QueueStatistics {
  /** Notifications that could not be read; each is a gap. */
  readonly malformed: number
  /** Notifications that broke off: too large, or the next one began inside of them. */
  readonly incomplete: number
  readonly gaps: number
  /** Whether its session is held back, because the queue is full (policy `suspend`). */
  readonly paused: boolean
}

export interface Options {
  readonly mailbox: MailboxOptions
  readonly owner: QueueOwner
  readonly context: ErrorContext
  readonly health: HealthBus
  /** Milliseconds since 1970. */
  readonly now: () => number
}

const sizeOf = (event: SubscriptionEvent): number => (event._tag === "Notification" ? event.bytes : 0)

export class DynamicSubscription implements Receiver {
  readonly mailbox: Mailbox<SubscriptionEvent>
  readonly ended = Deferred.makeUnsafe<Exit.Exit<void, SubscribeError>>()
  readonly #context: ErrorContext
  readonly #now: () => number
  #state: "active" | "suspended" | "ended" = "active"
  #leaving = false
  #id: number | undefined
  #last: string | undefined
  readonly #counters = { malformed: 0, incomplete: 0, gaps: 0 }

  /** Throws an `InputError` for limits that are none. */
  constructor({ context, health, mailbox, now, owner }: Options) {
    this.#context = context
    this.#now = now
    this.mailbox = new Mailbox(sizeOf, mailbox, owner, health)
  }

  get state(): "active" | "suspended" | "ended" {
    return this.#state
  }

  get statistics(): DynamicStatistics {
    return { ...this.mailbox.queue.statistics, ...this.#counters, paused: this.mailbox.paused }
  }

  /** A session carries it under this id. */
  begin(id: number, source: Source): void {
    this.#id = id
    this.mailbox.feedFrom(source)
    this.mailbox.report({ _tag: "SubscriptionStarted", message: `subscription ${id} is established` })
  }

  /** The device's log begins later than was asked for. */
  startsLate(from: string, to: string): void {
    const now = this.#now()
    const reason = "the device's log does not reach back"
    this.#gap({ from, to, lostAt: now, resumedAt: now, reason })
  }

  own(notification: Notification): void {
    switch (notification.name) {
      case "replay-completed":
        return this.replayed(notification.eventTime)
      case "subscription-completed":
        return this.finish(Exit.void, "the device has completed it")
      case "subscription-terminated":
        return this.#terminated(notification)
      case "subscription-suspended":
        this.#become("suspended")
        break
      case "subscription-resumed":
        this.#become("active")
        break
    }
    this.mailbox.queue.offer(notification)
  }

  /** It is being deleted, which some devices tell by subscription-terminated as well; the result takes that back. */
  leaving(): () => void {
    this.#leaving = true
    return () => {
      this.#leaving = false
    }
  }

  /** Also what a modification does to one that is suspended (RFC 8639 §2.4.3). */
  modified(): void {
    this.#become("active")
  }

  #become(state: "active" | "suspended"): void {
    if (this.#state !== "ended") this.#state = state
  }

  /** It is read at once, because its readers are to know the reason when they come to the end. */
  #terminated(notification: Notification): void {
    if (this.#leaving) return this.finish(Exit.void, "it was deleted")
    const said = Effect.runSyncExit(OwnEvent.decode(notification))
    const event = Exit.isSuccess(said) ? said.value : undefined
    const reason = event?._tag === "SubscriptionTerminated" ? event.reason : "no reason that can be read"
    const error = new SubscriptionTerminatedError({ ...this.#context, subscriptionId: this.#id ?? 0, reason })
    this.finish(Exit.fail(error), error.summary)
  }

  record(notification: Notification): void {
    this.#last = notification.eventTime ?? this.#last
    this.mailbox.queue.offer(notification)
  }

  replayed(eventTime: string | undefined): void {
    this.mailbox.queue.offer({ _tag: "ReplayComplete", eventTime })
  }

  lost(bytes: number, why: string, kind: Broken): void {
    this.odd(bytes, why, kind)
    const now = this.#now()
    this.#gap({ from: this.#last, to: undefined, lostAt: now, resumedAt: now, reason: why })
  }

  odd(bytes: number, message: string, kind: Broken): void {
    if (kind === "malformed") {
      this.#counters.malformed++
      this.mailbox.report({ _tag: "MalformedNotification", message, partialBytes: bytes })
      return
    }
    const incompleteNotificationsReceived = ++this.#counters.incomplete
    const report = { message, partialBytes: bytes, incompleteNotificationsReceived }
    this.mailbox.report({ _tag: "IncompleteNotification", guard: kind, ...report })
  }

  #gap(gap: Omit<Gap, "_tag">): void {
    this.#counters.gaps++
    const { from, reason, to } = gap
    this.mailbox.queue.offer({ _tag: "Gap", ...gap })
    this.mailbox.report({ _tag: "SubscriptionGap", from, to, message: `notifications may be missing: ${reason}` })
  }

  /** It is over. Readers get what waits, then the reason; the first one counts. */
  finish(exit: Exit.Exit<void, SubscribeError>, reason: string): void {
    if (this.#state === "ended") return
    this.#state = "ended"
    this.mailbox.end(exit)
    if (this.#id !== undefined) {
      const message = `subscription ${this.#id} has ended: ${reason}`
      this.mailbox.report({ _tag: "SubscriptionEnded", reason, message })
    }
    Deferred.doneUnsafe(this.ended, Exit.succeed(exit))
  }

  /** An update that cannot be read is a gap: what follows may still be of use. */
  #unreadable(notification: Notification, why: string): Gap {
    this.#counters.malformed++
    this.#counters.gaps++
    const { bytes, eventTime: from, receivedAt: at } = notification
    const message = `a ${notification.name} cannot be read: ${why}`
    this.mailbox.report({ _tag: "MalformedNotification", message, partialBytes: bytes })
    this.mailbox.report({
      _tag: "SubscriptionGap",
      from,
      to: undefined,
      message: `notifications may be missing: ${why}`
    })
    return { _tag: "Gap", from, to: undefined, lostAt: at, resumedAt: at, reason: message }
  }

  /** What waited, as its reader gets it: updates are parsed here, in the reader's fiber. */
  readonly read = (event: SubscriptionEvent): Effect.Effect<DynamicEvent, ProtocolError> => {
    if (event._tag !== "Notification" || !OwnEvent.isOwn(event)) return Effect.succeed(event)
    return Effect.match(OwnEvent.decode(event), {
      onFailure: (error) => this.#unreadable(event, error.summary),
      // Completed, terminated and replay-completed never come here.
      onSuccess: (own) => own as DynamicEvent
    })
  }
}
