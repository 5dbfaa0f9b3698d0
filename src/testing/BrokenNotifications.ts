/**
 * Notifications that go wrong on the wire, in both framings (RFC 6242 §4.2, §4.3): frames that never end, that hold two
 * messages or none, what is no XML, and bytes between frames. `device.sendBroken` sends them to whoever is subscribed.
 */
import type * as Framing from "../framing/Framing.ts"

/** The session that it is sent to. */
export interface Wire {
  readonly framing: Framing.Mode
  /** The whole notification of an event that happens now, as text. */
  readonly notification: (event: string) => string
}

export type Broken = (wire: Wire) => Buffer

const chunk = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from(`\n#${bytes.length}\n`), bytes])

/** One frame around these pieces, a chunk each under chunked framing. */
const frame = (framing: Framing.Mode, ...pieces: ReadonlyArray<string | Buffer>): Buffer => {
  const parts = pieces.map((piece) => Buffer.from(piece as string))
  return framing === "chunked"
    ? Buffer.concat([...parts.map(chunk), Buffer.from("\n##\n")])
    : Buffer.concat([...parts, Buffer.from("]]>]]>")])
}

const part = (text: string, fraction: number): Buffer => {
  const bytes = Buffer.from(text)
  return bytes.subarray(0, Math.floor(bytes.length * fraction))
}

const probe = `<probe xmlns="http://example.com/probe"><text>${"x".repeat(64)}</text></probe>`

/** A notification of which a part comes and nothing more: the frame never ends. Under chunked framing its chunk is open. */
export const unfinished =
  (event = probe, fraction = 0.5): Broken =>
  ({ framing, notification }) => {
    const text = notification(event)
    const bytes = part(text, fraction)
    if (framing === "end-of-message") return bytes
    return Buffer.concat([Buffer.from(`\n#${Buffer.byteLength(text)}\n`), bytes])
  }

/** An unfinished notification, and in the same frame a whole one behind it: the first was lost half-way. */
export const restarted =
  (event = probe, fraction = 0.5): Broken =>
  ({ framing, notification }) =>
    frame(framing, part(notification(probe), fraction), notification(event))

/** Two whole notifications in one frame: the mark between them is missing. */
export const missingEndMark =
  (first = probe, second = probe): Broken =>
  ({ framing, notification }) =>
    frame(framing, notification(first), notification(second))

/** A frame that holds nothing: `]]>]]>`, and under chunked framing, which does not allow it, an end without a chunk. */
export const emptyFrame: Broken = ({ framing }) => frame(framing)

/** A frame that holds white space. */
export const blankFrame: Broken = ({ framing }) => frame(framing, "\n")

/** A proper frame around what is not well-formed: an element that is not closed. */
export const malformed: Broken = ({ framing, notification }) =>
  frame(framing, notification(probe).replace("</text>", ""))

/** A proper frame around a byte that is not UTF-8. */
export const notUtf8: Broken = ({ framing, notification }) => {
  const bytes = Buffer.from(notification(probe))
  bytes[bytes.indexOf("xxxx")] = 0xff
  return frame(framing, bytes)
}

/** A notification without its eventTime. */
export const noEventTime: Broken = ({ framing, notification }) =>
  frame(framing, notification(probe).replace(/<eventTime>.*<\/eventTime>/, ""))

/** A notification whose eventTime is no date-and-time. */
export const badEventTime: Broken = ({ framing, notification }) =>
  frame(framing, notification(probe).replace(/<eventTime>.*<\/eventTime>/, "<eventTime>yesterday</eventTime>"))

/** A notification that holds no event. */
export const noEvent: Broken = ({ framing, notification }) => frame(framing, notification(""))

/** Bytes outside any frame. Under end-of-message framing they become part of the next message. */
export const orphanBytes =
  (bytes: string | Uint8Array = "\u0000\u0007 orphan "): Broken =>
  () =>
    Buffer.from(bytes as string)
