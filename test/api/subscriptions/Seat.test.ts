/** Subscriptions that move to another session while the old one still delivers: nothing lost, doubled or out of order. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Netconf from "../../../src/api/Netconf.ts"
import type { SubscribeOptions } from "../../../src/api/Subscribe.ts"
import type { SubscriptionEvent } from "../../../src/notifications/SubscriptionEvent.ts"
import * as Reactors from "../../../src/sessions/Reactors.ts"
import { Dialects, Faults, SimulatedDevice } from "../../../src/testing.ts"
import type { Transport } from "../../../src/transport/Transport.ts"
import { event, numbers } from "../../notifications/events.ts"
import { settle } from "../../rpc/peer.ts"
import { pass } from "../comingBack.ts"

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)

class Watched extends Reactors.Reactors {
  readonly movables = new Set<Reactors.Movable>()

  override register(movable: Reactors.Movable): () => void {
    this.movables.add(movable)
    const unregister = super.register(movable)
    return () => {
      this.movables.delete(movable)
      unregister()
    }
  }
}

/** Counts how many of the connections that a transport opens are held back. */
const countingPaused = (transport: Transport, count: (change: 1 | -1) => void): Transport => ({
  ...transport,
  peer: transport.peer,
  open: (handler, context) =>
    Effect.map(transport.open(handler, context), (connection) =>
      Object.create(connection, {
        pause: { value: () => (count(1), connection.pause()) },
        resume: { value: () => (count(-1), connection.resume()) }
      })
    )
})

const open = (more: SubscribeOptions = {}, options: SimulatedDevice.Options = {}) =>
  Effect.gen(function* () {
    // Its log begins before the first event: a log that begins with it may have lost others.
    yield* TestClock.setTime(Date.UTC(2026, 0, 31, 11))
    const reactors = new Watched(0)
    const device = yield* SimulatedDevice.make({
      dialect: Dialects.wholeSeconds,
      notifications: { standardEvents: false },
      ...options
    })
    yield* TestClock.setTime(Date.UTC(2026, 0, 31, 12))
    let paused = 0
    const transport = countingPaused(device.transport, (change) => void (paused += change))
    const session = yield* Netconf.connect({ transport, label: "leaf-01" })
    const scope = yield* Scope.make()
    const subscription = yield* session
      .openSubscription(more)
      .pipe(Scope.provide(scope), Effect.provideService(Reactors.Current, reactors))
    const notify = (from: number, to: number) =>
      Effect.andThen(
        Effect.sync(() => {
          for (let n = from; n < to; n++) device.notify(event(n))
        }),
        settle
      )
    const move = Effect.suspend(() => Effect.forkChild([...reactors.movables][0]!.move, { startImmediately: true }))
    return { device, session, subscription, scope, notify, move, reactors, paused: () => paused }
  })

/** Of the session that carries the subscription now. */
const carrying = (device: SimulatedDevice.SimulatedDevice) => [...device.sessions.keys()].slice(1)

