/**
 * One session of the messages layer (RFC 6241 §4, RFC 6242): opening with the hello exchange, calls with their deadlines,
 * and the end.
 *
 * Bytes come in synchronously from the transport and resume the waiting calls. The reader never waits for a caller, and a
 * caller that goes away never stops it. What an operation means is the operation's business; semaphores, locks and the
 * user's scope are `api/`'s.
 */
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Errors from "../errors.ts"
import * as Framing from "../framing/Framing.ts"
import * as Profile from "../profiles/Profile.ts"
import { excerpt } from "../telemetry/Excerpt.ts"
import type { Redaction } from "../telemetry/Redaction.ts"
import { redactError } from "../telemetry/RedactedError.ts"
import type * as LiveSessions from "../telemetry/LiveSessions.ts"
import * as Logs from "../telemetry/Logs.ts"
import * as SessionLife from "../telemetry/SessionLife.ts"
import type { OperationSpan } from "../telemetry/Spans.ts"
import * as TraceContext from "../telemetry/TraceContext.ts"
import type { DeadlineMillis } from "../transport/Deadlines.ts"
import type { Connection, EndReason, Handler, Transport } from "../transport/Transport.ts"
import * as Parse from "../xml/Parse.ts"
import { type Call, Calls } from "./Calls.ts"
import { Echo } from "./Echo.ts"
import * as Encode from "./Encode.ts"
import { Expiry } from "./Expiry.ts"
import * as Hello from "./Hello.ts"
import * as HelloExchange from "./HelloExchange.ts"
import * as Keepalive from "./Keepalive.ts"
import { Leases } from "./Leases.ts"
import type { CallOptions, Operation } from "./Operation.ts"
import { Outbox } from "./Outbox.ts"
import * as Outcome from "./Outcome.ts"
import { Reader } from "./Reader.ts"
import { type Owner, Replies } from "./Replies.ts"
import type { Reply } from "./Reply.ts"
import { WireLog, type WireLogSink } from "./WireLog.ts"

export interface Options extends HelloExchange.Options {
  readonly transport: Transport
  readonly label: string | undefined
  readonly deadlines: DeadlineMillis
  readonly invalidUtf8: "refuse" | "replace"
  /** Abandoned rpcs still load the device: one more than this ends the session. */
  readonly maxAbandoned: number
  /** Sent when the session is closed. */
  readonly closeSession: Operation<unknown>
  /** Hides secrets in errors and logs. */
  readonly redaction: Redaction
  /** Undefined: no message is logged. */
  readonly wireLog: WireLogSink | undefined
  /** Asks an idle peer whether it is still there. */
  readonly keepalive?: Keepalive.Options | undefined
}

/** Why a session ended; `error` when the peer's bytes were the reason. */
export interface CloseReason extends EndReason {
  readonly error?: Errors.ProtocolError
}

/** How one call is sent. */
export interface Sending extends Pick<CallOptions, "warnings"> {
  /** Milliseconds from the written rpc to the first byte of its reply. */
  readonly deadline?: number
  /** Milliseconds to its last byte, however steadily it comes. */
  readonly total?: number
  /** Is told what becomes of the call; its trace context goes to a peer that understands it. */
  readonly span?: OperationSpan | undefined
  readonly attend?: Call["attend"]
}

type Fork = <A>(effect: Effect.Effect<A>) => Fiber.Fiber<A>

export class Session {
  readonly leases = new Leases()
  readonly closed = Deferred.makeUnsafe<CloseReason>()
  readonly handler: Handler
  readonly replies: Replies
  readonly life: SessionLife.SessionLife
  bytesIn = 0
  readonly #options: Options
  readonly #clock: Clock.Clock
  readonly #fork: Fork
  readonly #wire: Scope.Closeable
  readonly #hello: HelloExchange.HelloExchange
  readonly #calls = new Calls()
  readonly #outbox: Outbox
  readonly #echo: Echo
  readonly wireLog: WireLog | undefined
  readonly #reader: Reader
  readonly #expiry: Expiry
  #state: "hello" | "up" | "closing" | "closed" = "hello"
  #connection: Connection | undefined
  #end: CloseReason | undefined
  /** The message that is arriving has exceeded its limit, and its call has been told. */
  #givenUp = false
  #wireClosed: Effect.Effect<void> = Effect.void
  #unwatch: (() => void) | undefined
  #traces: TraceContext.Understood = { traceparent: false, tracestate: false }

