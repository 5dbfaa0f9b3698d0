import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { CommitUnknownError } from "../../../src/errors.ts"
import * as Netconf from "../../../src/api/Netconf.ts"
import * as Writes from "../../../src/api/session/Writes.ts"
import { Faults, SimulatedDevice } from "../../../src/testing.ts"
import type { Transport } from "../../../src/transport/Transport.ts"
import { xml } from "../../../src/xml/Template.ts"

const config = xml`<system xmlns="urn:example:system"><hostname>leaf-01</hostname></system>`

const connected = (options: SimulatedDevice.Options = {}) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make(options)
    const session = yield* Netconf.connect({ label: "leaf-01", transport: device.transport })
    return { device, session }
  })

/** Has room for the hello and one rpc. */
const withoutRoom = (transport: Transport): Transport => ({
  ...transport,
  open: (handler, context) =>
    Effect.map(transport.open(handler, context), (connection) => {
      let frames = 0
      return { ...connection, write: (frame) => connection.write(frame) && ++frames < 2 }
    })
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

describe("a write that is interrupted", () => {
  it.effect("is not in doubt when a discard takes it back: nobody else has seen it", () =>
    Effect.gen(function* () {
      const { device, session } = yield* connected()
      device.faults.add(Faults.silence(), { on: "edit-config", times: 1 })
      yield* Writes.track((writes) =>
        Effect.gen(function* () {
          yield* session.lock({ target: "candidate" })
          const fiber = yield* Effect.forkChild(session.editConfig({ target: "candidate", config }), {
            startImmediately: true
          })
          yield* Fiber.interrupt(fiber)
          assert.isTrue(writes.sent)
          assert.isUndefined(writes.unknown)
        })
      )
    })
  )

  it.effect("does not count when it never left", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make({})
      const full = withoutRoom(device.transport)
      const session = yield* Netconf.connect({ transport: full })
      yield* session.getConfig()
      yield* Writes.track((writes) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(session.commit(), { startImmediately: true })
          assert.isTrue(writes.sent)
          yield* Fiber.interrupt(fiber)
          assert.isFalse(writes.sent)
          assert.isUndefined(writes.unknown)
        })
      )
      device.reboot()
    })
  )
})

describe("Writes.forbid", () => {
  it.effect("lets a program that has sent a write go on, unless that turns out never to have left", () =>
    Effect.gen(function* () {
      const { session } = yield* connected()
      yield* Writes.track((writes) =>
        Effect.gen(function* () {
          yield* Effect.ignore(session.editConfig({ target: "candidate", config }))
          writes.forbid()
          yield* session.commit()
        })
      )
      const device = yield* SimulatedDevice.make({})
      const other = yield* Netconf.connect({ transport: withoutRoom(device.transport) })
      yield* other.getConfig()
      yield* Writes.track((writes) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(other.commit(), { startImmediately: true })
          writes.forbid()
          assert.isFalse(writes.forbidden)
          device.reboot()
          yield* Fiber.await(fiber)
          assert.isTrue(writes.forbidden)
        })
      )
    })
  )
})

describe("Writes.within", () => {
  it.effect("waits for the writes of fibers that the program left behind, and lets none begin afterwards", () =>
    Effect.gen(function* () {
      const { device, session } = yield* connected()
      device.faults.add(Faults.delay("3 seconds"), { on: "commit" })
      const late = yield* Writes.track((writes) =>
        Effect.gen(function* () {
          const program = Effect.gen(function* () {
            yield* Effect.forkDetach(session.commit(), { startImmediately: true })
            return yield* Effect.forkDetach(Effect.delay(session.commit(), "5 seconds"), { startImmediately: true })
          })
          const over = yield* Effect.forkChild(writes.within(program), { startImmediately: true })
          yield* TestClock.adjust("2 seconds")
          assert.isUndefined(over.pollUnsafe())
          yield* TestClock.adjust("1 second")
          return yield* Fiber.join(over)
        })
      )
      yield* TestClock.adjust("10 seconds")
      assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(late)))
      assert.strictEqual(device.commits, 1)
    })
  )
})
