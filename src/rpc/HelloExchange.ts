/**
 * The opening of a session (RFC 6241 §8.1): our hello, the peer's, and what follows from both. It ends once, with the
 * peer's hello or with the reason why there will be none.
 */
import { isUtf8 } from "node:buffer"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Errors from "../errors.ts"
import * as Framing from "../framing/Framing.ts"
import * as Profile from "../profiles/Profile.ts"
import * as TraceContext from "../telemetry/TraceContext.ts"
import type { EndReason } from "../transport/Transport.ts"
import type { Limits } from "../xml/Parse.ts"
import * as Capabilities from "./Capabilities.ts"
import * as Hello from "./Hello.ts"

export interface Options {
  readonly framing: Hello.Framing
  /** Further capability URIs of our hello. */
  readonly capabilities: ReadonlyArray<string>
  /** Undefined: chosen from the peer's hello. */
  readonly profile: Profile.Profile | undefined
  readonly limits: Limits
  readonly requireSessionId: boolean
}

/** The largest hello seen in the field has 800 kB; whoever sends more than this before its end is no NETCONF server. */
export const maxBytes = 4 * 1024 * 1024

const unread: Hello.Hello = { sessionId: undefined, capabilities: Capabilities.make([]), tolerated: [] }

export class HelloExchange {
  readonly #options: Options
  readonly #outcome = Deferred.makeUnsafe<void, Errors.ConnectError>()
  #settled = false
  #peer: Hello.Hello | undefined
  #profile: Profile.Profile = Profile.generic
  #framing: Framing.Mode = "end-of-message"
  #traces: TraceContext.Understood = { traceparent: false, tracestate: false }

  constructor(options: Options) {
    this.#options = options
  }

  /** Our hello, framed; sent without waiting for the peer's. */
  get ours(): Buffer {
    return Framing.encode("end-of-message", Hello.encode(this.#options.framing, this.#options.capabilities))
  }

  get read(): boolean {
    return this.#peer !== undefined
  }

  get peer(): Hello.Hello {
    return this.#peer ?? unread
  }

  get profile(): Profile.Profile {
    return this.#profile
  }

  /** What both sides write after the hellos. */
  get framing(): Framing.Mode {
    return this.#framing
  }

  /** Which trace context the peer understands on an rpc. */
  get traces(): TraceContext.Understood {
    return this.#traces
  }

  /** Reads the peer's first message; throws a `HelloError` or an `XmlError`. */
  receive(bytes: Buffer): void {
    const { framing, limits, profile, requireSessionId } = this.#options
    const hello = Hello.read(bytes.toString("utf8"), limits, requireSessionId)
    this.#framing = Hello.chooseFraming(framing, hello.capabilities)
    this.#profile = profile ?? Profile.detect(hello.capabilities.uris)
    this.#traces = TraceContext.understood(hello.capabilities)
    this.#peer = isUtf8(bytes) ? hello : { ...hello, tolerated: [...hello.tolerated, "bytes that are not UTF-8"] }
  }

  /** Lets the opener go on; called when the batch that held the hello is finished. */
  succeed(): void {
    this.#settled = true
    Deferred.doneUnsafe(this.#outcome, Exit.void)
  }

  /** Every session ends; only one that ends here needs its error, which costs 100 µs to make. */
  fail(why: () => Errors.ConnectError): void {
    if (!this.#settled) Deferred.doneUnsafe(this.#outcome, Exit.fail(why()))
  }

  /** Waits for the peer's hello; `late` makes the error after so many milliseconds. */
  await(deadline: number, late: () => Errors.DeadlineError): Effect.Effect<void, Errors.ConnectError> {
    const read = Deferred.await(this.#outcome)
    return deadline === Infinity ? read : Effect.timeoutOrElse(read, { duration: deadline, orElse: late })
  }
}

/** The end of the transport before the peer's hello. */
export const endedBefore = ({ by, detail }: EndReason, context: Errors.ErrorContext): Errors.ConnectError => {
  const said = `${detail} before the peer's hello`
  return by === "network"
    ? new Errors.ConnectionError({ ...context, reason: "reset", detail: said })
    : new Errors.ChannelError({ ...context, phase: "closed", by, detail: said })
}
