/**
 * What becomes of a notification of which a part came and not the rest: more than its listener allows, nothing for too long,
 * or the end of the session. A reply that arrives in pieces is the business of its deadlines.
 *
 * While nothing is unfinished, nothing is watched and no timer runs.
 */
import type * as Clock from "effect/Clock"
import * as Ticker from "../transport/Ticker.ts"
import type { Listener } from "./Listener.ts"
import * as Message from "./Message.ts"

/** The message that is arriving, as far as it has come. */
export interface Arriving {
  readonly partialBytes: number
  peek(): Buffer
  /** Keeps no more of it. */
  giveUp(): void
}

/** Within so many bytes a message says what it is. */
const headWithin = 65_536

/** Looks within the patience of a listener: silence is noticed at most so much later. */
const looks = 4

export class Unfinished {
  readonly #listener: Listener
  readonly #ticker: Ticker.Ticker
  readonly #paused: () => boolean
  /** The size of the message is known to be right for what it is, or was told to be wrong. */
  #sizeJudged = false
  /** It is too large, and its listener has been told. */
  #givenUp = false
  #timeTold = false
  #stop: (() => void) | undefined
  /** Bytes of it at the last look that saw it grow, and when that was. */
  #seen = 0
  #since = 0

  /** `paused` says whether the session holds its peer back: then the silence is our own. */
  constructor(listener: Listener, clock: Clock.Clock, paused: () => boolean) {
    this.#listener = listener
    this.#paused = paused
    this.#ticker = Ticker.of(clock)
  }

  /** What arrives next is another one. */
  ended(): void {
    this.#sizeJudged = false
    this.#givenUp = false
    this.#timeTold = false
    this.#seen = 0
  }

  /** More of it came; true once it is given up, and its listener has been told. */
  grown(arriving: Arriving): boolean {
    const { maxBytes, patience } = this.#listener
    if (!this.#sizeJudged && arriving.partialBytes > maxBytes) this.#judgeSize(arriving)
    if (this.#stop === undefined) {
      this.#seen = 0
      this.#stop = this.#ticker.every(patience / looks, (now) => this.#look(now, arriving))
    }
    return this.#givenUp
  }

  /** It came to its end at once, and is larger than is read; false where it may be a reply. */
  oversized(beginning: Buffer, bytes: number): boolean {
    if (Message.replyIdOf(beginning) !== "other") return false
    this.#listener.incomplete("size", bytes)
    return true
  }

  /** Nothing follows. */
  cut(arriving: Arriving): void {
    if (arriving.partialBytes > 0 && !this.#givenUp && !isReply(arriving)) {
      this.#listener.incomplete("end-of-session", arriving.partialBytes)
    }
    this.stop()
  }

  stop(): void {
    this.#stop?.()
    this.#stop = undefined
  }

  #judgeSize(arriving: Arriving): void {
    const { partialBytes } = arriving
    const head = Message.replyIdOf(arriving.peek())
    // A few bytes say nothing yet: what is given up may be a reply.
    if (head === undefined && partialBytes <= headWithin) return
    this.#sizeJudged = true
    if (head !== undefined && head !== "other") return
    this.#givenUp = true
    arriving.giveUp()
    this.#listener.incomplete("size", partialBytes)
  }

  #look(now: number, arriving: Arriving): void {
    const { partialBytes } = arriving
    if (partialBytes === 0) return this.stop()
    if (partialBytes !== this.#seen || this.#paused()) {
      this.#seen = partialBytes
      this.#since = now
    } else if (now - this.#since >= this.#listener.patience) this.#late(arriving)
  }

  #late(arriving: Arriving): void {
    if (this.#timeTold || this.#givenUp || isReply(arriving)) return
    this.#timeTold = true
    this.#listener.incomplete("time", arriving.partialBytes)
  }
}

const isReply = (arriving: Arriving): boolean => {
  const head = Message.replyIdOf(arriving.peek())
  return head !== undefined && head !== "other"
}
