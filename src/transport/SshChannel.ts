/**
 * One NETCONF session's channel on an SSH connection (RFC 6242 §3): opens it, starts the subsystem, and is the
 * Connection that a session reads and writes.
 *
 * ssh2's stream is used as it is: bytes go from its `data` event to the handler, frames into its `write`. A dead
 * connection silences a paused channel, so its end is heard from the Link as well.
 */
import type * as Effect from "effect/Effect"
import type { ClientChannel } from "ssh2"
import type { ConnectError } from "../errors.ts"
import { ChannelError, DeadlineError, printable } from "../errors.ts"
import * as Attempt from "./Attempt.ts"
import { toConnectionError } from "./ConnectionFault.ts"
import type { Link } from "./SshLink.ts"
import type { Connection, EndReason, Handler, OpenContext, Transport } from "./Transport.ts"

interface ChannelOptions {
  readonly subsystem: string
  readonly peer: string
  /** What this session's connection shows beside the details of the link. */
  readonly details: Readonly<Record<string, string>>
  readonly beside: Transport["open"]
}

/** A Connection, and how it is closed. */
export interface Opened {
  readonly connection: Connection
  /** Ends the channel, what was written first; at most so many milliseconds. Never fails. */
  readonly close: (millis: number) => Effect.Effect<void>
}

/** Opens the channel and its subsystem within `deadlines.subsystem`. */
export const open = (
  link: Link,
  handler: Handler,
  options: ChannelOptions,
  context: OpenContext
): Effect.Effect<Opened, ConnectError> =>
  Attempt.make((attempt) => {
    const opening = new Opening(link, options, context, attempt)
    opening.watch()
    if (attempt.settled) return
    try {
      link.client.subsys(options.subsystem, (error, channel) => opening.opened(error, channel, handler))
    } catch (error) {
      opening.refuse(error instanceof Error ? error.message : "the connection is closed")
    }
  })

/** A channel that is being opened, and what each way to fail is called. */
class Opening {
  readonly #link: Link
  readonly #options: ChannelOptions
  readonly #context: OpenContext
  readonly #attempt: Attempt.Attempt<Opened, ConnectError>

  constructor(
    link: Link,
    options: ChannelOptions,
    context: OpenContext,
    attempt: Attempt.Attempt<Opened, ConnectError>
  ) {
    this.#link = link
    this.#options = options
    this.#context = context
    this.#attempt = attempt
  }

