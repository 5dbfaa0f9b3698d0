/**
 * From bytes to whole messages: the framing decoder and the collector, joined. Synchronous; says how far an unfinished
 * message has come, so that a slow reply is told from a dead one.
 */
import * as Framing from "../framing/Framing.ts"
import { Collect } from "./Message.ts"

export interface Sink {
  /** One whole message. */
  message(bytes: Buffer): void
  /** One message that exceeded the limit: its beginning, and its size. */
  oversized(beginning: Buffer, bytes: number): void
}

export class Reader implements Framing.Receiver {
  readonly #decoder = Framing.makeDecoder()
  readonly #collect: Collect
  readonly #sink: Sink

  constructor(limit: number, sink: Sink) {
    this.#collect = new Collect(limit)
    this.#sink = sink
  }

  /** Throws a `FramingError`, after which nothing more can be read. */
  push(bytes: Uint8Array): void {
    this.#decoder.push(bytes, this)
  }

  /** For the decoder alone, as is `end`. */
  span(bytes: Buffer): void {
    this.#collect.add(bytes)
  }

  end(): void {
    const { bytes, overflowed } = this.#collect
    const message = this.#collect.take()
    if (overflowed) this.#sink.oversized(message, bytes)
    else this.#sink.message(message)
  }

  /** From the next byte on, chunked; legal while a message is handed out. */
  upgrade(): void {
    this.#decoder.upgrade()
  }

  /** Bytes of the unfinished message. */
  get partialBytes(): number {
    return this.#collect.bytes
  }

  /** Whether the unfinished message has exceeded its limit. */
  get overflowed(): boolean {
    return this.#collect.overflowed
  }

  /** Keeps no more than the beginning of the unfinished message. */
  giveUp(): void {
    this.#collect.giveUp()
  }

  /** The beginning of the unfinished message. */
  peek(): Buffer {
    return this.#collect.peek()
  }

  get tolerated(): Readonly<Record<string, number>> {
    return this.#decoder.tolerated
  }
}
