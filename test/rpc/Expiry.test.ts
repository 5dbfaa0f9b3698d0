import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { get } from "../../src/api/operations/Retrieve.ts"
import { type Call, Calls } from "../../src/rpc/Calls.ts"
import { Expiry } from "../../src/rpc/Expiry.ts"
import * as Monotonic from "../../src/transport/Monotonic.ts"
import { countingSleepers } from "./peer.ts"

const nothing = () => {}

/** The calls of one session, five seconds between two pieces of a reply, and in words which were overdue when. */
const make = Effect.gen(function* () {
  const clock = yield* Clock.Clock
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const calls = new Calls()
  const began = Monotonic.millis(clock)
  const now = () => Monotonic.millis(clock) - began
  const overdue: Array<string> = []
  const owner = {
    calls,
    progress: 5_000,
    ended: false,
    fork,
    now,
    timedOut: (
      call: Call,
      { bytes, deadline, phase }: { bytes: number; deadline: number; phase: string },
      at: number
    ) => {
      calls.abandon(call)
      overdue.push(`${call.id}: ${phase}, ${deadline} ms, ${bytes} bytes, at ${at}`)
    }
  }
  const expiry = new Expiry(owner)
  const ask = (deadline: number, total = Infinity, unwritten: Partial<Call> = {}): Call => {
    const asked = { operation: get(), warnings: undefined, resume: nothing, since: now(), deadline, total }
    const call = { ...calls.make(asked), ...unwritten }
    calls.add(call)
    expiry.watch(call)
    return call
  }
  const piece = (call: Call, bytes: number) => {
    call.received += bytes
    call.progressAt = now()
    expiry.watch(call)
  }
  return { ask, calls, expiry, overdue, owner, piece }
})

describe("Expiry", () => {
  it.effect("ends a call that waits for room when it is too late to write it, and not once it is written", () =>
    Effect.gen(function* () {
      const { ask, overdue } = yield* make
      const frame = Buffer.from("x")
      ask(60_000, 90_000, { sendBefore: 1_000, frame })
      ask(60_000, 90_000, { sendBefore: 1_000 })
      yield* TestClock.adjust("59 seconds")
      assert.deepStrictEqual(overdue, ["1: queue, 1000 ms, 0 bytes, at 1000"])
    })
  )

  it.effect("ends each call by its own deadline, with one timer", () =>
    countingSleepers((sleepers) =>
      Effect.gen(function* () {
        const { ask, overdue } = yield* make
        for (const deadline of [3_000, 1_000, 2_000]) ask(deadline)
        yield* TestClock.adjust(0)
        assert.strictEqual(sleepers(), 1)
        yield* TestClock.adjust("999 millis")
        assert.deepStrictEqual(overdue, [])
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(overdue, [
          "2: rpc, 1000 ms, 0 bytes, at 1000",
          "3: rpc, 2000 ms, 0 bytes, at 2000",
          "1: rpc, 3000 ms, 0 bytes, at 3000"
        ])
        assert.strictEqual(sleepers(), 0)
      })
    )
  )

  it.effect("lets a reply that has begun take its time between two pieces, whatever the deadline was", () =>
    Effect.gen(function* () {
      const { ask, overdue, piece } = yield* make
      const call = ask(1_000)
      for (let i = 0; i < 4; i++) {
        piece(call, 10)
        yield* TestClock.adjust("4 seconds")
      }
      assert.deepStrictEqual(overdue, [])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(overdue, ["1: progress, 5000 ms, 40 bytes, at 17000"])
    })
  )

  it.effect("limits all of it by its total, however steadily it comes", () =>
    Effect.gen(function* () {
      const { ask, overdue, piece } = yield* make
      const call = ask(1_000, 6_000)
      piece(call, 10)
      yield* TestClock.adjust("4 seconds")
      piece(call, 10)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(overdue, ["1: progress, 6000 ms, 20 bytes, at 6000"])
    })
  )

  it.effect("says that a call was waiting for room when it was", () =>
    Effect.gen(function* () {
      const { ask, overdue } = yield* make
      ask(1_000).frame = Buffer.from("frame")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(overdue, ["1: queue, 1000 ms, 0 bytes, at 1000"])
    })
  )

  it.effect("ends no call that is abandoned, or answered, and none for never", () =>
    Effect.gen(function* () {
      const { ask, calls, overdue } = yield* make
      calls.abandon(ask(1_000))
      calls.remove(ask(2_000))
      ask(Infinity)
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(overdue, [])
    })
  )

  it.effect("stops when the session ends because of the first one", () =>
    Effect.gen(function* () {
      const { ask, overdue, owner } = yield* make
      const { timedOut } = owner
      owner.timedOut = (...told) => {
        timedOut(...told)
        owner.ended = true
      }
      ask(1_000)
      ask(1_000)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(overdue, ["1: rpc, 1000 ms, 0 bytes, at 1000"])
    })
  )

  it.effect("ends nothing once it is cancelled", () =>
    countingSleepers((sleepers) =>
      Effect.gen(function* () {
        const { ask, expiry, overdue } = yield* make
        ask(1_000)
        expiry.cancel()
        yield* TestClock.adjust("1 hour")
        assert.deepStrictEqual([overdue, sleepers()], [[], 0])
      })
    )
  )
})