describe("a subscription that moves", () => {
  it.effect("is on the new session then, with every event once and in order, equal ones too", () =>
    Effect.gen(function* () {
      const { device, move, notify, reactors, subscription } = yield* open()
      yield* notify(0, 5)
      const moving = yield* move
      yield* settle
      assert.deepStrictEqual(carrying(device), [2, 3])
      yield* notify(5, 10)
      // In the same second, and the same again.
      yield* notify(9, 10)
      yield* notify(9, 10)
      yield* pass("1 second")
      yield* notify(10, 12)
      yield* pass("2 seconds")
      yield* Fiber.await(moving)
      assert.deepStrictEqual(carrying(device), [3])
      yield* notify(12, 15)
      const events = yield* subscription.take()
      assert.deepStrictEqual(numbers(events), [...range(0, 10), 9, 9, ...range(10, 15)])
      assert.strictEqual(events.length, 17)
      assert.isTrue(subscription.isActive())
      assert.strictEqual(subscription.statistics().duplicates, 9)
      assert.strictEqual(reactors.movables.size, 1)
    })
  )

  it.effect("moves again, and fails as before when its new session is lost", () =>
    Effect.gen(function* () {
      const { device, move, notify, subscription } = yield* open()
      for (const first of [0, 10]) {
        const moving = yield* move
        yield* notify(first, first + 10)
        yield* pass("3 seconds")
        yield* Fiber.await(moving)
      }
      assert.deepStrictEqual(carrying(device), [4])
      assert.deepStrictEqual(numbers(yield* subscription.take()), range(0, 20))
      device.sessions.get(4)!.cut()
      yield* settle
      assert.strictEqual((yield* Effect.flip(subscription.ended))._tag, "ChannelError")
    })
  )

  it.effect("stays where it is when the new session is refused", () =>
    Effect.gen(function* () {
      const { device, move, notify, subscription } = yield* open()
      device.faults.add(Faults.refuse({ tag: "resource-denied" }), { on: "create-subscription" })
      const moving = yield* move
      yield* pass("3 seconds")
      yield* Fiber.await(moving)
      yield* notify(0, 2)
      assert.deepStrictEqual(carrying(device), [2])
      assert.deepStrictEqual(numbers(yield* subscription.take()), [0, 1])
    })
  )

  for (const [which, lost] of [
    ["the old session", 2],
    ["the new session", 3]
  ] as const) {
    it.effect(`goes on when ${which} is lost meanwhile`, () =>
      Effect.gen(function* () {
        const { device, move, notify, subscription } = yield* open({ resume: Schedule.spaced("1 second") })
        yield* notify(0, 2)
        yield* move
        yield* settle
        yield* notify(2, 4)
        device.sessions.get(lost)!.cut()
        yield* settle
        yield* notify(4, 6)
        yield* pass("4 seconds")
        yield* notify(6, 8)
        assert.deepStrictEqual(numbers(yield* subscription.take()), range(0, 8))
        assert.strictEqual(carrying(device).length, 1)
        assert.isTrue(subscription.isActive())
      })
    )
  }

  for (const [what, fault] of [
    ["lost", Faults.closeBefore("network")],
    ["silent", Faults.silence({ applied: false })]
  ] as const) {
    const moved = (more: SubscribeOptions) =>
      Effect.gen(function* () {
        const opened = yield* open(more)
        const { device, move, notify, subscription } = opened
        device.faults.add(fault, { on: ({ operation, sessionId }) => operation === "close-session" && sessionId === 2 })
        yield* notify(0, 2)
        yield* move
        yield* settle
        yield* notify(2, 4)
        yield* pass("3 seconds")
        yield* notify(4, 6)
        yield* pass("2 minutes")
        yield* notify(6, 8)
        assert.deepStrictEqual(numbers(yield* subscription.take()), range(0, 8))
        assert.strictEqual(carrying(device).length, 1)
        assert.isTrue(subscription.isActive())
        return subscription.statistics()
      })

    it.effect(`resumes when the old session is ${what} when it should end`, () =>
      Effect.gen(function* () {
        const { gaps, resumed } = yield* moved({ resume: Schedule.spaced("1 second") })
        assert.deepStrictEqual([gaps, resumed], [0, 1])
      })
    )

    it.effect(`takes over from an old session that is ${what} at its end, and says so by a gap`, () =>
      Effect.gen(function* () {
        const { gaps, resumed } = yield* moved({})
        assert.deepStrictEqual([gaps, resumed], [1, 0])
      })
    )
  }

  it.effect("waits for a slow reader, and moves what waited first", () =>
    Effect.gen(function* () {
      const { device, move, notify, subscription } = yield* open({ capacity: 10 })
      yield* notify(0, 5)
      yield* move
      yield* settle
      yield* notify(5, 40)
      yield* pass("2 minutes")
      const all: Array<number> = []
      while (all.length < 40) {
        all.push(...numbers(yield* subscription.take(4)))
        yield* pass("1 second")
      }
      assert.deepStrictEqual(all, range(0, 40))
      assert.deepStrictEqual(carrying(device), [3])
      assert.strictEqual(subscription.statistics().gaps, 0)
    })
  )

  it.effect("holds the new session back from the beginning when it floods", () =>
    Effect.gen(function* () {
      const { device, move, notify, paused, subscription } = yield* open({ policy: "unbounded" })
      yield* move
      yield* settle
      const megabyte = `<big xmlns="urn:big">${"x".repeat(1024 * 1024)}</big>`
      for (let n = 0; n < 5; n++) device.notify(megabyte)
      yield* notify(0, 1)
      assert.strictEqual(paused(), 1)
      yield* pass("3 seconds")
      assert.strictEqual(paused(), 0)
      yield* notify(1, 2)
      assert.deepStrictEqual(carrying(device), [3])
      const events: Array<SubscriptionEvent> = []
      while (subscription.statistics().size > 0) events.push(...(yield* subscription.take()))
      assert.deepStrictEqual(numbers(events.slice(5)), [0, 1])
      assert.strictEqual(events.length, 7)
    })
  )

  it.effect("cuts a new session that is held back when the old one is lost before the end of the move", () =>
    Effect.gen(function* () {
      const { device, move, paused, subscription } = yield* open({ policy: "unbounded" })
      yield* move
      yield* settle
      const megabyte = `<big xmlns="urn:big">${"x".repeat(1024 * 1024)}</big>`
      for (let n = 0; n < 5; n++) device.notify(megabyte)
      yield* settle
      assert.strictEqual(paused(), 1)
      device.sessions.get(2)!.cut()
      yield* pass("2500 millis")
      assert.deepStrictEqual(carrying(device), [])
      assert.isFalse(device.log.some(({ operation }) => operation === "close-session"))
      assert.strictEqual((yield* Effect.flip(subscription.ended))._tag, "ChannelError")
    })
  )

  it.effect("does not move while it replays, with a stopTime, or on a shared session", () =>
    Effect.gen(function* () {
      const stopping = yield* open({ startTime: "2026-01-31T11:00:00Z", stopTime: "2030-01-01T00:00:00Z" })
      yield* stopping.move
      yield* pass("3 seconds")
      assert.deepStrictEqual(carrying(stopping.device), [2])
      const shared = yield* open({ session: "shared" })
      assert.strictEqual(shared.reactors.movables.size, 0)
    })
  )

  it.effect("logs in with the services that it was opened with, whoever moves it", () =>
    Effect.gen(function* () {
      const service = Context.Reference<string>("test/Service", { defaultValue: () => "of the process" })
      const seen: Array<string> = []
      const device = yield* SimulatedDevice.make()
      const { open: openOf, peer } = device.transport
      const transport: Transport = {
        peer,
        open: (handler, context) =>
          Effect.flatMap(service, (value) => {
            seen.push(value)
            return openOf(handler, context)
          })
      }
      const reactors = new Watched(0)
      const session = yield* Netconf.connect({ transport })
      yield* session
        .openSubscription()
        .pipe(Effect.provideService(Reactors.Current, reactors), Effect.provideService(service, "its own"))
      Effect.runFork([...reactors.movables][0]!.move)
      yield* settle
      assert.deepStrictEqual(seen, ["of the process", "its own", "its own"])
    })
  )

  it.effect("leaves no session behind when it is left in the middle of a move", () =>
    Effect.gen(function* () {
      const { device, move, reactors, scope } = yield* open()
      yield* move
      yield* settle
      assert.strictEqual(device.sessions.size, 3)
      yield* Scope.close(scope, Exit.void)
      yield* settle
      assert.strictEqual(device.sessions.size, 1)
      assert.strictEqual(reactors.movables.size, 0)
    })
  )
})
