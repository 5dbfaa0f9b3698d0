/**
 * Points in time as notifications and their parameters carry them: `date-and-time` of RFC 6991, which is RFC 3339 with a
 * time zone. Compared in nanoseconds, because devices stamp with any fraction; kept as text by whoever sends them.
 */

const pattern = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d+))?(Z|[+-]\d{2}:\d{2})$/

/** Nanoseconds since 1970; undefined for what is no date-and-time. */
export const parse = (text: string): bigint | undefined => {
  const match = pattern.exec(text)
  if (match === null) return undefined
  const [, seconds, fraction = "", zone] = match
  const millis = Date.parse(`${seconds}${zone}`)
  if (Number.isNaN(millis)) return undefined
  return fromMillis(millis) + BigInt(fraction.padEnd(9, "0").slice(0, 9))
}

export const fromMillis = (millis: number): bigint => BigInt(Math.floor(millis)) * 1_000_000n

/** Milliseconds from one point in time to another, rounded up, so that a timer set by it never fires too early. */
export const millisBetween = (from: bigint, to: bigint): number => Number((to - from + 999_999n) / 1_000_000n)

export const format = (millis: number): string => new Date(millis).toISOString()

/** Without a fraction, as many devices stamp. */
export const formatSeconds = (millis: number): string => `${new Date(millis).toISOString().slice(0, 19)}Z`
