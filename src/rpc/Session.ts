/**
 * One session of the messages layer (RFC 6241 §4, RFC 6242) and the states it goes through: it opens with the hello
 * exchange, is up, is being closed, and has ended, once and with a reason that everything that waits is told.
 *
 * Bytes go to Incoming, calls to Requests, and the answers from one to the other through Replies, synchronously. The reader
 * never waits for a caller, and a caller that goes away never stops it. What an operation means is the operation's
 * business; semaphores, locks and the user's scope are `api/`'s.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Errors from "../errors.ts"
import type * as Framing from "../framing/Framing.ts"
import type { Profile } from "../profiles/Profile.ts"
import type { Redaction } from "../telemetry/Redaction.ts"
import { redactError } from "../telemetry/RedactedError.ts"
import type * as LiveSessions from "../telemetry/LiveSessions.ts"
import * as SessionLife from "../telemetry/SessionLife.ts"
import type { DeadlineMillis } from "../transport/Deadlines.ts"
import * as Monotonic from "../transport/Monotonic.ts"
import type { Connection, Handler, Transport } from "../transport/Transport.ts"
import type { Limits } from "../xml/Parse.ts"
import type { Call } from "./Calls.ts"
import * as GiveBack from "./GiveBack.ts"
import type { Hello } from "./Hello.ts"
import * as HelloExchange from "./HelloExchange.ts"
import { type Broken, Incoming } from "./Incoming.ts"
import * as Keepalive from "./Keepalive.ts"
import type { Leases } from "./Leases.ts"
import * as Ledger from "./Ledger.ts"
import type { Listener } from "./Listener.ts"
import { Notifications } from "./Notifications.ts"
import type { Operation } from "./Operation.ts"
import * as Outcome from "./Outcome.ts"
import { Replies } from "./Replies.ts"
import type { Reply } from "./Reply.ts"
import * as Requests from "./Requests.ts"
import { WireLog, type WireLogSink } from "./WireLog.ts"

export type { CloseReason } from "./Outcome.ts"
export type { Sending } from "./Requests.ts"

export interface Options extends HelloExchange.Options, Requests.Options, Ledger.Options {
  readonly transport: Transport
  readonly label: string | undefined
  readonly deadlines: DeadlineMillis
  /** Sent when the session is closed. */
  readonly closeSession: Operation<unknown>
  /** Hides secrets in errors and logs. */
  readonly redaction: Redaction
  /** Undefined: no message is logged. */
  readonly wireLog: WireLogSink | undefined
  /** Asks an idle peer whether it is still there. */
  readonly keepalive?: Keepalive.Options | undefined
}

/** What a session is made of besides its options. */
interface Parts {
  readonly options: Options
  readonly clock: Clock.Clock
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  /** The scope of its connection. */
  readonly wire: Scope.Closeable
  readonly life: SessionLife.SessionLife
}

export class Session implements Ledger.Owner, Requests.Owner {
  readonly closed = Deferred.makeUnsafe<Outcome.CloseReason>()
  readonly handler: Handler
  readonly replies: Replies
  readonly notifications: Notifications
  readonly life: SessionLife.SessionLife
  readonly wireLog: WireLog | undefined
  readonly fork: Parts["fork"]
  readonly #options: Options
  readonly #clock: Clock.Clock
  readonly #wire: Scope.Closeable
  readonly #hello: HelloExchange.HelloExchange
  readonly #ledger: Ledger.Ledger
  readonly #requests: Requests.Requests
  readonly #incoming: Incoming
  #state: "hello" | "up" | "closing" | "closed" = "hello"
  #connection: Connection | undefined
  #end: Outcome.CloseReason | undefined
  #wireClosed: Effect.Effect<void> = Effect.void
  #unwatch: (() => void) | undefined
  /** How many want the peer held back. */
  #paused = 0
  #receivedAt: number | undefined

