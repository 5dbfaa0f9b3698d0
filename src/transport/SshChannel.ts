/**
 * One NETCONF session's channel on an SSH connection (RFC 6242 §3): opens it, starts the subsystem, and is the
 * Connection that a session reads and writes.
 *
 * ssh2's stream is used as it is: bytes go from its `data` event to the handler, frames into its `write`. A dead
 * connection silences a paused channel, so its end is heard from the Link as well.
 */
import * as Effect from "effect/Effect"
import type { ClientChannel } from "ssh2"
import type { ConnectError } from "../errors.ts"
import { ChannelError, DeadlineError, printable } from "../errors.ts"
import { startTimer, toConnectionError } from "./Dial.ts"
import type { Link } from "./SshLink.ts"
import type { Connection, EndReason, Handler, OpenContext } from "./Transport.ts"

export interface ChannelOptions {
  readonly subsystem: string
  readonly peer: string
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
  Effect.callback((resume) => {
    const began = performance.now()
    const bytesBefore = link.socket.bytesRead
    const where = () => ({ label: context.label, peer: options.peer, elapsed: performance.now() - began })
    let done = false
    let offEnd = () => {}
    const stop = () => {
      done = true
      cancelTimer()
      offEnd()
    }
    const fail = (error: ConnectError) => {
      if (done) return
      stop()
      resume(Effect.fail(error))
    }
    const peerError = (detail: string) => new ChannelError({ ...where(), phase: "open", by: "peer", detail })
    const deadline = context.deadlines.subsystem
    const cancelTimer = startTimer(deadline, () => {
      const bytes = link.socket.bytesRead - bytesBefore
      fail(new DeadlineError({ ...where(), phase: "subsystem", deadline, bytes }))
    })
    offEnd = link.onEnd((reason) => {
      fail(
        reason.by === "network"
          ? toConnectionError(link.fault ?? { code: "ECONNRESET" }, where())
          : peerError(`${reason.detail} while the ${options.subsystem} subsystem was being opened`)
      )
    })
    const opened = (error: Error | undefined, channel: ClientChannel) => {
      // Too late: nobody waits any more.
      if (done) return error === undefined ? channel.close() : undefined
      if (error !== undefined) return fail(peerError(explain(error, options.subsystem)))
      stop()
      const session = new Session(link, channel, handler)
      resume(Effect.succeed({ connection: session, close: (millis) => session.close(millis) }))
    }
    try {
      if (!done) link.client.subsys(options.subsystem, opened)
    } catch (error) {
      fail(peerError(error instanceof Error ? error.message : "the connection is closed"))
    }
    return Effect.sync(stop)
  })

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

class Session implements Connection {
  readonly details: Readonly<Record<string, string>>
  readonly notes: ReadonlyArray<string>
  readonly #link: Link
  readonly #channel: ClientChannel
  readonly #handler: Handler
  readonly #offEnd: () => void
  #ended = false
  #exit = ""
  #stderr = ""

  constructor(link: Link, channel: ClientChannel, handler: Handler) {
    this.#link = link
    this.#channel = channel
    this.#handler = handler
    this.details = link.details
    this.notes = link.notes
    channel
      .on("data", this.#data)
      .on("drain", () => this.#guard(() => this.#ended || handler.drain()))
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

  /** An exception would come back from ssh2 as a fault of the connection's, and close every session on it. */
  #guard(run: () => unknown): void {
    try {
      run()
    } catch (error) {
      const detail = `the handler failed: ${error instanceof Error ? error.message : "unknown"}`
      this.#finish({ by: "us", detail })
      this.#channel.close()
    }
  }

  readonly #data = (bytes: Buffer): void => {
    if (this.#ended) return
    this.#guard(() => this.#handler.data(bytes))
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
    return Effect.callback((resume) => {
      this.#finish({ by: "us", detail: "closed" })
      const channel = this.#channel
      if (this.#link.ended !== undefined) return resume(Effect.void)
      if (channel.writableLength === 0) {
        // Without an EOF before it: one packet less, and it travels with what is said next.
        channel.close()
        return resume(Effect.void)
      }
      const settled = () => {
        cancelTimer()
        offEnd()
        channel.off("finish", settled)
        if (this.#link.ended === undefined) channel.close()
        resume(Effect.void)
      }
      const cancelTimer = startTimer(millis, settled)
      const offEnd = this.#link.onEnd(settled)
      channel.once("finish", settled)
      channel.end()
    })
  }
}
