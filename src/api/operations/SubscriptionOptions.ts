/**
 * What is asked of a subscription (RFC 8639 §2.4, RFC 8641 §4.4), checked: exactly one target, exactly one trigger, times
 * that are times, and periods that the protocol can express, which counts hundredths of a second.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import { defined } from "../../data/Defined.ts"
import { InputError } from "../../errors.ts"
import * as EventTime from "../../notifications/EventTime.ts"
import { isName } from "../../xml/Names.ts"
import { isRecord, knownNames, shown } from "../Checks.ts"
import { type Moment, timeText } from "./CreateSubscription.ts"
import type { Filter } from "./Filter.ts"

/** A filter that is configured on the device under this name (RFC 8639 §2.2). */
export interface NamedFilter {
  readonly named: string
}

/** Of datastores by name; any other as the identity that it is. */
export type DatastoreName =
  | "running"
  | "candidate"
  | "startup"
  | "intended"
  | "operational"
  | { readonly namespace: string; readonly name: string }

export type ChangeType = "create" | "delete" | "insert" | "move" | "replace"

/** The whole selection at each period. */
export interface Periodic {
  /** In whole hundredths of a second. */
  readonly period: Duration.Input
  /** Updates come at this moment, before or after now, plus or minus multiples of the period. */
  readonly anchorTime?: Moment
}

/** The selection once, then what changes. */
export interface OnChange {
  /** At least so long between two updates; in whole hundredths of a second. Default: the device's, which is 0. */
  readonly dampeningPeriod?: Duration.Input
  /** False: no whole selection, not even at the start. Default: true. Cannot be modified. */
  readonly syncOnStart?: boolean
  /** Changes that are not told. Default: none. Cannot be modified. */
  readonly excludedChange?: ReadonlyArray<ChangeType>
}

interface Shared {
  /** What is told; without one, everything. */
  readonly filter?: Filter | NamedFilter
  /** The device ends the subscription then. Without `startTime` it has to be a moment to come. */
  readonly stopTime?: Moment
}

interface Established {
  /** 0 to 63: the mark of the packets. */
  readonly dscp?: number
  /** 0 to 255: larger ones get more of what there is. */
  readonly weighting?: number
  /** The id of a subscription that goes first. */
  readonly dependency?: number
}

/** Events of a stream. */
export interface StreamOptions extends Shared, Established {
  /** Default: NETCONF. */
  readonly stream?: string
  /** From when on the device's log is replayed. */
  readonly startTime?: Moment
}

/** The content of a datastore: `periodic` or `onChange`. */
export interface DatastoreOptions extends Shared, Established {
  readonly datastore: DatastoreName
  readonly periodic?: Periodic
  readonly onChange?: OnChange
}

export type EstablishOptions = StreamOptions | DatastoreOptions

/** The new terms; what is left out stays as it is, but `filter: ""`, which selects everything. */
export interface ModifyOptions extends Shared {
  readonly periodic?: Periodic
  readonly onChange?: Pick<OnChange, "dampeningPeriod">
}

export const isDatastore = (options: EstablishOptions): options is DatastoreOptions => "datastore" in options

const largest = 4_294_967_295

/** Hundredths of a second. Throws an `InputError` for what cannot be said in them. */
export const centiseconds = (what: string, input: Duration.Input, least: number): number => {
  const millis = Option.getOrUndefined(Option.map(Duration.fromInput(input), Duration.toMillis))
  if (millis === undefined) {
    throw new InputError({ what, why: `${shown(input)} is no duration; write for example "5 seconds"` })
  }
  const value = Math.round(millis) / 10
  if (Number.isInteger(value) && value >= least && value <= largest && Math.abs(millis - value * 10) < 1e-6)
    return value
  throw new InputError({
    what,
    why: `${millis} ms cannot be said in whole hundredths of a second from ${least} to ${largest}`
  })
}

const shared = ["filter", "stopTime"]
const established = ["dscp", "weighting", "dependency"]
const triggers = ["periodic", "onChange"]
const changeTypes: ReadonlyArray<string> = ["create", "delete", "insert", "move", "replace"]

const checkChangeTypes = (excluded: unknown): void => {
  const isList = Array.isArray(excluded)
  const wrong: unknown = isList ? excluded.find((type) => !changeTypes.includes(type as string)) : excluded
  if (isList && wrong === undefined) return
  const why = `expected a list of some of ${changeTypes.join(", ")}, got ${shown(wrong)}`
  throw new InputError({ what: "onChange.excludedChange", why })
}

