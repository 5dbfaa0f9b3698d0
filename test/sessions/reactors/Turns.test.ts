import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { type Deliverable, Turns } from "../../../src/sessions/reactors/Turns.ts"
import { until } from "../../transport/contract.ts"

/** Has so many pieces, each of which takes so many milliseconds. */
const source = (name: string, pieces: number, millis: number, log: Array<string>): Deliverable => {
  let left = pieces
  return {
    deliver: () => {
      for (const until = performance.now() + millis; performance.now() < until;);
      log.push(name)
      return --left > 0
    }
  }
}

describe("Turns", () => {
  it.live("hand on at once, and go on in the same turn of the loop while there is time", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      new Turns(() => 0).add(source("a", 3, 0, log))
      assert.deepStrictEqual(log, ["a"])
      setImmediate(() => log.push("the loop"))
      yield* until(() => log.length === 4)
      assert.deepStrictEqual(log, ["a", "a", "a", "the loop"])
    })
  )

  it.live("count what readers do whom they wake", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      let left = 20
      const deliver = () => {
        queueMicrotask(() => source("read", 1, 2, log).deliver(0))
        return --left > 0
      }
      setImmediate(() => log.push("the loop"))
      new Turns().add({ deliver })
      yield* until(() => log.length === 21)
      assert.isAtMost(log.indexOf("the loop"), 8)
    })
  )

  it.live("let timers and sockets of the loop come between, after a few milliseconds of handing on", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const turns = new Turns()
      setImmediate(() => log.push("the loop"))
      turns.add(source("a", 20, 2, log))
      assert.isAtMost(log.length, 4)
      yield* until(() => log.length === 21)
      assert.isAtMost(log.indexOf("the loop"), 8)
    })
  )

  it.live("go round: one that has much delays nobody by more than a piece of each", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const turns = new Turns()
      turns.add(source("spent", 1, 6, log))
      turns.add(source("much", 50, 0, log))
      turns.add(source("little", 1, 0, log))
      yield* until(() => log.length === 52)
      assert.deepStrictEqual(log.slice(0, 4), ["spent", "much", "little", "much"])
    })
  )

  it.live("count what is handed on in several goes of one turn together", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const turns = new Turns()
      for (let go = 0; go < 5; go++) turns.add(source(`${go}`, 1, 2, log))
      assert.isAtMost(log.length, 3)
      yield* until(() => log.length === 5)
      assert.deepStrictEqual(log, ["0", "1", "2", "3", "4"])
    })
  )
})
