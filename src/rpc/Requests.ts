/**
 * The rpcs of one session, from being asked for to being answered, given up or overdue (RFC 6241 §4.1): encoded, written
 * or held back, watched by their deadlines, and remembered when their caller goes away.
 *
 * Replies brings the answers and Outcome says what each end means. Whether there is a session to send on is the session's
 * business; it asks here only while there is.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Errors from "../errors.ts"
import * as Logs from "../telemetry/Logs.ts"
import type { OperationSpan } from "../telemetry/Spans.ts"
import * as TraceContext from "../telemetry/TraceContext.ts"
import type { DeadlineMillis } from "../transport/Deadlines.ts"
import type { Connection } from "../transport/Transport.ts"
import { type Call, Calls } from "./Calls.ts"
import * as Encode from "./Encode.ts"
import * as Expiry from "./Expiry.ts"
import type { HelloExchange } from "./HelloExchange.ts"
import type { Ledger } from "./Ledger.ts"
import type { CallOptions, Operation } from "./Operation.ts"
import { Outbox } from "./Outbox.ts"
import * as Outcome from "./Outcome.ts"

export interface Options {
  readonly deadlines: Pick<DeadlineMillis, "progress" | "rpc">
  /** Abandoned rpcs still load the device: one more than this ends the session. */
  readonly maxAbandoned: number
}

/** The session that they are sent on. */
export interface Owner {
  readonly context: Errors.ErrorContext
  readonly ended: boolean
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  /** Milliseconds that only differences are taken of. */
  now(): number
  end(why: Outcome.CloseReason): void
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
  readonly interrupted?: Call["interrupted"]
}

export class Requests implements Expiry.Owner {
  readonly calls = new Calls()
  readonly #owner: Owner
  readonly #options: Options
  readonly #hello: HelloExchange
  readonly #ledger: Ledger
  readonly #outbox: Outbox
  readonly #expiry: Expiry.Expiry

  /** `onFrame` sees each frame, while somebody logs. */
  constructor(owner: Owner, options: Options, hello: HelloExchange, ledger: Ledger, onFrame?: (frame: Buffer) => void) {
    this.#owner = owner
    this.#options = options
    this.#hello = hello
    this.#ledger = ledger
    this.#outbox = new Outbox((call) => this.#written(call), onFrame)
    this.#expiry = new Expiry.Expiry(this)
  }

  get bytesOut(): number {
    return this.#outbox.bytes
  }

  /** Writes our hello, and opens the way for calls. */
  open(connection: Connection): void {
    this.#outbox.open(connection, this.#hello.ours)
  }

  /** The transport has room again. */
  drain(): void {
    this.#outbox.drain(this.now())
  }

  /** Sends an operation. Running the result takes it back, or leaves a tombstone where it was written already. */
  send(operation: Operation<unknown>, sending: Sending, resume: Call["resume"]): Effect.Effect<void> | undefined {
    const deadline = sending.deadline ?? operation.deadline ?? this.#options.deadlines.rpc
    const { attend, interrupted, span, total = Infinity, warnings } = sending
    const since = this.now()
    const sendBefore = since + (operation.sendWithin?.() ?? Infinity)
    const asked = { operation, warnings, deadline, total, resume, since, span, attend, interrupted, sendBefore }
    const call = this.calls.make(asked)
    try {
      if (since >= sendBefore) throw new Errors.DeadlineError({ phase: "queue", deadline: 0, bytes: 0 })
      this.#encode(call)
    } catch (error) {
      if (!(error instanceof Errors.InputError || error instanceof Errors.DeadlineError)) throw error
      resume(Effect.fail(Errors.withContext(error, Outcome.contextOf(call, this.#ledger, call.since))))
      return undefined
    }
    this.calls.add(call)
    this.#expiry.watch(call)
    this.#outbox.send(call)
    return Effect.sync(() => this.#interrupted(call))
  }

  /** A piece of its reply came, or less than all of it: it is due later now. */
  fed(call: Call): void {
    this.#expiry.watch(call)
  }

  /** Ends the session when it owes too many replies that nobody waits for. */
  limitAbandoned(): void {
    const { maxAbandoned } = this.#options
    if (this.calls.abandoned > maxAbandoned) {
      this.#owner.end({ by: "us", detail: `more than ${maxAbandoned} abandoned rpcs are unanswered` })
    }
  }

  /** Nothing is due any more. */
  stop(): void {
    this.#expiry.cancel()
  }

  /** Lets go of every call; they are the owner's to tell. */
  clear(): ReadonlyArray<Call> {
    const calls = this.calls.clear()
    this.#outbox.clear()
    return calls
  }

  /** What a call fails with that met the end of its session. */
  lost(call: Call, reason: Outcome.CloseReason): Errors.OperationError {
    const context = { ...this.#owner.context, operation: call.operation.name }
    if (call.frame !== undefined) return Outcome.ended(reason, "write", context)
    return Outcome.lost(call, Outcome.ended(reason, "closed", context), this.#ledger, this.now())
  }

  // For Expiry alone.

  get progress(): number {
    return this.#options.deadlines.progress
  }

  get ended(): boolean {
    return this.#owner.ended
  }

  get fork(): Owner["fork"] {
    return this.#owner.fork
  }

  now(): number {
    return this.#owner.now()
  }

  timedOut(call: Call, error: Errors.DeadlineError, now: number): void {
    const answer = Effect.fail(Outcome.lost(call, error, this.#ledger, now))
    if (error.phase === "queue") this.#takeBack(call)
    else this.#abandon(call)
    call.resume(answer)
  }

  #encode(call: Call): void {
    const { framing, traces } = this.#hello
    const { operation, span } = call
    const traced = span?.header === undefined ? undefined : TraceContext.attributes(span.header, traces)
    call.frame = Encode.encode(operation, call.id, this.#ledger.capabilities, framing, traced)
    span?.encoded(call.id, call.frame.length)
  }

  #written(call: Call): void {
    call.since = this.now()
    call.sent = this.#ledger.sent(call.operation)
    call.span?.written()
  }

  #interrupted(call: Call): void {
    if (call.answer !== undefined) return this.#answeredForNobody(call)
    if (call.frame !== undefined) {
      call.interrupted?.("unsent")
      return this.#takeBack(call)
    }
    const isPrivate = this.#ledger.isPrivate(call)
    call.interrupted?.(isPrivate ? "private" : "unknown")
    if (call.operation.kind === "write" && !isPrivate) this.#warn(call, "whether the change was made is unknown")
    this.#abandon(call)
  }

  /** The batch that answers it is being handed over, and another caller of that batch has interrupted this one. */
  #answeredForNobody(call: Call): void {
    const undo = call.operation.undo?.(this.#ledger.capabilities)
    if (call.answer === "success" && undo !== undefined) this.#ledger.undo(call, undo)
    else if (call.operation.kind === "write")
      this.#warn(call, call.answer === "success" ? "and it was done" : "and its reply was dropped")
  }

  /** An operator must know: nobody is left to be told. */
  #warn(call: Call, what: string): void {
    const { name } = call.operation
    const said = Effect.logWarning(`${name} was interrupted after it was sent: ${what}`)
    this.fork(Logs.annotated({ ...this.#owner.context, operation: name, messageId: call.id }, said))
  }

  #takeBack(call: Call): void {
    this.#outbox.remove(call)
    this.calls.remove(call)
  }

  #abandon(call: Call): void {
    this.calls.abandon(call)
    this.limitAbandoned()
  }
}