  /** Waits for the deadline and for the connection's end. */
  watch(): void {
    const { socket } = this.#link
    const bytesBefore = socket.bytesRead
    const deadline = this.#context.deadlines.subsystem
    this.#attempt.within(deadline, () => {
      const bytes = socket.bytesRead - bytesBefore
      this.#attempt.fail(new DeadlineError({ ...this.#where(), phase: "subsystem", deadline, bytes }))
    })
    this.#attempt.onSettle(this.#link.onEnd((reason) => this.#ended(reason)))
  }

  /** ssh2's answer. */
  opened(error: Error | undefined, channel: ClientChannel, handler: Handler): void {
    // Too late: nobody waits any more.
    if (this.#attempt.settled) return error === undefined ? channel.close() : undefined
    if (error !== undefined) return this.refuse(explain(error, this.#options.subsystem))
    const connection = new Channel(this.#link, channel, handler, this.#options)
    this.#attempt.succeed({ connection, close: (millis) => connection.close(millis) })
  }

  refuse(detail: string): void {
    this.#attempt.fail(new ChannelError({ ...this.#where(), phase: "open", by: "peer", detail }))
  }

  #ended(reason: EndReason): void {
    if (reason.by !== "network") {
      return this.refuse(`${reason.detail} while the ${this.#options.subsystem} subsystem was being opened`)
    }
    this.#attempt.fail(toConnectionError(this.#link.fault ?? { code: "ECONNRESET" }, this.#where()))
  }

  #where(): { label: string | undefined; peer: string; elapsed: number } {
    return { label: this.#context.label, peer: this.#options.peer, elapsed: this.#attempt.elapsed }
  }
}

/** How the detail of an error begins when the channel itself was refused, not what was asked of it. */
export const channelRefused = "the peer refused a channel"

/** RFC 4254 §5.1. */
const refusals = ["", "administratively prohibited", "connect failed", "unknown channel type", "resource shortage"]

const explain = (error: Error, subsystem: string): string => {
  const { reason } = error as { readonly reason?: unknown }
  if (typeof reason === "number") {
    const said = printable(error.message.replace("(SSH) Channel open failure: ", ""))
    const why = [refusals[reason] ?? `reason ${reason}`, said].filter((part) => part !== "").join(", ")
    return `${channelRefused}${why === "" ? "" : ` (${why})`}`
  }
  return (
    `the peer refused the subsystem "${printable(subsystem)}": is NETCONF over SSH enabled on the device, and on this ` +
    "port (830, or 22 on some)? A device that calls it otherwise needs the option `subsystem`"
  )
}

/** How much of what the subsystem prints to its standard error is kept for the reason of its end. */
const stderrKept = 200

class Channel implements Connection {
  readonly details: Readonly<Record<string, string>>
  readonly notes: ReadonlyArray<string>
  readonly beside: Transport["open"]
  readonly #link: Link
  readonly #channel: ClientChannel
  readonly #handler: Handler
  readonly #offEnd: () => void
  #ended = false
  #exit = ""
  #stderr = ""

  constructor(link: Link, channel: ClientChannel, handler: Handler, { beside, details }: ChannelOptions) {
    this.#link = link
    this.#channel = channel
    this.#handler = handler
    this.details = { ...link.details, ...details }
    this.notes = link.notes
    this.beside = beside
    channel
      .on("data", this.#data)
      .on("drain", this.#drain)
      .on("exit", (code: number | null, signal?: string) => {
        this.#exit = code === null ? `, killed by ${printable(String(signal))}` : `, exit status ${code}`
      })
      .on("end", this.#endedByPeer)
      .on("close", this.#endedByPeer)
      // ssh2 ends our half when the peer closes the channel: the only event then if it is paused.
      .on("finish", this.#endedByPeer)
      .on("error", () => {})
    channel.stderr
      .on("data", (bytes: Buffer) => {
        if (this.#stderr.length < stderrKept) this.#stderr += bytes.toString("utf8").slice(0, stderrKept)
      })
      .on("error", () => {})
    this.#offEnd = link.onEnd((reason) => this.#finish(reason))
  }

  readonly write = (frame: Uint8Array): boolean => {
    if (this.#ended) return false
    try {
      return this.#channel.write(frame)
    } catch {
      // ssh2 throws when its connection has just ended; the end itself is on its way.
      return false
    }
  }

  readonly pause = (): void => {
    if (!this.#ended) this.#channel.pause()
  }

  readonly resume = (): void => {
    if (!this.#ended) this.#channel.resume()
  }

  // No closure per chunk: this runs for every piece of every message.
  readonly #data = (bytes: Buffer): void => {
    if (this.#ended) return
    try {
      this.#handler.data(bytes)
    } catch (error) {
      this.#failed(error)
    }
  }

  readonly #drain = (): void => {
    if (this.#ended) return
    try {
      this.#handler.drain()
    } catch (error) {
      this.#failed(error)
    }
  }

  /** The handler's exception would come back from ssh2 as a fault of the connection's, and close every session on it. */
  #failed(error: unknown): void {
    this.#finish({ by: "us", detail: `the handler failed: ${error instanceof Error ? error.message : "unknown"}` })
    this.#channel.close()
  }

  /** The exit status may follow the end in the same bytes: it is waited for, for as long as those last. */
  readonly #endedByPeer = (): void => {
    if (this.#ended) return
    setImmediate(() => {
      const stderr = this.#stderr.trim() === "" ? "" : `; it said: ${printable(this.#stderr.trim())}`
      this.#finish({ by: "peer", detail: `the peer closed the channel${this.#exit}${stderr}` })
    })
  }

  #finish(reason: EndReason): void {
    if (this.#ended) return
    // What came before the end and was held back by a pause is delivered, not lost: `read` emits `data`.
    if (reason.by !== "us") while (this.#channel.read() !== null);
    if (this.#ended) return
    this.#ended = true
    this.#offEnd()
    this.#channel.resume()
    try {
      this.#handler.end(reason)
    } catch {
      // It has been told; there is nobody else to tell.
    }
  }

  close(millis: number): Effect.Effect<void> {
    return Attempt.make<void>((attempt) => {
      this.#finish({ by: "us", detail: "closed" })
      const channel = this.#channel
      if (this.#link.ended !== undefined) return attempt.succeed()
      if (channel.writableLength === 0) {
        // Without an EOF before it: one packet less, and it travels with what is said next.
        channel.close()
        return attempt.succeed()
      }
      const sent = () => attempt.succeed()
      attempt.within(millis, sent)
      attempt.onSettle(this.#link.onEnd(sent))
      attempt.onSettle(() => {
        channel.off("finish", sent)
        if (this.#link.ended === undefined) channel.close()
      })
      channel.once("finish", sent)
      channel.end()
    })
  }
}
