/**
 * The bytes of one session on the device's side: framing in, framing out, back-pressure both ways (RFC 6242 §4).
 *
 * Messages come out joined, one call each; what they mean is the session's business.
 */
import * as Effect from "effect/Effect"
import * as Framing from "../framing/Framing.ts"
import type { Endpoint } from "../transport/Memory.ts"
import type { Connection, EndReason } from "../transport/Transport.ts"
import { join, Messages } from "./Messages.ts"

interface WireOptions {
  /** A message larger than this ends the connection. */
  readonly maxMessageBytes: number
  readonly message: (bytes: Buffer) => void
  /** The framing is broken, or a message too large: nothing more can be read. */
  readonly broken: (detail: string) => void
  readonly end: (reason: EndReason) => void
}

interface FrameOptions {
  readonly chunkSize: number
  /** Bytes before the frame. */
  readonly before: string
}

export class Wire {
  readonly #options: WireOptions
  readonly #endpoint: Endpoint
  readonly #connection: Connection
  readonly #messages: Messages
  #mode: Framing.Mode = "end-of-message"
  #first = true
  #ended = false
  #full = false
  readonly #waiting = new Set<() => void>()

  constructor(endpoint: Endpoint, options: WireOptions) {
    this.#options = options
    this.#endpoint = endpoint
    this.#messages = new Messages((pieces) => options.message(join(pieces)), options.maxMessageBytes)
    this.#connection = endpoint.connect({
      data: (bytes) => this.#read(bytes),
      drain: () => this.#drained(),
      end: (reason) => {
        this.#ended = true
        this.#drained()
        options.end(reason)
      }
    })
  }

  get mode(): Framing.Mode {
    return this.#mode
  }

  /** Changes to chunked framing, both ways; to be called where the peer's hello is read. */
  upgrade(): void {
    this.#mode = "chunked"
    this.#messages.upgrade()
  }

  pause(): void {
    if (!this.#ended) this.#connection.pause()
  }
  resume(): void {
    if (!this.#ended) this.#connection.resume()
  }

  #read(bytes: Uint8Array): void {
    if (this.#messages.broken !== undefined) return
    this.#messages.push(bytes)
    if (this.#messages.broken !== undefined) this.#options.broken(this.#messages.broken)
  }

  /** The first message is our hello, always under end-of-message framing, whatever has been read since. */
  frame(message: string | Uint8Array, options: FrameOptions): Buffer {
    const { before, chunkSize } = options
    const mode = this.#first ? "end-of-message" : this.#mode
    this.#first = false
    const frame = Framing.encode(mode, message, Number.isFinite(chunkSize) ? { chunkSize } : {})
    return before === "" ? frame : Buffer.concat([Buffer.from(before), frame])
  }

  /** Writes bytes as they are, and waits until there is room for more. */
  write(bytes: Uint8Array): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#ended || bytes.length === 0) return Effect.void
      this.#full = !this.#connection.write(bytes)
      return this.room
    })
  }

  /** Whether the writer takes more at once; what is written to a connection that has ended goes nowhere. */
  get hasRoom(): boolean {
    return !this.#full || this.#ended
  }

  /** Waits until there is room, or the connection has ended. */
  readonly room = Effect.suspend(() => (this.hasRoom ? Effect.void : this.#drain))

  readonly #drain = Effect.callback<void>((resume) => {
    const waiting = () => resume(Effect.void)
    this.#waiting.add(waiting)
    return Effect.sync(() => this.#waiting.delete(waiting))
  })

  /** Writes without waiting, for messages that nobody asked for. */
  push(bytes: Uint8Array): void {
    if (!this.#ended) this.#full = !this.#connection.write(bytes)
  }

  #drained(): void {
    this.#full = false
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const resume of waiting) resume()
  }

  close(reason: EndReason): void {
    this.#endpoint.close(reason)
  }
}
