/**
 * Where all chance comes from: each decision has dice of its own, thrown by the seed and by what is decided, so that it
 * does not depend on the order in which things happen to happen.
 */
import * as Random from "../framing/random.ts"

export interface Dice extends Random.Random {
  /** A whole number from `least` to `most`, both included. */
  readonly between: (least: number, most: number) => number
  readonly chance: (percent: number) => boolean
  /** One of the names, by weight. */
  readonly weighted: <K extends string>(weights: Readonly<Record<K, number>>) => K
}

/** FNV-1a: which words make which numbers matters to nobody. */
const hash = (words: ReadonlyArray<string | number>): number => {
  let value = 0x811c9dc5
  for (const character of words.join("/")) value = Math.imul(value ^ character.codePointAt(0)!, 0x01000193)
  return value
}

/** The dice of one decision: `dice(seed, "connection", device, 17)`. */
export const dice = (...words: ReadonlyArray<string | number>): Dice => {
  const { below, pick } = Random.make(hash(words))
  // The first numbers of seeds that are close to each other are close, too.
  below(2)
  return {
    below,
    pick,
    between: (least, most) => least + below(most - least + 1),
    chance: (percent) => below(100) < percent,
    weighted: (weights) => {
      const entries = Object.entries(weights) as Array<[keyof typeof weights, number]>
      let left = below(entries.reduce((sum, [, weight]) => sum + weight, 0))
      return entries.find(([, weight]) => (left -= weight) < 0)![0]
    }
  }
}
