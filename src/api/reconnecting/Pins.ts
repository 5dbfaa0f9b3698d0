/**
 * Which session a program of a self-healing session is bound to: under locks, and in a confirmed commit, everything goes
 * to the one that holds them, and fails with it.
 *
 * It travels with the fiber, as the passes of `Gate.ts` do, and ends with the program: a fiber that the program left
 * behind is bound to nothing.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

interface Pin {
  readonly owner: Pins<unknown>
  readonly session: unknown
  readonly outer: Pin | undefined
  ended: boolean
}

const CurrentPin = Context.Reference<Pin | undefined>("effect-netconf/CurrentPin", { defaultValue: () => undefined })

export class Pins<Session> {
  /** The session that the calling fiber is bound to, if any. */
  readonly current: Effect.Effect<Session | undefined> = Effect.map(CurrentPin, (pin) => this.#find(pin))

  /** Runs a program bound to a session, as long as it runs. */
  bind<A, E, R>(session: Session, program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    return Effect.flatMap(CurrentPin, (outer) => {
      const pin: Pin = { owner: this, session, outer, ended: false }
      const end = Effect.sync(() => {
        pin.ended = true
      })
      return Effect.ensuring(Effect.provideService(program, CurrentPin, pin), end)
    })
  }

  /** The innermost one; every one of ours must still be good. */
  #find(pin: Pin | undefined): Session | undefined {
    let found: Pin | undefined
    for (let link = pin; link !== undefined; link = link.outer) {
      if (link.owner !== this) continue
      if (link.ended) return undefined
      found ??= link
    }
    return found?.session as Session | undefined
  }
}
