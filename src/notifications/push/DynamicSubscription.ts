/**
 * One dynamic subscription (RFC 8639 §2.4): what has arrived and waits, its state, and its end, which the device may tell in
 * three ways: completed, terminated with a reason, or with its session. Synchronous; what is sent for it is elsewhere.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { type ErrorContext, type SubscribeError, SubscriptionTerminatedError } from "../../errors.ts"
import type { Broken } from "../Feed.ts"
import type { HealthBus, QueueOwner } from "../Health.ts"
import { Mailbox, type MailboxOptions, type MailboxStatistics, type Source } from "../Mailbox.ts"
import type { Notification } from "../Notification.ts"
import type { Gap, ReplayComplete, SubscriptionEvent } from "../SubscriptionEvent.ts"
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
export type DynamicStatistics = MailboxStatistics

export interface Options {
  readonly mailbox: MailboxOptions
  readonly owner: QueueOwner
  readonly context: ErrorContext
  readonly health: HealthBus
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** An update that cannot be read is a gap: what follows may still be of use. */
const gapOf = ({ eventTime: from, name, receivedAt: at }: Notification, why: string): Gap => {
  const reason = `a ${name} cannot be read: ${why}`
  return { _tag: "Gap", from, to: undefined, lostAt: at, resumedAt: at, reason }
}

/** What waits, as it is handed out; `unreadable` is told of the gap that an update has become. */
const handedOut = (
  event: SubscriptionEvent,
  unreadable: (notification: Notification, gap: Gap) => void
): Effect.Effect<DynamicEvent> => {
  if (event._tag !== "Notification" || !OwnEvent.isOwn(event)) return Effect.succeed(event)
  return Effect.match(OwnEvent.decode(event), {
    onFailure: (error) => {
      const gap = gapOf(event, error.summary)
      unreadable(event, gap)
      return gap
    },
    // Completed, terminated and replay-completed never come here.
    onSuccess: (own) => own as DynamicEvent
  })
}

export class DynamicSubscription implements Receiver {
  readonly mailbox: Mailbox
  readonly #context: ErrorContext
  readonly #now: () => number
  #state: "active" | "suspended" | "ended" = "active"
  #leaving = false
  #told: Notification | undefined
  #id: number | undefined
  #last: string | undefined

  /** Throws an `InputError` for limits that are none. */
  constructor({ context, health, mailbox, now, owner }: Options) {
    this.#context = context
    this.#now = now
    this.mailbox = new Mailbox(mailbox, owner, health)
  }

  get state(): "active" | "suspended" | "ended" {
    return this.#state
  }

  get statistics(): DynamicStatistics {
    return this.mailbox.statistics
  }

  /** Waits for its end, and fails with the reason if there is one. */
  get ended(): Effect.Effect<void, SubscribeError> {
    return this.mailbox.ended
  }

  /** A session carries it under this id. */
  begin(id: number, source: Source): void {
    this.#id = id
    this.mailbox.feedFrom(source)
    this.mailbox.report({ _tag: "SubscriptionUp", message: `subscription ${id} is established` })
  }

  /** The device's log begins later than was asked for. */
  startsLate(from: string, to: string): void {
    const now = this.#now()
    const reason = "the device's log does not reach back"
    this.mailbox.gap({ from, to, lostAt: now, resumedAt: now, reason })
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
      case "subscription-modified":
        this.#told = notification
        break
      case "push-update":
      case "push-change-update":
        return void this.mailbox.queue.offer(notification)
    }
    this.mailbox.queue.offerMark(notification)
  }

  /** It is being deleted, which some devices tell by subscription-terminated as well; the result takes that back. */
  leaving(): () => void {
    this.#leaving = true
    return () => {
      this.#leaving = false
    }
  }

  /** The terms that the device has told last, once. */
  told(): OwnEvent.Of<"SubscriptionModified"> | undefined {
    const notification = this.#told
    if (notification === undefined) return undefined
    this.#told = undefined
    const said = Effect.runSyncExit(OwnEvent.decode(notification))
    return Exit.isSuccess(said) && said.value?._tag === "SubscriptionModified" ? said.value : undefined
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
    this.mailbox.queue.offerMark({ _tag: "ReplayComplete", eventTime })
  }

  notificationLost(bytes: number, why: string, kind: Broken): void {
    this.mailbox.broken(bytes, why, kind)
    const now = this.#now()
    this.mailbox.gap({ from: this.#last, to: undefined, lostAt: now, resumedAt: now, reason: why })
  }

  tolerated(bytes: number, why: string, kind: Broken): void {
    this.mailbox.broken(bytes, why, kind)
  }

  /** It is over. Readers get what waits, then the reason; the first one counts. */
  finish(exit: Exit.Exit<void, SubscribeError>, reason: string): void {
    if (this.#state === "ended") return
    this.#state = "ended"
    const id = this.#id
    this.mailbox.end(
      exit,
      id === undefined ? undefined : { reason, message: `subscription ${id} has ended: ${reason}` }
    )
  }

  /** What waited, as its reader gets it: updates are parsed here, in the reader's fiber. */
  readonly read = (event: SubscriptionEvent): Effect.Effect<DynamicEvent> =>
    handedOut(event, (notification, gap) => {
      this.mailbox.broken(notification.bytes, gap.reason, "malformed")
      this.mailbox.tellGap(gap)
    })

  /** The oldest of what waits, as it will be handed out; it stays there. */
  peek(max?: number): ReadonlyArray<DynamicEvent> {
    return this.mailbox.queue.peek(max).map((event) => Effect.runSync(handedOut(event, () => {})))
  }
}