  constructor({ clock, fork, life, options, wire }: Parts) {
    this.life = life
    this.fork = fork
    this.#options = options
    this.#clock = clock
    this.#wire = wire
    const log = this.#makeWireLog(options)
    this.wireLog = log
    this.#hello = new HelloExchange.HelloExchange(options)
    this.#ledger = new Ledger.Ledger(this, options, this.#hello)
    const onFrame = log && ((frame: Buffer) => log.sent(frame))
    this.#requests = new Requests.Requests(this, options, this.#hello, this.#ledger, onFrame)
    this.notifications = new Notifications(clock, () => this.paused)
    this.replies = new Replies(this.#requests.calls, this.#ledger, this.notifications)
    this.#incoming = new Incoming(options.limits.bytes, this.#hello, this.replies, this.notifications, log)
    this.handler = {
      data: (bytes) => this.#data(bytes),
      drain: () => this.#requests.drain(),
      end: (reason) => this.end(this.#state === "closing" ? closedByUs : reason)
    }
  }

  /** Milliseconds that only differences are taken of. */
  now(): number {
    return Monotonic.millis(this.#clock)
  }

  /** Milliseconds since 1970. */
  wallClock(): number {
    return this.#clock.currentTimeMillisUnsafe()
  }

  get context(): Errors.ErrorContext {
    const { label, transport } = this.#options
    return { label, peer: transport.peer, sessionId: this.#hello.peer.sessionId }
  }

  get hello(): Hello {
    return this.#hello.peer
  }

  get profile(): Profile {
    return this.#hello.profile
  }

  /** Whether it could live in a thread. */
  get canCross(): boolean {
    return this.#options.transport.remote !== undefined
  }

  get limits(): Limits {
    return this.#options.limits
  }

  get redaction(): Redaction {
    return this.#options.redaction
  }

  get framing(): Framing.Mode {
    return this.#hello.framing
  }

  get connection(): Connection | undefined {
    return this.#connection
  }

  get leases(): Leases {
    return this.#ledger.leases
  }

  /** Whether the session is over; then the device has released its locks. */
  get ended(): boolean {
    return this.#end !== undefined
  }

  /** The rpcs that the peer has not answered yet, those that nobody waits for any more included. */
  get unanswered(): ReadonlyArray<Call> {
    return this.#requests.calls.all()
  }

  /** What it has counted. */
  get seen(): LiveSessions.Seen {
    const { foreign, late, replaced, unexpected } = this.replies.counters
    const { bytes: bytesIn, tolerated } = this.#incoming
    const { discarded } = this.notifications
    return { bytesIn, bytesOut: this.#requests.bytesOut, late, foreign, unexpected, discarded, replaced, tolerated }
  }

  /** What there is to say of it once it is up. */
  get facts(): SessionLife.Facts {
    const { connection, context, framing, profile } = this
    return { context, framing, profile: profile.name, address: connection?.details["address"] }
  }

  /** Opens the transport, sends our hello at once and waits for the peer's, each within its deadline. */
  connect(): Effect.Effect<void, Errors.ConnectError> {
    const { deadlines, label, redaction, transport } = this.#options
    return Scope.provide(transport.open(this.handler, { label, deadlines }), this.#wire).pipe(
      Effect.mapError((error) => redactError(error, redaction)),
      Effect.flatMap((connection) => this.#exchangeHello(connection))
    )
  }

  #exchangeHello(connection: Connection): Effect.Effect<void, Errors.ConnectError> {
    this.#connection = connection
    this.#requests.open(connection)
    const deadline = this.#options.deadlines.hello
    const late = () => {
      const bytes = this.#incoming.bytes
      return new Errors.DeadlineError({ ...this.context, phase: "hello", deadline, bytes, elapsed: deadline })
    }
    return this.#hello.await(deadline, late)
  }

  /** From now on an idle peer is asked whether it is still there, if the options say so. */
  watch(): void {
    const { keepalive } = this.#options
    if (keepalive === undefined || this.ended) return
    this.#unwatch = Keepalive.watch(keepalive, this.#clock, {
      calls: this.#requests.calls,
      received: () => this.#incoming.bytes,
      paused: () => this.paused,
      send: (operation) => void this.fork(Effect.ignore(this.call(operation, { deadline: Infinity }))),
      dead: (detail) => this.end({ by: "network", detail })
    })
  }

  /** Has somebody told of what comes unasked, one at a time; the result ends it. */
  listen(listener: Listener): () => void {
    return this.notifications.listen(listener)
  }

  /** When the bytes came that are being read, in milliseconds since 1970; asked once for all that came with them. */
  get receivedAt(): number {
    return (this.#receivedAt ??= this.wallClock())
  }

  /** A message that the listener has found in the frame of a notification. */
  message(bytes: Buffer): void {
    this.replies.message(bytes)
  }

  /** Whether the peer is held back. */
  get paused(): boolean {
    return this.#paused > 0
  }

  /** Holds the peer back until the result is called: nothing more is read, replies neither. */
  pause(): () => void {
    let held = true
    if (this.#paused++ === 0) this.#connection?.pause()
    return () => {
      if (!held) return
      held = false
      if (--this.#paused === 0) this.#connection?.resume()
    }
  }

  /** From now on it is not asked any more. */
  unwatch(): void {
    this.#unwatch?.()
    this.#unwatch = undefined
  }

  /** Sends an operation and waits for its reply. Interrupting it leaves a tombstone; the session goes on. */
  call(operation: Operation<unknown>, sending: Requests.Sending = {}): Effect.Effect<Reply, Errors.OperationError> {
    return Effect.callback((resume) => {
      const refused = this.#refusal(operation)
      if (refused === undefined) return this.#requests.send(operation, sending, resume)
      return resume(Effect.fail(refused))
    })
  }

  /** Nothing follows a close-session: the device would never answer it. */
  #refusal(operation: Operation<unknown>): Errors.OperationError | undefined {
    const closing = this.#state === "closing" && operation !== this.#options.closeSession ? beingClosed : undefined
    const reason = this.#end ?? closing
    return reason && Outcome.ended(reason, "write", { ...this.context, operation: operation.name })
  }

  /** Ends the session politely: close-session with its deadline, then the transport. Never fails. */
  get close(): Effect.Effect<void> {
    const end = Effect.suspend(() => {
      this.end(closedByUs)
      return this.#wireClosed
    })
    return Effect.uninterruptible(
      Effect.andThen(
        Effect.suspend(() => this.#goodbye()),
        end
      )
    )
  }

  #goodbye(): Effect.Effect<void> {
    if (this.#state !== "up") return Effect.void
    this.#state = this.life.state = "closing"
    const { closeSession, deadlines } = this.#options
    return Effect.ignore(this.call(closeSession, GiveBack.within(deadlines.close)))
  }

  /** Everything that waits fails with the reason, at once; later calls too. Only the first reason counts. */
  end(why: Outcome.CloseReason): void {
    if (this.#end !== undefined) return
    const reason = this.#inWords(why)
    this.#end = reason
    this.#state = "closed"
    this.#requests.stop()
    this.#unwatch?.()
    this.replies.flush()
    const calls = this.#requests.clear()
    this.#wireClosed = Effect.asVoid(Fiber.await(this.fork(Scope.close(this.#wire, Exit.void))))
    this.#hello.fail(() => reason.error ?? HelloExchange.endedBefore(reason, this.context))
    for (const call of calls) {
      if (!call.abandoned) call.resume(Effect.fail(this.#requests.lost(call, reason)))
    }
    this.life.ended(reason)
    Deferred.doneUnsafe(this.closed, Exit.succeed(reason))
  }

  #inWords(why: Outcome.CloseReason): Outcome.CloseReason {
    const partial = this.#incoming.cut()
    const said = this.#options.redaction.text(why.detail)
    const detail = partial === 0 ? said : `${said}, in the middle of a message (${partial} bytes of it came)`
    return { ...why, detail }
  }

  /** A late reply says that an abandoned call acquired something: it is given back, or the session is closed. */
  undo(call: Call, undo: Operation<unknown> | "close-session"): void {
    if (this.#state === "closing" || call.sent?.had === true) return
    this.fork(GiveBack.giveBack(call, undo, this, this.#options.deadlines.close))
  }

  #data(bytes: Uint8Array): void {
    if (this.#end !== undefined) return
    this.#receivedAt = undefined
    const broken = this.#incoming.push(bytes)
    if (broken !== undefined) return this.#broken(broken, bytes)
    if (this.#state === "hello" && this.#hello.read) this.#up()
    const call = this.#incoming.arriving()
    if (call !== undefined) this.#requests.fed(call)
    this.replies.flush()
    // A message that nobody can read leaves a tombstone too.
    this.#requests.limitAbandoned()
  }

  #up(): void {
    this.#state = "up"
    this.#hello.succeed()
  }

  #broken({ detail, layer }: Broken, bytes: Uint8Array): void {
    const error = Outcome.unreadable(layer, detail, this.#incoming.bytes, bytes)
    const reason = { by: "us", detail: `the peer's bytes are not NETCONF: ${detail}` } as const
    this.end({ ...reason, error: Errors.withContext(error, this.context) })
  }

  #makeWireLog({ deadlines, redaction, wireLog: sink }: Options): WireLog | undefined {
    if (sink === undefined) return undefined
    const { fork } = this
    const now = () => this.wallClock()
    const context = () => this.context
    return new WireLog({ sink, redaction, now, context, patience: deadlines.close, fork })
  }
}

const beingClosed = { by: "us", detail: "the session is being closed" } as const
const closedByUs = { by: "us", detail: "the session was closed" } as const
