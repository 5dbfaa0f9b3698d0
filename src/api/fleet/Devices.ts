/**
 * What a fleet is made of: its devices and its limits, checked; and the words for a name that is not among them.
 */
import type * as Duration from "effect/Duration"
import { InputError } from "../../errors.ts"
import { millis } from "../../transport/Deadlines.ts"
import type { ConnectOptions } from "../Netconf.ts"

/** A device of a fleet: how it is reached, and what it is called. */
export interface Device extends Omit<ConnectOptions, "label"> {
  /** Unique in the fleet; the label of the device's sessions. */
  readonly name: string
  /** Your words for choosing devices. */
  readonly tags?: ReadonlyArray<string>
  /** Two devices of one group never run at the same time. */
  readonly redundancyGroup?: string
}

export interface FleetOptions {
  /** Sessions open at once, over all devices. Default: 256. */
  readonly maxSessions?: number
  /** Sessions open at once with one device, those of subscriptions and of checks included. Default: 4. */
  readonly maxSessionsPerDevice?: number
  /** Connects begun within any one second. Default: 50. */
  readonly connectsPerSecond?: number
  /** How long a session stays open without users. Default: 1 minute. */
  readonly idleTime?: Duration.Input | "none"
}

/** The limits of a fleet; `idleTime` in milliseconds. */
export interface Limits {
  readonly maxSessions: number
  readonly maxSessionsPerDevice: number
  readonly connectsPerSecond: number
  readonly idleTime: number
}

const defaults: Limits = { maxSessions: 256, maxSessionsPerDevice: 4, connectsPerSecond: 50, idleTime: 60_000 }

/** A count from 1, or `Infinity`; throws an `InputError`. */
export const count = (what: string, value: number): number => {
  if (value === Infinity || (Number.isSafeInteger(value) && value >= 1)) return value
  throw new InputError({ what, why: `expected a whole number from 1, got ${String(value)}` })
}

/** Throws an `InputError` for an option that does not exist: a misspelt limit would limit nothing. */
export const checkNames = (options: object, names: ReadonlyArray<string>): void => {
  const unknown = Object.keys(options).find((name) => !names.includes(name))
  if (unknown === undefined) return
  throw new InputError({ what: unknown, why: `no such option; there are ${names.join(", ")}` })
}

/** The limits with their defaults; throws an `InputError`. */
export const limitsOf = (options: FleetOptions): Limits => {
  checkNames(options, Object.keys(defaults))
  const given = { ...defaults, ...options }
  return {
    maxSessions: count("maxSessions", given.maxSessions),
    maxSessionsPerDevice: count("maxSessionsPerDevice", given.maxSessionsPerDevice),
    connectsPerSecond: count("connectsPerSecond", given.connectsPerSecond),
    idleTime: millis("idleTime", given.idleTime)
  }
}

/** The devices by name, in the order given; throws an `InputError`. */
export const byName = (devices: ReadonlyArray<Device>): ReadonlyMap<string, Device> => {
  if (devices.length === 0) throw new InputError({ what: "devices", why: "a fleet needs at least one device" })
  const found = new Map<string, Device>()
  for (const [i, device] of devices.entries()) {
    const where = `device ${i + 1}`
    if (typeof device.name !== "string" || device.name.trim() === "") {
      throw new InputError({ what: "devices", where, why: "it has no name" })
    }
    if (found.has(device.name)) {
      throw new InputError({ what: "devices", where, why: `there is another device called ${device.name}` })
    }
    found.set(device.name, device)
  }
  return found
}

/** For a name that is not in the fleet: names the nearest ones. */
export const unknownDevice = (what: string, name: string, names: Iterable<string>): InputError => {
  const near = nearest(name, names)
  const hint = near.length === 0 ? "" : `; near it: ${near.join(", ")}`
  return new InputError({ what, why: `there is no device called ${name}${hint}` })
}

const nearest = (name: string, names: Iterable<string>): ReadonlyArray<string> =>
  [...names]
    .map((other) => ({ other, distance: distance(name.toLowerCase(), other.toLowerCase()) }))
    .filter(({ distance }) => distance <= Math.max(2, name.length / 3))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, 3)
    .map(({ other }) => other)

/** How many characters to add, to remove or to change (Levenshtein). */
const distance = (from: string, to: string): number => {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (let i = 1; i <= from.length; i++) {
    const above = row
    row = [i]
    for (let j = 1; j <= to.length; j++) {
      const changed = above[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1)
      row.push(Math.min(changed, above[j]! + 1, row[j - 1]! + 1))
    }
  }
  return row[to.length]!
}
