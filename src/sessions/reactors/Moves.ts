/**
 * Evening out what can move between reactors, in the background: moves begin at a pace and overlap, because each takes
 * seconds. What is on its way counts where it goes, so nothing overshoots; each moves, or fails to, at most once after a
 * change, and none moves that makes nothing more even. How a move is made is the business of what moves.
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

interface Move {
  readonly movable: Movable
  readonly to: string
}

/** For so many seconds moves may begin before the first of them has ended: one takes about three. */
const overlap = 4

export class Moves {
  readonly #movables = new Set<Movable>()
  readonly #fork: Fork
  readonly #perSecond: number
  /** Where things may be. */
  readonly #places: () => ReadonlyArray<string>
  /** Where those go that are on their way. */
  readonly #underWay = new Map<Movable, string>()
  #tried = new Set<Movable>()
  #allowed = false
  /** Begins moves, and rests after each. */
  #pacing: Fiber.Fiber<void> | undefined

  constructor(fork: Fork, perSecond: number, places: () => ReadonlyArray<string>) {
    this.#fork = fork
    this.#perSecond = perSecond
    this.#places = places
  }

  register(movable: Movable): () => void {
    this.#movables.add(movable)
    // It came to be while its thread was being left. One that came to be in the loop cannot live elsewhere.
    if (movable.reactor !== loop && !this.#places().includes(movable.reactor)) this.#go()
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

  /** Begins, or begins anew: what was tried before the change is tried once more. */
  start(): void {
    this.#allowed = true
    this.#tried = new Set()
    this.#go()
  }

  /** Begins no more moves; those under way end by themselves. */
  stop(): void {
    this.#allowed = false
  }

  /** For good. */
  close(): void {
    this.stop()
    this.#pacing?.interruptUnsafe()
  }

  #go(): void {
    if (this.#pacing === undefined && this.#choose() !== undefined) this.#pacing = this.#fork(this.#paced)
  }

  /** It is forked before it begins, so that `#pacing` is there when it ends. */
  readonly #paced: Effect.Effect<void> = Effect.andThen(
    Effect.yieldNow,
    Effect.repeat(
      Effect.suspend(() => this.#one()),
      { while: (more) => more }
    )
  ).pipe(Effect.asVoid)

  #one(): Effect.Effect<boolean> {
    const move = this.#choose()
    if (move !== undefined) {
      this.#begin(move)
      return Effect.as(Effect.sleep(1_000 / this.#perSecond), true)
    }
    this.#pacing = undefined
    return Effect.succeed(false)
  }

  #begin({ movable, to }: Move): void {
    this.#tried.add(movable)
    this.#underWay.set(movable, to)
    const moved = Effect.ignoreCause(Effect.provideService(movable.move, Destination, to))
    const over = Effect.sync(() => {
      this.#underWay.delete(movable)
      // There is room for the next one, or this one is not where it was counted.
      this.#go()
    })
    this.#fork(Effect.ensuring(moved, over))
  }

  #choose(): Move | undefined {
    if (!this.#allowed || this.#underWay.size >= this.#perSecond * overlap) return undefined
    const counts = this.#counts()
    const [emptiest, fewest] = [...counts].reduce((a, b) => (b[1] < a[1] ? b : a))
    const surplus = (one: Movable): number => (counts.get(one.reactor) ?? Infinity) - fewest
    const first = [...this.#movables].filter((one) => this.#isFree(one)).reduce(moreOf(surplus), undefined)
    return first === undefined || surplus(first) < 2 ? undefined : { movable: first, to: emptiest }
  }

  /** How many are in each place, or will be. */
  #counts(): ReadonlyMap<string, number> {
    const counts = new Map(this.#places().map((place) => [place, 0]))
    for (const one of this.#movables) {
      const place = this.#underWay.get(one) ?? one.reactor
      const count = counts.get(place)
      if (count !== undefined) counts.set(place, count + 1)
    }
    return counts
  }

  #isFree(movable: Movable): boolean {
    return movable.canMove !== false && !this.#tried.has(movable) && !this.#underWay.has(movable)
  }
}

/** The one of which there is more, of equals the first. */
const moreOf =
  (amount: (one: Movable) => number) =>
  (most: Movable | undefined, one: Movable): Movable =>
    most === undefined || amount(one) > amount(most) ? one : most
