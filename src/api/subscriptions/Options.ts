/** What a subscription may be told, with defaults, and what of it cannot be. */
import * as Duration from "effect/Duration"
import * as Schedule from "effect/Schedule"
import { InputError } from "../../errors.ts"
import type { MailboxOptions } from "../../notifications/Mailbox.ts"
import * as Capabilities from "../../rpc/Capabilities.ts"
import { aSchedule, knownNames, seconds, shown, wholeNumber } from "../Checks.ts"
import type { CreateSubscriptionOptions } from "../operations/CreateSubscription.ts"
import { createSubscription } from "../operations/CreateSubscription.ts"
import type { DownReason } from "../reconnecting/ConnectionState.ts"
import { defaultSchedule } from "../reconnecting/Options.ts"

/** On which session a subscription is: one of its own, or the caller's. */
export type SubscriptionSession = "own" | "shared"

export interface SubscribeOptions extends CreateSubscriptionOptions, MailboxOptions {
  /**
   * `own` (default): a session of its own over the same transport, on the same SSH connection where that is possible; it is
   * closed with the scope. `shared`: the caller's session, which needs `:interleave` and cannot be held back: no policy
   * `suspend`, and the policy is `unbounded` unless another is chosen.
   */
  readonly session?: SubscriptionSession
  /**
   * Goes on on another session when its own is lost: true, or how long to wait before each attempt. What was missed is
   * replayed where the device can, and reported as a `Gap` where it cannot. Default: false, and true for a session that
   * reconnects.
   */
  readonly resume?: boolean | Schedule.Schedule<unknown, DownReason>
  /** Bytes that an unfinished notification may have before it is given up. Default: `limits.bytes` of the session. */
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
  readonly maxBytes: number | undefined
  readonly patience: number
}

const policies = ["suspend", "dropNewest", "dropOldest", "unbounded"] as const

const mailboxOf = (options: SubscribeOptions, isOwn: boolean): MailboxOptions => {
  const { capacity, dropEventThreshold, maxBytes } = options
  const policy = options.policy ?? (isOwn ? "suspend" : "unbounded")
  if (!policies.includes(policy)) {
    throw new InputError({ what: "policy", why: `expected ${policies.join(", ")}, got ${shown(policy)}` })
  }
  if (!isOwn && policy === "suspend") {
    const why = 'suspend would hold back the replies of the session that it shares; choose another, or session: "own"'
    throw new InputError({ what: "policy", why })
  }
  if (dropEventThreshold !== undefined) wholeNumber("dropEventThreshold", dropEventThreshold, 1)
  return {
    policy,
    ...(capacity === undefined ? {} : { capacity }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(dropEventThreshold === undefined ? {} : { dropEventThreshold })
  }
}

const scheduleOf = (resume: SubscribeOptions["resume"]): Settings["schedule"] => {
  if (resume === undefined || resume === false) return undefined
  if (resume === true) return defaultSchedule
  aSchedule("resume", resume, "true, false or ")
  return resume
}

const patienceOf = (timeout: Duration.Input = Duration.seconds(5)): number => seconds("incompleteTimeout", timeout)

/** Throws an `InputError`. `returns`: the session that may be shared is opened anew when it is lost. */
export const read = (options: SubscribeOptions, returns: boolean): Settings => {
  knownNames("", options, subscribeNames)
  const { filter, incompleteMaxBytes, incompleteTimeout, session = "own", startTime, stopTime, stream } = options
  if (session !== "own" && session !== "shared") {
    throw new InputError({ what: "session", why: `expected own or shared, got ${shown(session)}` })
  }
  if (stream !== undefined && (typeof stream !== "string" || stream === "")) {
    throw new InputError({ what: "stream", why: `expected the name of an event stream, got ${shown(stream)}` })
  }
  if (incompleteMaxBytes !== undefined) wholeNumber("incompleteMaxBytes", incompleteMaxBytes, 1)
  const isOwn = session === "own"
  const schedule = scheduleOf(options.resume)
  if (!isOwn && !returns && schedule !== undefined) {
    const why = 'the shared session does not come back; use Netconf.reconnecting, or session: "own"'
    throw new InputError({ what: "resume", why })
  }
  const create = {
    ...(stream === undefined ? {} : { stream }),
    ...(filter === undefined ? {} : { filter }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(stopTime === undefined ? {} : { stopTime })
  }
  check(create)
  return {
    create,
    mailbox: mailboxOf(options, isOwn),
    isOwn,
    schedule,
    maxBytes: incompleteMaxBytes,
    patience: patienceOf(incompleteTimeout)
  }
}

/** Whatever cannot be sent is found before a session is opened for it. */
const check = (create: CreateSubscriptionOptions): void => {
  createSubscription(create).encode(Capabilities.make([]))
}
