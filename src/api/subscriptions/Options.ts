/**
 * What a subscription of RFC 5277 may be told, with defaults, and what of it cannot be: its session, its queue, what becomes
 * of it when its session is lost. What the device is asked for is `operations/CreateSubscription.ts`.
 */
import type * as Duration from "effect/Duration"
import type * as Schedule from "effect/Schedule"
import { defined } from "../../data/Defined.ts"
import { InputError } from "../../errors.ts"
import * as EventTime from "../../notifications/EventTime.ts"
import type { MailboxOptions } from "../../notifications/Mailbox.ts"
import * as Capabilities from "../../rpc/Capabilities.ts"
import { aPolicy, aSchedule, knownNames, queueLimits, seconds, shown, wholeNumber } from "../Checks.ts"
import type { CreateSubscriptionOptions } from "../operations/CreateSubscription.ts"
import { createSubscription, timeText } from "../operations/CreateSubscription.ts"
import type { DownReason } from "../reconnecting/ConnectionState.ts"
import { defaultSchedule } from "../reconnecting/Options.ts"

export interface SubscribeOptions extends CreateSubscriptionOptions, MailboxOptions {
  /**
   * `own` (default): a session of its own over the same transport, on the same SSH connection where that is possible; it is
   * closed with the scope. `shared`: the caller's session, which needs `:interleave` and cannot be held back: no policy
   * `suspend`, and the policy is `unbounded` unless another is chosen.
   */
  readonly session?: "own" | "shared"
  /**
   * Goes on on another session when its own is lost: true, or how long to wait before each attempt. What was missed is
   * replayed where the device can, and reported as a `Gap` where it cannot. Default: false, and true for a session that
   * reconnects.
   */
  readonly resume?: boolean | Schedule.Schedule<unknown, DownReason>
  /** Bytes that an unfinished notification may have before it is given up. Default, and at most: `limits.bytes` of its session. */
  readonly incompleteMaxBytes?: number
  /** How long an unfinished notification may stay without a further byte before that is reported. Default: 5 seconds. */
  readonly incompleteTimeout?: Duration.Input
}

const names: Readonly<Record<keyof SubscribeOptions, true>> = {
  stream: true,
  filter: true,
  startTime: true,
  stopTime: true,
  policy: true,
  capacity: true,
  maxBytes: true,
  dropEventThreshold: true,
  session: true,
  resume: true,
  incompleteMaxBytes: true,
  incompleteTimeout: true
}

/** All of them. */
export const subscribeNames: ReadonlyArray<string> = Object.keys(names)

/** The options with their defaults. */
export interface Settings {
  readonly create: CreateSubscriptionOptions
  readonly mailbox: MailboxOptions
  readonly isOwn: boolean
  /** Undefined: one session, one life. */
  readonly schedule: Schedule.Schedule<unknown, DownReason> | undefined
  /** Bytes that an unfinished notification may have; the session's own limit holds besides. */
  readonly maxBytes: number
  /** Milliseconds that an unfinished notification may stay without a further byte. */
  readonly patience: number
}

const mailboxOf = (options: SubscribeOptions, isOwn: boolean): MailboxOptions => {
  const { capacity, dropEventThreshold, maxBytes } = options
  const byDefault = options.policy === undefined ? ', the default with session: "shared",' : ""
  const policy = options.policy ?? (isOwn ? "suspend" : "unbounded")
  aPolicy("policy", policy)
  if (!isOwn && policy === "suspend") {
    const why = 'suspend would hold back the replies of the session that it shares; choose another, or session: "own"'
    throw new InputError({ what: "policy", why })
  }
  queueLimits({ policy, capacity, maxBytes, dropEventThreshold }, byDefault)
  return { policy, ...defined({ capacity, maxBytes, dropEventThreshold }) }
}

const scheduleOf = (resume: NonNullable<SubscribeOptions["resume"]>): Settings["schedule"] => {
  if (resume === false) return undefined
  if (resume === true) return defaultSchedule
  aSchedule("resume", resume, "true, false or ")
  return resume
}

/** The name of the stream alone is easily given. */
export const checkNames = (options: unknown, names: ReadonlyArray<string>): void => {
  if (typeof options !== "string") return knownNames("", options, names)
  throw new InputError({ what: "options", why: `expected options in an object, got text; write { stream: "NETCONF" }` })
}

/**
 * Throws an `InputError`. `returns`: the session that may be shared is opened anew when it is lost, and so its subscriptions
 * resume unless told otherwise.
 */
export const read = (options: SubscribeOptions, returns: boolean): Settings => {
  checkNames(options, subscribeNames)
  const { filter, session = "own", startTime, stopTime, stream } = options
  const { incompleteMaxBytes = Infinity, incompleteTimeout = "5 seconds", resume = returns } = options
  if (session !== "own" && session !== "shared") {
    throw new InputError({ what: "session", why: `expected own or shared, got ${shown(session)}` })
  }
  if (stream !== undefined && (typeof stream !== "string" || stream === "")) {
    throw new InputError({ what: "stream", why: `expected the name of an event stream, got ${shown(stream)}` })
  }
  if (incompleteMaxBytes !== Infinity) wholeNumber("incompleteMaxBytes", incompleteMaxBytes, 1)
  const isOwn = session === "own"
  const schedule = scheduleOf(resume)
  if (!isOwn && !returns && schedule !== undefined) {
    const why = 'the shared session does not come back; use Netconf.reconnecting, or session: "own"'
    throw new InputError({ what: "resume", why })
  }
  const create = defined({ stream, filter, startTime, stopTime })
  check(create)
  return {
    create,
    mailbox: mailboxOf(options, isOwn),
    isOwn,
    schedule,
    maxBytes: incompleteMaxBytes,
    patience: seconds("incompleteTimeout", incompleteTimeout)
  }
}

/** Whatever cannot be sent, or be, is found before a session is opened for it. */
const check = (create: CreateSubscriptionOptions): void => {
  createSubscription(create).encode(Capabilities.make([]))
  const { startTime, stopTime } = create
  if (startTime === undefined || stopTime === undefined) return
  const [start, stop] = [timeText("startTime", startTime), timeText("stopTime", stopTime)].map(EventTime.parse)
  if (stop!.nanoseconds < start!.nanoseconds) throw new InputError({ what: "stopTime", why: "it is before startTime" })
}
