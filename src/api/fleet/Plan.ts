/**
 * In what order the devices of a run are started, and when it stops: canary, batches and stop rules, as pure functions.
 */
import type * as Duration from "effect/Duration"
import * as Schedule from "effect/Schedule"
import { InputError, type NetconfError } from "../../errors.ts"
import { aSchedule, isRecord, knownNames, nearest, seconds, shown } from "../Checks.ts"
import { count, type Device, unknownDevice } from "./Devices.ts"
import type { Outcome, Stopped } from "./Summary.ts"

/**
 * When a run starts no further device. `failures`: so many did not succeed. `ratio`: so large a part of those that are done,
 * counted once `atLeast` of them are (default: 10). What is left unknown, and what a program has interrupted itself, counts
 * as a failure. `"never"`: whatever happens, save a failure in the canary.
 */
export type StopAfter = { readonly failures: number } | { readonly ratio: number; readonly atLeast?: number } | "never"

/** Errors that are worth another attempt for some of their causes. The others are never retried. */
export type RetryTag = Exclude<NetconfError["_tag"], (typeof neverRetried)[number]>

/** By the `_tag` of an error, the library's or the program's own, when to try again. */
export type Retry = { readonly [Tag in RetryTag | (string & {})]?: Schedule.Schedule<unknown, unknown> }

export interface RunOptions {
  /** By name, in this order; or those that a test accepts. Default: all, in the fleet's order. */
  readonly devices?: ReadonlyArray<string> | ((device: Device) => boolean)
  /** How many devices at once. Default: 50, which is one second's worth of connects. */
  readonly concurrency?: number
  /**
   * Default: with `canary` or `batch` the first failure, without them the first failure of a device whose program had sent
   * a write.
   */
  readonly stopAfter?: StopAfter
  /** So many devices, or these, come first; all of them must succeed before the others are started. */
  readonly canary?: number | ReadonlyArray<string>
  /** How long to wait after the canary. */
  readonly soak?: Duration.Input
  /** After the canary, so many devices are started together, and all of them are done before the next ones. */
  readonly batch?: number
  /**
   * By error tag, when the program of a device is run again, on a fresh session where the old one has ended. It never is
   * once it has sent a write, nor for an error that is not retryable (`isRetryable`).
   */
  readonly retry?: Retry
}

/** The options of a run. */
export const runNames: ReadonlyArray<string> = [
  "devices",
  "concurrency",
  "stopAfter",
  "canary",
  "soak",
  "batch",
  "retry"
]

/** What no second attempt could change, or what it could make worse, whatever the caller says. */
export const neverRetried = [
  "AuthError",
  "HostKeyError",
  "CertificateError",
  "ProtocolError",
  "CapabilityError",
  "InputError",
  "CommitUnknownError",
  "DataError",
  "AuditError"
] as const

/** Devices that are started together; the next ones wait until all of them are done. */
export interface Step {
  /** `canary`, `batch 2 of 5`, `rest`; undefined where there is but one. */
  readonly name: string | undefined
  readonly devices: ReadonlyArray<Device>
}

/** `"first write"`: the default without canary and batches. */
export type StopRule = StopAfter | "first write"

/** A run, checked. */
export interface Plan {
  readonly steps: ReadonlyArray<Step>
  readonly hasCanary: boolean
  /** Milliseconds. */
  readonly soak: number
  readonly concurrency: number
  readonly stopAfter: StopRule
  readonly retry: Retry
}

/** Checks the options against the devices of the fleet; throws an `InputError`. */
export const make = (fleet: ReadonlyMap<string, Device>, options: RunOptions): Plan => {
  knownNames("", options, runNames)
  const devices = selected(fleet, options.devices)
  const canary = canaryOf(devices, options.canary)
  const first = new Set(canary)
  const rest = devices.filter((device) => !first.has(device))
  if (options.soak !== undefined && canary.length === 0) {
    throw new InputError({ what: "soak", why: "there is no canary to wait for" })
  }
  const batches = batchesOf(rest, options.batch)
  const hasCanary = canary.length > 0
  return {
    steps: hasCanary ? [{ name: "canary", devices: canary }, ...batches.map(afterCanary)] : batches,
    hasCanary,
    soak: options.soak === undefined ? 0 : seconds("soak", options.soak),
    concurrency: count("concurrency", options.concurrency ?? 50),
    stopAfter: stopRule(options),
    retry: retryOf(options.retry ?? {})
  }
}

