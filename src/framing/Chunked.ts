/**
 * Chunked framing, RFC 6242 §4.2: `\n#<size>\n<bytes>`, once or more, then `\n##\n`.
 *
 * Strict inside a message, because a wrong size cannot be repaired: sizes are 1 to 4294967295 in plain digits. Between
 * two messages white space, NUL and BEL are skipped, and the first LF may be missing where such bytes stood instead of
 * it or where the framing has just begun. What is inside a chunk is data, whatever it looks like.
 */
import { FramingError, hex } from "./FramingError.ts"
import { LF, type Machine, type Receiver, tolerate, type Tolerated } from "./Machine.ts"

export const maxChunkSize = 4_294_967_295
const HASH = 0x23

/** What the next byte has to be: a size or `#`, for instance, after `\n#`. */
type State = "between" | "lf" | "hash" | "first-digit" | "digits" | "data" | "end-lf"

const hint = '; the peer may still use end-of-message framing (option framing: "end-of-message")'

export class Chunked implements Machine {
  #state: State = "between"
  /** Between messages: whether the byte before was an LF, which may be the one that begins a chunk. */
  #lf = false
  /** Between messages: whether the first chunk may lack its LF. */
  #lenient = true
  #size = 0
  #remaining = 0
  /** Chunks of the current message whose header was read. */
  #chunks = 0
  #given = 0
  readonly #tolerated: Tolerated

  constructor(tolerated: Tolerated) {
    this.#tolerated = tolerated
  }

  get messageBytes(): number {
    return this.#given
  }

  get inMessage(): boolean {
    return this.#state !== "between"
  }

  read(bytes: Buffer, from: number, base: number, receiver: Receiver): number {
    let at = from
    while (at < bytes.length) {
      if (this.#state === "data") at = this.#data(bytes, at, receiver)
      else if (this.#step(bytes[at]!, base + at++)) {
        receiver.end()
        return at
      }
    }
    return at
  }

  #data(bytes: Buffer, from: number, receiver: Receiver): number {
    const span = bytes.subarray(from, Math.min(bytes.length, from + this.#remaining))
    this.#remaining -= span.length
    this.#given += span.length
    if (this.#remaining === 0) this.#state = "lf"
    receiver.span(span)
    return from + span.length
  }

  /** One byte outside of chunk-data; true when it ends the message. */
  #step(byte: number, offset: number): boolean {
    switch (this.#state) {
      case "between":
        this.#between(byte, offset)
        return false
      case "lf":
        this.#expect(byte, LF, "hash", offset)
        return false
      case "hash":
        this.#expect(byte, HASH, "first-digit", offset)
        return false
      case "first-digit":
        this.#firstDigit(byte, offset)
        return false
      case "digits":
        this.#digit(byte, offset)
        return false
      default:
        return this.#finish(byte, offset)
    }
  }

  #between(byte: number, offset: number): void {
    if (byte === HASH && (this.#lf || this.#lenient)) {
      if (!this.#lf) this.#tolerated["missing-lf"]++
      this.#lf = false
      this.#state = "first-digit"
      return
    }
    // An LF is junk only once something else than `#` follows it.
    if (this.#lf) tolerate(this.#tolerated, LF)
    this.#lf = byte === LF
    if (this.#lf) return
    if (!tolerate(this.#tolerated, byte)) this.#refuse("expected a chunk to begin with 0a 23", [byte], offset)
    this.#lenient = true
  }

  #expect(byte: number, expected: number, next: State, offset: number): void {
    if (byte === expected) {
      this.#state = next
      return
    }
    const seen = expected === HASH ? [LF, byte] : [byte]
    this.#refuse(`expected 0a 23 after chunk ${this.#chunks} of ${this.#size} bytes`, seen, offset)
  }

  #firstDigit(byte: number, offset: number): void {
    if (byte === HASH && this.#chunks > 0) {
      this.#state = "end-lf"
    } else if (byte >= 0x31 && byte <= 0x39) {
      this.#size = byte - 0x30
      this.#state = "digits"
    } else {
      this.#refuse(firstDigitProblem(byte), [LF, HASH, byte], offset)
    }
  }

  #digit(byte: number, offset: number): void {
    if (byte === LF) {
      this.#state = "data"
      this.#remaining = this.#size
      this.#chunks++
      return
    }
    const size = this.#size * 10 + byte - 0x30
    if (byte < 0x30 || byte > 0x39) this.#refuseSize("expected digits and 0a as the chunk size", byte, offset)
    if (size > maxChunkSize) this.#refuseSize(`the chunk size is more than ${maxChunkSize}`, byte, offset)
    this.#size = size
  }

  #refuseSize(expected: string, byte: number, offset: number): never {
    this.#refuse(expected, [LF, HASH, ...Buffer.from(String(this.#size)), byte], offset)
  }

  #finish(byte: number, offset: number): true {
    if (byte !== LF) this.#refuse("expected 0a to end the message", [LF, HASH, HASH, byte], offset)
    this.#state = "between"
    this.#lenient = false
    this.#chunks = 0
    this.#given = 0
    return true
  }

  #refuse(expected: string, seen: ReadonlyArray<number>, offset: number): never {
    const looksLikeXml = this.#state === "between" && (seen[0] === 0x3c || seen[0] === 0x5d)
    throw new FramingError(`${expected}, saw ${hex(seen)}${looksLikeXml ? hint : ""}`, offset)
  }
}

const firstDigitProblem = (byte: number): string => {
  if (byte === HASH) return "a chunked message needs at least one chunk before its end"
  return byte === 0x30 ? "a chunk size is at least 1 and has no leading zero" : "expected a chunk size"
}
