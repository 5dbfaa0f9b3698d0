/**
 * What is said about one session from being asked for to its end: its span, its place among the live sessions whose sums
 * the metrics are, and two lines at Debug. The session tells it three times: opened or failed, closing, ended.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Tracer from "effect/Tracer"
import type { ConnectError, ErrorContext } from "../errors.ts"
import * as LiveSessions from "./LiveSessions.ts"
import * as Logs from "./Logs.ts"
import * as Metrics from "./Metrics.ts"
import * as Spans from "./Spans.ts"

/** Why a session ended. */
export interface Reason {
  readonly by: "peer" | "us" | "network"
  readonly detail: string
  readonly error?: ConnectError
}

/** What is known of a session that is up. */
export interface Facts {
  readonly context: ErrorContext
  readonly framing: string
  readonly profile: string
  /** The peer's address and port on the network, where the transport tells it. */
  readonly address: string | undefined
}

const nothing = {
  bytesIn: 0,
  bytesOut: 0,
  late: 0,
  foreign: 0,
  unexpected: 0,
  discarded: 0,
  replaced: 0,
  tolerated: {}
}

/** Text of a peer may be as long as it likes; what is exported may not. */
const maxDetail = 200

export class SessionLife implements LiveSessions.LiveSession {
  state: LiveSessions.LiveSession["state"] = "connecting"
  pool: LiveSessions.Pool | undefined
  /** What the spans of its operations say of it. */
  attributes: Spans.Attributes
  /** From the spans of its operations to its own. */
  readonly links: ReadonlyArray<Tracer.SpanLink>
  readonly #span: Tracer.Span | undefined
  readonly #clock: Clock.Clock
  readonly #sessions: LiveSessions.LiveSessions
  readonly #fork: (effect: Effect.Effect<void>) => unknown
  #context: ErrorContext
  #opened = false
  #ended: Reason | undefined
  #seen: () => LiveSessions.Seen = () => nothing

  constructor(context: ErrorContext, fiber: Fiber.Fiber<unknown, unknown>, span: Tracer.Span | undefined) {
    this.#context = context
    this.#span = span
    this.#clock = fiber.getRef(Clock.Clock)
    this.#sessions = LiveSessions.of(fiber.context)
    this.#fork = Effect.runForkWith(fiber.context)
    this.attributes = Spans.ofPeer(context.peer ?? "", context.label)
    this.links = span === undefined ? [] : [{ span, attributes: {} }]
  }

  get seen(): () => LiveSessions.Seen {
    return this.#seen
  }

  /** From now on the session counts. Every session that begins is told `ended`, once. */
  begin(seen: () => LiveSessions.Seen): void {
    this.#seen = seen
    this.#sessions.join(this)
  }

  opened({ address, context, framing, profile }: Facts): void {
    const { sessionId } = context
    const known = Spans.ofSession(sessionId, address)
    this.#context = context
    this.attributes = { ...this.attributes, ...known }
    this.#opened = true
    this.state = "up"
    this.#count(Metrics.connects("ok"))
    if (this.#span !== undefined) {
      Spans.write(this.#span, known)
      Spans.attempt(() => this.#span?.event("netconf.up", this.#now))
    }
    this.#log(`session opened: ${framing} framing, profile ${profile}`)
    if (this.#ended !== undefined) this.#wasUp(this.#ended)
  }

  /** Connecting failed, or was interrupted. */
  failed(cause: Cause.Cause<ConnectError>): void {
    if (this.#opened) return
    const error = cause.reasons.find(Cause.isFailReason)?.error
    this.#count(Metrics.connects(error?._tag ?? (Cause.hasInterruptsOnly(cause) ? "interrupted" : "defect")))
    this.#log(`session not opened: ${error?.message ?? "interrupted"}`)
    if (this.#span !== undefined && error !== undefined) Spans.write(this.#span, { "error.type": error._tag })
    Spans.attempt(() => this.#span?.end(this.#now, Exit.failCause(cause)))
  }

  /** Whatever it was before; the session has seen the last of what it will see. */
  ended(reason: Reason): void {
    this.#ended = reason
    this.#sessions.leave(this)
    if (this.#opened) this.#wasUp(reason)
  }

  #wasUp({ by, detail, error }: Reason): void {
    this.#count(Metrics.sessionsEnded[by])
    this.#log(`session closed by ${by === "us" ? "us" : `the ${by}`}: ${detail}`)
    if (this.#span === undefined) return
    const { bytesIn, bytesOut } = this.#seen()
    Spans.write(this.#span, {
      "netconf.ended_by": by,
      "netconf.end_reason": detail.slice(0, maxDetail),
      "netconf.bytes_sent": bytesOut,
      "netconf.bytes_received": bytesIn,
      ...(error === undefined ? {} : { "error.type": error._tag })
    })
    Spans.attempt(() => this.#span?.end(this.#now, error === undefined ? Exit.void : Exit.fail(error)))
  }

  get #now(): bigint {
    return this.#clock.currentTimeNanosUnsafe()
  }

  #count(metric: { readonly updateUnsafe: (by: number, context: LiveSessions.LiveSessions["context"]) => void }): void {
    metric.updateUnsafe(1, this.#sessions.context)
  }

  #log(line: string): void {
    this.#fork(Logs.annotated(this.#context, Effect.logDebug(line)))
  }
}

/** A span of its own trace, because a session outlives what it was opened for; it links there. */
const makeSpan = (parent: Tracer.AnySpan | undefined, attributes: Spans.Attributes) =>
  Spans.make("netconf.session", {
    kind: "client",
    root: true,
    sampled: parent?.sampled !== false,
    links: parent === undefined ? [] : [{ span: parent, attributes: {} }],
    attributes
  })

/** Of a session that is about to be opened, in the context of whoever opens it. */
export const make = (peer: string, label: string | undefined): Effect.Effect<SessionLife> =>
  Effect.withFiber((fiber) => {
    const context = { label, peer }
    if (!Spans.isHeard(fiber)) return Effect.succeed(new SessionLife(context, fiber, undefined))
    const span = makeSpan(fiber.cache.span, Spans.ofPeer(peer, label))
    return Effect.map(span, (made) => new SessionLife(context, fiber, made))
  })
