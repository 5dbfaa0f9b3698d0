/**
 * Bytes from the transport on their way to the hello exchange (RFC 6241 §8.1), and after that to the replies: whole
 * messages, and what becomes of one that is too large, cut off or none at all.
 *
 * Synchronous, and it moves no session from one state to the next: bytes that cannot be read are a value, and the session
 * makes its end of that.
 */
import * as Framing from "../framing/Framing.ts"
import * as Parse from "../xml/Parse.ts"
import type { Call } from "./Calls.ts"
import * as Hello from "./Hello.ts"
import { type HelloExchange, maxBytes } from "./HelloExchange.ts"
import type { Notifications } from "./Notifications.ts"
import { Reader, type Sink } from "./Reader.ts"
import type { Replies } from "./Replies.ts"
import type { WireLog } from "./WireLog.ts"

/** Why nothing that comes can be read any more. */
export interface Broken {
  readonly layer: "hello" | "framing"
  readonly detail: string
}

export class Incoming implements Sink {
  bytes = 0
  readonly #limit: number
  readonly #hello: HelloExchange
  readonly #replies: Replies
  readonly #notifications: Notifications
  readonly #log: WireLog | undefined
  readonly #reader: Reader
  /** The message that is arriving has exceeded its limit, and its call has been told, or its listener. */
  #givenUp = false

  constructor(
    limit: number,
    hello: HelloExchange,
    replies: Replies,
    notifications: Notifications,
    log: WireLog | undefined
  ) {
    this.#limit = limit
    this.#hello = hello
    this.#replies = replies
    this.#notifications = notifications
    this.#log = log
    this.#reader = new Reader(limit, this)
  }

  get tolerated(): Readonly<Record<string, number>> {
    return this.#reader.tolerated
  }

  /** The answers to what came are collected: they are handed over when the batch is finished. */
  push(bytes: Uint8Array): Broken | undefined {
    this.bytes += bytes.length
    try {
      this.#reader.push(bytes)
      if (this.#reader.partialBytes > 0) this.#partial()
      return undefined
    } catch (error) {
      return this.#broken(error)
    }
  }

  /** The call whose reply has begun to arrive, or went on arriving; its deadline is fed, and no other's. */
  arriving(): Call | undefined {
    const { overflowed, partialBytes } = this.#reader
    return partialBytes === 0 || overflowed || !this.#hello.read ? undefined : this.#replies.progress(this.#reader)
  }

  /** Nothing follows: logs what came of an unfinished message, and says how many bytes that is. */
  cut(): number {
    const { partialBytes } = this.#reader
    if (partialBytes > 0) this.#log?.received(this.#reader.peek(), partialBytes)
    this.#notifications.cut(this.#reader)
    return partialBytes
  }

  /** For the reader alone, as is `oversized`. */
  message(bytes: Buffer): void {
    this.#log?.received(bytes)
    this.#notifications.ended()
    if (this.#hello.read) this.#replies.message(bytes)
    else this.#readHello(bytes)
  }

  oversized(beginning: Buffer, bytes: number): void {
    this.#log?.received(beginning, bytes)
    if (!this.#givenUp && !this.#notifications.oversized(beginning, bytes)) this.#giveUp(beginning, bytes)
    this.#notifications.ended()
    this.#givenUp = false
  }

  #readHello(bytes: Buffer): void {
    this.#hello.receive(bytes)
    if (this.#hello.framing === "chunked") this.#reader.upgrade()
  }

  #partial(): void {
    if (!this.#hello.read) this.#partialHello()
    // What is too large for a notification is its listener's; the rest is whoever's it answers.
    else if (this.#notifications.grown(this.#reader)) this.#givenUp = true
    else if (this.#reader.overflowed) this.#overflowing()
  }

  #partialHello(): void {
    const { partialBytes } = this.#reader
    if (partialBytes <= maxBytes) return
    throw new Hello.HelloError(`${partialBytes} bytes came and no end of a hello; at most ${maxBytes} are read`)
  }

  /** A message beyond the limit is given up at once, because its end may never come; the rest of it is only counted. */
  #overflowing(): void {
    if (this.#givenUp) return
    this.#givenUp = true
    this.#giveUp(this.#reader.peek(), this.#reader.partialBytes)
  }

  #giveUp(beginning: Buffer, bytes: number): void {
    const detail = `the message has ${bytes} bytes so far, more than the limit of ${this.#limit}`
    if (!this.#hello.read) throw new Hello.HelloError(detail)
    this.#replies.unreadable(beginning, bytes, "message", `${detail} (limits.bytes)`)
  }

  #broken(error: unknown): Broken {
    if (error instanceof Framing.FramingError)
      return { layer: this.#hello.read ? "framing" : "hello", detail: error.message }
    if (error instanceof Hello.HelloError) return { layer: "hello", detail: error.message }
    if (error instanceof Parse.XmlError) return { layer: "hello", detail: error.placed }
    throw error
  }
}
