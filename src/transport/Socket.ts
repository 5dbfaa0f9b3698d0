/**
 * Any Effect `Socket` as a transport: TCP, TLS, a unix socket, a WebSocket, a pair of web streams.
 *
 * A Socket is pulled and the seam is pushed, so one fiber pulls and hands on what comes, and another writes what is
 * queued; both live in the scope of `open`. It costs about half of the rate that a transport written for the seam
 * reaches (`docs/decisions/0001-transport-seam.md`), which is why Ssh is not built on it.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import { type ConnectError, ConnectionError, DeadlineError } from "../errors.ts"
import { reasonOf } from "./ConnectionFault.ts"
import * as Inbox from "./Inbox.ts"
import type { Connection, EndReason, Handler, OpenContext, Transport } from "./Transport.ts"

export interface FromSocketOptions {
  /** Address and port for messages: `192.0.2.1:830`. */
  readonly peer: string
  /**
   * Bytes, in either direction: `write` returns false above it, and while paused no more than about this is read
   * ahead. Default: 65536.
   */
  readonly highWaterMark?: number
  /** What `Connection.details` is to show beside the kind of transport. */
  readonly details?: Readonly<Record<string, string>>
}

type Pull = Effect.Effect<NonEmptyReadonlyArray<Uint8Array>, Socket.SocketError>

/**
 * Makes a transport of an Effect Socket, which is dialled by each `open`.
 *
 * Fails to open with `ConnectionError`, or with `DeadlineError` when dialling takes longer than the `dial` deadline.
 * While paused it reads ahead up to the high-water mark, so that the end is noticed; of a peer that has sent more than
 * that and then goes away, the end is noticed after `resume`.
 *
 * @example
 * const transport = fromSocket(yield* NodeSocket.makeNet({ host, port }), { peer: `${host}:${port}` })
 */
export const fromSocket = (socket: Socket.Socket, options: FromSocketOptions): Transport => ({
  peer: options.peer,
  open: (handler, context) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const scope = yield* Scope.fork(yield* Effect.scope, "sequential")
        const pull = yield* restore(dial(socket, scope, options.peer, context)).pipe(
          Effect.onExit((exit) => (Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit)))
        )
        const writer = yield* scopedWriter(socket, scope, context)
        const line = new Line(handler, options)
        const reading = yield* Effect.forkIn(line.reading(pull), scope)
        const writing = yield* Effect.forkIn(line.writing(writer), scope)
        line.onEnd = () => {
          reading.interruptUnsafe()
          writing.interruptUnsafe()
        }
        yield* Scope.addFinalizer(
          scope,
          Effect.sync(() => line.close("the scope was closed"))
        )
        return line.connection
      })
    )
})

const dial = (socket: Socket.Socket, scope: Scope.Scope, peer: string, context: OpenContext) => {
  const dialled: Effect.Effect<Pull, ConnectError> = Socket.readerBytes(socket).pipe(
    Scope.provide(scope),
    Effect.mapError((error) => connectionError(error, peer, context))
  )
  const deadline = context.deadlines.dial
  if (!Number.isFinite(deadline)) return dialled
  const where = { label: context.label, peer }
  return Effect.timeoutOrElse(dialled, {
    duration: deadline,
    orElse: () => Effect.fail<ConnectError>(new DeadlineError({ ...where, phase: "dial", deadline, bytes: 0 }))
  })
}

/**
 * Releasing a writer half-closes the socket, and waits for what the peer has not taken: no longer than the `close`
 * deadline, after which the reader's release ends the connection anyway.
 */
const scopedWriter = (socket: Socket.Socket, scope: Scope.Scope, context: OpenContext) =>
  Effect.gen(function* () {
    const own = yield* Scope.make()
    const writer = yield* Scope.provide(socket.writer, own)
    const deadline = context.deadlines.close
    const release = Effect.gen(function* () {
      const closing = yield* Effect.forkDetach(Scope.close(own, Exit.void), { startImmediately: true })
      const closed = Effect.interruptible(Fiber.await(closing))
      yield* Number.isFinite(deadline) ? Effect.timeoutOption(closed, deadline) : Effect.asSome(closed)
    })
    yield* Scope.addFinalizer(scope, release)
    return writer
  })

