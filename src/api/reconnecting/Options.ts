/**
 * What a self-healing session may be told, with defaults, and which errors it does not try again after.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { InputError, type RpcError, type SubscribeError } from "../../errors.ts"
import type { CloseReason } from "../../rpc/Session.ts"
import { aSchedule, knownNames, seconds, shown, wholeNumber } from "../Checks.ts"
import type { DownReason } from "./ConnectionState.ts"

export interface ReconnectingOptions {
  /**
   * How long to wait before each attempt but the first. It starts anew once a session has been up for a minute, so that
   * a device that keeps falling over is not hurried; its end stops for good. Default: from 1 second, doubled up to 1 minute, each
   * 20 % more or less, without end.
   */
  readonly schedule?: Schedule.Schedule<unknown, DownReason>
  /** What a call does while no session is up: `wait` (default) for the next one, or `fail` at once. */
  readonly whileDown?: "wait" | "fail"
  /** How long it waits at most, then it fails. Default: 1 minute. */
  readonly waitLimit?: Duration.Input | "none"
  /** How often one read is repeated after a lost connection. Default: 2. With `whileDown: "fail"` it never is. */
  readonly readRetries?: number
}

/** Up for this long, a session is no longer one that keeps falling over. */
export const steadyAfter = 60_000

export const defaultSchedule: Schedule.Schedule<unknown> = Schedule.exponential("1 second", 2).pipe(
  Schedule.modifyDelay(({ duration }) => Effect.succeed(Duration.min(duration, Duration.minutes(1)))),
  Schedule.jittered
)

/** What waiting for a person mends, and no attempt does: repeated failures to log in lock accounts. */
const final: ReadonlySet<string> = new Set(["AuthError", "HostKeyError", "CertificateError", "InputError"])

/** Where there never was a session, what cannot succeed by itself ends it too: that is no NETCONF server. */
export const isFinal = (error: SubscribeError, everUp: boolean): boolean =>
  final.has(error._tag) || (!everUp && !error.isRetryable)

/** The same of a subscription; `mayChange` says which refusals of the device are not for ever. */
export const isForGood = (
  error: SubscribeError,
  everUp: boolean,
  mayChange: (refusal: RpcError) => boolean
): boolean => {
  switch (error._tag) {
    case "RpcError":
      return !mayChange(error)
    case "SubscriptionTerminatedError":
      return !error.isRetryable
    case "CapabilityError":
      return true
    default:
      return isFinal(error, everUp)
  }
}

/** Why a subscription does not come back, when what should bring it back has died of a defect. */
export const diedOf = (defect: string): CloseReason => ({
  by: "us",
  detail: `it is not established again, because that has failed by itself: ${defect}`
})

/** The options with their defaults. */
export interface Settings {
  readonly schedule: Schedule.Schedule<unknown, DownReason>
  readonly wait: boolean
  readonly waitLimit: number
  readonly readRetries: number
}

export const names: ReadonlyArray<string> = ["schedule", "whileDown", "waitLimit", "readRetries"]

/** Throws an `InputError`. */
export const read = (options: ReconnectingOptions): Settings => {
  knownNames("", options, names)
  const { readRetries = 2, schedule = defaultSchedule, waitLimit = "1 minute", whileDown = "wait" } = options
  aSchedule("schedule", schedule)
  if (whileDown !== "wait" && whileDown !== "fail") {
    throw new InputError({ what: "whileDown", why: `expected wait or fail, got ${shown(whileDown)}` })
  }
  wholeNumber("readRetries", readRetries, 0)
  return { schedule, wait: whileDown === "wait", waitLimit: seconds("waitLimit", waitLimit), readRetries }
}
