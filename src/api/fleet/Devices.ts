/**
 * What a fleet is made of: its devices and its limits, checked; and the words for a name that is not among them.
 */
import type * as Duration from "effect/Duration"
import { InputError, withContext } from "../../errors.ts"
import { isRecord, kindOf, knownNames, nearest, seconds, shown, texts, wholeNumber } from "../Checks.ts"
import { type ConnectOptions, names as connectNames, read } from "../ConnectOptions.ts"

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
  /** Sessions open at once with one device, those of checks included. Default: 4. */
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

/** The options of a fleet. */
export const limitNames: ReadonlyArray<string> = Object.keys(defaults)

/** A count from 1, or `Infinity`; throws an `InputError`. */
export const count = (what: string, value: number): number => (value === Infinity ? value : wholeNumber(what, value, 1))

/** The limits with their defaults; throws an `InputError`. */
export const limitsOf = (options: FleetOptions): Limits => {
  knownNames("", options, limitNames)
  const given = { ...defaults, ...options }
  return {
    maxSessions: count("maxSessions", given.maxSessions),
    maxSessionsPerDevice: count("maxSessionsPerDevice", given.maxSessionsPerDevice),
    connectsPerSecond: count("connectsPerSecond", given.connectsPerSecond),
    idleTime: seconds("idleTime", given.idleTime)
  }
}

/** What a device has besides the options of its sessions. */
export const ofDevices: ReadonlyArray<string> = ["name", "tags", "redundancyGroup"]

const deviceNames = [...ofDevices, ...connectNames.filter((name) => name !== "label")]

/** A list of devices is easily taken for the file that holds them. */
export const checkList = (devices: unknown, reading: string): void => {
  if (!Array.isArray(devices)) {
    const hint = typeof devices === "string" ? `; read a file with ${reading}` : ""
    throw new InputError({ what: "devices", why: `expected a list of devices, got ${shown(devices)}${hint}` })
  }
  if (devices.length === 0) throw new InputError({ what: "devices", why: "a fleet needs at least one device" })
}

/** Throws an `InputError` for a device without a name, or whose name, tags or group are none. */
export const checkNamed = (device: unknown, where: string): void => {
  if (!isRecord(device))
    throw new InputError({ what: "devices", where, why: `expected a device, got ${kindOf(device)}` })
  const { name, redundancyGroup, tags } = device
  if (typeof name !== "string" || name.trim() === "") {
    throw new InputError({ what: "devices", where, why: "it has no name" })
  }
  if (tags !== undefined) texts("tags", tags, `["leaf"]`)
  if (redundancyGroup === undefined || (typeof redundancyGroup === "string" && redundancyGroup.trim() !== "")) return
  throw new InputError({ what: "redundancyGroup", why: `expected a name, got ${shown(redundancyGroup)}` })
}

/** Runs the checks of one device; what they throw says which device it is. */
export const onDevice = <A>(device: unknown, check: () => A): A => {
  try {
    return check()
  } catch (error) {
    const label = isRecord(device) && typeof device["name"] === "string" ? device["name"] : undefined
    throw error instanceof InputError ? withContext(error, { label, operation: "device" }) : error
  }
}

const checkDevice = (device: Device, where: string): void => {
  checkNamed(device, where)
  knownNames("", device, deviceNames)
  const { name: label, redundancyGroup: _, tags: __, ...options } = device
  read({ ...options, label })
}

/** The devices by name, in the order given, each of them one that can be connected to; throws an `InputError`. */
export const byName = (devices: ReadonlyArray<Device>): ReadonlyMap<string, Device> => {
  checkList(devices, "Inventory.fromFile(path)")
  const found = new Map<string, Device>()
  for (const [i, device] of devices.entries()) {
    const where = `device ${i + 1}`
    onDevice(device, () => checkDevice(device, where))
    if (found.has(device.name)) {
      throw new InputError({ what: "devices", where, why: `there is another device called ${device.name}` })
    }
    found.set(device.name, device)
  }
  return found
}

/** For a name that is not in the fleet: names the nearest ones. */
export const unknownDevice = (what: string, name: string, names: Iterable<string>): InputError => {
  const near = nearest(name, names, Math.max(2, name.length / 3))
  const hint = near.length === 0 ? "" : `; near it: ${near.join(", ")}`
  return new InputError({ what, why: `there is no device called ${name}${hint}` })
}
