/**
 * One message between framing and dispatch: joined from its spans up to a limit, then told apart by its head alone
 * (hello, rpc-reply, notification), because parsing costs ten to thirty times what decrypting costs.
 */
import { isUtf8 } from "node:buffer"
import type { Attribute } from "../xml/Element.ts"
import * as Head from "../xml/Head.ts"
import * as Parse from "../xml/Parse.ts"

/** A message whose head cannot be read, or which is not UTF-8; layer xml of a `ProtocolError`. */
export class MessageError extends Error {}

/** From this size on, a message is copied together as it comes. */
const large = 262_144

/**
 * A large message, copied together as it comes: by the time the last byte is here the message is whole, and the transport's
 * buffers have died young.
 */
class Growing {
  #bytes = 0
  #memory: Buffer

  constructor(spans: ReadonlyArray<Buffer>) {
    this.#memory = Buffer.allocUnsafeSlow(4 * large)
    for (const span of spans) this.add(span)
  }

  add(span: Buffer): void {
    const needed = this.#bytes + span.length
    if (needed > this.#memory.length) this.#grow(needed)
    this.#memory.set(span, this.#bytes)
    this.#bytes = needed
  }

  view(): Buffer {
    return this.#memory.subarray(0, this.#bytes)
  }

  // Memory that is not touched costs nothing, copying does: hence four times and not twice.
  #grow(needed: number): void {
    const before = this.view()
    this.#memory = Buffer.allocUnsafeSlow(Math.max(needed, this.#memory.length * 4))
    this.#memory.set(before)
  }
}

/** Joins the spans of one message; beyond the limit it only counts, so that the session goes on in bounded memory. */
export class Collect {
  readonly #limit: number
  #spans: Array<Buffer> = []
  #growing: Growing | undefined
  #bytes = 0
  #givenUp = false

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Bytes of the message seen so far, kept or not. */
  get bytes(): number {
    return this.#bytes
  }

  get overflowed(): boolean {
    return this.#givenUp || this.#bytes > this.#limit
  }

  add(span: Buffer): void {
    const overflowed = this.overflowed
    this.#bytes += span.length
    if (overflowed) return
    if (this.overflowed) this.#drop(span)
    else if (this.#growing !== undefined) this.#growing.add(span)
    else if (this.#spans.push(span) > 1 && this.#bytes > large) {
      this.#growing = new Growing(this.#spans)
      this.#spans = []
    }
  }

  /** Keeps no more than the beginning of this message, as beyond the limit. */
  giveUp(): void {
    this.#givenUp = true
    this.#drop(Buffer.alloc(0))
  }

  /** What is known of the message so far: enough for its head. */
  peek(): Buffer {
    if (this.#growing !== undefined) return this.#growing.view()
    return this.#spans.length === 1 ? this.#spans[0]! : Buffer.concat(this.#spans)
  }

  /** The joined message; the collector starts over. */
  take(): Buffer {
    const message = this.peek()
    this.#spans = []
    this.#growing = undefined
    this.#bytes = 0
    this.#givenUp = false
    return message
  }

  /** Keeps the beginning, which says whose reply it is. */
  #drop(last: Buffer): void {
    const known = this.peek().subarray(0, 4096)
    this.#spans = [Buffer.concat(known.length < 4096 ? [known, last.subarray(0, 4096)] : [known])]
    this.#growing = undefined
  }
}

const messageIdOf = (attributes: ReadonlyArray<Attribute>): string | undefined =>
  attributes.find((attribute) => attribute.name === "message-id" && attribute.namespace === "")?.value.trim()

/**
 * The message-id of an rpc-reply whose head has arrived, `other` for a message that is none, undefined when its head is
 * not there yet or cannot be read. Bytes that are not UTF-8 do not hide whose reply it is.
 */
export const replyIdOf = (bytes: Buffer): { readonly messageId: string | undefined } | "other" | undefined => {
  try {
    const head = Head.readHead(bytes, { invalidUtf8: "replace" })
    if (head === "incomplete") return undefined
    return head.name === "rpc-reply" ? { messageId: messageIdOf(head.attributes) } : "other"
  } catch (error) {
    if (error instanceof Parse.XmlError) return undefined
    throw error
  }
}

export interface Message {
  readonly bytes: Buffer
  readonly head: Head.Head
  readonly messageId: string | undefined
  /** Whether it held invalid UTF-8, which was replaced. */
  readonly replaced: boolean
}

/** Checks the encoding and reads the head. `invalidUtf8: "replace"` turns bad bytes into U+FFFD. */
export const read = (bytes: Buffer, invalidUtf8: "refuse" | "replace"): Message => {
  const valid = isUtf8(bytes)
  if (!valid && invalidUtf8 === "refuse") {
    throw new MessageError(
      `the message is not valid UTF-8; connect with invalidUtf8: "replace" to read it all the same`
    )
  }
  const text = valid ? bytes : Buffer.from(bytes.toString("utf8"))
  try {
    const head = Head.readHead(text)
    if (head === "incomplete") throw new MessageError("the message ends inside its first element")
    return { bytes: text, head, messageId: messageIdOf(head.attributes), replaced: !valid }
  } catch (error) {
    if (error instanceof Parse.XmlError) throw new MessageError(error.placed)
    throw error
  }
}
