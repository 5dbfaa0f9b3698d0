/**
 * What plain async code says of its subscriptions: pyNetX's options of a client, with its defaults, and those of one
 * subscription, turned into what `Subscribe` takes.
 */
import type * as Duration from "effect/Duration"
import * as Schedule from "effect/Schedule"
import { type ErrorContext, InputError, withContext } from "../../errors.ts"
import type { Policy } from "../../notifications/SubscriptionQueue.ts"
import { aPolicy, seconds, shown, signal as checkSignal, wholeNumber } from "../Checks.ts"
import type { CreateSubscriptionOptions } from "../operations/CreateSubscription.ts"
import { defined } from "../../data/Defined.ts"
import type { ReconnectingOptions } from "../reconnecting/Options.ts"
import type { SubscribeOptions } from "../Subscribe.ts"
import { checkNames } from "../subscriptions/Options.ts"
import { type RetryPlan, scheduleOf } from "./RetryPlan.ts"

/** Of a client, for all of its subscriptions. */
export interface NotificationOptions {
  /**
   * Notifications that one subscription may have waiting; -1 (default) for any number, as long as memory lasts. Where only a
   * policy says that there is a limit, 4096.
   */
  readonly notificationQueueSize?: number
  /**
   * What happens to a notification for which there is no room: `suspend` holds the device back until there is, and loses
   * nothing; `dropNewest`, `dropOldest` drop and count. Default: `unbounded`, and `dropNewest` where a size is given.
   */
  readonly notificationPolicy?: Policy
  /** Bytes that an unfinished notification may have before it is given up. Default: 1,048,576. */
  readonly notificationIncompleteMaxBytes?: number
  /** How long an unfinished notification may stay without a further byte before that is reported. Default: 5 seconds. */
  readonly notificationIncompleteTimeout?: Duration.Input
  /** After so many further drops there is another health event. Default: 1. */
  readonly notificationDropEventThreshold?: number
}

/** Of one subscription; what is left out is as the client has it. */
export interface SubscribeClientOptions extends CreateSubscriptionOptions {
  /**
   * `own` (default): a session of its own, which is closed with the subscription. `shared`: the client's, which has to be
   * connected, needs `:interleave` and cannot be held back: no policy `suspend`.
   */
  readonly session?: "own" | "shared"
  /** See `notificationQueueSize`. */
  readonly queueSize?: number
  /** See `notificationPolicy`. */
  readonly policy?: Policy
  /** Bytes that may wait. Default: 16 MiB with `suspend`, otherwise no limit but the size of the queue. */
  readonly maxBytes?: number
  readonly dropEventThreshold?: number
  readonly incompleteMaxBytes?: number
  readonly incompleteTimeout?: Duration.Input
  /**
   * Goes on on another session when its own is lost: true, or how often and when to try. What was missed is replayed where
   * the device can, and reported as a `Gap` where it cannot. Default: as `reconnect` of the client.
   */
  readonly resume?: boolean | RetryPlan | Exclude<NonNullable<SubscribeOptions["resume"]>, boolean>
  /** Aborting it gives up subscribing; a subscription that is established is ended by `close`. */
  readonly signal?: AbortSignal
}

const ofClients: Readonly<Record<keyof NotificationOptions, true>> = {
  notificationQueueSize: true,
  notificationPolicy: true,
  notificationIncompleteMaxBytes: true,
  notificationIncompleteTimeout: true,
  notificationDropEventThreshold: true
}

/** The names of a client's. */
export const notificationNames = Object.keys(ofClients) as ReadonlyArray<keyof NotificationOptions>

const ofSubscriptions: Readonly<Record<keyof SubscribeClientOptions, true>> = {
  stream: true,
  filter: true,
  startTime: true,
  stopTime: true,
  session: true,
  queueSize: true,
  policy: true,
  maxBytes: true,
  dropEventThreshold: true,
  incompleteMaxBytes: true,
  incompleteTimeout: true,
  resume: true,
  signal: true
}

/** A size as it is given, and what is to happen when it is reached. */
interface Limits {
  readonly size: number | undefined
  readonly policy: Policy | undefined
}

const checkLimits = ({ policy, size }: Limits, names: { readonly size: string; readonly policy: string }): Limits => {
  aPolicy(names.policy, policy)
  if (size !== undefined && size !== -1 && !(Number.isSafeInteger(size) && size > 0)) {
    const why = `expected a whole number from 1, or -1 for no limit, got ${shown(size)}`
    throw new InputError({ what: names.size, why })
  }
  if (size !== undefined && policy !== undefined && (size === -1) !== (policy === "unbounded")) {
    const why = size === -1 ? `-1 is no limit, and the policy ${policy} needs one` : "the policy unbounded has no limit"
    throw new InputError({ what: names.size, why })
  }
  return { size, policy }
}

