/**
 * The peer of a transcript: it waits for what was sent, and sends what was received.
 *
 * What the client sends is compared message by message as XML, without message-id and with secrets hidden where the
 * transcript hides them; hellos are not compared. Replies get the client's own message-id. A client that diverges is
 * told so by the end of the connection.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Memory from "../transport/Memory.ts"
import type { Transport } from "../transport/Transport.ts"
import * as Element from "../xml/Element.ts"
import { base } from "../xml/Namespaces.ts"
import * as Parse from "../xml/Parse.ts"
import { join, Messages } from "./Messages.ts"
import * as Secrets from "./Secrets.ts"
import { bytesOf, isChunked } from "./TranscriptFormat.ts"
import type { Entry, Transcript } from "./TranscriptFormat.ts"
import { Wire } from "./Wire.ts"

export interface ReplayOptions {
  /** Replays the time between the messages as well, by the Clock. Default: false. */
  readonly timing?: boolean
}

interface Event {
  readonly at: number
  readonly direction: Entry["direction"]
  readonly text: string
  /** Bytes that are no whole message; sent as they are. */
  readonly raw?: Buffer
}

/** A message can end only after one of these: LF and `>`. */
const cut = (bytes: Buffer): ReadonlyArray<Buffer> => {
  const pieces: Array<Buffer> = []
  let from = 0
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] !== 0x0a && bytes[at] !== 0x3e && at < bytes.length - 1) continue
    pieces.push(bytes.subarray(from, at + 1))
    from = at + 1
  }
  return pieces
}

/** One direction of a recording: its messages, and what is left that is none. */
class Direction {
  readonly #messages: Messages
  #found: Array<string> = []
  #rest: Array<Buffer> = []

