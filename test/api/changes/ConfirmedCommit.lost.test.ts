/** `session.confirmedCommit` when its own session, an answer or time is lost (docs/change-safety.md). */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Netconf from "../../../src/api/Netconf.ts"
import type { Session } from "../../../src/api/Session.ts"
import { isNetconfError } from "../../../src/errors.ts"
import * as OperationPool from "../../../src/sessions/OperationPool.ts"
import { Dialects, Faults, SampleModel, SimulatedDevice } from "../../../src/testing.ts"
import type { Transport } from "../../../src/transport/Transport.ts"
import { print } from "../../../src/xml/Print.ts"
import { settle, start, success } from "../../rpc/peer.ts"
import { fleetOf, simulated } from "../fleet.ts"

const config = `<system xmlns="${SampleModel.system}"><hostname>r1</hostname></system>`
const runs = (device: SimulatedDevice.SimulatedDevice) => print(device.running).includes("<hostname>r1</hostname>")

/** A device, a session with it, and a check that lasts until it is told how it ends; `slow` connects by then. */
const open = (options: SimulatedDevice.Options = {}) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make(options)
    const slow = { dial: 0 }
    const transport: Transport = {
      ...device.transport,
      peer: device.transport.peer,
      open: (handler, context) => Effect.suspend(() => Effect.delay(device.transport.open(handler, context), slow.dial))
    }
    const session = yield* Netconf.connect({ transport, label: "leaf-01" })
    const checked = Deferred.makeUnsafe<void, "unhealthy">()
    const cut = Effect.andThen(
      Effect.sync(() => device.sessions.get(1)!.cut()),
      settle
    )
    const verified = Effect.andThen(Deferred.succeed(checked, undefined), settle)
    return { device, session, slow, checked, cut, verified }
  })

const begin = (session: Session, checked: Deferred.Deferred<void, "unhealthy">) =>
  start(session.confirmedCommit({ timeout: "60 seconds", config }, () => Deferred.await(checked)))

const pass = (seconds: number) => Effect.andThen(TestClock.adjust(seconds * 1000), settle)

const messages = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<string> =>
  Exit.isSuccess(exit)
    ? []
    : exit.cause.reasons
        .filter(Cause.isFailReason)
        .map(({ error }) => (isNetconfError(error) ? error.message : String(error)))

