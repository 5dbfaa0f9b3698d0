/**
 * The wire log of one session: every message, both ways, hellos included, with its secrets hidden (RFC 6241 §4, §8.1).
 *
 * The reader and the outbox hand messages over and go on; they are parsed, redacted and logged by a fiber of its own, in
 * order, and what it cannot keep up with is dropped and counted. A log function that fails is reported once and switched
 * off. Nothing that happens here reaches the session.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import { type ErrorContext, printable } from "../errors.ts"
import * as Logs from "../telemetry/Logs.ts"
import type { Redaction } from "../telemetry/Redaction.ts"
import { type Handed, maxShown, Reading, type WireLogEntry } from "./WireLogEntry.ts"

/** `true`: as log lines at Debug. A function is given each entry, one after the other. */
export type WireLogSink = true | ((entry: WireLogEntry) => Effect.Effect<void>)

/** Messages that wait to be logged. */
const maxWaiting = 256

export interface Options {
  readonly sink: WireLogSink
  readonly redaction: Redaction
  readonly context: () => ErrorContext
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Milliseconds that the rest may take when the session is over. */
  readonly patience: number
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
}

export class WireLog {
  readonly #options: Options
  readonly #queue = Effect.runSync(Queue.bounded<Handed, Cause.Done>(maxWaiting))
  readonly #fiber: Fiber.Fiber<void>
  readonly #reading: Reading
  #off = false
  #dropped = 0
  /** What the last entry said of it. */
  #told = 0

  constructor(options: Options) {
    this.#options = options
    this.#reading = new Reading(options.redaction)
    this.#fiber = options.fork(Effect.ignore(Effect.forever(this.#next)))
  }

  /** A frame is being written. */
  sent(frame: Uint8Array): void {
    if (this.#off) return
    const message = unframed(frame)
    this.#hand("sent", message, message.length)
  }

  /** A message came, or the `beginning` of one that is larger or was cut. */
  received(beginning: Buffer, bytes = beginning.length): void {
    if (!this.#off) this.#hand("received", beginning, bytes)
  }

  /** Logs what is waiting, within its time, and ends; a function that cannot be interrupted is not waited for. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    Queue.endUnsafe(this.#queue)
    const { patience } = this.#options
    const logged = Effect.timeoutOrElse(Effect.asVoid(Fiber.await(this.#fiber)), {
      duration: Number.isFinite(patience) ? patience : 5_000,
      orElse: () => Effect.sync(() => this.#abandon())
    })
    return Effect.andThen(
      logged,
      Effect.suspend(() => this.#tellLost())
    )
  })

  /** What still waits is lost as well. */
  #abandon(): void {
    this.#off = true
    this.#dropped += Queue.sizeUnsafe(this.#queue)
    this.#fiber.interruptUnsafe()
  }

  /** The entries say what was dropped before them; of the rest nobody else would tell. */
  #tellLost(): Effect.Effect<void> {
    const lost = this.#dropped
    if (this.#told >= lost) return Effect.void
    const line = `the wire log did not keep up: ${lost} messages of this session are missing in it`
    return Logs.annotated(this.#options.context(), Effect.logWarning(line))
  }

  #hand(direction: WireLogEntry["direction"], message: Buffer, bytes: number): void {
    const { context, now } = this.#options
    // A copy, so that 64 KiB do not hold 256 MiB.
    const beginning = message.length <= maxShown ? message : Buffer.from(message.subarray(0, maxShown))
    const handed = { direction, time: now(), bytes, context: context(), beginning }
    if (!Queue.offerUnsafe(this.#queue, handed)) this.#dropped++
  }

  readonly #next: Effect.Effect<void, Cause.Done> = Effect.suspend(() =>
    Effect.flatMap(Queue.take(this.#queue), (handed) =>
      this.#off
        ? Effect.void
        : Effect.andThen(
            Effect.catchCause(
              Effect.suspend(() => this.#log({ ...this.#reading.entry(handed), dropped: this.#tell() })),
              (cause) => this.#switchOff(cause)
            ),
            // Parsing takes milliseconds: others have their turn in between.
            Effect.yieldNow
          )
    )
  )

  /** Of now, not of when the message came: 256 messages may have waited in between. */
  #tell(): number {
    this.#told = this.#dropped
    return this.#told
  }

  #log(entry: WireLogEntry): Effect.Effect<void> {
    const { sink } = this.#options
    const logged = sink === true ? logLine(entry) : sink(entry)
    return Effect.isEffect(logged) ? logged : Effect.die(new TypeError("the wireLog function returned no Effect"))
  }

  /** Whose function it is must know; the session goes on without a log. */
  #switchOff(cause: Cause.Cause<never>): Effect.Effect<void> {
    // Interrupted by us.
    if (this.#off) return Effect.failCause(cause)
    this.#off = true
    this.#told = Infinity
    const { context, redaction } = this.#options
    const why = redaction.text(printable(errorText(Cause.squash(cause))))
    return Logs.annotated(context(), Effect.logWarning(`the wire log failed and is switched off: ${why}`))
  }
}

const errorText = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message.slice(0, 200)}` : typeof error

const logLine = (entry: WireLogEntry): Effect.Effect<void> => {
  const { bytes, direction, dropped, label, message, messageId, peer, sessionId, whole, xml } = entry
  const what = `${message ?? "unreadable message"}${messageId === undefined ? "" : ` ${printable(messageId)}`}`
  const size = `${bytes} bytes${whole ? "" : ", markup only"}${dropped === 0 ? "" : `, ${dropped} messages dropped`}`
  return Effect.annotateLogs(
    Logs.annotated(
      { label, peer, sessionId, messageId },
      Effect.logDebug(`${direction} ${what} (${size}): ${printable(xml)}`)
    ),
    { direction, bytes }
  )
}

/** The message in a frame of ours: one, by its only chunk or its mark (RFC 6242 §4.2, §4.3); nothing here throws. */
const unframed = (frame: Uint8Array): Buffer => {
  const bytes = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength)
  // Only chunked framing begins with a line feed: "\n#<size>\n", and "\n##\n" at the end.
  return bytes[0] === 0x0a ? bytes.subarray(bytes.indexOf(0x0a, 1) + 1, -4) : bytes.subarray(0, -6)
}
