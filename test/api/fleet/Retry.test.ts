/** When the program of a device is run again: docs/change-safety.md, "Many devices". */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import { Fleet, type Program } from "../../../src/api/Fleet.ts"
import { ConnectionError, DeadlineError, type OperationError, RpcError } from "../../../src/errors.ts"
import { Faults, SampleModel, SimulatedDevice } from "../../../src/testing.ts"
import type { Transport } from "../../../src/transport/Transport.ts"
import { print } from "../../../src/xml/Print.ts"
import { settle } from "../../rpc/peer.ts"
import { fleetOf, refused, simulated, summarized, without, write } from "../fleet.ts"

describe("retry", () => {
  const twice = Schedule.upTo(Schedule.spaced("1 second"), { times: 2 })
  const every = { RpcError: twice, ConnectionError: twice, DeadlineError: twice, ChannelError: twice, Unhealthy: twice }
  const attempted = <E>(program: Program<unknown, E, never>) =>
    Effect.gen(function* () {
      const running = yield* Effect.forkChild(summarized(program, { retry: every, stopAfter: "never" }))
      yield* settle
      yield* TestClock.adjust("1 minute")
      const { devices } = yield* Fiber.join(running)
      return { attempts: devices[0]!.attempts, state: devices[0]!.state }
    }).pipe(without(["d1"]))

  for (const [what, error, attempts] of [
    ["a lock that is held", refused("lock-denied"), 3],
    ["a connection that was refused", new ConnectionError({ reason: "refused", detail: "" }), 3],
    ["an error of the program's own that is named", { _tag: "Unhealthy" }, 3],
    ["an error of the program's own that says no", { _tag: "Unhealthy", isRetryable: false }, 1],
    ["an error that is not named", { _tag: "Other" }, 1],
    ["access-denied", refused("access-denied"), 1],
    [
      "access-denied beside a held lock",
      new RpcError({ errors: [refused("lock-denied").errors[0], refused("access-denied").errors[0]] }),
      1
    ],
    ["an operation that failed", refused("operation-failed"), 1],
    ["a read that timed out", new DeadlineError({ phase: "rpc", deadline: 1, bytes: 0 }), 1],
    ["a read that came to a halt", new DeadlineError({ phase: "progress", deadline: 1, bytes: 9 }), 1],
    ["a deadline while connecting", new DeadlineError({ phase: "hello", deadline: 1, bytes: 0 }), 3]
  ] as const) {
    it.effect(`starts the program ${attempts === 1 ? "once" : `${attempts} times`} for ${what}`, () =>
      Effect.gen(function* () {
        const made = yield* attempted(() => Effect.fail(error as unknown))
        assert.deepStrictEqual(made, { attempts, state: "failed" })
      })
    )
  }

  it.effect("does not repeat a program that has sent a write, nor a defect", () =>
    Effect.gen(function* () {
      const denied = Effect.fail(refused("lock-denied"))
      assert.strictEqual((yield* attempted(() => Effect.andThen(write(Effect.void), denied))).attempts, 1)
      assert.strictEqual((yield* attempted(() => write(denied))).attempts, 1)
      assert.strictEqual((yield* attempted(() => Effect.die(refused("lock-denied")))).attempts, 1)
      const both = Cause.combine(Cause.fail(refused("lock-denied")), Cause.die("too"))
      assert.strictEqual((yield* attempted(() => Effect.failCause(both))).attempts, 1)
    })
  )

  it.effect("has a schedule of its own per tag, and one result", () =>
    Effect.gen(function* () {
      const errors = [refused("in-use"), { _tag: "Unhealthy" }, refused("in-use"), { _tag: "Unhealthy" }]
      const made = yield* attempted(() => {
        const next: unknown = errors.shift()
        return next === undefined ? Effect.succeed("at last") : Effect.fail(next)
      })
      assert.deepStrictEqual(made, { attempts: 5, state: "succeeded" })
    })
  )

  it.effect("runs again on a fresh session when the old one has died", () =>
    Effect.gen(function* () {
      const { counts, device, fleet: devices } = yield* simulated(["a"])
      device("a").faults.add(Faults.closeBefore("network"), { on: "get-config", times: 1 })
      const { fleet } = yield* fleetOf(devices)
      const summary = yield* summarized((session) => session.getConfig(), {
        retry: { ChannelError: Schedule.recurs(1) }
      }).pipe(Effect.provideService(Fleet, fleet))
      assert.deepInclude(summary.devices[0], { state: "succeeded", attempts: 2 })
      assert.strictEqual(counts("a").opened, 2)
    })
  )

  it.effect("is over when the run is stopped", () =>
    Effect.gen(function* () {
      const run = yield* Fleet.start(() => Effect.fail(refused("in-use")), {
        retry: { RpcError: Schedule.spaced("1 hour") }
      })
      yield* settle
      yield* run.stop
      assert.deepInclude((yield* run.summary).devices[0], { state: "interrupted", attempts: 1 })
    }).pipe(Effect.scoped, without(["d1"]))
  )
})

describe("a run that is stopped", () => {
  it.effect("sends nothing later, also where a write that waited turns out never to have left", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make({})
      let opened = 0
      const transport: Transport = {
        ...device.transport,
        open: (handler, context) =>
          Effect.map(device.transport.open(handler, context), (connection) => {
            const first = opened++ === 0
            let frames = 0
            return { ...connection, write: (frame) => connection.write(frame) && !(first && ++frames >= 2) }
          })
      }
      const { fleet } = yield* fleetOf([{ name: "d1", transport }])
      const config = `<system xmlns="${SampleModel.system}"><hostname>late</hostname></system>`
      const program: Program<unknown, OperationError, never> = (session) =>
        Effect.andThen(session.getConfig(), session.editConfig({ target: "running", config }))
      const retry = { ChannelError: Schedule.spaced("1 second") }
      const run = yield* Effect.provideService(Fleet.start(program, { retry }), Fleet, fleet)
      yield* settle
      yield* run.stop
      yield* settle
      for (const session of device.sessions.values()) session.cut()
      yield* settle
      yield* TestClock.adjust("5 seconds")
      yield* settle
      assert.deepInclude((yield* run.summary).devices[0], { attempts: 1, wrote: false })
      assert.notInclude(print(device.running), "late")
    })
  )
})