  constructor(options: Options, clock: Clock.Clock, fork: Fork, wire: Scope.Closeable, life: SessionLife.SessionLife) {
    this.life = life
    this.#options = options
    this.#clock = clock
    this.#fork = fork
    this.#wire = wire
    this.#hello = new HelloExchange.HelloExchange(options)
    this.replies = new Replies(this.#calls, this.#owner())
    this.#echo = new Echo(options.redaction)
    const log = this.#makeWireLog(options)
    this.wireLog = log
    this.#outbox = new Outbox((call) => this.#written(call), log && ((frame) => log.sent(frame)))
    this.#expiry = new Expiry({
      calls: this.#calls,
      progress: options.deadlines.progress,
      now: () => this.now(),
      fork,
      ended: () => this.ended,
      timedOut: (call, error, now) => this.#timedOut(call, error, now)
    })
    this.#reader = new Reader(options.limits.bytes, {
      message: (bytes) => {
        log?.received(bytes)
        if (this.#state === "hello") this.#readHello(bytes)
        else this.replies.message(bytes)
      },
      oversized: (beginning, bytes) => {
        log?.received(beginning, bytes)
        if (!this.#givenUp) this.#oversized(beginning, bytes)
        this.#givenUp = false
      }
    })
    this.handler = {
      data: (bytes) => this.#data(bytes),
      drain: () => this.#outbox.drain(),
      end: (reason) => this.end(this.#state === "closing" ? { by: "us", detail: "the session was closed" } : reason)
    }
  }

