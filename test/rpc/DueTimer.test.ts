import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { DueTimer } from "../../src/rpc/DueTimer.ts"
import { countingSleepers, settle } from "./peer.ts"

const make = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const fired: Array<number> = []
  const now = () => clock.currentTimeMillisUnsafe()
  return { fired, timer: new DueTimer(now, fork, () => fired.push(now())) }
})

describe("DueTimer", () => {
  it.effect("fires once, at the earliest moment that was asked for", () =>
    Effect.gen(function* () {
      const { fired, timer } = yield* make
      timer.arm(5000)
      timer.arm(2000)
      timer.arm(9000)
      yield* TestClock.adjust("1999 millis")
      assert.deepStrictEqual(fired, [])
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(fired, [2000])
      timer.arm(25_000)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(fired, [2000, 25_000])
    })
  )

  it.effect("never fires for never, and not after it was cancelled", () =>
    countingSleepers((sleepers) =>
      Effect.gen(function* () {
        const { fired, timer } = yield* make
        timer.arm(Infinity)
        assert.strictEqual(sleepers(), 0)
        timer.arm(1000)
        timer.arm(500)
        yield* settle
        assert.strictEqual(sleepers(), 1)
        timer.cancel()
        yield* settle
        assert.strictEqual(sleepers(), 0)
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual(fired, [])
      })
    )
  )

  it.effect("fires soon for a moment that has passed, and never inside arm", () =>
    Effect.gen(function* () {
      const { fired, timer } = yield* make
      yield* TestClock.adjust("10 seconds")
      timer.arm(5)
      yield* settle
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(fired.length, 1)
    })
  )
})
