/**
 * What the codecs of this folder throw: the peer's bytes, or a message that is to be sent, break RFC 6242 §4.
 */

/** The bytes are not NETCONF framing. `offset` counts from the first byte that the decoder was given. */
export class FramingError extends Error {
  override readonly name = "FramingError"
  /** What was seen and what was expected. Bytes are named in hexadecimal; the content of a message is never shown. */
  readonly detail: string
  readonly offset: number

  constructor(detail: string, offset: number) {
    super(`${detail} (at byte ${offset})`)
    this.detail = detail
    this.offset = offset
  }
}

/** `0a 23 30`. */
export const hex = (bytes: Iterable<number>): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ")
