/**
 * What a session and its peer have had to do with each other: who the peer is, what it was told and what it has granted.
 * Replies and Outcome ask here what they need to know to say what an answer, or its absence, means.
 *
 * Leases and Echo hold the two halves of it; this module writes them together, and moves nothing.
 */
import type { ErrorContext } from "../errors.ts"
import type { Profile } from "../profiles/Profile.ts"
import type { Redaction } from "../telemetry/Redaction.ts"
import type { Limits } from "../xml/Parse.ts"
import type { Call } from "./Calls.ts"
import type { Capabilities } from "./Capabilities.ts"
import { Echo } from "./Echo.ts"
import type { HelloExchange } from "./HelloExchange.ts"
import { Leases, type Sent } from "./Leases.ts"
import type { Operation } from "./Operation.ts"
import type * as Outcome from "./Outcome.ts"
import type * as Replies from "./Replies.ts"

export interface Options {
  readonly limits: Limits
  readonly invalidUtf8: "refuse" | "replace"
  readonly redaction: Redaction
}

/** The session that it is kept for. */
export interface Owner extends Pick<Replies.Owner, "now" | "wallClock" | "undo"> {
  readonly context: ErrorContext
}

export class Ledger implements Outcome.Peer, Replies.Owner {
  readonly leases = new Leases(this)
  readonly limits: Limits
  readonly invalidUtf8: "refuse" | "replace"
  readonly #owner: Owner
  readonly #hello: HelloExchange
  readonly #echo: Echo

  constructor(owner: Owner, { invalidUtf8, limits, redaction }: Options, hello: HelloExchange) {
    this.limits = limits
    this.invalidUtf8 = invalidUtf8
    this.#owner = owner
    this.#hello = hello
    this.#echo = new Echo(redaction)
  }

  get context(): ErrorContext {
    return this.#owner.context
  }

  get capabilities(): Capabilities {
    return this.#hello.peer.capabilities
  }

  peer(): Outcome.Peer {
    return this
  }

  profile(): Profile {
    return this.#hello.profile
  }

  now(): number {
    return this.#owner.now()
  }

  wallClock(): number {
    return this.#owner.wallClock()
  }

  /** Notes an operation that is about to be written. */
  sent(operation: Operation<unknown>): Sent {
    this.#echo.sent(operation)
    return this.leases.sent(operation)
  }

  succeeded({ operation, sent }: Call): void {
    if (sent !== undefined) this.leases.succeeded(sent)
    this.#echo.succeeded(operation)
  }

  undo(call: Call, undo: Operation<unknown> | "close-session"): void {
    this.#owner.undo(call, undo)
  }

  isPrivate({ sent }: Call): boolean {
    return sent !== undefined && this.leases.isPrivate(sent)
  }

  redaction(call: Call): Redaction {
    return this.#echo.of(call.operation, this.capabilities)
  }
}
