/**
 * A connected pair in memory: the seam without a network, for tests and for the simulated device.
 *
 * It behaves as a network does where that matters: delivery is asynchronous (a microtask, never a timer, so the order
 * is the same in every run), each direction has a high-water mark, the far side can go away, the cable can be cut. Buffers
 * arrive as they were written unless `cut` divides them anew.
 */
import * as Effect from "effect/Effect"
import { ConnectionError } from "../errors.ts"
import type { Connection, EndReason, Handler, Transport } from "./Transport.ts"

export interface MemoryOptions {
  /** The name of the far side in messages. Default: `memory`. */
  readonly peer?: string
  /** Bytes on their way in one direction above which `write` returns false. Default: 65536. */
  readonly highWaterMark?: number
  /** Divides what was written into the pieces that arrive, in both directions. */
  readonly cut?: (bytes: Uint8Array) => ReadonlyArray<Uint8Array>
}

/** The far side of a connection: the device's, in a test. */
export interface Endpoint {
  /** Takes the connection; what was written before is delivered then. Once per endpoint. */
  readonly connect: (handler: Handler) => Connection
  /**
   * Ends the connection. The other side gets what was written before, and then `end` by `peer`; this side ends at once,
   * by `us`. With `by: "network"` the cable is cut: nothing on its way arrives, and both sides end by `network`.
   */
  readonly close: (reason?: EndReason) => void
}

/** One direction and the side that it arrives at. */
class Side {
  other!: Side
  handler: Handler | undefined
  #inbox: Array<Uint8Array> = []
  /** How many of the inbox have been delivered. */
  #next = 0
  #bytes = 0
  #paused = false
  #scheduled = false
  #writerWaits = false
  #ending: EndReason | undefined
  #ended = false
  readonly #highWaterMark: number
  readonly #cut: MemoryOptions["cut"]

  constructor(options: MemoryOptions) {
    this.#highWaterMark = options.highWaterMark ?? 65_536
    this.#cut = options.cut
  }

  connection(handler: Handler): Connection {
    this.handler = handler
    this.#schedule()
    return {
      write: (frame) => !this.#ended && this.other.#accept(frame),
      pause: () => {
        this.#paused = true
      },
      resume: () => {
        this.#paused = false
        this.#schedule()
      },
      details: { transport: "memory" },
      notes: []
    }
  }

  close(detail: string): void {
    if (this.#ended) return
    this.other.#endAfterDelivery({ by: "peer", detail })
    this.#end({ by: "us", detail })
  }

  cutCable(reason: EndReason): void {
    for (const side of [this, this.other]) {
      side.#empty()
      side.#endAfterDelivery(reason)
    }
  }

  #accept(frame: Uint8Array): boolean {
    // Towards a side that has closed, bytes are lost as they would be on a network.
    if (this.#ended || this.#ending !== undefined) return false
    for (const piece of this.#cut?.(frame) ?? [frame]) {
      if (piece.length > 0) this.#inbox.push(piece)
    }
    this.#bytes += frame.length
    this.#schedule()
    this.#writerWaits ||= this.#bytes > this.#highWaterMark
    return this.#bytes <= this.#highWaterMark
  }

  #endAfterDelivery(reason: EndReason): void {
    this.#ending ??= reason
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled || this.#ended || this.handler === undefined) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#deliver()
    })
  }

  /** A side that is paused still gets what arrived before the end: the end has to reach it, and nothing may be lost. */
  #deliver(): void {
    while (this.#next < this.#inbox.length && (!this.#paused || this.#ending !== undefined)) {
      const piece = this.#inbox[this.#next++]!
      this.#bytes -= piece.length
      guarded(() => this.handler?.data(piece))
    }
    if (this.#next < this.#inbox.length || this.#ended) return
    this.#empty()
    if (this.#ending !== undefined) this.#end(this.#ending)
    else this.#drained()
  }

  #empty(): void {
    this.#inbox = []
    this.#next = 0
  }

  #drained(): void {
    if (!this.#writerWaits) return
    this.#writerWaits = false
    if (!this.other.#ended) guarded(() => this.other.handler?.drain())
  }

  #end(reason: EndReason): void {
    if (this.#ended) return
    this.#ended = true
    this.#empty()
    const handler = this.handler
    guarded(() => handler?.end(reason))
  }
}

/** A handler that throws is a mistake in the program: it is shown, and the other side does not suffer from it. */
const guarded = (call: () => void): void => {
  try {
    call()
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : new Error(String(error)))
  }
}

const closed: EndReason = { by: "peer", detail: "the connection was closed" }

const endpoint = (side: Side): Endpoint => ({
  connect: (handler) => {
    if (side.handler !== undefined) throw new Error("this endpoint of a memory transport is connected already")
    return side.connection(handler)
  },
  close: (reason = closed) => (reason.by === "network" ? side.cutCable(reason) : side.close(reason.detail))
})

const pairOfSides = (options: MemoryOptions): readonly [client: Side, server: Side] => {
  const client = new Side(options)
  const server = new Side(options)
  client.other = server
  server.other = client
  return [client, server]
}

const connected = (side: Side, handler: Handler) =>
  Effect.acquireRelease(
    Effect.sync(() => side.connection(handler)),
    () => Effect.sync(() => side.close("the scope was closed"))
  )

/**
 * Makes one connection: the client's transport, which can be opened once, and the far side of it.
 *
 * @example
 * const { client, server } = makePair()
 * const far = server.connect({ data: (bytes) => far.write(bytes), drain: () => {}, end: () => {} })
 */
export const makePair = (options: MemoryOptions = {}): { readonly client: Transport; readonly server: Endpoint } => {
  const [near, far] = pairOfSides(options)
  const peer = options.peer ?? "memory"
  const refused = new ConnectionError({ peer, reason: "refused", detail: "this pair has been opened before" })
  const open: Transport["open"] = (handler) =>
    Effect.suspend(() => (near.handler === undefined ? connected(near, handler) : Effect.fail(refused)))
  return { client: { peer, open }, server: endpoint(far) }
}

/** Makes a transport that can be opened any number of times; each time `accept` is given the far side. */
export const make = (accept: (server: Endpoint) => void, options: MemoryOptions = {}): Transport => ({
  peer: options.peer ?? "memory",
  open: (handler) =>
    Effect.suspend(() => {
      const [near, far] = pairOfSides(options)
      return Effect.tap(connected(near, handler), () => Effect.sync(() => accept(endpoint(far))))
    })
})
