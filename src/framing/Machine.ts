/**
 * What the two framings of RFC 6242 have in common: where spans go, and what is forgiven between messages.
 *
 * Devices send line feeds, NUL and BEL after a frame, and some begin with a byte order mark. None of it can be part
 * of a message, so it is skipped, and counted so that a profile or a bug report can name it.
 */

/** Takes the spans of one message, then its end. A receiver may upgrade the decoder inside `end`, but not push to it. */
export interface Receiver {
  /** The next bytes of the message: a view of what was pushed, not a copy. Never empty. */
  readonly span: (bytes: Buffer) => void
  /** The message is whole. */
  readonly end: () => void
}

/** How often each deviation was forgiven; the names are those of the counters. */
export interface Tolerated {
  /** Space, tab, CR or LF between messages. */
  whitespace: number
  nul: number
  bel: number
  /** A UTF-8 byte order mark at the start of a message. */
  bom: number
  /** Two end-of-message marks with nothing but the above between them. */
  "empty-frame": number
  /** A first chunk that begins with `#` because the LF before it went missing. */
  "missing-lf": number
}

/** One framing: reads up to the end of a message or of the bytes, and returns how far it came. */
export interface Machine {
  readonly read: (bytes: Buffer, from: number, base: number, receiver: Receiver) => number
  readonly inMessage: boolean
  readonly messageBytes: number
}

export const LF = 0x0a

/** Counts a byte that may stand between messages; false for any other. */
export const tolerate = (tolerated: Tolerated, byte: number): boolean => {
  switch (byte) {
    case 0x20:
    case 0x09:
    case 0x0d:
    case LF:
      tolerated.whitespace++
      return true
    case 0x00:
      tolerated.nul++
      return true
    case 0x07:
      tolerated.bel++
      return true
    default:
      return false
  }
}
