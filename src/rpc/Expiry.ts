/**
 * When each outstanding call is due: the first byte of its reply by its own deadline, then each further piece within
 * `deadlines.progress`, and all of it within its total. One timer for all calls of a session.
 *
 * What becomes of a call that is overdue is the session's business.
 */
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import { DeadlineError } from "../errors.ts"
import type { Call, Calls } from "./Calls.ts"
import { DueTimer } from "./DueTimer.ts"

export interface Owner {
  readonly calls: Calls
  /** Milliseconds between two pieces of one reply. */
  readonly progress: number
  /** The session is over, and everybody has been told. */
  readonly ended: boolean
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  /** Milliseconds that only differences are taken of. */
  now(): number
  timedOut(call: Call, error: DeadlineError, now: number): void
}

export class Expiry {
  readonly #owner: Owner
  readonly #timer: DueTimer

  constructor(owner: Owner) {
    this.#owner = owner
    this.#timer = new DueTimer(
      () => owner.now(),
      owner.fork,
      () => this.#expire()
    )
  }

  /** From now on this call is due some time. */
  watch(call: Call): void {
    this.#timer.arm(this.#dueAt(call))
  }

  cancel(): void {
    this.#timer.cancel()
  }

  #expire(): void {
    const now = this.#owner.now()
    for (const call of this.#owner.calls.all()) {
      if (this.#owner.ended) return
      if (call.abandoned) continue
      if (this.#dueAt(call) > now) this.watch(call)
      else this.#owner.timedOut(call, this.#errorOf(call, now), now)
    }
  }

  #dueAt(call: Call): number {
    const { deadline, progressAt, since } = call
    const next = progressAt === undefined ? since + deadline : progressAt + this.#owner.progress
    return Math.min(next, since + limitOf(call))
  }

  #errorOf(call: Call, now: number): DeadlineError {
    const { deadline, frame, progressAt, received, since } = call
    const phase = phaseOf(frame, progressAt)
    const next = phase === "progress" ? this.#owner.progress : deadline
    const limit = limitOf(call)
    return new DeadlineError({ phase, deadline: now >= since + limit ? limit : next, bytes: received })
  }
}

/** Milliseconds for all of its reply, or, as long as it waits for room, for being written. */
const limitOf = ({ frame, sendBefore = Infinity, since, total }: Call): number =>
  frame === undefined ? total : Math.min(total, sendBefore - since)

const phaseOf = (frame: Call["frame"], progressAt: Call["progressAt"]): "queue" | "rpc" | "progress" => {
  if (frame !== undefined) return "queue"
  return progressAt === undefined ? "rpc" : "progress"
}