  constructor(chunked: boolean) {
    this.#messages = new Messages((pieces) => {
      this.#found.push(join(pieces).toString())
      this.#rest = []
      if (chunked) this.#messages.upgrade()
    })
  }

  push(bytes: Buffer): ReadonlyArray<string> {
    this.#found = []
    for (const piece of cut(bytes)) {
      const before = this.#found.length
      this.#messages.push(piece)
      if (this.#found.length === before) this.#rest.push(piece)
    }
    return this.#found
  }

  /** Half a frame, or what came after the framing broke. */
  get rest(): Buffer {
    const whole = this.#messages.broken === undefined && !this.#messages.inMessage
    return Buffer.concat(whole ? [] : this.#rest)
  }
}

const events = (transcript: Transcript, chunked: boolean): ReadonlyArray<Event> => {
  const directions = { sent: new Direction(chunked), received: new Direction(chunked) }
  const all = transcript.entries.flatMap((entry) =>
    directions[entry.direction].push(bytesOf(entry)).map((text): Event => ({ ...entry, text }))
  )
  const raw = directions.received.rest
  const at = transcript.end?.at ?? transcript.entries.at(-1)?.at ?? 0
  return raw.length === 0 ? all : [...all, { at, direction: "received", text: "", raw }]
}

const rootTag = /^[^]*?<(?![?!])[^>]*>/
const messageId = /\smessage-id\s*=\s*["']([^"']*)["']/

const idOf = (text: string): string | undefined => messageId.exec(rootTag.exec(text)?.[0] ?? "")?.[1]

const withId = (text: string, id: string): string =>
  text.replace(rootTag, (tag) => tag.replace(messageId, () => ` message-id="${id}"`))

/** The message as it is compared. */
const comparable = (text: string, redacted: boolean): Element.Element | string => {
  const shown = redacted ? Secrets.hide(text).replace(/\*{2,}/g, "*") : text
  try {
    const element = Parse.decode(shown)
    return { ...element, attributes: element.attributes.filter(({ name }) => name !== "message-id") }
  } catch (error) {
    if (!(error instanceof Parse.XmlError)) throw error
    return shown
  }
}

const same = (one: string, other: string, redacted: boolean): boolean => {
  const [a, b] = [comparable(one, redacted), comparable(other, redacted)]
  if (typeof a === "string" || typeof b === "string") return a === b
  return (a.name === "hello" && b.name === "hello") || Element.equals(a, b)
}

const summary = (text: string): string => {
  const shown = Secrets.hide(text)
  return shown.length > 500 ? `${shown.slice(0, 500)}...` : shown
}

/** Plays the events to one client; fails with how it diverged. */
const play = (
  wire: Wire,
  sent: Queue.Queue<string>,
  all: ReadonlyArray<Event>,
  transcript: Transcript,
  timing: boolean
) =>
  Effect.gen(function* () {
    const ids = new Map<string, string>()
    let time = 0
    for (const [index, event] of all.entries()) {
      if (event.direction === "sent") {
        const text = yield* Queue.take(sent)
        if (!same(event.text, text, transcript.redacted)) {
          return `the client diverges from the transcript at message ${index + 1}: expected ${summary(event.text)}, got ${summary(text)}`
        }
        ids.set(idOf(event.text) ?? "", idOf(text) ?? "")
      } else {
        if (timing) yield* Effect.sleep(Math.max(0, event.at - time))
        const id = idOf(event.text)
        const text = id === undefined ? event.text : withId(event.text, ids.get(id) ?? id)
        yield* wire.write(event.raw ?? wire.frame(text, { chunkSize: Infinity, before: "" }))
      }
      time = event.at
    }
    return undefined
  })

/** After the last message: the recorded end, or a client that may say goodbye. */
const finish = (wire: Wire, sent: Queue.Queue<string>, transcript: Transcript) =>
  Effect.gen(function* () {
    if (transcript.end !== undefined && transcript.end.by !== "us") return wire.close(transcript.end)
    const text = yield* Queue.take(sent)
    if (!text.includes("close-session")) {
      return wire.close({ by: "peer", detail: `the transcript has ended, but the client sends ${summary(text)}` })
    }
    const reply = `<rpc-reply xmlns="${base}" message-id="${idOf(text) ?? ""}"><ok/></rpc-reply>`
    yield* wire.write(wire.frame(reply, { chunkSize: Infinity, before: "" }))
    wire.close({ by: "peer", detail: "close-session" })
  })

const serve = (endpoint: Memory.Endpoint, transcript: Transcript, options: ReplayOptions): Effect.Effect<void> =>
  Effect.gen(function* () {
    const sent = yield* Queue.unbounded<string>()
    const stream = (direction: Entry["direction"]) =>
      Buffer.concat(transcript.entries.filter((entry) => entry.direction === direction).map(bytesOf))
    const chunked = isChunked(stream("sent"), stream("received"))
    const wire: Wire = new Wire(endpoint, {
      maxMessageBytes: Infinity,
      message: (bytes) => {
        if (chunked) wire.upgrade()
        Queue.offerUnsafe(sent, bytes.toString())
      },
      broken: (detail) => wire.close({ by: "peer", detail }),
      end: () => {}
    })
    const all = events(transcript, chunked)
    const divergence = yield* play(wire, sent, all, transcript, options.timing === true)
    if (divergence !== undefined) return wire.close({ by: "peer", detail: divergence })
    yield* finish(wire, sent, transcript)
  })

/**
 * A transport at whose other end the transcript is played, anew for each connection.
 *
 * @example
 * ```ts
 * const transcript = yield* Transcript.fromJson(text)
 * const session = yield* Netconf.connect({ label: "replayed", transport: Transcript.replay(transcript) })
 * ```
 */
export const replay = (transcript: Transcript, options: ReplayOptions = {}): Transport => ({
  peer: transcript.peer,
  open: (handler, context) =>
    Effect.gen(function* () {
      const { client, server } = Memory.makePair({ peer: transcript.peer })
      const connection = yield* client.open(handler, context)
      yield* Effect.forkScoped(serve(server, transcript, options), { startImmediately: true })
      return connection
    })
})
