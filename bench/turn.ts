/**
 * What a turn costs when nobody else wants one: an operation alone, and the same behind a device's semaphore and the
 * operation pool, one right after the other; seconds of each round as one line of JSON per line of standard input.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { Ending } from "../src/api/session/Ending.ts"
import { Gate } from "../src/api/session/Gate.ts"
import * as Turn from "../src/api/session/Turn.ts"
import { OperationPool } from "../src/sessions/OperationPool.ts"
import { answer } from "./measure.ts"

export interface TurnTask {
  readonly operations: number
  readonly rounds: number
}

/** Seconds per operation, of each round. */
export interface TurnTaken {
  readonly alone: ReadonlyArray<number>
  readonly behind: ReadonlyArray<number>
}

const ending = new Ending({ closed: Deferred.makeUnsafe(), ended: false, fork: Effect.runFork })
const queueDeadline = Infinity

const turn = Turn.make({
  gate: new Gate({ ending, queueDeadline, context: {} }),
  ending,
  device: "192.0.2.1:830",
  maxOutstanding: 1,
  pool: new OperationPool(256),
  queueDeadline,
  context: {}
})
const waits: Turn.Waits = { name: "get", gate: true, permits: true }

// Answered where it stands, so that nothing but the turn differs.
const operation = Effect.callback<number>((resume) => resume(Effect.succeed(1)))

const seconds = (operations: number, one: () => Effect.Effect<number, unknown>): number => {
  const all = Effect.gen(function* () {
    for (let i = 0; i < operations; i++) yield* one()
  })
  const began = performance.now()
  Effect.runSync(Effect.orDie(all))
  return (performance.now() - began) / 1000 / operations
}

await answer(async (task) => {
  const { operations, rounds } = task as TurnTask
  const taken = { alone: [] as Array<number>, behind: [] as Array<number> }
  for (let round = 0; round < rounds; round++) {
    taken.alone.push(seconds(operations, () => operation))
    taken.behind.push(seconds(operations, () => turn(waits, operation)))
  }
  return taken
})
