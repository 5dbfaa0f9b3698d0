/**
 * RFC 6242 §4: bytes in, spans of messages out, and the other way round.
 *
 * One pure incremental decoder that changes from end-of-message to chunked framing between two messages, even when
 * both are in the same packet, and one encoder that is exact to the byte. Each byte is looked at once; nothing is
 * joined or copied, so memory does not grow with the message. Limits on the size of a message, hello and XML belong to
 * whoever receives the spans.
 */
import { Chunked, maxChunkSize } from "./Chunked.ts"
import { EndOfMessage, mark } from "./EndOfMessage.ts"
import { FramingError } from "./FramingError.ts"
import type { Machine, Receiver, Tolerated } from "./Machine.ts"

export { FramingError } from "./FramingError.ts"
export type { Receiver, Tolerated } from "./Machine.ts"

/** The two framings; every session begins with `end-of-message` (RFC 6242 §4.1). */
export type Mode = "end-of-message" | "chunked"

/** Reads one direction of one session. */
export interface Decoder {
  /**
   * Takes the next bytes, cut anywhere, and calls the receiver before it returns. Throws `FramingError`; every later
   * push throws the same one. Must not be called from inside the receiver: that is a mistake in the program, and throws
   * a plain `Error`. The bytes must not change afterwards, because the spans are views of them.
   */
  readonly push: (bytes: Uint8Array, receiver: Receiver) => void
  /**
   * Changes to chunked framing from the next byte on, for good. Call it between two messages or inside the receiver's
   * `end`; in the middle of a message it throws `FramingError`.
   */
  readonly upgrade: () => void
  readonly mode: Mode
  /** True when the stream would end in the middle of a message. */
  readonly inMessage: boolean
  /** Bytes of the current message so far. */
  readonly messageBytes: number
  /** Bytes pushed since the beginning. */
  readonly offset: number
  /** What was skipped between messages, counted as it happens. */
  readonly tolerated: Readonly<Record<keyof Tolerated, number>>
}

const view = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

class FrameDecoder implements Decoder {
  readonly tolerated: Tolerated = { whitespace: 0, nul: 0, bel: 0, bom: 0, "empty-frame": 0, "missing-lf": 0 }
  #mode: Mode
  #machine: Machine
  #offset = 0
  #busy = false
  #failure: FramingError | undefined

  constructor(mode: Mode) {
    this.#mode = mode
    this.#machine = mode === "chunked" ? new Chunked(this.tolerated) : new EndOfMessage(this.tolerated)
  }

  get mode(): Mode {
    return this.#mode
  }
  get inMessage(): boolean {
    return this.#machine.inMessage
  }
  get messageBytes(): number {
    return this.#machine.messageBytes
  }
  get offset(): number {
    return this.#offset
  }

  push(bytes: Uint8Array, receiver: Receiver): void {
    if (this.#busy) throw new Error("Decoder.push was called from inside its own receiver")
    if (this.#failure !== undefined) throw this.#failure
    this.#busy = true
    try {
      this.#read(view(bytes), receiver)
    } catch (error) {
      this.#failure = error instanceof FramingError ? error : new FramingError("the receiver threw", this.#offset)
      throw error
    } finally {
      this.#busy = false
    }
  }

  #read(buffer: Buffer, receiver: Receiver): void {
    const base = this.#offset
    let at = 0
    // A machine returns at the end of each message, because the receiver may have upgraded the decoder there.
    while (at < buffer.length) {
      at = this.#machine.read(buffer, at, base, receiver)
      this.#offset = base + at
    }
  }

  upgrade(): void {
    if (this.#mode === "chunked") return
    if (this.#machine.inMessage) throw new FramingError("upgrade in the middle of a message", this.#offset)
    this.#mode = "chunked"
    this.#machine = new Chunked(this.tolerated)
  }
}

/**
 * Makes the decoder of one direction of a session, in end-of-message framing unless told otherwise.
 *
 * @example
 * const decoder = makeDecoder()
 * const spans: Array<Buffer> = []
 * decoder.push(Buffer.from("<hello/>]]>]]>\n#7\n<rpc/>\n\n##\n"), {
 *   span: (bytes) => spans.push(bytes),
 *   end: () => decoder.upgrade()
 * })
 * Buffer.concat(spans).toString() // => "<hello/><rpc/>\n"
 */
export const makeDecoder = (options?: { readonly mode?: Mode }): Decoder =>
  new FrameDecoder(options?.mode ?? "end-of-message")

/**
 * Frames one message, exact to the byte: sizes in octets, nothing after the end. Text is written as UTF-8. Throws
 * `FramingError` for an empty message, and in end-of-message framing for one that the peer would cut at the wrong
 * place. `chunkSize`, in bytes, splits a chunked message into several chunks; by default it is one.
 */
export const encode = (mode: Mode, message: string | Uint8Array, options?: { readonly chunkSize?: number }): Buffer => {
  const bytes = typeof message === "string" ? Buffer.byteLength(message) : message.byteLength
  if (bytes === 0) throw new FramingError("an empty message cannot be framed", 0)
  return mode === "chunked"
    ? encodeChunked(message, bytes, options?.chunkSize ?? maxChunkSize)
    : encodeEndOfMessage(message, bytes)
}

const put = (frame: Buffer, message: string | Uint8Array, at: number): void => {
  if (typeof message === "string") frame.write(message, at)
  else frame.set(message, at)
}

const encodeEndOfMessage = (message: string | Uint8Array, bytes: number): Buffer => {
  const frame = Buffer.allocUnsafe(bytes + mark.length)
  put(frame, message, 0)
  frame.set(mark, bytes)
  // Searching the frame, not the message, finds the message that ends with `]]>` as well.
  const found = frame.indexOf(mark)
  if (found !== bytes)
    throw new FramingError("the message holds ]]>]]>, which end-of-message framing cannot carry", found)
  return frame
}

const encodeChunked = (message: string | Uint8Array, bytes: number, chunkSize: number): Buffer => {
  if (!(chunkSize >= 1)) throw new FramingError(`a chunk size is at least 1, not ${chunkSize}`, 0)
  if (bytes > chunkSize) return encodeChunks(message, Math.floor(chunkSize))
  const header = `\n#${bytes}\n`
  const frame = Buffer.allocUnsafe(header.length + bytes + 4)
  frame.write(header, 0, "latin1")
  put(frame, message, header.length)
  frame.write("\n##\n", header.length + bytes, "latin1")
  return frame
}

const encodeChunks = (message: string | Uint8Array, chunkSize: number): Buffer => {
  const bytes = typeof message === "string" ? Buffer.from(message) : message
  const parts: Array<Uint8Array> = []
  for (let at = 0; at < bytes.length; at += chunkSize) {
    const chunk = bytes.subarray(at, at + chunkSize)
    parts.push(Buffer.from(`\n#${chunk.length}\n`), chunk)
  }
  parts.push(Buffer.from("\n##\n"))
  return Buffer.concat(parts)
}