const named = (what: string, names: ReadonlyArray<string>, devices: ReadonlyMap<string, Device>) => {
  if (!Array.isArray(names)) {
    const example = typeof names === "string" ? `["${names}"]` : `["leaf-01"]`
    throw new InputError({ what, why: `expected a list of names, got ${shown(names)}; write ${example}` })
  }
  if (names.length === 0) throw new InputError({ what, why: "expected at least one name, got an empty list" })
  const found = new Set<Device>()
  for (const name of names) {
    const device = devices.get(name)
    if (device === undefined) throw unknownDevice(what, name, devices.keys())
    if (found.has(device)) throw new InputError({ what, why: `${name} is named twice` })
    found.add(device)
  }
  return [...found]
}

const selected = (fleet: ReadonlyMap<string, Device>, wanted: RunOptions["devices"]): ReadonlyArray<Device> => {
  if (wanted === undefined) return [...fleet.values()]
  if (typeof wanted !== "function") return named("devices", wanted, fleet)
  const devices = [...fleet.values()].filter(wanted)
  if (devices.length > 0) return devices
  throw new InputError({ what: "devices", why: `none of the fleet's ${fleet.size} is wanted` })
}

const canaryOf = (devices: ReadonlyArray<Device>, canary: RunOptions["canary"]): ReadonlyArray<Device> => {
  if (canary === undefined) return []
  if (typeof canary === "number") {
    if (count("canary", canary) <= devices.length) return devices.slice(0, canary)
    const why = `expected at most the ${devices.length} that the run has, got ${canary}: it would be all of them`
    throw new InputError({ what: "canary", why })
  }
  return named("canary", canary, new Map(devices.map((device) => [device.name, device])))
}

const batchesOf = (devices: ReadonlyArray<Device>, batch: number | undefined): ReadonlyArray<Step> => {
  const size = count("batch", batch ?? Infinity)
  if (size >= devices.length) return devices.length === 0 ? [] : [{ name: undefined, devices }]
  const number = Math.ceil(devices.length / size)
  return Array.from({ length: number }, (_, i) => ({
    name: `batch ${i + 1} of ${number}`,
    devices: devices.slice(i * size, (i + 1) * size)
  }))
}

const afterCanary = (step: Step): Step => (step.name === undefined ? { ...step, name: "rest" } : step)

const stopRule = ({ batch, canary, stopAfter }: RunOptions): StopRule => {
  if (stopAfter === undefined) return batch === undefined && canary === undefined ? "first write" : { failures: 1 }
  if (stopAfter === "never") return stopAfter
  if (!isRecord(stopAfter)) throw notARule(stopAfter)
  knownNames("stopAfter", stopAfter, ["failures", "ratio", "atLeast"])
  const { atLeast, failures, ratio }: { readonly [Name in "atLeast" | "failures" | "ratio"]?: unknown } = stopAfter
  if ((failures === undefined) === (ratio === undefined)) throw notARule(stopAfter)
  if (failures !== undefined) {
    if (atLeast === undefined) return { failures: count("stopAfter.failures", failures as number) }
    throw new InputError({ what: "stopAfter.atLeast", why: "it belongs to ratio: failures are counted from the first" })
  }
  if (typeof ratio !== "number" || !(ratio > 0 && ratio <= 1)) {
    const why = `expected a number above 0 and up to 1, got ${shown(ratio)}`
    throw new InputError({ what: "stopAfter.ratio", why })
  }
  return { ratio, atLeast: count("stopAfter.atLeast", (atLeast ?? 10) as number) }
}

