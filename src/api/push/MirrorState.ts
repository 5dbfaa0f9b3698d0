/** What is known of a mirror, why a subscription of it is over, and whether another one may follow. */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import type { SubscribeError } from "../../errors.ts"
import { refusalOf } from "../../notifications/push/SubscriptionRefusal.ts"
import { isForGood } from "../reconnecting/Options.ts"

/**
 * Whether the tree is what the device has. `Waiting`: for the first update, or the first after a suspension. `Stale`:
 * something was missed and is asked for again; the tree is as it was. `Suspended`: by the device, for want of resources.
 * `Ended`: there will be no more.
 */
export type MirrorState =
  | { readonly _tag: "Waiting" }
  | { readonly _tag: "Current" }
  | { readonly _tag: "Stale"; readonly why: string }
  | { readonly _tag: "Suspended"; readonly reason: string }
  | { readonly _tag: "Ended"; readonly error: SubscribeError | undefined }

export interface MirrorStatistics {
  /** Updates that made the tree what it is. */
  readonly updates: number
  /** How often the whole selection was asked for again. */
  readonly resyncs: number
  /** Subscriptions that were established, one after the other. */
  readonly subscriptions: number
}

/** Why a subscription of the mirror's is over. */
type Over =
  | { readonly _tag: "Again"; readonly why: string }
  | { readonly _tag: "Completed" }
  | { readonly _tag: "Closed" }

export type Why = SubscribeError | Over

export const isOver = (why: Why): why is Over =>
  why._tag === "Again" || why._tag === "Completed" || why._tag === "Closed"

export const inWords = (why: Why): string =>
  isOver(why) ? (why._tag === "Again" ? why.why : "it has ended") : why.summary

/** For want of resources, or while a device comes up, it may refuse today and not tomorrow. */
export const endsIt = (error: SubscribeError, everUp: boolean): boolean =>
  isForGood(
    error,
    everUp,
    (refusal) => everUp && (refusal.isRetryable || refusalOf(refusal)?.reason === "insufficient-resources")
  )

/** Why the reading of its events has ended. */
export const whyOf = (exit: Exit.Exit<void, SubscribeError>): Why => {
  if (Exit.isSuccess(exit)) return { _tag: "Completed" }
  const failed = exit.cause.reasons.find((reason) => reason._tag === "Fail")
  if (failed !== undefined) return failed.error
  return Cause.hasInterruptsOnly(exit.cause) ? { _tag: "Closed" } : { _tag: "Again", why: Cause.pretty(exit.cause) }
}