  /** Milliseconds that only differences are taken of: a clock that is set back must not hold a deadline back. */
  now(): number {
    return Number(this.#clock.monotonicTimeNanosUnsafe()) / 1_000_000
  }

  get context(): Errors.ErrorContext {
    const { label, transport } = this.#options
    return { label, peer: transport.peer, sessionId: this.#hello.peer.sessionId }
  }

  get hello(): Hello.Hello {
    return this.#hello.peer
  }

  get profile(): Profile.Profile {
    return this.#hello.profile
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

  /** Whether the session is over; then the device has released its locks. */
  get ended(): boolean {
    return this.#end !== undefined
  }

  get bytesOut(): number {
    return this.#outbox.bytes
  }

  get tolerated(): Readonly<Record<string, number>> {
    return this.#reader.tolerated
  }

  /** What it has counted. */
  get seen(): LiveSessions.Seen {
    const { bytesIn, bytesOut } = this
    const { foreign, late, replaced, unexpected } = this.replies.counters
    return { bytesIn, bytesOut, late, foreign, unexpected, replaced, tolerated: this.tolerated }
  }

  /** What there is to say of it once it is up. */
  get facts(): SessionLife.Facts {
    const { connection, context, framing, profile } = this
    return { context, framing, profile: profile.name, address: connection?.details["address"] }
  }

  /** Sends our hello at once and waits for the peer's, within its deadline. */
  exchangeHello(connection: Connection): Effect.Effect<void, Errors.ConnectError> {
    return Effect.suspend(() => {
      this.#connection = connection
      this.#outbox.open(connection, this.#hello.ours)
      const deadline = this.#options.deadlines.hello
      const late = () =>
        new Errors.DeadlineError({ ...this.context, phase: "hello", deadline, bytes: this.bytesIn, elapsed: deadline })
      return this.#hello.await(deadline, late)
    })
  }

  /** From now on an idle peer is asked whether it is still there, if the options say so. */
  watch(): void {
    const { keepalive } = this.#options
    if (keepalive === undefined || this.ended) return
    this.#unwatch = Keepalive.watch(keepalive, this.#clock, {
      calls: this.#calls,
      received: () => this.bytesIn,
      send: (operation) => void this.#fork(Effect.ignore(this.call(operation, { deadline: Infinity }))),
      dead: (detail) => this.end({ by: "network", detail })
    })
  }

  /** Sends an operation and waits for its reply. Interrupting it leaves a tombstone; the session goes on. */
  call(operation: Operation<unknown>, options: Sending = {}): Effect.Effect<Reply, Errors.OperationError> {
    return Effect.callback((resume) => {
      const refused = this.#refusal(operation)
      if (refused !== undefined) return resume(Effect.fail(refused))
      const deadline = options.deadline ?? operation.deadline ?? this.#options.deadlines.rpc
      const { attend, span, total = Infinity, warnings } = options
      const call = this.#calls.make({ operation, warnings, deadline, total, resume, since: this.now(), span, attend })
      try {
        const traced = span?.header === undefined ? undefined : TraceContext.attributes(span.header, this.#traces)
        call.frame = Encode.encode(operation, call.id, this.hello.capabilities, this.framing, traced)
        span?.encoded(call.id, call.frame.length)
      } catch (error) {
        if (!(error instanceof Errors.InputError)) throw error
        return resume(Effect.fail(Errors.withContext(error, Outcome.contextOf(call, this.#peer(), call.since))))
      }
      this.#calls.add(call)
      this.#expiry.watch(call)
      this.#outbox.send(call)
      return Effect.sync(() => this.#interrupted(call))
    })
  }

  /** Nothing follows a close-session: the device would never answer it. */
  #refusal(operation: Operation<unknown>): Errors.OperationError | undefined {
    if (this.#end !== undefined) return this.#endError("write", operation)
    if (this.#state !== "closing" || operation === this.#options.closeSession) return undefined
    const context = { ...this.context, operation: operation.name }
    return new Errors.ChannelError({ ...context, phase: "write", by: "us", detail: "the session is being closed" })
  }

  /** Ends the session politely: close-session with its deadline, then the transport. Never fails. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const { closeSession } = this.#options
    const polite = this.#state === "up"
    if (polite) this.#state = this.life.state = "closing"
    const goodbye = polite ? Effect.ignore(this.call(closeSession, this.#briefly)) : Effect.void
    return Effect.andThen(
      goodbye,
      Effect.suspend(() => {
        this.end({ by: "us", detail: "the session was closed" })
        return this.#wireClosed
      })
    )
  }).pipe(Effect.uninterruptible)

  /** Everything that waits fails with the reason, at once; later calls too. Only the first reason counts. */
  end(why: CloseReason): void {
    if (this.#end !== undefined) return
    const partial = this.#reader.partialBytes
    if (partial > 0) this.wireLog?.received(this.#reader.peek(), partial)
    const said = this.#options.redaction.text(why.detail)
    const detail = partial === 0 ? said : `${said}, in the middle of a message (${partial} bytes of it came)`
    const reason = { ...why, detail }
    this.#end = reason
    this.#state = "closed"
    this.#expiry.cancel()
    this.#unwatch?.()
    this.replies.flush()
    const calls = this.#calls.clear()
    this.#outbox.clear()
    this.#wireClosed = Effect.asVoid(Fiber.await(this.#fork(Scope.close(this.#wire, Exit.void))))
    this.#hello.fail(() => reason.error ?? HelloExchange.endedBefore(reason, this.context))
    for (const call of calls) {
      if (!call.abandoned) call.resume(Effect.fail(this.#lostAtEnd(call)))
    }
    this.life.ended(reason)
    Deferred.doneUnsafe(this.closed, Exit.succeed(reason))
  }

  #owner(): Owner {
    return {
      peer: () => this.#peer(),
      profile: () => this.profile,
      limits: this.#options.limits,
      invalidUtf8: this.#options.invalidUtf8,
      now: () => this.now(),
      wallClock: () => this.#clock.currentTimeMillisUnsafe(),
      redaction: (call) => this.#echo.of(call.operation, this.hello.capabilities),
      succeeded: (call) => {
        if (call.sent !== undefined) this.leases.succeeded(call.sent)
        this.#echo.succeeded(call.operation)
      },
      undo: (call, undo) => this.#undo(call, undo)
    }
  }

  #makeWireLog({ deadlines, redaction, wireLog: sink }: Options): WireLog | undefined {
    if (sink === undefined) return undefined
    const now = () => this.#clock.currentTimeMillisUnsafe()
    const context = () => this.context
    return new WireLog({ sink, redaction, now, context, patience: deadlines.close, fork: this.#fork })
  }

  #written(call: Call): void {
    call.since = this.now()
    call.sent = this.leases.sent(call.operation)
    this.#echo.sent(call.operation)
    call.span?.written()
  }

  #data(bytes: Uint8Array): void {
    if (this.#end !== undefined) return
    this.bytesIn += bytes.length
    const opening = this.#state === "hello"
    try {
      this.#reader.push(bytes)
      if (this.#reader.partialBytes > 0) this.#partial()
    } catch (error) {
      return this.#unreadable(error, bytes)
    }
    if (opening && this.#hello.read) this.#hello.succeed()
    this.replies.flush()
    // A message that nobody can read leaves a tombstone too.
    this.#limitAbandoned()
  }

  #unreadable(error: unknown, bytes: Uint8Array): void {
    if (error instanceof Framing.FramingError)
      this.#broken(this.#state === "hello" ? "hello" : "framing", error.message, bytes)
    else if (error instanceof Hello.HelloError) this.#broken("hello", error.message, bytes)
    else if (error instanceof Parse.XmlError) this.#broken("hello", error.placed, bytes)
    else throw error
  }

  #partial(): void {
    if (this.#state === "hello") return this.#partialHello()
    if (this.#reader.overflowed) return this.#overflowing()
    // Feeds the deadline of the reply that is arriving, and of no other.
    const call = this.replies.progress(this.#reader)
    if (call !== undefined) this.#expiry.watch(call)
  }

  /** A message beyond the limit is given up at once, because its end may never come; the rest of it is only counted. */
  #overflowing(): void {
    if (this.#givenUp) return
    this.#givenUp = true
    this.#oversized(this.#reader.peek(), this.#reader.partialBytes)
  }

  #partialHello(): void {
    const { partialBytes } = this.#reader
    if (partialBytes <= HelloExchange.maxBytes) return
    throw new Hello.HelloError(
      `${partialBytes} bytes came and no end of a hello; at most ${HelloExchange.maxBytes} are read`
    )
  }

  #readHello(bytes: Buffer): void {
    this.#hello.receive(bytes)
    if (this.framing === "chunked") this.#reader.upgrade()
    this.#state = "up"
    this.#traces = TraceContext.understood(this.hello.capabilities)
  }

  #oversized(beginning: Buffer, bytes: number): void {
    const detail = `the message has ${bytes} bytes so far, more than the limit of ${this.#options.limits.bytes}`
    if (this.#state === "hello") throw new Hello.HelloError(detail)
    this.replies.unreadable(beginning, bytes, "message", `${detail} (limits.bytes)`)
  }

  #broken(layer: "hello" | "framing", detail: string, bytes: Uint8Array): void {
    const error = new Errors.ProtocolError({
      ...this.context,
      layer,
      detail,
      bytes: this.bytesIn,
      excerpt: excerpt(bytes.subarray(0, 400))
    })
    this.end({ by: "us", detail: `the peer's bytes are not NETCONF: ${detail}`, error })
  }

  #interrupted(call: Call): void {
    // The batch that answers it is being handed over, and another caller of that batch has interrupted this one.
    if (call.answer !== undefined) {
      const undo = call.operation.undo?.(this.hello.capabilities)
      if (call.answer === "success" && undo !== undefined) this.#undo(call, undo)
      else if (call.operation.kind === "write")
        this.#warn(call, call.answer === "success" ? "and it was done" : "and its reply was dropped")
      return
    }
    if (call.frame !== undefined) {
      this.#outbox.remove(call)
      this.#calls.remove(call)
      return
    }
    if (call.operation.kind === "write" && !this.#isPrivate(call)) this.#warnUnknown(call)
    this.#abandon(call)
  }

  #warnUnknown(call: Call): void {
    this.#warn(call, "whether the change was made is unknown")
  }

  /** An operator must know: nobody is left to be told. */
  #warn(call: Call, what: string): void {
    const context = { ...this.context, operation: call.operation.name, messageId: call.id }
    this.#fork(
      Logs.annotated(context, Effect.logWarning(`${call.operation.name} was interrupted after it was sent: ${what}`))
    )
  }

  #abandon(call: Call): void {
    this.#calls.abandon(call)
    this.#limitAbandoned()
  }

  #limitAbandoned(): void {
    const { maxAbandoned } = this.#options
    if (this.#calls.abandoned > maxAbandoned) {
      this.end({ by: "us", detail: `more than ${maxAbandoned} abandoned rpcs are unanswered` })
    }
  }

  #timedOut(call: Call, error: Errors.DeadlineError, now: number): void {
    const answer = Effect.fail(Outcome.lost(call, error, this.#peer(), now))
    if (error.phase === "queue") {
      this.#outbox.remove(call)
      this.#calls.remove(call)
    } else this.#abandon(call)
    call.resume(answer)
  }

  /** For what frees something: no reply, however steadily it trickles, may hold it up. */
  get #briefly(): Sending {
    const { close } = this.#options.deadlines
    return { deadline: close, total: close }
  }

  #attended({ attend }: Call, undo: Operation<unknown>): Effect.Effect<Reply, Errors.OperationError> {
    const sent = this.call(undo, this.#briefly)
    return attend === undefined ? sent : attend(undo, sent)
  }

  /** A late reply says that an abandoned call acquired something: it is given back, or the session is closed. */
  #undo(call: Call, undo: Operation<unknown> | "close-session"): void {
    if (this.#state === "closing" || call.sent?.had === true) return
    const giveUp = Effect.sync(() =>
      this.end({ by: "us", detail: `${call.operation.name} succeeded after it was abandoned and could not be undone` })
    )
    const attempt =
      undo === "close-session"
        ? giveUp
        : this.#attended(call, undo).pipe(
            Effect.asVoid,
            Effect.catch(() => giveUp)
          )
    this.#fork(attempt)
  }

  #isPrivate({ sent }: Call): boolean {
    return sent !== undefined && this.leases.isPrivate(sent)
  }

  #peer(): Outcome.Peer {
    return {
      context: this.context,
      capabilities: this.hello.capabilities,
      isPrivate: (call) => this.#isPrivate(call)
    }
  }

  #endError(phase: "write" | "closed", operation?: Operation<unknown>): Errors.ChannelError | Errors.ProtocolError {
    const { by, detail, error } = this.#end!
    const context = { ...this.context, operation: operation?.name }
    return phase === "closed" && error !== undefined
      ? Errors.withContext(error, context)
      : new Errors.ChannelError({ ...context, phase, by, detail })
  }

  #lostAtEnd(call: Call): Errors.OperationError {
    return call.frame === undefined
      ? Outcome.lost(call, this.#endError("closed", call.operation), this.#peer(), this.now())
      : this.#endError("write", call.operation)
  }
}

/**
 * Opens the transport, exchanges hellos and waits as long as the profile wants before the first rpc. The session ends
 * with the scope; when opening fails or is interrupted, nothing is left behind, also in a scope that lives on.
 */
export const open = (options: Options): Effect.Effect<Session, Errors.ConnectError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const context = yield* Effect.context<never>()
      const wire = Scope.makeUnsafe()
      const life = yield* SessionLife.make(options.transport.peer, options.label)
      const session = new Session(options, clock, Effect.runForkWith(context), wire, life)
      const openTransport = options.transport.open(session.handler, {
        label: options.label,
        deadlines: options.deadlines
      })
      if (session.wireLog !== undefined) yield* Scope.addFinalizer(wire, session.wireLog.close)
      life.begin(() => session.seen)
      yield* restore(
        Scope.provide(openTransport, wire).pipe(
          Effect.mapError((error) => redactError(error, options.redaction)),
          Effect.flatMap((connection) => session.exchangeHello(connection)),
          Effect.andThen(
            Effect.suspend(() => {
              life.opened(session.facts)
              return session.profile.firstRpcDelay > 0 ? Effect.sleep(session.profile.firstRpcDelay) : Effect.void
            })
          )
        )
      ).pipe(
        Effect.onError((cause) => {
          life.failed(cause)
          return session.close
        })
      )
      yield* Effect.addFinalizer(() => session.close)
      session.watch()
      return session
    })
  )
