/**
 * Spans by the RPC conventions of OpenTelemetry (rpc.*, server.*, network.peer.*, error.type) with attributes of
 * NETCONF's own; docs/observability.md has every name.
 *
 * A span is made only while somebody listens: with the tracer that every program has, nobody would ever see it. A tracer
 * that throws loses its spans; what they are about goes on.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import * as Tracer from "effect/Tracer"
import { type NetconfError, printable } from "../errors.ts"
import * as Metrics from "./Metrics.ts"
import * as OperationOutcome from "./OperationOutcome.ts"
import * as TraceContext from "./TraceContext.ts"

/** Whether a span would reach anybody. */
export const isHeard = ({ cache }: Fiber.Fiber<unknown, unknown>): boolean =>
  cache.tracer !== undefined && cache.tracer !== Tracer.nativeTracer && cache.tracerEnabled

export type Attributes = Readonly<Record<string, string | number>>

/** `192.0.2.1:830` and `[2001:db8::1]:830` in two; any other name of a peer is an address. */
const server = (peer: string): Attributes => {
  const [, bracketed, host, port] = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(peer) ?? []
  return port === undefined
    ? { "server.address": peer }
    : { "server.address": bracketed ?? host!, "server.port": Number(port) }
}

/** What every span about one device says. */
export const ofPeer = (peer: string, label: string | undefined): Attributes => ({
  "rpc.system.name": "netconf",
  ...server(peer),
  ...(label === undefined ? {} : { "netconf.label": label })
})

/** What is known once a session is up; `address` is the peer's on the network, where its transport tells it. */
export const ofSession = (sessionId: number | undefined, address: string | undefined): Attributes => {
  const found = address === undefined ? undefined : server(address)
  return {
    ...(sessionId === undefined ? {} : { "netconf.session_id": sessionId }),
    ...(found === undefined ? {} : { "network.peer.address": found["server.address"]! }),
    ...(found?.["server.port"] === undefined ? {} : { "network.peer.port": found["server.port"] })
  }
}

/** The name of an operation; an element of no RFC is `_OTHER`, so that names stay few. */
const method = (element: string): Attributes =>
  Metrics.nameOf(element) === element
    ? { "rpc.method": element }
    : { "rpc.method": "_OTHER", "rpc.method_original": element }

export const operationName = (element: string): string => `netconf.${Metrics.nameOf(element)}`

/** What is known of an operation when it is called. */
export const ofOperation = (element: string, datastore: string | undefined): Attributes => ({
  ...method(element),
  ...(datastore === undefined ? {} : { "netconf.datastore": datastore })
})

const errorAttributes = (error: NetconfError | undefined): Attributes => {
  if (error === undefined) return {}
  const cause = error._tag === "CommitUnknownError" ? error.cause : error
  const tag = cause._tag === "RpcError" ? cause.errors[0].tag : undefined
  return {
    "error.type": error._tag,
    ...(tag === undefined ? {} : { "rpc.response.status_code": printable(tag).slice(0, 100) }),
    ...(cause._tag === "DeadlineError" ? { "netconf.bytes_received": cause.bytes } : {})
  }
}

/** A new span; undefined when its tracer throws. */
export const make = (name: string, options: Tracer.SpanOptions): Effect.Effect<Tracer.Span | undefined> =>
  Effect.catchCause(Effect.makeSpan(name, options), () => Effect.undefined)

/** Does something with a span, unless its tracer throws. */
export const attempt = <A>(use: () => A): A | undefined => {
  try {
    return use()
  } catch {
    return undefined
  }
}

export const write = (span: Tracer.Span, attributes: Attributes): void => {
  for (const [key, value] of Object.entries(attributes)) attempt(() => span.attribute(key, value))
}

/** What the messages layer tells the span of the operation that it carries. */
export class OperationSpan {
  /** What the rpc carries, to a peer that understands it. */
  readonly header: TraceContext.Header | undefined
  readonly #span: Tracer.Span
  readonly #clock: Clock.Clock
  readonly #timed: boolean

  constructor(span: Tracer.Span, fiber: Fiber.Fiber<unknown, unknown>) {
    this.#span = span
    this.#clock = fiber.getRef(Clock.Clock)
    this.#timed = fiber.getRef(References.TracerTimingEnabled)
    this.header = attempt(() => TraceContext.of(span, fiber.getRef(TraceContext.TraceState)))
  }

  /** The rpc has its id and its frame. */
  encoded(messageId: string, octets: number): void {
    write(this.#span, { "netconf.message_id": messageId, "netconf.bytes_sent": octets })
  }

  /** It was handed to the transport: what came before was waiting. */
  written(): void {
    attempt(() => this.#span.event("netconf.sent", this.#clock.currentTimeNanosUnsafe()))
  }

  /** Its reply has come whole. */
  received(octets: number): void {
    write(this.#span, { "netconf.bytes_received": octets })
  }

  ended(exit: Exit.Exit<unknown, NetconfError>, outcome: OperationOutcome.OperationOutcome): void {
    write(this.#span, { "netconf.outcome": outcome, ...errorAttributes(OperationOutcome.failureOf(exit)) })
    attempt(() => {
      if (this.#span.status._tag === "Started") this.#span.end(this.#now, exit)
    })
  }

  get #now(): bigint {
    return this.#timed ? this.#clock.currentTimeNanosUnsafe() : 0n
  }
}
