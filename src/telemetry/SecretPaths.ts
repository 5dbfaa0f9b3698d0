/**
 * The secrets of a path behind the name of one: what its predicates compare with, and what RESTCONF writes behind `=`.
 */
import { describesSecret } from "./SecretNames.ts"
import { blanks, type Region, wordEnd } from "./WrittenValue.ts"

/** The values of a path, and where the search goes on. */
export interface PathValues {
  readonly found: ReadonlyArray<Region>
  readonly next?: number
}

/** The values of all predicates from here to the end of the path: `[name='public']`, `=public`. */
export const valuesFrom = (text: string, start: number): PathValues => {
  const found: Array<Region> = []
  // The last name of a path may stand before a value: `username/password hunter2`.
  let next = start
  for (let at = start; at < text.length && !/\s/.test(text[at]!); at++) {
    if (text[at] === "/") next = at
    if (text[at] === "=") return { found: [...found, [at + 1, wordEnd(text, at + 1)]] }
    if (text[at] !== "[") continue
    const close = closing(text, at + 1)
    const region = inPredicate(text, at + 1, close)
    // What was hidden before stays as it is.
    if (region !== undefined && !text.startsWith("[redacted]", at)) found.push(region)
    at = next = close
  }
  return { found, next: Math.max(next, found.at(-1)?.[1] ?? 0) }
}

/** `name='public'` without its quotes, so that it reads as a path all the same; `public`. */
const inPredicate = (text: string, start: number, end: number): Region | undefined => {
  const equals = text.slice(start, end).indexOf("=")
  const name = text.slice(start, start + Math.max(0, equals)).trim()
  if (describesSecret(name.slice(name.lastIndexOf(":") + 1))) return undefined
  const at = equals === -1 ? start : blanks(text, start + equals + 1)
  const isQuoted = (text[at] === "'" || text[at] === '"') && text[end - 1] === text[at] && end - at > 2
  return isQuoted ? [at + 1, end - 1] : [at, end]
}

/** The end of a predicate; a bracket inside quotes, or a pair of them, is part of the value. */
const closing = (text: string, start: number): number => {
  let quote = ""
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const character = text[at]!
    if (quote !== "") quote = character === quote ? "" : quote
    else if (character === '"' || character === "'") quote = character
    else if (character === "[") depth++
    else if (character === "]" && depth-- === 0) return at
  }
  return text.length
}
