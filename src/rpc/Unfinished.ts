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
  readonly overflowed: boolean
  peek(): Buffer
  /** Keeps no more of it. */
  giveUp(): void
}

/** Looks within the patience of a listener: silence is noticed at most so much later. */
const looks = 4

export class Unfinished {
  readonly #listener: Listener
  readonly #ticker: Ticker.Ticker
  /** The size of the message is known to be right, or was told to be wrong. */
  #sizeJudged = false
  #timeTold = false
  #stop: (() => void) | undefined
  /** Bytes of it at the last look that saw it grow, and when that was. */
  #seen = 0
  #since = 0

  constructor(listener: Listener, clock: Clock.Clock) {
    this.#listener = listener
    this.#ticker = Ticker.of(clock)
  }

  /** It is over: what arrives next is another one. */
  ended(): void {
    this.#sizeJudged = false
    this.#timeTold = false
    this.#seen = 0
  }

  /** More of it came. */
  grown(arriving: Arriving): void {
    const { maxBytes, patience } = this.#listener
    if (!this.#sizeJudged && arriving.partialBytes > maxBytes) this.#judgeSize(arriving)
    if (this.#stop !== undefined) return
    this.#seen = 0
    this.#stop = this.#ticker.every(patience / looks, (now) => this.#look(now, arriving))
  }

  /** Nothing follows. */
  cut(arriving: Arriving): void {
    const told = this.#sizeJudged && arriving.overflowed
    if (arriving.partialBytes > 0 && !told && !isReply(arriving)) {
      this.#listener.incomplete("end-of-session", arriving.partialBytes)
    }
    this.stop()
  }

  stop(): void {
    this.#stop?.()
    this.#stop = undefined
  }

  #judgeSize(arriving: Arriving): void {
    this.#sizeJudged = true
    if (isReply(arriving)) return
    const { partialBytes } = arriving
    arriving.giveUp()
    this.#listener.incomplete("size", partialBytes)
  }

  #look(now: number, arriving: Arriving): void {
    const { partialBytes } = arriving
    if (partialBytes === 0) return this.stop()
    if (partialBytes !== this.#seen) {
      this.#seen = partialBytes
      this.#since = now
    } else if (!this.#timeTold && now - this.#since >= this.#listener.patience && !isReply(arriving)) {
      this.#timeTold = true
      this.#listener.incomplete("time", partialBytes)
    }
  }
}

/** Whether it answers an rpc. */
const isReply = (arriving: Arriving): boolean => {
  const head = Message.replyIdOf(arriving.peek())
  return head !== undefined && head !== "other"
}
