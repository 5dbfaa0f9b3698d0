/**
 * The form of a transcript: what was said on one connection, by whom and when; to JSON and back.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { InputError } from "../errors.ts"
import { base11 } from "../rpc/Hello.ts"

/** Bytes that went one way, as text, or in base64 where they are no text. */
export const Entry = Schema.Struct({
  /** Milliseconds since the connection was opened. */
  at: Schema.Finite,
  direction: Schema.Literals(["sent", "received"]),
  text: Schema.optionalKey(Schema.String),
  base64: Schema.optionalKey(Schema.String)
})
export interface Entry extends Schema.Schema.Type<typeof Entry> {}

/** One connection from its first byte to its end. */
export const Transcript = Schema.Struct({
  format: Schema.Literal("effect-netconf transcript 1"),
  peer: Schema.String,
  redacted: Schema.Boolean,
  entries: Schema.Array(Entry),
  end: Schema.optionalKey(
    Schema.Struct({ at: Schema.Finite, by: Schema.Literals(["peer", "us", "network"]), detail: Schema.String })
  )
})
export interface Transcript extends Schema.Schema.Type<typeof Transcript> {}

/** The bytes of an entry. */
export const bytesOf = (entry: Entry): Buffer =>
  entry.base64 === undefined ? Buffer.from(entry.text ?? "") : Buffer.from(entry.base64, "base64")

/** Whether both hellos of a recording offer base:1.1, so that what follows them is chunked. */
export const isChunked = (sent: Buffer, received: Buffer): boolean =>
  [sent, received].every((stream) => stream.subarray(0, Math.max(0, stream.indexOf("]]>]]>"))).includes(base11))

const Json = Schema.fromJsonString(Transcript)

/** The transcript as JSON text. */
export const toJson: (transcript: Transcript) => string = Schema.encodeSync(Json)

/** Reads what {@link toJson} wrote; an `InputError` says where it is none. */
export const fromJson = (text: string): Effect.Effect<Transcript, InputError> =>
  Effect.mapError(
    Schema.decodeUnknownEffect(Json)(text),
    (error) => new InputError({ what: "transcript", why: error.message })
  )