/** Both directions of one connection; the two fibers and the connection's methods share it. */
class Line {
  readonly connection: Connection
  /** Stops the fibers: after the peer has hung up, a socket's write may never return. */
  onEnd: () => void = () => {}
  readonly #handler: Handler
  readonly #highWaterMark: number
  readonly #inbox: Inbox.Inbox
  /** Open while the reader may pull. */
  readonly #mayPull = Latch.makeUnsafe(true)
  #outbox: Array<Uint8Array> = []
  /** Queued, and being written. */
  #outboxBytes = 0
  #waitsForDrain = false
  /** Open while there is something to write. */
  readonly #mayWrite = Latch.makeUnsafe(false)

  constructor(handler: Handler, options: FromSocketOptions) {
    this.#highWaterMark = options.highWaterMark ?? 65_536
    this.#handler = handler
    const inbox = Inbox.make(
      { data: handler.data, drain: handler.drain, end: (reason) => this.#end(reason) },
      { limit: this.#highWaterMark, stop: () => this.#mayPull.closeUnsafe(), start: () => this.#mayPull.openUnsafe() }
    )
    this.#inbox = inbox
    this.connection = {
      write: (frame) => this.#write(frame),
      pause: () => inbox.pause(),
      resume: () => inbox.resume(),
      details: { transport: "socket", ...options.details },
      notes: []
    }
  }

  reading(pull: Pull): Effect.Effect<void> {
    const next = Effect.flatMap(Effect.andThen(this.#mayPull.await, pull), (batch) =>
      Effect.sync(() => batch.forEach((bytes) => this.#inbox.take(bytes)))
    )
    return this.#endingWith(Effect.forever(next, { disableYield: true }))
  }

  writing(writer: Socket.Writer): Effect.Effect<void> {
    const next = Effect.suspend(() => {
      const [first, ...rest] = this.#outbox
      if (first === undefined) return this.#mayWrite.await
      const bytes = this.#outboxBytes
      this.#outbox = []
      this.#mayWrite.closeUnsafe()
      return Effect.tap(writer.writeAll([first, ...rest]), () => Effect.sync(() => this.#written(bytes)))
    })
    return this.#endingWith(Effect.forever(next, { disableYield: true }))
  }

  /** Ends from our side: at once, with what waits dropped. */
  close(detail: string): void {
    this.#inbox.end({ by: "us", detail })
  }

  #endingWith(loop: Effect.Effect<never, Socket.SocketError>): Effect.Effect<void> {
    return Effect.catchCause(loop, (cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.interrupt
        : Effect.sync(() => this.#inbox.end(endReason(Cause.squash(cause))))
    )
  }

  #end(reason: EndReason): void {
    this.#outbox = []
    this.#handler.end(reason)
    this.onEnd()
  }

  #write(frame: Uint8Array): boolean {
    if (this.#inbox.ended) return false
    this.#outbox.push(frame)
    this.#outboxBytes += frame.length
    // This runs the writing fiber at once when it is idle, so the frame may be gone already on the next line.
    this.#mayWrite.openUnsafe()
    if (this.#outboxBytes <= this.#highWaterMark) return !this.#inbox.ended
    this.#waitsForDrain = true
    return false
  }

  #written(bytes: number): void {
    this.#outboxBytes -= bytes
    if (!this.#waitsForDrain || this.#outboxBytes > 0 || this.#inbox.ended) return
    this.#waitsForDrain = false
    this.#handler.drain()
  }
}

const textOf = (error: unknown): string => {
  if (!Socket.isSocketError(error)) return error instanceof Error ? error.message : String(error)
  const cause = "cause" in error.reason ? error.reason.cause : undefined
  return cause instanceof Error && cause.message !== "" ? cause.message : error.reason.message
}

const connectionError = (error: Socket.SocketError, peer: string, context: OpenContext): ConnectionError => {
  const { reason } = error
  const timedOut = reason._tag === "SocketOpenError" && reason.kind === "Timeout"
  const closed = reason._tag === "SocketCloseError"
  return new ConnectionError({
    label: context.label,
    peer,
    reason: timedOut ? "timeout" : closed ? "reset" : reasonOf(reason),
    detail: textOf(error)
  })
}

/** A WebSocket reports 1006 when it ended without a closing handshake: nobody said that they closed it. */
const endReason = (error: unknown): EndReason => {
  if (!Socket.isSocketError(error)) return { by: "network", detail: `the socket failed: ${textOf(error)}` }
  if (error.reason._tag !== "SocketCloseError") return { by: "network", detail: textOf(error) }
  const { closeReason, code } = error.reason
  const detail = `closed with code ${code}${closeReason === undefined || closeReason === "" ? "" : `: ${closeReason}`}`
  return { by: code === 1006 ? "network" : "peer", detail }
}
