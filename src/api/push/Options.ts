/**
 * What a dynamic subscription may be told besides its terms: which session carries it, and its queue, with defaults, and what
 * of it cannot be. Its terms, which the device is asked for, are `operations/SubscriptionOptions.ts`.
 */
import { defined } from "../../data/Defined.ts"
import { InputError } from "../../errors.ts"
import type { MailboxOptions } from "../../notifications/Mailbox.ts"
import { aPolicy, isRecord, kindOf, noSuchOption, queueLimits, seconds, shown } from "../Checks.ts"
import {
  check,
  type DatastoreOptions,
  type EstablishOptions,
  type StreamOptions
} from "../operations/SubscriptionOptions.ts"

export interface QueueOptions extends MailboxOptions {
  /**
   * `own`: a session of its own. `together`: the one that all such subscriptions of this session have in common; at most one
   * of them is to a stream, whose records do not say whose they are, and none can hold the session back (policy `suspend`).
   *
   * Default: `together` for a datastore, and its policy is `unbounded` unless another is chosen; `own` for a stream, and
   * with policy `suspend`.
   */
  readonly session?: "own" | "together"
}

export type DynamicOptions = (StreamOptions & QueueOptions) | (DatastoreOptions & QueueOptions)

export interface Settings {
  readonly terms: EstablishOptions
  /** On the session that subscriptions have in common. */
  readonly together: boolean
  readonly mailbox: MailboxOptions
}

const sessionOf = ({ policy, session }: QueueOptions, isDatastore: boolean): "own" | "together" => {
  if (session === undefined) return isDatastore && policy !== "suspend" ? "together" : "own"
  if (session !== "own" && session !== "together") {
    throw new InputError({ what: "session", why: `expected own or together, got ${shown(session)}` })
  }
  if (session === "together" && policy === "suspend") {
    const why = `suspend would hold back the other subscriptions of the session; choose another, or session: "own"`
    throw new InputError({ what: "policy", why })
  }
  return session
}

const both = ["filter", "stopTime", "dscp", "weighting", "dependency"]
const ofStreams = ["stream", "startTime"]
const ofDatastores = ["datastore", "periodic", "onChange"]
const ofQueues = ["session", "policy", "capacity", "maxBytes", "dropEventThreshold"]

/** One that belongs to the other kind of target is no misspelt one of this kind. */
const checkNames = (options: unknown): void => {
  const all = [...ofStreams, ...ofDatastores, ...both, ...ofQueues]
  if (!isRecord(options)) {
    const why = `expected options in an object ({ ${all.join(", ")} }), got ${kindOf(options)}`
    throw new InputError({ what: "options", why })
  }
  const isDatastore = "datastore" in options
  for (const name of Object.keys(options)) {
    if (!all.includes(name)) {
      const names = [...(isDatastore ? ofDatastores : ofStreams), ...both, ...ofQueues]
      throw new InputError({ what: name, why: noSuchOption(name, names) })
    }
    const other = isDatastore ? ofStreams.includes(name) : ofDatastores.includes(name)
    if (!other || options[name] === undefined) continue
    const why = isDatastore
      ? "it is of a subscription to a stream, and this one is to a datastore"
      : "it needs datastore: this subscription is to a stream"
    throw new InputError({ what: name, why })
  }
}

/** Hundredths of a second of these are milliseconds: a bare 30 was meant as something else. */
const checkDurations = ({ onChange, periodic }: Partial<DatastoreOptions>): void => {
  const durations = { "periodic.period": periodic?.period, "onChange.dampeningPeriod": onChange?.dampeningPeriod }
  for (const [what, input] of Object.entries(durations))
    if (typeof input === "number" && input > 0) seconds(what, input)
}

/** Throws an `InputError`. */
export const read = (options: DynamicOptions): Settings => {
  checkNames(options)
  const { capacity, dropEventThreshold, maxBytes, policy: wanted, session: _session, ...terms } = options
  checkDurations(terms)
  check(terms)
  aPolicy("policy", wanted)
  const together = sessionOf(options, "datastore" in terms) === "together"
  const policy = wanted ?? (together ? "unbounded" : "suspend")
  const byDefault = wanted === undefined ? ', the default with session: "together",' : ""
  queueLimits({ policy, capacity, maxBytes, dropEventThreshold }, byDefault)
  return { terms, together, mailbox: { policy, ...defined({ capacity, maxBytes, dropEventThreshold }) } }
}
