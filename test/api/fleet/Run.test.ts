/** What becomes of a device whose program leaves something behind, and what a program may start itself. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { type Device, Fleet, type Program } from "../../../src/api/Fleet.ts"
import { ChannelError, withState } from "../../../src/errors.ts"
import { Faults, SampleModel } from "../../../src/testing.ts"
import { print } from "../../../src/xml/Print.ts"
import { settle } from "../../rpc/peer.ts"
import { fleetOf, simulated, summarized, without } from "../fleet.ts"

const config = `<system xmlns="${SampleModel.system}"><hostname>leaf-01</hostname></system>`

describe("the writes of fibers that a program leaves behind", () => {
  const late = `<system xmlns="${SampleModel.system}"><hostname>late</hostname></system>`

  it.effect("do not begin once it is over", () =>
    Effect.gen(function* () {
      const { device, fleet: devices } = yield* simulated(["d1"])
      const { fleet } = yield* fleetOf(devices)
      const program: Program<unknown, unknown, never> = (session) =>
        Effect.forkDetach(Effect.delay(session.editConfig({ target: "running", config: late }), "1 second"))
      const summary = yield* summarized(program).pipe(Effect.provideService(Fleet, fleet))
      assert.deepInclude(summary.devices[0], { state: "succeeded", wrote: false })
      yield* TestClock.adjust("2 seconds")
      yield* settle
      assert.notInclude(print(device("d1").running), "late")
    })
  )

  it.effect("count, and are waited for where they have begun", () =>
    Effect.gen(function* () {
      const { device, fleet: devices } = yield* simulated(["d1"], { dialect: { commitTime: "2 minutes" } })
      const { close, fleet } = yield* fleetOf(devices, { idleTime: "10 seconds" })
      const program: Program<void, unknown, never> = (session) =>
        Effect.gen(function* () {
          yield* session.editConfig({ target: "candidate", config: late })
          yield* Effect.forkDetach(session.commit(), { startImmediately: true })
        })
      const running = yield* summarized(program).pipe(Effect.provideService(Fleet, fleet), Effect.forkChild)
      yield* settle
      const closing = yield* Effect.forkChild(close)
      yield* TestClock.adjust("1 minute")
      assert.isUndefined(running.pollUnsafe())
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust("1 minute")
      assert.deepInclude((yield* Fiber.join(running)).devices[0], { state: "succeeded", wrote: true })
      assert.include(print(device("d1").running), "late")
      yield* Fiber.join(closing)
    })
  )

  it.effect("make the device unknown where they are left without a reply", () =>
    Effect.gen(function* () {
      const { device, fleet: devices } = yield* simulated(["d1"])
      const { fleet } = yield* fleetOf(devices)
      device("d1").faults.add(Faults.closeAfter("network"), { on: "commit" })
      const program: Program<void, unknown, never> = (session) =>
        Effect.asVoid(Effect.forkDetach(Effect.ignore(session.commit()), { startImmediately: true }))
      const summary = yield* summarized(program).pipe(Effect.provideService(Fleet, fleet))
      assert.deepInclude(summary.devices[0], { state: "unknown", wrote: true })
    })
  )
})

describe("an edit of a locked candidate", () => {
  it.effect("is not unknown when it is interrupted: it was discarded", () =>
    Effect.gen(function* () {
      const { device, fleet: devices } = yield* simulated(["d1"])
      const { fleet } = yield* fleetOf(devices)
      device("d1").faults.add(Faults.delay("3 seconds"), { on: "edit-config" })
      const program: Program<unknown, unknown, never> = (session) => Effect.timeout(session.edit(config), "1 second")
      const running = yield* summarized(program).pipe(Effect.provideService(Fleet, fleet), Effect.forkChild)
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("10 seconds")
      assert.deepInclude((yield* Fiber.join(running)).devices[0], { state: "failed", wrote: true })
      assert.isFalse(device("d1").candidateIsDirty)
    })
  )
})

describe("a summary", () => {
  it.effect("tells what had happened before an error", () =>
    Effect.gen(function* () {
      const error = withState(
        new ChannelError({ phase: "closed", by: "peer", detail: "gone" }),
        "the change is applied"
      )
      const page = String(yield* summarized(() => Effect.fail(error)))
      assert.match(page, /failed {6}d1: ChannelError: .*gone.*; the change is applied$/)
    }).pipe(without(["d1"]))
  )
})

describe("a run inside of a program", () => {
  const inGroup = { redundancyGroup: "g" }
  const inside = (devices: ReadonlyArray<string>) => Effect.flip(Fleet.start(() => Effect.void, { devices }))

  it.effect("is refused for the redundancy group of that program, which would wait for itself", () =>
    Effect.gen(function* () {
      const program = (_: unknown, { name }: Device) => Effect.map(inside(["c1", name === "a1" ? "a2" : "a1"]), String)
      const results = yield* Stream.runCollect(Fleet.run(program, { devices: ["a1"] }))
      assert.match(
        String(results[0]?.exit),
        /a2 is of the redundancy group g, in which the program of a1 is at work: this run would wait/
      )
    }).pipe(
      Effect.scoped,
      without(["a1", "a2", "c1"], (name) => (name === "c1" ? {} : inGroup))
    )
  )

  it.effect("goes on with others, and with the group when the program is over", () =>
    Effect.gen(function* () {
      const inner = (devices: ReadonlyArray<string>) =>
        Stream.runCollect(Fleet.run(() => Effect.succeed(1), { devices }))
      const program = Effect.fn(function* () {
        assert.lengthOf(yield* inner(["c1"]), 1)
        return yield* Effect.forkDetach(Effect.delay(inner(["a2"]), "1 second"))
      })
      const [result] = yield* Stream.runCollect(Fleet.run(program, { devices: ["a1"] }))
      assert.isTrue(result !== undefined && Exit.isSuccess(result.exit))
      yield* TestClock.adjust("1 second")
      if (result !== undefined && Exit.isSuccess(result.exit)) assert.lengthOf(yield* Fiber.join(result.exit.value), 1)
    }).pipe(
      Effect.scoped,
      without(["a1", "a2", "c1"], (name) => (name === "c1" ? {} : inGroup))
    )
  )
})
