/**
 * The one timer of a session: it sleeps until the earliest moment at which anything is due. A timer per call costs
 * 20 µs each; this one is set once per deadline that passes.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/** What a timer of the platform can count; who is not due yet then arms it again. */
const longest = 2 ** 31 - 1

export class DueTimer {
  readonly #now: () => number
  readonly #fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  readonly #onDue: () => void
  #at = Infinity
  #fiber: Fiber.Fiber<void> | undefined

  constructor(now: () => number, fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>, onDue: () => void) {
    this.#now = now
    this.#fork = fork
    this.#onDue = onDue
  }

  /** Fires at `at` or before, whichever was asked for earlier. */
  arm(at: number): void {
    if (at >= this.#at) return
    this.cancel()
    this.#at = at
    this.#fiber = this.#fork(
      Effect.andThen(
        Effect.sleep(Math.min(Math.max(0, at - this.#now()), longest)),
        Effect.sync(() => {
          this.#at = Infinity
          this.#fiber = undefined
          this.#onDue()
        })
      )
    )
  }

  cancel(): void {
    this.#at = Infinity
    this.#fiber?.interruptUnsafe()
    this.#fiber = undefined
  }
}
