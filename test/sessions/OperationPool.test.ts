import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as Schema from "effect/Schema"
import { OperationPool } from "../../src/sessions/OperationPool.ts"

const settle = Effect.gen(function* () {
  for (let i = 0; i < 20; i++) yield* Effect.yieldNow
})

/** A job that runs until it is told to end, and writes down when it starts. */
const makeJobs = (pool: OperationPool, devices: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const gates = devices.map(() => Latch.makeUnsafe())
    const started: Array<string> = []
    const fibers = yield* Effect.forEach(devices, (device, i) =>
      Effect.forkChild(
        pool.withPermit(
          device,
          Effect.andThen(
            Effect.sync(() => started.push(`${device}${i}`)),
            gates[i]!.await
          )
        ),
        { startImmediately: true }
      )
    )
    return { gates, started, fibers }
  })

describe("OperationPool", () => {
  it.effect("starts waiters at once when it grows, and the devices in turn", () =>
    Effect.gen(function* () {
      const pool = new OperationPool(2)
      const { started } = yield* makeJobs(pool, ["a", "a", "a", "a", "b", "c"])
      assert.deepStrictEqual(started, ["a0", "a1"])
      yield* pool.resize(5)
      yield* settle
      assert.deepStrictEqual(started, ["a0", "a1", "a2", "b4", "c5"])
      const { devices, running, size, waiting } = pool.statistics()
      assert.deepStrictEqual({ size, running, waiting }, { size: 5, running: 5, waiting: 1 })
      assert.deepStrictEqual(devices.get("a"), { running: 3, waiting: 1 })
    })
  )

  it.effect("disturbs nothing that runs when it shrinks, and starts nothing until there is room", () =>
    Effect.gen(function* () {
      const pool = new OperationPool(3)
      const { gates, started, fibers } = yield* makeJobs(pool, ["a", "b", "c", "d"])
      yield* pool.resize(1)
      yield* settle
      assert.strictEqual(pool.statistics().running, 3)
      for (const i of [0, 1]) {
        yield* gates[i]!.open
        yield* settle
        assert.deepStrictEqual(started, ["a0", "b1", "c2"])
      }
      yield* gates[2]!.open
      yield* settle
      assert.deepStrictEqual(started, ["a0", "b1", "c2", "d3"])
      yield* gates[3]!.open
      yield* Fiber.awaitAll(fibers)
      assert.deepStrictEqual(pool.statistics(), { size: 1, running: 0, waiting: 0, devices: new Map() })
    })
  )

  it.effect("pauses at 0 and goes on afterwards", () =>
    Effect.gen(function* () {
      const pool = new OperationPool(0)
      const { started } = yield* makeJobs(pool, ["a"])
      yield* settle
      assert.deepStrictEqual(started, [])
      yield* pool.resize(1)
      yield* settle
      assert.deepStrictEqual(started, ["a0"])
    })
  )

  it.effect("gives a permit back at once when its holder or a waiter is interrupted", () =>
    Effect.gen(function* () {
      const pool = new OperationPool(1)
      const { fibers, started } = yield* makeJobs(pool, ["a", "a", "b"])
      yield* Fiber.interrupt(fibers[1]!)
      assert.strictEqual(pool.statistics().waiting, 1)
      yield* Fiber.interrupt(fibers[0]!)
      yield* settle
      assert.deepStrictEqual(started, ["a0", "b2"])
      yield* Fiber.interrupt(fibers[2]!)
      assert.deepStrictEqual(pool.statistics(), { size: 1, running: 0, waiting: 0, devices: new Map() })
    })
  )

  it.effect("refuses a size that is no whole number from 0", () =>
    Effect.gen(function* () {
      const pool = new OperationPool(1)
      for (const size of [-1, 1.5, Number.NaN, Infinity]) {
        assert.strictEqual((yield* Effect.flip(pool.resize(size)))._tag, "InputError")
      }
      assert.strictEqual(pool.size, 1)
    })
  )

  it.effect("runs 50,000 waiters that release at once without deep stacks", () =>
    Effect.gen(function* () {
      const pool = new OperationPool(0)
      let done = 0
      const job = Effect.sync(() => {
        done++
      })
      const fibers = yield* Effect.forEach(Array.from({ length: 50_000 }), (_, i) =>
        Effect.forkChild(pool.withPermit(`d${i % 100}`, job), { startImmediately: true })
      )
      yield* pool.resize(10)
      yield* Fiber.awaitAll(fibers)
      assert.strictEqual(done, 50_000)
      assert.strictEqual(pool.statistics().running, 0)
    })
  )

  const steps = Arbitrary.array(
    Arbitrary.schema(
      Schema.Struct({
        step: Schema.Literals(["start", "finish", "interrupt", "resize"]),
        n: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 }))
      })
    ),
    { maxLength: 60 }
  )

  it.effect.prop(
    "never loses count, whatever starts, finishes, is interrupted or resized",
    [steps],
    ([steps]) =>
      Effect.gen(function* () {
        const pool = new OperationPool(2)
        const jobs: Array<{ gate: Latch.Latch; fiber: Fiber.Fiber<unknown> }> = []
        for (const { n, step } of steps) {
          if (step === "start") {
            const gate = Latch.makeUnsafe()
            const fiber = yield* Effect.forkChild(pool.withPermit(`d${n % 3}`, gate.await), { startImmediately: true })
            jobs.push({ gate, fiber })
          } else if (step === "resize") yield* pool.resize(n)
          else if (jobs.length > 0) {
            const [job] = jobs.splice(n % jobs.length, 1)
            if (step === "interrupt") yield* Fiber.interrupt(job!.fiber)
            else {
              yield* job!.gate.open
              jobs.push(...(job!.fiber.pollUnsafe() === undefined ? [job!] : []))
            }
          }
          const { devices, running, size, waiting } = pool.statistics()
          const sum = (key: "running" | "waiting") =>
            [...devices.values()].reduce((total, device) => total + device[key], 0)
          assert.strictEqual(sum("running"), running)
          assert.strictEqual(sum("waiting"), waiting)
          // Nobody waits while there is room.
          assert.isTrue(waiting === 0 || running >= size)
        }
        yield* pool.resize(100)
        for (const job of jobs) yield* job.gate.open
        yield* Fiber.awaitAll(jobs.map((job) => job.fiber))
        assert.deepStrictEqual(pool.statistics(), { size: 100, running: 0, waiting: 0, devices: new Map() })
      }),
    { arbitrary: { seed: 1, runs: 200, size: 60 } }
  )
})
