/**
 * The eventTime of a notification (RFC 5277 §2.2.1): a date-time of RFC 3339 §5.6 as text, and what it says exactly.
 *
 * A `DateTime` has milliseconds, devices send up to nanoseconds: what is beyond stays in `nanoseconds`. Text that is no
 * date-time, or names no offset from UTC, is a moment that nobody knows: undefined, never a throw.
 */
import * as DateTime from "effect/DateTime"

const dateTime = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?([Zz]|[+-]\d\d:?\d\d)$/

/** A moment, as exact as it was written. */
export interface EventTime {
  /** Nanoseconds since 1970; digits beyond the ninth are cut off. */
  readonly nanoseconds: bigint
  /** The same moment, rounded down to milliseconds. */
  readonly time: DateTime.Utc
}

/** What an eventTime says; undefined for text that is no date-time. */
export const parse = (text: string): EventTime | undefined => {
  const found = dateTime.exec(text.trim())
  if (found === null) return undefined
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number
  ]
  const offset = offsetOf(found[8]!)
  // 60 is a leap second; it is counted as the first of the next minute.
  if (offset === undefined || hour > 23 || minute > 59 || second > 60) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  const seconds = date.getTime() / 1000 + hour * 3600 + (minute - offset) * 60 + second
  const fraction = found[7] ?? ""
  const millis = seconds * 1000 + Number(fraction.slice(0, 3).padEnd(3, "0"))
  return {
    nanoseconds: BigInt(seconds) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0")),
    time: DateTime.makeUnsafe(millis)
  }
}

/** Minutes east of UTC. */
const offsetOf = (text: string): number | undefined => {
  if (text === "Z" || text === "z") return 0
  const hours = Number(text.slice(1, 3))
  const minutes = Number(text.slice(-2))
  if (hours > 23 || minutes > 59) return undefined
  return (hours * 60 + minutes) * (text.startsWith("-") ? -1 : 1)
}
