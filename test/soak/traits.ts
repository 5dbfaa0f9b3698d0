/**
 * What each device of the soak is like and how it is subscribed to, by its dice alone: the farm builds it so, and the
 * client, in another process, knows it.
 */
import { dice } from "../trial/dice.ts"

export const namespace = "urn:effect-netconf:soak"

export type Pace = "idle" | "steady" | "bursts"
export type Subscribed = "suspend" | "unbounded" | "dropNewest" | "dropOldest" | "shared"
export type Reader = "stream" | "pieces" | "impatient"

export interface Traits {
  readonly name: string
  readonly wholeSeconds: boolean
  readonly replay: boolean
  /** Events that its log keeps. */
  readonly logSize: number
  /** Whether it sends RFC 6470's events besides its own. Its log is then cut whole or not at all: they are not counted. */
  readonly standardEvents: boolean
  /** Events happen twice, one right behind the other: equal content, and often equal stamps. A log is never cut in between. */
  readonly pairs: boolean
  readonly pace: Pace
  readonly subscribed: Subscribed
  readonly capacity: number
  readonly reader: Reader
  /** Whether the reader stops now and then. */
  readonly slow: boolean
  /** Whether what was logged before is asked for. */
  readonly fromTheBeginning: boolean
  /** Whether its sessions share a connection. */
  readonly sharedConnection: boolean
}

const policies = { suspend: 50, unbounded: 25, dropNewest: 8, dropOldest: 8, shared: 9 } as const

/** Whether what the subscription drops is not there and is counted. */
export const isLossy = ({ subscribed }: Traits): boolean => subscribed === "dropNewest" || subscribed === "dropOldest"

export const traitsOf = (seed: number, index: number): Traits => {
  const name = `device-${index}`
  const thrown = dice(seed, "traits", name)
  const wholeSeconds = thrown.chance(50)
  const replay = thrown.chance(75)
  const subscribed = thrown.weighted(policies)
  const lossy = subscribed === "dropNewest" || subscribed === "dropOldest"
  const standardEvents = thrown.chance(25) && !lossy
  const logSize = standardEvents ? 1_000_000_000 : thrown.pick([100, 500, 5_000])
  return {
    name,
    wholeSeconds,
    replay,
    logSize,
    standardEvents,
    pairs: thrown.chance(25) && !lossy,
    pace: thrown.weighted({ idle: 40, steady: 30, bursts: 30 }),
    subscribed,
    capacity: thrown.pick([8, 32, 128]),
    reader: thrown.pick(["stream", "pieces", "impatient"]),
    slow: lossy || thrown.chance(50),
    fromTheBeginning: replay && thrown.chance(20),
    sharedConnection: thrown.chance(30)
  }
}
