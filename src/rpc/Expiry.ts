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

interface Owner {
  readonly calls: Calls
  /** Milliseconds between two pieces of one reply. */
  readonly progress: number
  readonly now: () => number
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly ended: () => boolean
  readonly timedOut: (call: Call, error: DeadlineError, now: number) => void
}

export class Expiry {
  readonly #owner: Owner
  readonly #timer: DueTimer

  constructor(owner: Owner) {
    this.#owner = owner
    this.#timer = new DueTimer(owner.now, owner.fork, () => this.#expire())
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
      if (this.#owner.ended()) return
      if (call.abandoned) continue
      if (this.#dueAt(call) > now) this.watch(call)
      else this.#owner.timedOut(call, this.#errorOf(call, now), now)
    }
  }

  #dueAt({ deadline, progressAt, since, total }: Call): number {
    const next = progressAt === undefined ? since + deadline : progressAt + this.#owner.progress
    return Math.min(next, since + total)
  }

  #errorOf({ deadline, frame, progressAt, received, since, total }: Call, now: number): DeadlineError {
    const phase = frame !== undefined ? "queue" : progressAt === undefined ? "rpc" : "progress"
    const passed = now >= since + total ? total : phase === "progress" ? this.#owner.progress : deadline
    return new DeadlineError({ phase, deadline: passed, bytes: received })
  }
}
