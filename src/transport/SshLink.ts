/**
 * One SSH connection (RFC 4253), from its login to its end, whoever causes it: how it is closed, how it is asked whether
 * it is still alive, and what its end is called.
 *
 * SshLogin brings it up; SshChannel opens sessions on it.
 */
import type * as Effect from "effect/Effect"
import type * as Net from "node:net"
import ssh2 from "ssh2"
import { printable } from "../errors.ts"
import * as Attempt from "./Attempt.ts"
import * as SocketTurns from "./SocketTurns.ts"
import { peerName } from "./Target.ts"
import type { EndReason } from "./Transport.ts"

/** What ssh2 reports through its `error` event. */
export interface SshFault extends Error {
  /** Where in ssh2 it happened: `handshake`, `protocol`, `client-socket`, `client-authentication`, `agent`. */
  readonly level?: string
  /** The number of a DISCONNECT message, or the code of a socket error. */
  readonly code?: number | string
}

/** Faults after which ssh2 itself goes on with the next credential. */
const goesOn = (fault: SshFault): boolean => fault.level === "agent" || fault.level === "client-authentication"

/**
 * An SSH connection, dead or alive. Its listeners stay for as long as its client lives, so that no late `error` event
 * can end the process.
 */
export class Link {
  readonly client = new ssh2.Client()
  readonly socket: Net.Socket
  readonly details: Record<string, string> = {}
  readonly notes: Array<string> = []
  /** Why it ended; undefined while it lives. */
  ended: EndReason | undefined
  /** What ssh2 said when it ended. */
  fault: SshFault | undefined
  readonly #listeners = new Set<(reason: EndReason) => void>()
  #turns: SocketTurns.SocketTurns | undefined

  constructor(socket: Net.Socket) {
    this.socket = socket
    const { remoteAddress, remotePort } = socket
    if (remoteAddress !== undefined && remotePort !== undefined) {
      this.details["address"] = peerName(remoteAddress, remotePort)
    }
    this.client
      .on("error", (fault: SshFault) => {
        if (goesOn(fault)) return
        this.fault ??= fault
        this.end(describeFault(fault))
      })
      .on("end", () => this.end(closedByPeer))
      .on("close", () => this.end({ by: "network", detail: "the connection was cut" }))
  }

  /** From now on it takes turns with the other connections of this thread: once it is logged in. */
  takeTurns(): void {
    this.#turns ??= SocketTurns.take(this.socket)
  }

  /** Another number whenever there may be bytes from the peer. */
  readonly signs = (): number => this.#turns?.signs() ?? this.socket.bytesRead

  /** Called once when the connection ends, at once if it has ended. The result takes the listener away. */
  onEnd(listener: (reason: EndReason) => void): () => void {
    if (this.ended !== undefined) listener(this.ended)
    else this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The first reason counts. Everything that the connection holds is let go. */
  end(reason: EndReason): void {
    this.#tell(reason)
    this.socket.destroy()
  }

  #tell(reason: EndReason): void {
    if (this.ended !== undefined) return
    this.ended = reason
    for (const listener of this.#listeners) listener(reason)
    this.#listeners.clear()
  }

  /** Says goodbye (SSH_MSG_DISCONNECT), and waits for the peer's own end for at most so long. */
  close(millis: number): Effect.Effect<void> {
    return Attempt.make<void>((attempt) => {
      if (this.socket.destroyed) return attempt.succeed()
      this.#tell({ by: "us", detail: "closed" })
      attempt.within(millis, () => this.socket.destroy())
      this.socket.once("close", () => attempt.succeed())
      // Not destroyed at once: that would take back bytes that the peer has not read yet.
      try {
        this.client.end()
      } catch {
        this.socket.destroy()
      }
    })
  }

  /** Asks the peer for any answer at all. */
  ask(): void {
    try {
      ping(this.client)
    } catch {
      // It has just ended.
    }
  }
}

/**
 * `keepalive@openssh.com`, the question that every server knows from OpenSSH's clients. ssh2 sends it by a timer of
 * its own only; where its insides differ, its public `unforwardIn` asks something that has to be answered as well.
 */
const ping = (client: ssh2.Client): void => {
  const inside = client as unknown as {
    readonly _protocol?: { ping?: () => void }
    readonly _callbacks?: Array<unknown>
  }
  if (typeof inside._protocol?.ping !== "function" || !Array.isArray(inside._callbacks)) {
    client.unforwardIn("", 0, () => {})
    return
  }
  // ssh2 gives answers to callbacks in the order of the questions.
  inside._callbacks.push(() => {})
  inside._protocol.ping()
}

const closedByPeer: EndReason = { by: "peer", detail: "the peer closed the connection" }

const describeFault = (fault: SshFault): EndReason => {
  if (fault.level === "client-socket") {
    return { by: "network", detail: `the connection was lost: ${printable(fault.message)}` }
  }
  if (typeof fault.code === "number") {
    return { by: "peer", detail: `the peer disconnected: ${printable(fault.message)} (reason ${fault.code})` }
  }
  if (fault.message === "Connection lost before handshake") return closedByPeer
  return { by: "peer", detail: `SSH protocol fault: ${printable(fault.message)}` }
}
