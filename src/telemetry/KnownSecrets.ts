/**
 * Finds secrets that are known word by word, however many: one walk over the text for all of them (Aho and Corasick,
 * "Efficient string matching", 1975), so that hundreds cost a refused request no more than one.
 */
import type { Region } from "./WrittenValue.ts"

/** Shorter ones are hidden as whole words only: they occur in anything. */
export const short = 4

/** Longer ones are few, and looked for one by one. */
const long = 64

/** What the walk does at one prefix of a secret. */
interface State {
  readonly next: Map<number, State>
  readonly depth: number
  /** The longest other prefix that this one ends in. */
  fallback: State | undefined
  /** The lengths of the secrets that end here, the longest first. */
  ends: ReadonlyArray<number>
}

const stateAt = (depth: number): State => ({ next: new Map(), depth, fallback: undefined, ends: [] })

export class KnownSecrets {
  readonly all: ReadonlySet<string>
  readonly #least: number
  readonly #long: ReadonlyArray<string>
  #root: State | undefined

  constructor(secrets: Iterable<string>) {
    this.all = new Set(secrets)
    this.#least = Math.min(...Array.from(this.all, (secret) => secret.length))
    this.#long = [...this.all].filter((secret) => secret.length > long)
  }

  /** Where they are, those of fewer characters than `short` as whole words. */
  find(text: string): ReadonlyArray<Region> {
    if (text.length < this.#least) return []
    const found: Array<Region> = []
    let state = (this.#root ??= automaton(this.all))
    const root = state
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at)
      let next = state.next.get(code)
      while (next === undefined && state !== root) next = (state = state.fallback!).next.get(code)
      if (next === undefined) continue
      state = next
      const length = state.ends.find((one) => one >= short || isWord(text, at + 1 - one, at + 1))
      if (length !== undefined) join(found, at + 1 - length, at + 1)
    }
    return this.#long.length === 0 ? found : found.concat(this.#long.flatMap((secret) => occurrences(text, secret)))
  }
}

/** Adds a region that ends behind all others; what it touches becomes one with it. */
const join = (found: Array<Region>, from: number, end: number): void => {
  let start = from
  for (let last = found.at(-1); last !== undefined && last[1] >= start; last = found.at(-1)) {
    start = Math.min(start, last[0])
    found.pop()
  }
  found.push([start, end])
}

/** All but the long ones in one. */
const automaton = (secrets: Iterable<string>): State => {
  const root = stateAt(0)
  for (const secret of secrets) {
    if (secret.length <= long && secret !== "") enter(root, secret)
  }
  const waiting = [root]
  for (const state of waiting) {
    for (const [code, child] of state.next) {
      let fallback = state.fallback
      while (fallback !== undefined && !fallback.next.has(code)) fallback = fallback.fallback
      child.fallback = fallback?.next.get(code) ?? root
      // Of those that end in one another the longest is enough, unless it is short.
      const isCertain = child.ends.length > 0 && child.depth >= short
      if (!isCertain && child.fallback.ends.length > 0) child.ends = [...child.ends, ...child.fallback.ends]
      waiting.push(child)
    }
  }
  return root
}

const enter = (root: State, secret: string): void => {
  let state = root
  for (let at = 0; at < secret.length; at++) {
    const code = secret.charCodeAt(at)
    let next = state.next.get(code)
    if (next === undefined) state.next.set(code, (next = stateAt(at + 1)))
    state = next
  }
  state.ends = [secret.length]
}

const isWord = (text: string, start: number, end: number): boolean =>
  !/[\p{L}\p{N}_]$/u.test(text.slice(Math.max(0, start - 2), start)) &&
  !/^[\p{L}\p{N}_]/u.test(text.slice(end, end + 2))

const occurrences = (text: string, secret: string): ReadonlyArray<Region> => {
  const found: Array<Region> = []
  for (let at = text.indexOf(secret); at !== -1; at = text.indexOf(secret, at + secret.length)) {
    found.push([at, at + secret.length])
  }
  return found
}
