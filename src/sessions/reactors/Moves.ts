/**
 * Evening out what can move between reactors, in the background: one move at a time, paced, each of them at most once after a
 * change, and none that makes nothing more even. How a move is made is the business of what moves.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"

/** The reactor that is no thread: the caller's own event loop. */
export const loop = "loop"

/** What can leave one reactor for another: a subscription, which opens its next session before it closes the old one. */
export interface Movable {
  /** Where it is now. */
  readonly reactor: string
  /** Whether it could live elsewhere at all. Default: true. */
  readonly canMove?: boolean
  /** Make before break, to a new session, which the reactors place. Never fails; may do nothing. */
  readonly move: Effect.Effect<void>
}

/** Where the session that a move opens is to live, if it can. */
export const Destination: Context.Reference<string | undefined> = Context.Reference<string | undefined>(
  "effect-netconf/Reactors/Destination",
  { defaultValue: () => undefined }
)

type Fork = (effect: Effect.Effect<void>) => Fiber.Fiber<void>

export class Moves {
  readonly #movables = new Set<Movable>()
  readonly #fork: Fork
  readonly #perSecond: number
  /** Where things may be. */
  readonly #places: () => ReadonlyArray<string>
  #tried = new Set<Movable>()
  #allowed = false
  #running: Fiber.Fiber<void> | undefined

  constructor(fork: Fork, perSecond: number, places: () => ReadonlyArray<string>) {
    this.#fork = fork
    this.#perSecond = perSecond
    this.#places = places
  }

  register(movable: Movable): () => void {
    this.#movables.add(movable)
    // It came to be while its thread was being left. One that came to be in the loop cannot live elsewhere.
    if (this.#allowed && movable.reactor !== loop && !this.#places().includes(movable.reactor)) this.#go()
    return () => {
      this.#movables.delete(movable)
      this.#tried.delete(movable)
    }
  }

  /** How many there are in a reactor. */
  count(reactor: string): number {
    let count = 0
    for (const movable of this.#movables) if (movable.reactor === reactor) count++
    return count
  }

  /** Begins, or begins anew where it is under way. */
  start(): void {
    this.#allowed = true
    this.#tried = new Set()
    this.#go()
  }

  stop(): void {
    this.#allowed = false
    this.#running?.interruptUnsafe()
    this.#running = undefined
  }

  #go(): void {
    if (this.#running === undefined && this.#choose() !== undefined) this.#running = this.#fork(this.#all())
  }

  #all(): Effect.Effect<void> {
    const next = Effect.suspend(() => {
      const move = this.#choose()
      if (move === undefined) {
        this.#running = undefined
        return Effect.succeed(false)
      }
      this.#tried.add(move.movable)
      const moved = Effect.provideService(move.movable.move, Destination, move.to)
      return Effect.as(Effect.andThen(Effect.ignoreCause(moved), Effect.sleep(1_000 / this.#perSecond)), true)
    })
    // It is forked before it begins, so that `#running` is there when it ends.
    return Effect.asVoid(Effect.andThen(Effect.yieldNow, Effect.repeat(next, { while: (more) => more })))
  }

  #choose(): { readonly movable: Movable; readonly to: string } | undefined {
    const places = new Map(this.#places().map((place) => [place, 0]))
    const elsewhere: Array<Movable> = []
    for (const { reactor } of this.#movables) if (places.has(reactor)) places.set(reactor, places.get(reactor)! + 1)
    const free = [...this.#movables].filter((one) => one.canMove !== false && !this.#tried.has(one))
    for (const one of free) if (!places.has(one.reactor)) elsewhere.push(one)
    const [emptiest, fewest] = [...places].reduce((a, b) => (b[1] < a[1] ? b : a))
    if (elsewhere[0] !== undefined) return { movable: elsewhere[0], to: emptiest }
    const crowded = free.filter((one) => places.get(one.reactor)! - fewest >= 2)
    const movable = crowded.sort((a, b) => places.get(b.reactor)! - places.get(a.reactor)!)[0]
    return movable === undefined ? undefined : { movable, to: emptiest }
  }
}
