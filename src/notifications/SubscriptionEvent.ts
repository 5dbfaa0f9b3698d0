/**
 * What a subscription hands out: what happened on the device, the end of what was logged (RFC 5277 §2.1.1), and what there is to
 * know about what is missing. When there is something missing is found by the subscription, and by `ReplayLog.ts`.
 */
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

/** Reasons that one gap gives. */
const mostReasons = 4

/** Each of them once. */
const reasonOf = (first: string, second: string): string => {
  const all = [...new Set(`${first}; ${second}`.split("; "))]
  return all.length > mostReasons ? [...all.slice(0, mostReasons), "and more"].join("; ") : all.join("; ")
}

/** One gap for two with nothing between them. */
export const join = (first: SubscriptionEvent, second: SubscriptionEvent): Gap | undefined => {
  if (first._tag !== "Gap" || second._tag !== "Gap") return undefined
  const { from, lostAt } = first
  return { ...second, from, lostAt, reason: reasonOf(first.reason, second.reason) }
}
