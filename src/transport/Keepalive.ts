/**
 * Notices peers that are gone without a word, by one timer for all connections of the process, which keeps nothing
 * alive. Any byte received counts as life; only a silent connection is asked (docs/decisions/0005-ssh-keepalive.md).
 */

export interface Watched {
  /** After how many milliseconds of silence the peer is asked, and asked again. */
  readonly interval: number
  /** How many questions may go unanswered. */
  readonly misses: number
  /** Bytes received so far; any change is a sign of life. */
  readonly received: () => number
  /** Asks the peer for any answer. */
  readonly ask: () => void
  /** Nothing came for this many milliseconds, in spite of all questions. Called once; the watch is over then. */
  readonly dead: (silence: number) => void
}

interface Watch extends Watched {
  bytes: number
  lastByte: number
  lastAsked: number
  asked: number
}

const watches = new Set<Watch>()
let timer: NodeJS.Timeout | undefined
let period = Infinity

/** Watches until the result is called. */
export const watch = (watched: Watched): (() => void) => {
  const now = performance.now()
  const entry: Watch = { ...watched, bytes: watched.received(), lastByte: now, lastAsked: now, asked: 0 }
  watches.add(entry)
  reschedule()
  return () => {
    if (watches.delete(entry)) reschedule()
  }
}

/** How many connections are watched, and whether the timer runs; for tests. */
export const status = (): { readonly watches: number; readonly running: boolean } => ({
  watches: watches.size,
  running: timer !== undefined
})

/** A quarter of the shortest interval: what is due is noticed at most that much late. */
const reschedule = (): void => {
  let shortest = Infinity
  for (const { interval } of watches) shortest = Math.min(shortest, interval)
  const wanted = Math.max(shortest / 4, 10)
  if (wanted === period) return
  period = wanted
  clearInterval(timer)
  timer = wanted === Infinity ? undefined : setInterval(tick, Math.min(wanted, 2_147_483_647)).unref()
}

const tick = (): void => {
  const now = performance.now()
  for (const entry of watches) check(entry, now)
}

const check = (entry: Watch, now: number): void => {
  const bytes = entry.received()
  if (bytes !== entry.bytes) {
    entry.bytes = bytes
    entry.lastByte = now
    entry.asked = 0
    return
  }
  if (now - Math.max(entry.lastByte, entry.lastAsked) < entry.interval) return
  if (entry.asked < entry.misses) {
    entry.asked++
    entry.lastAsked = now
    return entry.ask()
  }
  watches.delete(entry)
  reschedule()
  entry.dead(now - entry.lastByte)
}