const notARule = (rule: unknown): InputError => {
  const seen = isRecord(rule) ? (Object.keys(rule).length === 0 ? "neither" : "both") : shown(rule)
  return new InputError({ what: "stopAfter", why: `expected { failures: 3 }, { ratio: 0.1 } or "never", got ${seen}` })
}

/** Those that may be. */
const retryTags: ReadonlyArray<RetryTag> = ["ConnectionError", "ChannelError", "DeadlineError", "RpcError"]

const stem = (tag: string): string => tag.toLowerCase().replace(/error$/, "")

/** A tag of the library's that this one was probably meant to be; a program may have tags of its own. */
const misspelt = (tag: string): string | undefined => {
  const all: ReadonlyArray<string> = [...retryTags, ...neverRetried]
  if (all.includes(tag)) return undefined
  const near = nearest(stem(tag), all.map(stem), Math.floor(stem(tag).length / 5))
  return all.find((known) => near[0] === stem(known))
}

/** Throws an `InputError` for a tag that is never retried, or is misspelt: then nothing would be. */
const checkRetryTag = (tag: string): void => {
  const meant = misspelt(tag)
  if (meant !== undefined) throw new InputError({ what: `retry.${tag}`, why: `no such error, did you mean ${meant}?` })
  if (!(neverRetried as ReadonlyArray<string>).includes(tag)) return
  const why = `it is never retried; of the library's errors, ${retryTags.join(", ")} may be`
  throw new InputError({ what: `retry.${tag}`, why })
}

/** What is retried, by tags; throws an `InputError` for what names none. */
export const checkRetry = (retry: unknown, example: string): void => {
  if (isRecord(retry) && !Schedule.isSchedule(retry)) return Object.keys(retry).forEach(checkRetryTag)
  const why = `expected error tags, ${example}, got ${Schedule.isSchedule(retry) ? "a Schedule" : shown(retry)}`
  throw new InputError({ what: "retry", why })
}

const retryOf = (retry: Retry): Retry => {
  checkRetry(retry, `{ ConnectionError: Schedule.recurs(3) }`)
  for (const [tag, schedule] of Object.entries(retry)) if (schedule !== undefined) aSchedule(`retry.${tag}`, schedule)
  return retry
}

/** What has become of a run so far. */
export interface Tally {
  readonly done: number
  /** Those that did not succeed. */
  readonly failures: number
}

/** A device that is done. */
export interface Done {
  readonly device: string
  readonly outcome: Outcome
  readonly wrote: boolean
  readonly canary: boolean
}

const words: Readonly<Record<Outcome, string>> = {
  succeeded: "succeeded",
  failed: "failed",
  unknown: "is in an unknown state",
  interrupted: "was interrupted"
}

/** Whether the run stops now that this device is done, and why. */
export const stopsAfter = (rule: StopRule, done: Done, tally: Tally): Stopped | undefined => {
  const succeeded = done.outcome === "succeeded"
  const what = `${done.device} ${words[done.outcome]}`
  if (done.canary && !succeeded) return { by: "canary", detail: `${what}, and it is of the canary` }
  if (rule === "never") return undefined
  if (rule === "first write") {
    const wrote = !succeeded && (done.wrote || done.outcome === "unknown")
    return wrote ? { by: "failures", detail: `${what} after it had sent a write` } : undefined
  }
  // A success adds no failure, but it may be the one that makes a ratio count.
  if (succeeded && "failures" in rule) return undefined
  const rate = `${tally.failures} of the ${tally.done} that are done did not succeed`
  return isReached(rule, tally) ? { by: "failures", detail: `${what}; ${rate}` } : undefined
}

const isReached = (rule: Exclude<StopAfter, "never">, { done, failures }: Tally): boolean =>
  "failures" in rule ? failures >= rule.failures : done >= (rule.atLeast ?? 10) && failures / done >= rule.ratio
