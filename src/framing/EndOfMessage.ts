/**
 * End-of-message framing, RFC 6242 §4.3: a message is what stands before `]]>]]>`.
 *
 * `Buffer.indexOf` searches for the mark; only the five bytes around the border of two pushes are matched one by one.
 * Of a mark that is not yet whole only its length is kept: the bytes themselves are known. White space, NUL, BEL and a
 * byte order mark before a message are skipped; any other text (a login banner, a comment, an XML declaration) is left
 * in the message for whoever reads it.
 */
import { type Machine, type Receiver, tolerate, type Tolerated } from "./Machine.ts"

export const mark = Buffer.from("]]>]]>")
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])

/** How much of the mark is still matched when the byte after its first n does not fit (Knuth, Morris, Pratt). */
const fallback = [0, 0, 1, 0, 1, 2] as const

const advance = (matched: number, byte: number): number => {
  let length = matched
  while (length > 0 && byte !== mark[length]) length = fallback[length]!
  return byte === mark[length] ? length + 1 : 0
}

/** The length of the longest beginning of a mark with which the bytes end; a whole mark is not among them. */
const openMark = (bytes: Buffer, from: number): number => {
  let matched = 0
  for (let at = Math.max(from, bytes.length - mark.length + 1); at < bytes.length; at++) {
    matched = advance(matched, bytes[at]!)
  }
  return matched
}

export class EndOfMessage implements Machine {
  /** Before the first byte of a message. */
  #leading = true
  /** How many bytes of a byte order mark the last push ended with. */
  #heldBom = 0
  /** How many bytes of a mark the last push ended with; not given out yet. */
  #heldMark = 0
  /** Bytes of the current message that were given out. */
  #given = 0
  readonly #tolerated: Tolerated

  constructor(tolerated: Tolerated) {
    this.#tolerated = tolerated
  }

  get messageBytes(): number {
    return this.#given + this.#heldMark + this.#heldBom
  }

  get inMessage(): boolean {
    return this.messageBytes > 0
  }

  read(bytes: Buffer, from: number, _base: number, receiver: Receiver): number {
    const start = this.#leading ? this.#skip(bytes, from, receiver) : from
    if (start === bytes.length) return start
    return this.#heldMark > 0 ? this.#joinMark(bytes, receiver) : this.#search(bytes, start, receiver)
  }

  #skip(bytes: Buffer, from: number, receiver: Receiver): number {
    let at = from
    for (; at < bytes.length; at++) {
      const byte = bytes[at]!
      if (byte === byteOrderMark[this.#heldBom]) this.#bomByte()
      else if (this.#heldBom > 0 || !tolerate(this.#tolerated, byte)) break
    }
    if (at < bytes.length) {
      this.#leading = false
      const held = this.#heldBom
      this.#heldBom = 0
      if (held > 0) this.#give(Buffer.from(byteOrderMark.subarray(0, held)), receiver)
    }
    return at
  }

  #bomByte(): void {
    this.#heldBom++
    if (this.#heldBom < byteOrderMark.length) return
    this.#heldBom = 0
    this.#tolerated.bom++
  }

  /** The last push ended with the beginning of a mark: decides about those bytes, then goes on as usual. */
  #joinMark(bytes: Buffer, receiver: Receiver): number {
    const held = this.#heldMark
    let matched = held
    let at = 0
    while (matched > at && matched < mark.length && at < bytes.length) matched = advance(matched, bytes[at++]!)
    const stillHeld = Math.max(0, matched - at)
    this.#heldMark = 0
    // Data after all. It equals the beginning of the mark, and a copy of at most five bytes may be given away.
    if (held > stillHeld) this.#give(Buffer.from(mark.subarray(0, held - stillHeld)), receiver)
    if (matched === mark.length && stillHeld > 0) return this.#end(at, receiver)
    if (stillHeld === 0) return this.#search(bytes, 0, receiver)
    this.#heldMark = matched
    return at
  }

  #search(bytes: Buffer, start: number, receiver: Receiver): number {
    const found = bytes.indexOf(mark, start)
    if (found >= 0) {
      this.#give(bytes.subarray(start, found), receiver)
      return this.#end(found + mark.length, receiver)
    }
    this.#heldMark = openMark(bytes, start)
    this.#give(bytes.subarray(start, bytes.length - this.#heldMark), receiver)
    return bytes.length
  }

  #give(span: Buffer, receiver: Receiver): void {
    if (span.length === 0) return
    this.#given += span.length
    receiver.span(span)
  }

  #end(at: number, receiver: Receiver): number {
    const empty = this.#given === 0
    this.#leading = true
    this.#given = 0
    if (empty) this.#tolerated["empty-frame"]++
    else receiver.end()
    return at
  }
}
