/**
 * create-subscription (RFC 5277 §2.1.1). It is ended by its stopTime or with its session, by nothing else (§2.3), so who
 * sends it by itself sends it for the rest of the session: `session.openSubscription` is what a program wants.
 */
import * as DateTime from "effect/DateTime"
import { InputError } from "../../errors.ts"
import * as EventTime from "../../notifications/EventTime.ts"
import type { Operation } from "../../rpc/Operation.ts"
import type { Reply } from "../../rpc/Reply.ts"
import * as Element from "../../xml/Element.ts"
import * as Namespaces from "../../xml/Namespaces.ts"
import { shown } from "../Checks.ts"
import * as Filter from "./Filter.ts"

/** A moment: a date-time of RFC 3339 as text, which is sent as it is, or one that is written in UTC. */
export type Moment = string | Date | DateTime.DateTime

export interface CreateSubscriptionOptions {
  /** Default: the device's, NETCONF. */
  readonly stream?: string
  /** Which events; without one, all of the stream. */
  readonly filter?: Filter.Filter
  /** Begins with what was logged from then on; not later than the device's now. */
  readonly startTime?: Moment
  /** Ends then, also in the future. Needs `startTime`. */
  readonly stopTime?: Moment
}

/** What is sent for a moment; throws an `InputError` for what is none. */
export const timeText = (what: string, moment: Moment): string => {
  if (moment instanceof Date && !Number.isNaN(moment.getTime())) return moment.toISOString()
  if (DateTime.isDateTime(moment)) return DateTime.formatIso(DateTime.toUtc(moment))
  if (typeof moment === "string" && EventTime.parse(moment) !== undefined) return moment.trim()
  const got = moment instanceof Date ? "a Date that is invalid" : shown(moment)
  const hint = typeof moment === "number" ? `; write new Date(${moment})` : ""
  const why = `expected a date-time with an offset, such as "2026-01-31T12:00:00Z", got ${got}${hint}`
  throw new InputError({ what, why })
}

const { notification } = Namespaces

const leaf = (name: string, text: string | undefined): ReadonlyArray<Element.Element> =>
  text === undefined ? [] : [Element.make(name, notification, { children: [text] })]

/** As of get, but in the namespace of the operation. */
const filterOf = (filter: Filter.Filter | undefined): ReadonlyArray<Element.Element> =>
  Filter.encode(filter).map(({ attributes, children, scope }) =>
    Element.make("filter", notification, { attributes, children, scope: Element.bind(scope, { "": notification }) })
  )

const timeOf = (what: "startTime" | "stopTime", { [what]: moment }: CreateSubscriptionOptions): string | undefined =>
  moment === undefined ? undefined : timeText(what, moment)

const encode = (options: CreateSubscriptionOptions): Element.Element => {
  const startTime = timeOf("startTime", options)
  const stopTime = timeOf("stopTime", options)
  if (stopTime !== undefined && startTime === undefined) {
    throw new InputError({ what: "stopTime", why: "it needs startTime (RFC 5277 §2.1.1)" })
  }
  return Element.make("create-subscription", notification, {
    children: [
      ...leaf("stream", options.stream),
      ...filterOf(options.filter),
      ...leaf("startTime", startTime),
      ...leaf("stopTime", stopTime)
    ]
  })
}

/** Subscribes the session to a stream of events. One that succeeds when nobody waits for it any more ends the session. */
export const createSubscription = (options: CreateSubscriptionOptions = {}): Operation<Reply> => ({
  name: "create-subscription",
  kind: "control",
  needs: [[":notification"], ...Filter.needs(options.filter)],
  expects: "ok",
  undo: () => "close-session",
  encode: () => encode(options),
  decode: (reply) => reply
})
