/**
 * Keeps the changes of others outside while a locked program is inside: a lock belongs to the session, not to a fiber
 * (RFC 6241 §7.5).
 *
 * Who is inside travels with the fiber, as a chain of passes: a program may be inside of several sessions at once, and
 * inside of one twice. A pass ends with its program, so that a fiber which the program left behind is outside again.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Semaphore from "effect/Semaphore"

interface Pass {
  readonly gate: Gate
  /** The stay that it belongs to: one from the first lock to the last unlock. */
  readonly stay: object
  readonly outer: Pass | undefined
  ended: boolean
}

const CurrentPass = Context.Reference<Pass | undefined>("effect-netconf/CurrentPass", { defaultValue: () => undefined })

export class Gate {
  readonly #turn = Semaphore.makeUnsafe(1)
  readonly #open = Latch.makeUnsafe(true)
  #stay: object | undefined

  /** Waits until nobody else is inside. */
  readonly wait: Effect.Effect<void> = Effect.flatMap(CurrentPass, (pass) =>
    this.#stay === undefined || this.#admits(pass)
      ? Effect.void
      : Effect.andThen(
          this.#open.await,
          Effect.suspend(() => this.wait)
        )
  )

  /** Runs an effect as the only one inside; one that is inside already goes straight on. */
  enter<A, E, R>(inside: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.flatMap(CurrentPass, (pass) =>
      this.#admits(pass) ? inside : this.#turn.withPermit(Effect.suspend(() => this.#stayWith(inside, pass)))
    )
  }

  /** Runs a program with a pass that ends with it; to be called inside. */
  lend<A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.flatMap(CurrentPass, (outer) => {
      const pass: Pass = { gate: this, stay: this.#stay!, outer, ended: false }
      const end = Effect.sync(() => {
        pass.ended = true
      })
      return Effect.ensuring(Effect.provideService(program, CurrentPass, pass), end)
    })
  }

  #stayWith<A, E, R>(inside: Effect.Effect<A, E, R>, outer: Pass | undefined): Effect.Effect<A, E, R> {
    const stay = {}
    this.#stay = stay
    this.#open.closeUnsafe()
    const leave = Effect.sync(() => {
      this.#stay = undefined
      this.#open.openUnsafe()
    })
    return Effect.ensuring(Effect.provideService(inside, CurrentPass, { gate: this, stay, outer, ended: false }), leave)
  }

  /** Every pass of this stay, innermost first, must still be good. */
  #admits(pass: Pass | undefined): boolean {
    let admitted = false
    for (let link = pass; link !== undefined; link = link.outer) {
      if (link.gate !== this || link.stay !== this.#stay) continue
      if (link.ended) return false
      admitted = true
    }
    return admitted
  }
}
