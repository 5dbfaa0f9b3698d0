/**
 * In what order the devices of a run are started, and when it stops: canary, batches and stop rules, as pure functions.
 */
import type * as Duration from "effect/Duration"
import type * as Schedule from "effect/Schedule"
import { InputError, type NetconfError } from "../../errors.ts"
import { millis } from "../../transport/Deadlines.ts"
import { checkNames, count, type Device, unknownDevice } from "./Devices.ts"
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

const optionNames = ["devices", "concurrency", "stopAfter", "canary", "soak", "batch", "retry"]

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
  checkNames(options, optionNames)
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
    soak: options.soak === undefined ? 0 : millis("soak", options.soak),
    concurrency: count("concurrency", options.concurrency ?? 50),
    stopAfter: stopRule(options),
    retry: retryOf(options.retry ?? {})
  }
}

const named = (what: string, names: ReadonlyArray<string>, devices: ReadonlyMap<string, Device>) => {
  if (names.length === 0) throw new InputError({ what, why: "no device is named" })
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
  if (typeof canary === "number") return devices.slice(0, count("canary", canary))
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
  if (typeof stopAfter !== "object" || stopAfter === null) throw notARule(stopAfter)
  if ("failures" in stopAfter) return { failures: count("stopAfter.failures", stopAfter.failures) }
  const { atLeast = 10, ratio } = stopAfter
  if (!(ratio > 0 && ratio <= 1)) {
    throw new InputError({
      what: "stopAfter.ratio",
      why: `expected a number above 0 and up to 1, got ${String(ratio)}`
    })
  }
  return { ratio, atLeast: count("stopAfter.atLeast", atLeast) }
}

const notARule = (rule: unknown): InputError =>
  new InputError({
    what: "stopAfter",
    why: `expected { failures: 3 }, { ratio: 0.1 } or "never", got ${String(rule)}`
  })

const retryOf = (retry: Retry): Retry => {
  const refused = neverRetried.find((tag) => retry[tag] !== undefined)
  if (refused === undefined) return retry
  throw new InputError({ what: `retry.${refused}`, why: "it is never retried" })
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
  if (done.outcome === "succeeded") return undefined
  const what = `${done.device} ${words[done.outcome]}`
  if (done.canary) return { by: "canary", detail: `${what}, and it is of the canary` }
  if (rule === "never") return undefined
  if (rule === "first write") {
    const wrote = done.wrote || done.outcome === "unknown"
    return wrote ? { by: "failures", detail: `${what} after it had sent a write` } : undefined
  }
  const rate = `${tally.failures} of the ${tally.done} that are done did not succeed`
  return isReached(rule, tally) ? { by: "failures", detail: `${what}; ${rate}` } : undefined
}

const isReached = (rule: Exclude<StopAfter, "never">, { done, failures }: Tally): boolean =>
  "failures" in rule ? failures >= rule.failures : done >= (rule.atLeast ?? 10) && failures / done >= rule.ratio
