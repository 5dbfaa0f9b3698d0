/**
 * The notifications of one session on their way to its listener: recognised by their heads; what is cut off, and what is no
 * message at all, is told too. While nobody listens they are counted, and dropped.
 *
 * What a notification means, and which subscription it belongs to, is the listener's business.
 */
import { isUtf8 } from "node:buffer"
import type * as Clock from "effect/Clock"
import * as NotificationHead from "../xml/NotificationHead.ts"
import * as Parse from "../xml/Parse.ts"
import type { Listener } from "./Listener.ts"
import { type Arriving, Unfinished } from "./Unfinished.ts"

export class Notifications {
  /** Those that came while nobody listened, or for nobody who does. */
  discarded = 0
  readonly #clock: Clock.Clock
  readonly #paused: () => boolean
  #listener: Listener | undefined
  #unfinished: Unfinished | undefined

  constructor(clock: Clock.Clock, paused: () => boolean) {
    this.#clock = clock
    this.#paused = paused
  }

  /** Whether somebody listens. */
  get heard(): boolean {
    return this.#listener !== undefined
  }

  /** One listener at a time; the result ends it. */
  listen(listener: Listener): () => void {
    this.#listener = listener
    const unfinished = new Unfinished(listener, this.#clock, this.#paused)
    this.#unfinished = unfinished
    return () => {
      unfinished.stop()
      if (this.#listener !== listener) return
      this.#listener = undefined
      this.#unfinished = undefined
    }
  }

  /** Hands over a message that begins as one before it did; false for all others, whatever they are. */
  recall(bytes: Buffer): boolean {
    const listener = this.#listener
    if (listener === undefined) return false
    const head = NotificationHead.recallWhole(bytes) ?? NotificationHead.recall(bytes)
    if (head === undefined || !isUtf8(bytes)) return false
    listener.notification(bytes, head)
    return true
  }

  /** Hands over a message whose root is `notification`; valid UTF-8. */
  take(bytes: Buffer): void {
    const listener = this.#listener
    if (listener === undefined) {
      this.discarded++
      return
    }
    try {
      listener.notification(bytes, NotificationHead.read(bytes)!)
    } catch (error) {
      if (!(error instanceof Parse.XmlError)) throw error
      listener.malformed(bytes, error.placed)
    }
  }

  /** What is the reply's of a message that begins as one and does not end as one. */
  behindReply(bytes: Buffer): Buffer {
    return this.#listener?.behindReply(bytes) ?? bytes
  }

  /** A message that answers no rpc and cannot be read; false when nobody listens. */
  malformed(bytes: Buffer, detail: string): boolean {
    this.#listener?.malformed(bytes, detail)
    return this.#listener !== undefined
  }

  /** What arrives next is another message. */
  ended(): void {
    this.#unfinished?.ended()
  }

  /** A message is left unfinished by the bytes that came; true once it is too large for a notification, and was told. */
  grown(arriving: Arriving): boolean {
    return this.#unfinished?.grown(arriving) === true
  }

  /** A message has ended that is larger than is read; false when it is a reply, or nobody listens. */
  oversized(beginning: Buffer, bytes: number): boolean {
    return this.#unfinished?.oversized(beginning, bytes) === true
  }

  /** Nothing follows. */
  cut(arriving: Arriving): void {
    this.#unfinished?.cut(arriving)
  }
}
