/**
 * An attempt at something that may end in several ways at once (an event, an error, a deadline, an interruption): its
 * first result wins, and whatever it holds is let go then. Dial, SshLogin and SshChannel are attempts.
 */
import * as Effect from "effect/Effect"

/** Lets go of what the attempt holds; `succeeded` is false when it failed, or was interrupted. */
type Cleanup = (succeeded: boolean) => void

export interface Attempt<in A, in E = never> {
  /** Whether it has its result, or was interrupted. From then on every call but `onSettle` does nothing. */
  readonly settled: boolean
  /** Milliseconds since the last `within`. */
  readonly elapsed: number
  /** Begins a step with a deadline in milliseconds, and ends the step before it. */
  readonly within: (millis: number, expired: () => void) => void
  /** Stops the deadline of this step; the result lets what is left of it run, unless another step has begun. */
  readonly pause: () => () => void
  /** Cleanups run in their order, before the result is handed on; at once if it is settled already. */
  readonly onSettle: (cleanup: Cleanup) => void
  readonly succeed: (value: A) => void
  readonly fail: (error: E) => void
}

/** Runs `begin`, and waits for what comes of it; interruption settles the attempt without a result. */
export const make = <A, E = never>(begin: (attempt: Attempt<A, E>) => void): Effect.Effect<A, E> =>
  Effect.callback<A, E>((resume) => {
    const attempt = new Settling<A, E>(resume)
    begin(attempt)
    return Effect.sync(() => attempt.abandon())
  })

/** What setTimeout can count; a deadline beyond it is none. */
const longest = 2_147_483_647

class Settling<A, E> implements Attempt<A, E> {
  #resume: ((result: Effect.Effect<A, E>) => void) | undefined
  #cleanups: Array<Cleanup> = []
  #began = performance.now()
  #timer: NodeJS.Timeout | undefined
  #due = Infinity
  #expired: (() => void) | undefined
  #succeeded = false

  constructor(resume: (result: Effect.Effect<A, E>) => void) {
    this.#resume = resume
  }

  get settled(): boolean {
    return this.#resume === undefined
  }

  get elapsed(): number {
    return performance.now() - this.#began
  }

  within(millis: number, expired: () => void): void {
    if (this.settled) return
    this.#began = performance.now()
    this.#expired = expired
    this.#expireIn(millis)
  }

  #expireIn(millis: number): void {
    clearTimeout(this.#timer)
    this.#due = performance.now() + millis
    this.#timer = millis > longest ? undefined : setTimeout(this.#expired!, millis)
  }

  pause(): () => void {
    const expired = this.#expired
    const left = this.#due - performance.now()
    clearTimeout(this.#timer)
    return () => {
      if (!this.settled && this.#expired === expired) this.#expireIn(Math.max(0, left))
    }
  }

  onSettle(cleanup: Cleanup): void {
    if (this.settled) cleanup(this.#succeeded)
    else this.#cleanups.push(cleanup)
  }

  succeed(value: A): void {
    this.#settle(true)?.(Effect.succeed(value))
  }

  fail(error: E): void {
    this.#settle(false)?.(Effect.fail(error))
  }

  abandon(): void {
    this.#settle(false)
  }

  /** Who waits for the result, the first time. */
  #settle(succeeded: boolean): ((result: Effect.Effect<A, E>) => void) | undefined {
    const resume = this.#resume
    if (resume === undefined) return undefined
    const cleanups = this.#cleanups
    this.#resume = undefined
    this.#cleanups = []
    this.#succeeded = succeeded
    clearTimeout(this.#timer)
    for (const cleanup of cleanups) cleanup(succeeded)
    return resume
  }
}