const checkTrigger = ({ onChange, periodic }: Pick<DatastoreOptions, "periodic" | "onChange">): void => {
  if (periodic !== undefined) {
    knownNames("periodic", periodic, ["period", "anchorTime"])
    centiseconds("periodic.period", periodic.period, 1)
    if (periodic.anchorTime !== undefined) timeText("periodic.anchorTime", periodic.anchorTime)
  }
  if (onChange === undefined) return
  knownNames("onChange", onChange, ["dampeningPeriod", "syncOnStart", "excludedChange"])
  if (onChange.dampeningPeriod !== undefined) centiseconds("onChange.dampeningPeriod", onChange.dampeningPeriod, 0)
  const { excludedChange, syncOnStart }: { readonly [name in keyof OnChange]: unknown } = onChange
  if (syncOnStart !== undefined && typeof syncOnStart !== "boolean") {
    throw new InputError({ what: "onChange.syncOnStart", why: `expected true or false, got ${shown(syncOnStart)}` })
  }
  if (excludedChange !== undefined) checkChangeTypes(excludedChange)
}

const named: ReadonlyArray<unknown> = ["running", "candidate", "startup", "intended", "operational"]

const checkDatastore = (datastore: unknown): void => {
  if (named.includes(datastore)) return
  if (isRecord(datastore)) {
    const { name, namespace } = datastore
    if (typeof namespace === "string" && namespace !== "" && typeof name === "string" && isName(name)) return
  }
  const why = `expected one of ${named.join(", ")} or { namespace, name }, got ${shown(datastore)}`
  throw new InputError({ what: "datastore", why })
}

const isText = (value: unknown): value is string => typeof value === "string" && value !== ""

const checkStream = (stream: unknown): void => {
  if (stream === undefined || isText(stream)) return
  throw new InputError({ what: "stream", why: `expected the name of an event stream, got ${shown(stream)}` })
}

/** A filter that is configured on the device, and no other. */
export const isNamed = (filter: Filter | NamedFilter | undefined): filter is NamedFilter =>
  isRecord(filter) && "named" in filter

const checkFilter = (filter: Shared["filter"]): void => {
  if (!isNamed(filter) || isText(filter.named)) return
  const why = `expected the name of a filter that is configured on the device, got ${shown(filter.named)}`
  throw new InputError({ what: "filter.named", why })
}

const checkRange = (what: string, value: number | undefined, most: number): void => {
  if (value === undefined || (Number.isInteger(value) && value >= 0 && value <= most)) return
  throw new InputError({ what, why: `expected a whole number from 0 to ${most}, got ${shown(value)}` })
}

const checkTimes = (options: Shared & Pick<StreamOptions, "startTime">): void => {
  const at = (what: "startTime" | "stopTime") =>
    options[what] === undefined ? undefined : EventTime.parse(timeText(what, options[what]))?.nanoseconds
  const start = at("startTime")
  const stop = at("stopTime")
  if (start === undefined || stop === undefined || stop > start) return
  throw new InputError({ what: "stopTime", why: "it has to be later than startTime" })
}

/** Throws an `InputError` for what cannot be asked. */
export const check = (options: EstablishOptions): void => {
  const given: unknown = options
  if (!isRecord(given)) return knownNames("", given, ["stream", "datastore", ...shared])
  if (!isDatastore(options)) {
    knownNames("", options, ["stream", "startTime", ...shared, ...established])
    checkStream(options.stream)
  } else {
    knownNames("", options, ["datastore", ...triggers, ...shared, ...established])
    checkDatastore(options.datastore)
    if ((options.periodic === undefined) === (options.onChange === undefined)) {
      throw new InputError({ what: "datastore", why: "a subscription to one takes either periodic or onChange" })
    }
    checkTrigger(options)
  }
  checkFilter(options.filter)
  checkTimes(options)
  checkRange("dscp", options.dscp, 63)
  checkRange("weighting", options.weighting, 255)
  checkRange("dependency", options.dependency, largest)
}

/** The terms of a subscription after a modification. Throws an `InputError` for what cannot be modified. */
export const modified = (terms: EstablishOptions, change: ModifyOptions): EstablishOptions => {
  knownNames("", change, [...shared, ...(isDatastore(terms) ? triggers : [])])
  const given = defined(change)
  if (!isDatastore(terms)) {
    const next = { ...terms, ...given }
    check(next)
    return next
  }
  const kind = terms.periodic === undefined ? "onChange" : "periodic"
  const other = kind === "periodic" ? "onChange" : "periodic"
  if (other in given) {
    throw new InputError({
      what: other,
      why: `the subscription is ${kind}, which cannot be modified; establish another`
    })
  }
  if (change.onChange !== undefined) knownNames("onChange", change.onChange, ["dampeningPeriod"])
  if (change.periodic !== undefined) knownNames("periodic", change.periodic, ["period", "anchorTime"])
  const next = { ...terms, ...given, [kind]: { ...terms[kind], ...defined(change[kind] ?? {}) } }
  check(next)
  return next
}
