/**
 * A recording of everything that went over a transport, and the peer that replays it: record a real device once, test
 * against the recording ever after.
 *
 * Recording knows bytes, directions and times; secrets are hidden before a transcript can be seen (`Secrets.ts`).
 * Replaying compares whole messages (`Replay.ts`). No files: transcripts go in and out as text, and names in them are
 * only shown.
 */
import * as buffer from "node:buffer"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Connection, Handler, Transport } from "../transport/Transport.ts"
import { Messages } from "./Messages.ts"
import * as Secrets from "./Secrets.ts"
import { isChunked } from "./TranscriptFormat.ts"
import type { Entry, Transcript } from "./TranscriptFormat.ts"

export { replay } from "./Replay.ts"
export type { ReplayOptions } from "./Replay.ts"
export { Entry, fromJson, toJson, Transcript } from "./TranscriptFormat.ts"

export interface Recorder {
  /** To be used in place of the transport that is recorded. */
  readonly transport: Transport
  /** One transcript per connection opened so far, in order; those still open are as far as they are. */
  readonly transcripts: () => ReadonlyArray<Transcript>
}

interface Piece {
  readonly at: number
  readonly direction: Entry["direction"]
  readonly bytes: Buffer
}

interface Recording {
  readonly pieces: Array<Piece>
  end: Transcript["end"]
}

const joined = (pieces: ReadonlyArray<Piece>, direction: Entry["direction"]): Buffer =>
  Buffer.concat(pieces.filter((piece) => piece.direction === direction).map((piece) => piece.bytes))

/** A copy of one direction with its secrets hidden; a message may lie in many pieces and chunks. */
const redactStream = (stream: Buffer, chunked: boolean): Buffer => {
  const messages: Messages = new Messages((pieces) => {
    Secrets.mask(pieces)
    if (chunked) messages.upgrade()
  })
  messages.push(stream)
  const unread = messages.broken === undefined ? [] : [stream.subarray(messages.offset)]
  Secrets.mask([...messages.unfinished, ...unread])
  return stream
}

const redactPieces = (pieces: ReadonlyArray<Piece>): ReadonlyArray<Piece> => {
  const streams = { sent: joined(pieces, "sent"), received: joined(pieces, "received") }
  const chunked = isChunked(streams.sent, streams.received)
  const redacted = { sent: redactStream(streams.sent, chunked), received: redactStream(streams.received, chunked) }
  const offsets = { sent: 0, received: 0 }
  return pieces.map((piece) => {
    const from = offsets[piece.direction]
    offsets[piece.direction] += piece.bytes.length
    return { ...piece, bytes: redacted[piece.direction].subarray(from, from + piece.bytes.length) }
  })
}

const toEntry = ({ at, bytes, direction }: Piece): Entry =>
  buffer.isUtf8(bytes) ? { at, direction, text: bytes.toString() } : { at, direction, base64: bytes.toString("base64") }

const toTranscript = (recording: Recording, peer: string, redacted: boolean): Transcript => ({
  format: "effect-netconf transcript 1",
  peer,
  redacted,
  entries: (redacted ? redactPieces(recording.pieces) : recording.pieces).map(toEntry),
  ...(recording.end === undefined ? {} : { end: recording.end })
})

const recordHandler = (handler: Handler, recording: Recording, now: () => number): Handler => ({
  data: (bytes) => {
    recording.pieces.push({ at: now(), direction: "received", bytes: Buffer.from(bytes) })
    handler.data(bytes)
  },
  drain: () => handler.drain(),
  end: (reason) => {
    recording.end = { at: now(), ...reason }
    handler.end(reason)
  }
})

const recordConnection = (connection: Connection, recording: Recording, now: () => number): Connection => ({
  // Member by member: those of a class are not copied by a spread.
  get details() {
    return connection.details
  },
  get notes() {
    return connection.notes
  },
  pause: () => connection.pause(),
  resume: () => connection.resume(),
  write: (frame) => {
    if (recording.end === undefined) recording.pieces.push({ at: now(), direction: "sent", bytes: Buffer.from(frame) })
    return connection.write(frame)
  }
})

/**
 * Records what goes over a transport. Secrets are hidden unless `redact` is false; then the transcript holds whatever
 * the device sent, and has to be kept like a password.
 *
 * @example
 * ```ts
 * const recorder = Transcript.record(transport)
 * yield* Effect.scoped(program(recorder.transport))
 * const text = Transcript.toJson(recorder.transcripts()[0]!)
 * ```
 */
export const record = (transport: Transport, options: { readonly redact?: boolean } = {}): Recorder => {
  const recordings: Array<Recording> = []
  const { peer } = transport
  const open: Transport["open"] = (handler, context) =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const started = clock.currentTimeMillisUnsafe()
      const now = () => clock.currentTimeMillisUnsafe() - started
      const recording: Recording = { pieces: [], end: undefined }
      const connection = yield* transport.open(recordHandler(handler, recording, now), context)
      recordings.push(recording)
      return recordConnection(connection, recording, now)
    })
  const transcripts = () => recordings.map((recording) => toTranscript(recording, peer, options.redact !== false))
  return { transport: { peer, open }, transcripts }
}
