/**
 * The seam between sessions and whatever carries their bytes.
 *
 * It is push, not pull: `open` is given a handler, the handler is called synchronously with bytes as they come, and
 * nothing is read before there is one. Back-pressure is explicit both ways: `pause`/`resume` towards the peer,
 * `write` returning false and `drain` towards us. A transport knows nothing of framing or NETCONF.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ConnectError } from "../errors.ts"
import type { DeadlineMillis } from "./Deadlines.ts"
import type { Crossing } from "./Placement.ts"

/** Why the bytes ended, and who ended them: `network` when the connection was cut without either side saying so. */
export interface EndReason {
  readonly by: "peer" | "us" | "network"
  readonly detail: string
}

/** What a transport calls. None of these throws, and none is called after `end`. */
export interface Handler {
  /** Bytes, in order, cut anywhere. The buffer belongs to the handler from now on. */
  readonly data: (bytes: Uint8Array) => void
  /** There is room to write again, after a `write` that returned false. */
  readonly drain: () => void
  /** Called exactly once after a successful `open`, also while paused, also when our own scope closes. */
  readonly end: (reason: EndReason) => void
}

/** An open way to the peer. It is closed by closing the scope that it was opened in. */
export interface Connection {
  /**
   * Hands over one whole frame; never blocks, never throws. False means that the buffer is full: the frame was taken,
   * and `drain` will be called. After the end it does nothing and returns false.
   */
  readonly write: (frame: Uint8Array) => boolean
  /** Stops `data` (soon, not at once) and holds the peer back. `end` still comes. */
  readonly pause: () => void
  readonly resume: () => void
  /** What an operator wants to know of this connection: cipher, host key, addresses. Never a secret. */
  readonly details: Readonly<Record<string, string>>
  /** The reactor that it lives in; undefined in the caller's loop. */
  readonly reactor?: string
  /** What did not go as asked, in words: `the peer refused a second channel: dialled a new connection`. */
  readonly notes: ReadonlyArray<string>
  /**
   * Opens a further channel of the connection below, for a NETCONF session of its own; the connection closes with the
   * last of its channels, and its loss ends them all. Fails with a `ChannelError` of phase `open` where the peer gives
   * no further one: `Transport.open` still may. Missing where there is nothing that could be shared.
   */
  readonly beside?: Transport["open"]
}

/** What `open` is told by the session that it opens for. */
export interface OpenContext {
  readonly label: string | undefined
  readonly deadlines: DeadlineMillis
}

/** A way to reach one device, as a value; opening it twice gives two connections. */
export interface Transport {
  /** Address and port for messages and spans: `192.0.2.1:830`. */
  readonly peer: string
  /** How it is opened in a thread of its own, where that is possible; without it, its sessions live in the caller's loop. */
  readonly remote?: Crossing
  /** Throws an `InputError` for options that cannot work; asked before anything is connected. */
  readonly check?: () => void
  /**
   * Fails within the deadlines of the context, and leaves nothing behind when it fails or is interrupted. Bytes may
   * reach the handler before the effect itself has returned.
   */
  readonly open: (handler: Handler, context: OpenContext) => Effect.Effect<Connection, ConnectError, Scope.Scope>
}
