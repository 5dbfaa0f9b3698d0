import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { CommitUnknownError } from "../../src/errors.ts"
import * as Netconf from "../../src/api/Netconf.ts"
import * as Writes from "../../src/api/Writes.ts"
import { Faults, SimulatedDevice } from "../../src/testing.ts"
import { xml } from "../../src/xml/Template.ts"

const config = xml`<system xmlns="urn:example:system"><hostname>leaf-01</hostname></system>`

const connected = (options: SimulatedDevice.Options = {}) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make(options)
    const session = yield* Netconf.connect({ label: "leaf-01", transport: device.transport })
    return { device, session }
  })

describe("Writes", () => {
  it.effect("counts no read, and a write once it has begun", () =>
    Effect.gen(function* () {
      const { session } = yield* connected()
      yield* Writes.track((writes) =>
        Effect.gen(function* () {
          yield* session.getConfig()
          yield* session.lock({ target: "candidate" })
          assert.isFalse(writes.sent)
          yield* Effect.ignore(session.editConfig({ target: "candidate", config }))
          assert.isTrue(writes.sent)
          assert.isUndefined(writes.unknown)
        })
      )
    })
  )

  it.effect("counts for every program around it, and for none beside it", () =>
    Effect.gen(function* () {
      const { session } = yield* connected()
      yield* Writes.track((outer) =>
        Effect.gen(function* () {
          yield* Writes.track(() => Effect.ignore(session.commit()))
          assert.isTrue(outer.sent)
          yield* Writes.track((beside) => Effect.sync(() => assert.isFalse(beside.sent)))
        })
      )
    })
  )

  it.effect("does not count what certainly never left", () =>
    Effect.gen(function* () {
      const { device, session } = yield* connected({ without: [":startup"] })
      yield* Writes.track((writes) =>
        Effect.gen(function* () {
          yield* Effect.ignore(session.deleteConfig({ target: "startup" }))
          assert.isFalse(writes.sent)
          device.reboot()
          yield* session.closed
          const error = yield* Effect.flip(session.commit())
          assert.strictEqual(error._tag, "ChannelError")
          assert.isFalse(writes.sent)
        })
      )
    })
  )

  it.effect("keeps an unknown write that the program has swallowed", () =>
    Effect.gen(function* () {
      const { device, session } = yield* connected()
      device.faults.add(Faults.closeAfter(), { on: "commit" })
      yield* Writes.track((writes) =>
        Effect.gen(function* () {
          yield* Effect.ignore(session.commit())
          assert.isTrue(writes.sent)
          assert.instanceOf(writes.unknown, CommitUnknownError)
        })
      )
    })
  )

  it.effect("lets no write begin that was forbidden, by the program around it either", () =>
    Effect.gen(function* () {
      const { device, session } = yield* connected()
      yield* Writes.track((outer) =>
        Writes.track((inner) =>
          Effect.gen(function* () {
            outer.forbid()
            assert.isTrue(inner.forbidden)
            yield* session.getConfig()
            const exit = yield* Effect.exit(Effect.uninterruptible(session.commit()))
            assert.isTrue(Exit.hasInterrupts(exit))
            assert.isFalse(outer.sent)
          })
        )
      )
      yield* Writes.track(() => session.commit())
      assert.deepStrictEqual(
        device.log.map(({ operation }) => operation),
        ["get-config", "commit"]
      )
    })
  )

  it.effect("keeps that a write was interrupted", () =>
    Effect.gen(function* () {
      const { device, session } = yield* connected()
      device.faults.add(Faults.silence(), { on: "commit" })
      yield* Writes.track((writes) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(session.commit(), { startImmediately: true })
          yield* Fiber.interrupt(fiber)
          assert.strictEqual(writes.unknown, "interrupted")
        })
      )
    })
  )
})
