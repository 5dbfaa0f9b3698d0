import { assert, describe, it, vi } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Attempt from "../../src/transport/Attempt.ts"

/** Runs to its end, and says what the cleanups were told. */
const run = (begin: (attempt: Attempt.Attempt<string, string>) => void) =>
  Effect.gen(function* () {
    const cleanups: Array<string> = []
    const exit = yield* Effect.exit(
      Attempt.make<string, string>((attempt) => {
        attempt.onSettle((succeeded) => cleanups.push(`first ${succeeded}`))
        attempt.onSettle((succeeded) => cleanups.push(`second ${succeeded}`))
        begin(attempt)
      })
    )
    return { exit, cleanups }
  })

describe("Attempt", () => {
  it.effect("takes the first result and no other", () =>
    Effect.gen(function* () {
      const result = yield* run((attempt) => {
        attempt.succeed("yes")
        attempt.fail("no")
        attempt.succeed("again")
      })
      assert.deepStrictEqual(result, { exit: Exit.succeed("yes"), cleanups: ["first true", "second true"] })
    })
  )

  it.effect("runs its cleanups once, before a result that may come from one of them", () =>
    Effect.gen(function* () {
      const result = yield* run((attempt) => {
        attempt.onSettle(() => attempt.fail("from a cleanup"))
        attempt.fail("no")
      })
      assert.deepStrictEqual(result, { exit: Exit.fail("no"), cleanups: ["first false", "second false"] })
    })
  )

  it.effect("cleans up at once what is begun after its end", () =>
    Effect.gen(function* () {
      const late: Array<boolean> = []
      yield* run((attempt) => {
        attempt.succeed("yes")
        attempt.fail("too late")
        attempt.onSettle((succeeded) => late.push(succeeded))
      })
      assert.deepStrictEqual(late, [true])
    })
  )

  it.effect("cleans up when it is interrupted, and hears of no result then", () =>
    Effect.gen(function* () {
      const told: Array<boolean> = []
      let late = () => {}
      const fiber = yield* Effect.forkChild(
        Attempt.make<string>((attempt) => {
          attempt.onSettle((succeeded) => told.push(succeeded))
          late = () => attempt.succeed("late")
        }),
        { startImmediately: true }
      )
      yield* Fiber.interrupt(fiber)
      late()
      assert.deepStrictEqual(told, [false])
    })
  )

  it("ends at the deadline of its last step, and counts the time from there", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })
    try {
      const elapsed: Array<number> = []
      const result = Effect.runPromise(
        run((attempt) => {
          attempt.within(10, () => attempt.fail("of the first step"))
          vi.advanceTimersByTime(9)
          elapsed.push(attempt.elapsed)
          attempt.within(20, () => attempt.fail("of the second step"))
          vi.advanceTimersByTime(19)
          elapsed.push(attempt.elapsed)
          assert.isFalse(attempt.settled)
          vi.advanceTimersByTime(1)
        })
      )
      assert.deepStrictEqual((await result).exit, Exit.fail("of the second step"))
      assert.deepStrictEqual(elapsed, [9, 19])
    } finally {
      vi.useRealTimers()
    }
  })

  it("stops its deadline while it is paused, and lets what is left of it run, unless another step has begun", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })
    try {
      const failures: Array<string> = []
      const result = Effect.runSync(
        Attempt.make<string>((attempt) => {
          attempt.within(10, () => failures.push("first"))
          vi.advanceTimersByTime(4)
          const resume = attempt.pause()
          vi.advanceTimersByTime(1_000)
          resume()
          vi.advanceTimersByTime(5)
          assert.deepStrictEqual(failures, [])
          vi.advanceTimersByTime(1)
          assert.deepStrictEqual(failures, ["first"])
          attempt.within(10, () => failures.push("second"))
          const stale = attempt.pause()
          attempt.within(20, () => failures.push("third"))
          stale()
          vi.advanceTimersByTime(19)
          assert.lengthOf(failures, 1)
          const late = attempt.pause()
          attempt.succeed("yes")
          late()
          vi.advanceTimersByTime(1_000)
          assert.lengthOf(failures, 1)
        })
      )
      assert.deepStrictEqual([result, vi.getTimerCount()], ["yes", 0])
    } finally {
      vi.useRealTimers()
    }
  })

  it.live("has no deadline where a timer cannot count it", () =>
    Effect.gen(function* () {
      const { exit } = yield* run((attempt) => {
        attempt.within(1, () => attempt.fail("of the first step"))
        attempt.within(Infinity, () => attempt.fail("at once"))
        setTimeout(() => attempt.succeed("yes"), 20)
      })
      assert.deepStrictEqual(exit, Exit.succeed("yes"))
    })
  )
})
