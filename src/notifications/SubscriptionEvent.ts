/** What a subscription hands out: what happened on the device, and what there is to know about what is missing. */
import type { Notification } from "./Notification.ts"

/** Everything from the log has been sent; what follows happens now (RFC 5277 §2.1.1, replayComplete). */
export interface ReplayComplete {
  readonly _tag: "ReplayComplete"
  /** As the device sent it. */
  readonly eventTime: string | undefined
}

/** Notifications may be missing here: after a lost session that could not be replayed, or because one could not be read. */
export interface Gap {
  readonly _tag: "Gap"
  /** eventTime of the last notification before it, as the device sent it; undefined when there was none. */
  readonly from: string | undefined
  /** From which eventTime on there is everything again, as far as the device's log says; undefined: the next one's. */
  readonly to: string | undefined
  /** When it began and ended by this machine's clock, in milliseconds since 1970; they are the same for one message. */
  readonly lostAt: number
  readonly resumedAt: number
  /** Why, in words for a log. */
  readonly reason: string
}

export type SubscriptionEvent = Notification | ReplayComplete | Gap
