/**
 * What becomes of the reactors meanwhile, by the dice: more of them, fewer, none, with and without evening out, and threads
 * that end as if they had crashed. Beside what the reactors move by themselves, which is little in a minute, subscriptions are
 * moved wherever they are.
 */
import * as Effect from "effect/Effect"
import type { Reactors } from "../../src/index.ts"
import { type Dice, dice } from "../trial/dice.ts"

export interface Met {
  readonly counts: Record<string, number>
  /** What can be moved now. */
  readonly movables: Set<Reactors.Movable>
}

const most = 3

/** Milliseconds between two moves that the dice ask for. */
const pace = 250

/** A move that takes less has found something in its way (`together` of subscriptions/Seat.ts). */
const shortest = 2_400

const count = ({ counts }: Met, what: string): void => void (counts[what] = (counts[what] ?? 0) + 1)

const counting = (met: Met, movable: Reactors.Movable): Reactors.Movable => ({
  get reactor() {
    return movable.reactor
  },
  get move() {
    return Effect.suspend(() => {
      const began = performance.now()
      const from = movable.reactor
      const counted = Effect.sync(() => {
        const made = performance.now() - began >= shortest
        count(
          met,
          !made ? "not moved" : movable.reactor === from ? "moved where they were" : "moved to another reactor"
        )
      })
      return Effect.andThen(movable.move, counted)
    })
  }
})

/** Watches what registers with the reactors, to count moves from outside. */
export const watch = (reactors: Reactors.Reactors): Met => {
  const met: Met = { counts: {}, movables: new Set() }
  const register = reactors.register.bind(reactors)
  reactors.register = (given) => {
    const movable = counting(met, given)
    met.movables.add(movable)
    const unregister = register(movable)
    return () => {
      met.movables.delete(movable)
      unregister()
    }
  }
  return met
}

const strike = (reactors: Reactors.Reactors, met: Met, thrown: Dice): Effect.Effect<void> => {
  const workers = reactors.statistics().reactors.filter(({ kind }) => kind === "worker")
  if (thrown.chance(30) && workers.length > 0) {
    return Effect.sync(() => {
      if (reactors.terminate(thrown.pick(workers).id)) count(met, "threads terminated")
    })
  }
  const size = thrown.between(0, most)
  count(met, size > reactors.size ? "grown" : size < reactors.size ? "shrunk" : "left as they are")
  return Effect.orDie(reactors.resize(size, { rebalance: thrown.chance(75) }))
}

/** Until it is over: the reactors. */
export const run = (reactors: Reactors.Reactors, met: Met, seed: number, isOver: () => boolean): Effect.Effect<void> =>
  Effect.gen(function* () {
    for (let number = 0; ; number++) {
      const thrown = dice(seed, "reactors", number)
      yield* Effect.sleep(thrown.between(1_500, 7_000))
      if (isOver()) return
      yield* strike(reactors, met, thrown)
    }
  })

/** Until it is over: subscriptions. */
export const move = ({ movables }: Met, seed: number, isOver: () => boolean) =>
  Effect.gen(function* () {
    for (let number = 0; ; number++) {
      const thrown = dice(seed, "moves", number)
      yield* Effect.sleep(pace)
      if (isOver()) return
      if (movables.size > 0) yield* Effect.forkChild(thrown.pick([...movables]).move)
    }
  })
