/**
 * Notices peers that are gone without a word, below NETCONF. Any byte received counts as life; only a silent connection
 * is asked (docs/decisions/0005-ssh-keepalive.md). The timer is Ticker's, one for all connections of the process.
 */
import { SignsOfLife } from "./SignsOfLife.ts"
import * as Ticker from "./Ticker.ts"

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

class Watch {
  readonly #watched: Watched
  readonly stop: () => void
  readonly #life: SignsOfLife
  #lastAsked: number
  #asked = 0

  constructor(watched: Watched) {
    const now = Ticker.ofProcess.now()
    this.#watched = watched
    this.#life = new SignsOfLife(watched.received, now)
    this.#lastAsked = now
    // A quarter of the interval: what is due is noticed at most that much late.
    this.stop = Ticker.ofProcess.every(watched.interval / 4, (time) => this.#look(time))
  }

  #look(now: number): void {
    const { ask, dead, interval, misses } = this.#watched
    if (this.#life.look(now)) {
      this.#asked = 0
      return
    }
    if (now - Math.max(this.#life.last, this.#lastAsked) < interval) return
    if (this.#asked < misses) {
      this.#asked++
      this.#lastAsked = now
      return ask()
    }
    this.stop()
    dead(now - this.#life.last)
  }
}

/** Watches until the result is called. */
export const watch = (watched: Watched): (() => void) => new Watch(watched).stop

/** How many are watched, and whether the timer runs; for tests. */
export const status = (): { readonly watches: number; readonly running: boolean } => {
  const { looks, running } = Ticker.ofProcess.status
  return { watches: looks, running }
}
