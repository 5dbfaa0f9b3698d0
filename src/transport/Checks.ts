/**
 * The checks of what a caller gives, in the words that all of the library uses: names of options, whole numbers, and what
 * was given instead. Each throws an `InputError`; a misspelt name comes with the one that was probably meant.
 *
 * Durations are checked in `Deadlines.ts`; what is Effect's own (functions, effects, schedules) in `api/Checks.ts`.
 */
import { InputError } from "../errors.ts"

/** What a value is, in words that show nothing of it: it may hold a secret. */
export const kindOf = (value: unknown): string => {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return "a list"
  if (typeof value !== "object") return `a ${typeof value}`
  if (typeof (value as { readonly then?: unknown }).then === "function") return "a Promise"
  const name = Object.getPrototypeOf(value)?.constructor?.name
  return typeof name === "string" && name !== "" && name !== "Object" ? `an object (${name})` : "an object"
}

/** A value that is no secret; text in quotes, so that `"2"` is not taken for 2. */
export const shown = (value: unknown): string => {
  if (typeof value === "string") return JSON.stringify(value)
  return typeof value === "number" || typeof value === "boolean" ? String(value) : kindOf(value)
}

/** Whether it is an object that options may stand in. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** How many characters to add, to remove, to change, or to swap with the next one. */
const distance = (from: string, to: string): number => {
  let before: ReadonlyArray<number> = []
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (let i = 1; i <= from.length; i++) {
    const above = row
    row = [i]
    for (let j = 1; j <= to.length; j++) {
      const same = from[i - 1] === to[j - 1]
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
      const least = Math.min(above[j - 1]! + (same ? 0 : 1), above[j]! + 1, row[j - 1]! + 1)
      row.push(swapped ? Math.min(least, before[j - 2]! + 1) : least)
    }
    before = above
  }
  return row[to.length]!
}

/** At most three of the names that are near this one, nearest first; `allowed` is how many characters may differ. */
export const nearest = (name: string, names: Iterable<string>, allowed: number): ReadonlyArray<string> =>
  [...names]
    .map((other) => ({ other, away: distance(name.toLowerCase(), other.toLowerCase()) }))
    .filter(({ away }) => away <= allowed)
    .sort((a, b) => a.away - b.away)
    .slice(0, 3)
    .map(({ other }) => other)

/** What the same thing is called elsewhere: in the other style, or in pyNetX. */
const alsoCalled: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["queuesize", ["capacity"]],
  ["capacity", ["queueSize", "notificationQueueSize"]],
  ["notif_queue_size", ["notificationQueueSize", "queueSize", "capacity"]],
  ["notificationqueuesize", ["queueSize", "capacity"]],
  ["notificationpolicy", ["policy"]],
  ["policy", ["notificationPolicy"]]
])

const meant = (name: string, names: ReadonlyArray<string>): string | undefined => {
  const same = alsoCalled.get(name.toLowerCase())?.find((other) => names.includes(other))
  if (same !== undefined) return same
  const [near] = nearest(name, names, Math.max(1, Math.floor(name.length / 3)))
  const written = name.toLowerCase()
  return near ?? names.find((other) => other.length > 3 && written.includes(other.toLowerCase()))
}

/** Why there is no such name, with the one that was probably meant first: the list may be long. */
export const noSuchOption = (name: string, names: ReadonlyArray<string>): string => {
  const near = meant(name, names)
  if (names.length === 0) return "no such option; there are none"
  return `no such option${near === undefined ? "; there" : `, did you mean ${near}? There`} are ${names.join(", ")}`
}

/**
 * Why these are no options: they are no object, or one of their names does not exist, and would be left out in silence.
 * `what` is whose they are, empty for a function's only options; `silently` are names that are taken and not mentioned.
 */
export const wrongOptions = (
  what: string,
  options: unknown,
  names: ReadonlyArray<string>,
  silently: ReadonlyArray<string> = []
): InputError | undefined => {
  if (!isRecord(options)) {
    const why = `expected options in an object ({ ${names.join(", ")} }), got ${kindOf(options)}`
    return new InputError({ what: what === "" ? "options" : what, why })
  }
  const unknown = Object.keys(options).find((name) => !names.includes(name) && !silently.includes(name))
  if (unknown === undefined) return undefined
  return new InputError({ what: what === "" ? unknown : `${what}.${unknown}`, why: noSuchOption(unknown, names) })
}

/** Throws where {@link wrongOptions} finds something. */
export function knownNames(
  what: string,
  options: unknown,
  names: ReadonlyArray<string>,
  silently: ReadonlyArray<string> = []
): void {
  const wrong = wrongOptions(what, options, names, silently)
  if (wrong !== undefined) throw wrong
}

/** A whole number, `least` or more. */
export const wholeNumber = (what: string, value: unknown, least: number): number => {
  if (Number.isSafeInteger(value) && (value as number) >= least) return value as number
  throw new InputError({ what, why: `expected a whole number from ${least}, got ${shown(value)}` })
}