const positive = (size: number | undefined): number | undefined => (size === -1 ? undefined : size)

/** The client's policy, for a subscription that has limits of its own. */
const bounded = (policy: Policy | undefined): Policy | undefined => (policy === "unbounded" ? undefined : policy)

const policyOf = (own: Limits, ofClient: Limits, maxBytes: number | undefined): Policy => {
  if (own.policy !== undefined) return own.policy
  // What is limited and has no policy drops what does not fit, as pyNetX does.
  if (positive(own.size) !== undefined || maxBytes !== undefined) return bounded(ofClient.policy) ?? "dropNewest"
  if (own.size === -1) return "unbounded"
  return ofClient.policy ?? (positive(ofClient.size) === undefined ? "unbounded" : "dropNewest")
}

/** What one subscription says comes first. */
const limitsOf = (
  own: Limits,
  ofClient: Limits,
  maxBytes: number | undefined
): Pick<SubscribeOptions, "policy" | "capacity" | "maxBytes"> => {
  const policy = policyOf(own, ofClient, maxBytes)
  if (policy === "unbounded") {
    if (maxBytes === undefined) return { policy }
    throw new InputError({ what: "maxBytes", why: "the policy unbounded has no limit" })
  }
  const capacity = positive(own.size) ?? positive(ofClient.size)
  const bytes = maxBytes ?? (policy === "suspend" ? undefined : Infinity)
  return { policy, ...defined({ capacity, maxBytes: bytes }) }
}

/** The defaults of one client's subscriptions. */
export interface Defaults {
  readonly limits: Limits
  readonly incompleteMaxBytes: number
  readonly incompleteTimeout: Duration.Input
  readonly dropEventThreshold: number | undefined
  readonly resume: SubscribeOptions["resume"]
}

/** Throws an `InputError` for options that cannot work. */
export const notificationDefaults = (options: NotificationOptions, reconnect?: ReconnectingOptions): Defaults => {
  const { notificationDropEventThreshold: threshold, notificationPolicy: policy, notificationQueueSize: size } = options
  const { notificationIncompleteMaxBytes: maxBytes = 1_048_576, notificationIncompleteTimeout = "5 seconds" } = options
  seconds("notificationIncompleteTimeout", notificationIncompleteTimeout)
  if (threshold !== undefined) wholeNumber("notificationDropEventThreshold", threshold, 1)
  return {
    limits: checkLimits({ size, policy }, { size: "notificationQueueSize", policy: "notificationPolicy" }),
    incompleteMaxBytes: wholeNumber("notificationIncompleteMaxBytes", maxBytes, 1),
    incompleteTimeout: notificationIncompleteTimeout,
    dropEventThreshold: threshold,
    resume: reconnect && (reconnect.schedule ?? true)
  }
}

const resumeOf = (resume: SubscribeClientOptions["resume"]): SubscribeOptions["resume"] => {
  if (resume === undefined || typeof resume === "boolean" || Schedule.isSchedule(resume)) return resume
  return scheduleOf("resume", resume as RetryPlan)
}

/** The options of one subscription; throws an `InputError`. */
export const subscribeOptions = (options: SubscribeClientOptions, defaults: Defaults): SubscribeOptions => {
  const { filter, session, startTime, stopTime, stream } = options
  const size = { size: options.queueSize, policy: options.policy }
  if (options.maxBytes !== undefined && options.maxBytes !== Infinity) wholeNumber("maxBytes", options.maxBytes, 1)
  const own = checkLimits(size, { size: "queueSize", policy: "policy" })
  return {
    ...defined({ stream, filter, startTime, stopTime, session }),
    ...limitsOf(own, defaults.limits, options.maxBytes),
    ...defined({
      dropEventThreshold: options.dropEventThreshold ?? defaults.dropEventThreshold,
      resume: resumeOf(options.resume) ?? defaults.resume
    }),
    incompleteMaxBytes: options.incompleteMaxBytes ?? defaults.incompleteMaxBytes,
    incompleteTimeout: options.incompleteTimeout ?? defaults.incompleteTimeout
  }
}

interface Call {
  readonly options: SubscribeOptions
  readonly signal: AbortSignal | undefined
}

/** What a call is given; throws an `InputError` that says of which device it is. */
export const callOf = (given: SubscribeClientOptions, defaults: Defaults, context: ErrorContext): Call => {
  try {
    checkNames(given, Object.keys(ofSubscriptions))
    checkSignal(given.signal)
    return { options: subscribeOptions(given, defaults), signal: given.signal }
  } catch (error) {
    throw error instanceof InputError ? withContext(error, { operation: "create-subscription", ...context }) : error
  }
}