describe("confirmedCommit that has lost its session", () => {
  it.effect("confirms through a pool that is full or paused", () =>
    Effect.gen(function* () {
      const { checked, cut, device, session, verified } = yield* open()
      const pool = yield* OperationPool.Current
      const call = yield* begin(session, checked)
      yield* cut
      yield* pool.resize(0)
      yield* verified
      success(call)
      assert.isUndefined(device.confirmedCommit)
      assert.isTrue(runs(device))
    }).pipe(Effect.provide(OperationPool.layer(8)))
  )

  it.effect("does not wait for a connection longer than it may confirm, nor cancels what has been rolled back", () =>
    Effect.gen(function* () {
      const { checked, cut, device, session, slow, verified } = yield* open()
      const call = yield* begin(session, checked)
      yield* cut
      slow.dial = 70_000
      yield* verified
      yield* pass(50)
      yield* pass(10)
      const [first, second] = messages(yield* Fiber.await(call))
      assert.include(first, "not verified in time to confirm the commit")
      assert.match(
        second!,
        /^cancel-commit on leaf-01: no answer within 10000 ms .* the device rolls back by itself between/
      )
      yield* pass(60)
      assert.strictEqual(device.commits, 1)
      assert.isFalse(runs(device))
    })
  )

  it.effect("nor for a discard that is never answered, and gives its lock back", () =>
    Effect.gen(function* () {
      const { checked, cut, device, session, verified } = yield* open()
      const call = yield* begin(session, checked)
      yield* cut
      device.faults.add(Faults.silence(), { on: "discard-changes", times: 1 })
      yield* verified
      yield* pass(50)
      yield* pass(5)
      assert.include(messages(yield* Fiber.await(call))[0], "not verified in time to confirm the commit")
      assert.strictEqual(device.locks.size, 0)
    })
  )

  it.effect("unlocks and discards nothing where the lock is refused", () =>
    Effect.gen(function* () {
      const { checked, cut, device, session, verified } = yield* open()
      const call = yield* begin(session, checked)
      yield* cut
      device.lock("candidate")
      yield* verified
      assert.include(messages(yield* Fiber.await(call))[0], "lock-denied")
      const steps = device.log.filter((entry) => entry.session === 3).map(({ operation }) => operation)
      assert.deepStrictEqual(steps, ["lock", "close-session"])
    })
  )

  it.effect("nor for a lock that is never answered", () =>
    Effect.gen(function* () {
      const { checked, cut, device, session, verified } = yield* open()
      const call = yield* begin(session, checked)
      yield* cut
      device.faults.add(Faults.silence(), { on: "lock", times: 1 })
      yield* verified
      yield* pass(50)
      yield* pass(5)
      const [first] = messages(yield* Fiber.await(call))
      assert.include(first, "not verified in time to confirm the commit")
      assert.isUndefined(device.confirmedCommit)
    })
  )

  it.effect("does not wait for a slot of a fleet, not even of its only session", () =>
    Effect.gen(function* () {
      const { device: at, fleet: devices } = yield* simulated(["a"])
      const { fleet } = yield* fleetOf(devices, { maxSessionsPerDevice: 1 })
      const device = at("a")
      const program = (session: Session) => {
        const options = { timeout: "60 seconds", config, verifyOn: "this-session" } as const
        return session.confirmedCommit(options, () => Effect.sleep("10 seconds"))
      }
      const call = yield* start(Effect.scoped(Effect.flatMap(fleet.session("a"), program)))
      device.sessions.get(1)!.cut()
      yield* settle
      const others = yield* start(Effect.scoped(Effect.andThen(fleet.session("a"), Effect.never)))
      yield* pass(10)
      success(call)
      assert.isTrue(runs(device))
      yield* Fiber.interrupt(others)
    })
  )
})

describe("confirmedCommit", () => {
  it.effect("does not promise a rollback once a confirmation was sent whose answer is lost", () =>
    Effect.gen(function* () {
      const { checked, device, session, verified } = yield* open()
      device.faults.add(Faults.closeAfter(), { on: "commit", after: 1, times: 1 })
      const call = yield* begin(session, checked)
      yield* verified
      const [first, second] = messages(yield* Fiber.await(call))
      assert.match(first!, /^commit on leaf-01 .*unknown/)
      assert.match(second!, /^cancel-commit .*; the commit is confirmed, or rolled back: read the device$/)
      assert.isTrue(runs(device))
    })
  )

  it.effect("confirms before it closes the session of its check, which may take longer than is left", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open({ dialect: Dialects.silentClose })
      const check = () => Effect.sleep("20 seconds")
      const call = yield* start(session.confirmedCommit({ timeout: "30 seconds", config }, check))
      yield* pass(20)
      assert.isUndefined(device.confirmedCommit)
      yield* pass(5)
      success(call)
      assert.isTrue(runs(device))
      device.sessions.get(1)!.cut()
    })
  )

  it.effect("does not trust a wall clock that is set back, or confirm without an id what has been rolled back", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      let back = 0
      const behind: Clock.Clock = new Proxy(clock, {
        get: (target, name) => {
          if (name === "currentTimeMillisUnsafe") return () => target.currentTimeMillisUnsafe() - back
          const member: unknown = Reflect.get(target, name)
          return typeof member === "function" ? member.bind(target) : member
        }
      })
      const program = Effect.gen(function* () {
        const { device, session } = yield* open({
          dialect: Dialects.staleCandidate,
          without: [":confirmed-commit:1.1"],
          extraCapabilities: [":confirmed-commit:1.0"]
        })
        const check = () => Effect.sleep("35 seconds")
        const call = yield* start(session.confirmedCommit({ timeout: "30 seconds", config }, check))
        yield* pass(1)
        back = 60_000
        yield* pass(23)
        yield* pass(20)
        assert.include(messages(yield* Fiber.await(call))[0], "not verified in time")
        assert.strictEqual(device.commits, 1)
        assert.isFalse(runs(device))
      })
      yield* Effect.provideService(program, Clock.Clock, behind)
    })
  )
})
