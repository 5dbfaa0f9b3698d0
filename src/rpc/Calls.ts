/**
 * The outstanding rpcs of one session, in request order: message-ids, whose reply a message is, and when each is due.
 *
 * An abandoned call (interrupted, timed out) stays as a tombstone until its reply has come, so that a late reply is
 * recognised and never handed to the next call (RFC 6241 §4.1, §4.5). Plain synchronous state with one owner, the session.
 */
import type * as Effect from "effect/Effect"
import type { OperationError } from "../errors.ts"
import type { OperationSpan } from "../telemetry/Spans.ts"
import type { CallOptions, Operation } from "./Operation.ts"
import type { Sent } from "./Leases.ts"
import type { Reply } from "./Reply.ts"

type Answered = Effect.Effect<Reply, OperationError>

export interface Call {
  readonly id: string
  readonly operation: Operation<unknown>
  /** Milliseconds until the last byte of the reply. */
  readonly total: number
  readonly warnings: CallOptions["warnings"]
  /** Milliseconds until the first byte of the reply. */
  readonly deadline: number
  readonly resume: (reply: Effect.Effect<Reply, OperationError>) => void
  /** Is told what becomes of it, while somebody listens. */
  readonly span?: OperationSpan | undefined
  /** At this moment or later it is not written any more; like `since`. */
  readonly sendBefore?: number | undefined
  /** Runs what the session sends by itself to give back what this call acquired when nobody waited any more. */
  readonly attend?: ((undo: Operation<unknown>, sent: Answered) => Answered) | undefined
  /** Is told, when it is interrupted before its answer is known, what it leaves on the device. */
  readonly interrupted?: ((left: "unsent" | "private" | "unknown") => void) | undefined
  /** Undefined once it has been handed to the transport; from then on the device may act on it. */
  frame: Buffer | undefined
  /** Set when it was handed over. */
  sent: Sent | undefined
  /** Nobody waits any more; what is left is a tombstone. */
  abandoned: boolean
  /** Its reply is known, and is handed over when the batch is finished. */
  answer: "success" | "failure" | undefined
  /** When the rpc was written, or began to wait for room, in milliseconds. */
  since: number
  /** When the last byte of its reply came; undefined before the first. */
  progressAt: number | undefined
  /** Bytes of its reply so far. */
  received: number
}

export type Match =
  /** The reply of a waiting or an abandoned call, which has left the table. */
  | { readonly _tag: "Matched"; readonly call: Call }
  /** A second reply for an id that was answered. */
  | { readonly _tag: "Nobody" }
  /** An id that was never issued; `concerned` is the call that it garbles, when that is certain enough to fail it. */
  | { readonly _tag: "Foreign"; readonly concerned: Call | undefined }

export class Calls {
  readonly #table = new Map<string, Call>()
  #issued = 0
  #abandoned = 0

  /** Tombstones: abandoned and still unanswered. */
  get abandoned(): number {
    return this.#abandoned
  }

  /** Whether an rpc of this very operation is unanswered. */
  holds(operation: Operation<unknown>): boolean {
    for (const call of this.#table.values()) if (call.operation === operation) return true
    return false
  }

  /** Whether nobody waits, and every rpc that is unanswered was due more than `grace` milliseconds ago. */
  isIdle(now: number, grace: number): boolean {
    for (const { abandoned, deadline, since, total } of this.#table.values()) {
      if (!abandoned || now - since < Math.min(deadline, total) + grace) return false
    }
    return true
  }

  /** Whether a caller waits for an rpc of any other operation. */
  awaitsOther(operation: Operation<unknown>): boolean {
    for (const call of this.#table.values()) if (!call.abandoned && call.operation !== operation) return true
    return false
  }

  /** A call with an id of its own, not yet on the table. */
  make(
    asked: Pick<
      Call,
      | "operation"
      | "warnings"
      | "deadline"
      | "total"
      | "resume"
      | "since"
      | "span"
      | "attend"
      | "interrupted"
      | "sendBefore"
    >
  ): Call {
    return {
      ...asked,
      id: String(++this.#issued),
      frame: undefined,
      sent: undefined,
      abandoned: false,
      answer: undefined,
      progressAt: undefined,
      received: 0
    }
  }

  add(call: Call): void {
    this.#table.set(call.id, call)
  }

  remove(call: Call): void {
    if (this.#table.delete(call.id) && call.abandoned) this.#abandoned--
  }

  abandon(call: Call): void {
    if (call.abandoned || !this.#table.has(call.id)) return
    call.abandoned = true
    this.#abandoned++
  }

  /** The call that an arriving reply belongs to, left on the table: by its id, or the oldest one without an id. */
  find(messageId: string | undefined): Call | undefined {
    const call = messageId === undefined ? this.#oldest() : this.#table.get(messageId)
    return call?.frame === undefined ? call : undefined
  }

  /** Takes the call that a reply answers off the table; `foreign: "oldest"` is for devices that garble ids. */
  match(messageId: string | undefined, foreign: "fail" | "oldest"): Match {
    const call = this.find(messageId)
    if (call !== undefined) return this.#take(call)
    if (messageId === undefined || this.#wasIssued(messageId)) return { _tag: "Nobody" }
    // With a tombstone on the table the reply may be the abandoned call's.
    const oldest = this.#abandoned === 0 ? this.#oldest() : undefined
    return oldest === undefined || foreign === "fail" ? { _tag: "Foreign", concerned: oldest } : this.#take(oldest)
  }

  /** A copy, oldest first: the table may change while it is walked. */
  all(): ReadonlyArray<Call> {
    return [...this.#table.values()]
  }

  clear(): ReadonlyArray<Call> {
    const calls = this.all()
    this.#table.clear()
    this.#abandoned = 0
    return calls
  }

  #take(call: Call): Match {
    this.remove(call)
    return { _tag: "Matched", call }
  }

  #oldest(): Call | undefined {
    for (const call of this.#table.values()) if (call.frame === undefined) return call
    return undefined
  }

  #wasIssued(messageId: string): boolean {
    return /^[1-9][0-9]{0,15}$/.test(messageId) && Number(messageId) <= this.#issued
  }
}
