/**
 * How long ago something was, by two clocks at once: the one that counts may be set back by nobody but stands still while the
 * machine sleeps, the other goes on but may be set back.
 *
 * It is for what the device counts too, a confirm-timeout: the longer of both is the safe one.
 */

/** A session, or what stands for its clocks. */
export interface Clocks {
  /** Milliseconds that only differences are taken of. */
  now(): number
  /** Milliseconds since 1970. */
  wallClock(): number
}

/** Milliseconds since this moment. */
export type Elapsed = () => number

export const start = (clocks: Clocks): Elapsed => {
  const now = clocks.now()
  const wallClock = clocks.wallClock()
  return () => Math.max(clocks.now() - now, clocks.wallClock() - wallClock)
}
