/** Seeded randomness (mulberry32), so that a failure can be repeated by its seed. */
export interface Random {
  /** An integer from 0 to below `limit`. */
  readonly below: (limit: number) => number
  readonly pick: <A>(values: ReadonlyArray<A>) => A
}

export const make = (seed: number): Random => {
  let state = seed | 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  const below = (limit: number): number => Math.floor(next() * limit)
  return { below, pick: (values) => values[below(values.length)]! }
}

/** Cuts at random places; pieces may be empty. */
export const split = (random: Random, bytes: Uint8Array): ReadonlyArray<Uint8Array> => {
  const pieces: Array<Uint8Array> = []
  const longest = random.pick([2, 5, 20, 200])
  for (let at = 0; at < bytes.length;) {
    const size = random.below(longest)
    pieces.push(bytes.subarray(at, at + size))
    at += size
  }
  return pieces
}
