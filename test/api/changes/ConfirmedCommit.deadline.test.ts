/** `session.confirmedCommit` and a device that falls silent: a commit may take minutes elsewhere, but not longer than its timeout. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Netconf from "../../../src/api/Netconf.ts"
import { Faults, SampleModel, SimulatedDevice } from "../../../src/testing.ts"
import { settle } from "../../rpc/peer.ts"

const config = `<system xmlns="${SampleModel.system}"><hostname>r1</hostname></system>`

/** Begins a confirmed commit whose commits, after the first so many, are applied and not answered. */
const begin = (after: number) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make()
    device.faults.add(Faults.silence(), { on: "commit", after })
    const connected = Netconf.connect({ transport: device.transport, label: "leaf-01" })
    const program = Effect.flatMap(connected, (session) =>
      session.confirmedCommit({ timeout: "60 seconds", margin: "10 seconds", config }, () => Effect.void)
    )
    const fiber = yield* Effect.forkChild(Effect.flip(Effect.scoped(program)))
    yield* settle
    return { device, fiber }
  })

describe("confirmedCommit", () => {
  it.effect("waits for the answer to its commit no longer than it could confirm it, and takes it back", () =>
    Effect.gen(function* () {
      const { device, fiber } = yield* begin(0)
      yield* TestClock.adjust("49 seconds")
      assert.isDefined(device.confirmedCommit)
      yield* TestClock.adjust("1 second")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error._tag, "CommitUnknownError")
      assert.isUndefined(device.confirmedCommit)
      assert.strictEqual(device.locks.size, 0)
    })
  )

  it.effect("waits for the answer to its confirmation until the device would have rolled back, and says unknown", () =>
    Effect.gen(function* () {
      const { device, fiber } = yield* begin(1)
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 second")
      const error = yield* Fiber.join(fiber)
      assert.strictEqual(error._tag, "CommitUnknownError")
      assert.strictEqual(device.locks.size, 0)
    })
  )
})
