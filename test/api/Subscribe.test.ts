/** `session.openSubscription`: what it promises on one session (docs/notifications.md). Resuming has a file of its own. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Netconf from "../../src/api/Netconf.ts"
import type { SubscribeOptions } from "../../src/api/Subscribe.ts"
import type { Notification } from "../../src/notifications/Notification.ts"
import type { Gap, SubscriptionEvent } from "../../src/notifications/SubscriptionEvent.ts"
import { BrokenNotifications, Faults, SimulatedDevice } from "../../src/testing.ts"
import { Collected, event, numbers } from "../notifications/events.ts"
import * as NotificationHealth from "../../src/api/NotificationHealth.ts"
import { HealthBus } from "../../src/notifications/Health.ts"
import { countingSleepers, settle } from "../rpc/peer.ts"
import { pass } from "./comingBack.ts"

const open = (options: SimulatedDevice.Options = {}, more: Partial<Netconf.ConnectOptions> = {}) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make({
      ...options,
      notifications: { standardEvents: false, ...options.notifications }
    })
    const session = yield* Netconf.connect({ transport: device.transport, label: "leaf-01", ...more })
    return { device, session }
  })

const subscribed = (options: SubscribeOptions = {}, ofDevice: SimulatedDevice.Options = {}) =>
  Effect.gen(function* () {
    const opened = yield* open(ofDevice)
    return { ...opened, subscription: yield* opened.session.openSubscription(options) }
  })

const burst = (device: SimulatedDevice.SimulatedDevice, from: number, to: number) =>
  Effect.andThen(
    Effect.sync(() => {
      for (let n = from; n < to; n++) device.notify(event(n))
    }),
    settle
  )

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)

describe("openSubscription", () => {
  it.effect("is established when it returns: what happens then arrives, in order", () =>
    Effect.gen(function* () {
      const { device, subscription } = yield* subscribed()
      assert.isTrue(subscription.isActive())
      yield* burst(device, 0, 50)
      assert.deepStrictEqual(numbers(yield* subscription.take()), range(0, 50))
    })
  )

  for (const [what, fault] of [
    ["in the same bytes as the reply", Faults.eventsWithReply],
    ["before the reply", Faults.eventsBeforeReply]
  ] as const) {
    it.effect(`loses nothing of what comes ${what}`, () =>
      Effect.gen(function* () {
        const { device, session } = yield* open()
        device.faults.add(fault(...range(0, 20).map(event)), { on: "create-subscription" })
        const subscription = yield* session.openSubscription()
        yield* burst(device, 20, 25)
        assert.deepStrictEqual(numbers(yield* subscription.take()), range(0, 25))
      })
    )
  }

  it.effect("is on a session of its own, which is closed with the scope", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const scope = yield* Scope.make()
      const subscription = yield* Scope.provide(session.openSubscription(), scope)
      assert.strictEqual(device.sessions.size, 2)
      yield* burst(device, 0, 3)
      yield* session.getConfig()
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual([...device.sessions.keys()], [session.sessionId])
      assert.isFalse(subscription.isActive())
      assert.deepStrictEqual(device.log.map(({ operation }) => operation).slice(-1), ["close-session"])
      assert.deepStrictEqual(numbers(yield* subscription.take()), [0, 1, 2])
      assert.isTrue(Cause.isDone(yield* Effect.flip(subscription.take())))
    })
  )

  it.effect("fails with the RpcError of a device that refuses, and leaves no session behind", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const error = yield* Effect.flip(session.openSubscription({ stream: "nowhere" }))
      assert.strictEqual(error._tag, "RpcError")
      assert.match(error.message, /^create-subscription on leaf-01 \(session 2\)/)
      yield* settle
      assert.strictEqual(device.sessions.size, 1)
      assert.isFalse(
        (yield* Effect.exit(Stream.runCollect(session.subscribe({ stream: "nowhere" }))))._tag === "Success"
      )
    })
  )

  it.effect("says what the device lacks before it opens a session", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open({ without: [":notification", ":interleave"] })
      const error = yield* Effect.flip(session.openSubscription())
      assert.strictEqual(error._tag, "CapabilityError")
      assert.include(error.message, ":notification")
      assert.strictEqual(device.sessions.size, 1)
    })
  )

  it.effect("asks for what was logged: the log, its end, then what happens", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      yield* burst(device, 0, 4)
      const subscription = yield* session.openSubscription({ startTime: "1970-01-01T00:00:00Z" })
      yield* burst(device, 4, 6)
      const events = yield* subscription.take()
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag),
        [...Array<string>(4).fill("Notification"), "ReplayComplete", "Notification", "Notification"]
      )
      assert.deepStrictEqual(numbers(events), range(0, 6))
    })
  )

  it.effect("ends when the device completes it", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      yield* burst(device, 0, 4)
      const times = { startTime: "1970-01-01T00:00:00Z", stopTime: "1970-01-01T00:00:00Z" }
      const events = yield* Stream.runCollect(session.subscribe(times))
      assert.deepStrictEqual(numbers(events), range(0, 4))
      yield* settle
      assert.strictEqual(device.sessions.size, 1)
    })
  )

  it.effect("filters by subtree and by XPath", () =>
    Effect.gen(function* () {
      const { device, subscription } = yield* subscribed({ filter: `<other xmlns="urn:other"/>` })
      yield* burst(device, 0, 2)
      device.notify(`<other xmlns="urn:other"/>`)
      yield* settle
      const events = yield* subscription.take()
      assert.deepStrictEqual(
        events.map((each) => each._tag === "Notification" && each.name),
        ["other"]
      )
    })
  )

  it.effect("fails its readers when the session is lost, after what had come", () =>
    Effect.gen(function* () {
      const { device, session, subscription } = yield* subscribed()
      yield* burst(device, 0, 3)
      for (const [id, each] of device.sessions) if (id !== session.sessionId) each.cut()
      yield* settle
      const seen: Array<SubscriptionEvent> = []
      const error = yield* Effect.flip(
        Stream.runForEach(subscription.events, (one) => Effect.sync(() => void seen.push(one)))
      )
      assert.deepStrictEqual(numbers(seen), range(0, 3))
      assert.strictEqual(error._tag, "ChannelError")
      assert.strictEqual((yield* Effect.flip(subscription.ended))._tag, "ChannelError")
      assert.strictEqual(device.sessions.size, 1)
    })
  )

  it.effect("never splits an element that is itself called notification", () =>
    Effect.gen(function* () {
      const { device, subscription } = yield* subscribed()
      const inner = `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>1970-01-01T00:00:00Z</eventTime><x/></notification>`
      device.notify(`<seen xmlns="urn:seen">${inner}</seen>`)
      yield* burst(device, 1, 2)
      const events = yield* subscription.take()
      assert.strictEqual(events.length, 2)
      assert.strictEqual(subscription.statistics().incomplete, 0)
    })
  )

  it.effect("loses nothing to a reader that is interrupted", () =>
    Effect.gen(function* () {
      const { device, subscription } = yield* subscribed()
      const reader = yield* Effect.forkChild(subscription.take(), { startImmediately: true })
      yield* Fiber.interrupt(reader)
      yield* burst(device, 0, 2)
      assert.deepStrictEqual(numbers(yield* subscription.take()), [0, 1])
    })
  )

  it.effect("refuses to hand out what is no number of events, and has lost none by it", () =>
    Effect.gen(function* () {
      const { device, subscription } = yield* subscribed()
      yield* burst(device, 0, 3)
      for (const max of [0, -1, 1.5, Number.NaN, "2", null]) {
        const error = (yield* Effect.flip(subscription.take(max as number))) as Error
        assert.match(error.message, /max: expected a whole number from 1, got/)
        if (max !== 0) assert.throws(() => subscription.peek(max as number), /max: expected a whole number from 0, got/)
      }
      assert.deepStrictEqual(subscription.peek(0), [])
      assert.lengthOf(subscription.peek(Infinity), 3)
      assert.deepStrictEqual(numbers(yield* subscription.take(2)), [0, 1])
      assert.deepStrictEqual(numbers(yield* subscription.take(Infinity)), [2])
    })
  )

  it.effect("asks nothing more of a session that serves nothing but its end", () =>
    Effect.gen(function* () {
      for (const [without, asked] of [
        [[":interleave"], false],
        [[], true]
      ] as const) {
        const { device, session } = yield* open({ without }, { keepalive: { every: "10 seconds" } })
        yield* session.openSubscription()
        yield* TestClock.adjust("1 minute")
        yield* settle
        assert.strictEqual(
          device.log.some((entry) => entry.session === 2 && entry.operation === "get"),
          asked
        )
      }
    })
  )

  it.effect("leaves nothing behind when it is interrupted on the way", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      device.faults.add(Faults.silence(), { on: "create-subscription" })
      const opening = yield* Effect.forkChild(Effect.scoped(session.openSubscription()), { startImmediately: true })
      yield* settle
      assert.strictEqual(device.sessions.size, 2)
      yield* Fiber.interrupt(opening)
      yield* settle
      assert.strictEqual(device.sessions.size, 1)
    })
  )
})

describe("on the caller's session", () => {
  it.effect("arrives between replies", () =>
    Effect.gen(function* () {
      const { device, session, subscription } = yield* subscribed({ session: "shared" })
      yield* burst(device, 0, 2)
      yield* session.getConfig()
      yield* burst(device, 2, 4)
      assert.strictEqual(device.sessions.size, 1)
      assert.deepStrictEqual(numbers(yield* subscription.take()), range(0, 4))
    })
  )

  it.effect("needs :interleave, refuses to be held back, and is alone", () =>
    Effect.gen(function* () {
      const { session } = yield* open({ without: [":interleave"] })
      const lacks = yield* Effect.flip(session.openSubscription({ session: "shared" }))
      assert.strictEqual(lacks._tag, "CapabilityError")
      const second = yield* subscribed({ session: "shared" })
      const suspend = yield* Effect.flip(second.session.openSubscription({ session: "shared", policy: "suspend" }))
      assert.strictEqual(suspend._tag, "InputError")
      assert.match(suspend.message, /policy.*replies of the session/)
      const again = yield* Effect.flip(second.session.openSubscription({ session: "shared" }))
      assert.strictEqual(again._tag, "InputError")
      assert.match(again.message, /carries a subscription already/)
      const resume = yield* Effect.flip(second.session.openSubscription({ session: "shared", resume: true }))
      assert.match(resume.message, /does not come back/)
    })
  )

  it.effect("drops and counts what comes after its scope, and the session goes on", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const scope = yield* Scope.make()
      const subscription = yield* Scope.provide(session.openSubscription({ session: "shared" }), scope)
      yield* burst(device, 0, 2)
      yield* Scope.close(scope, Exit.void)
      yield* burst(device, 2, 5)
      yield* session.getConfig()
      assert.strictEqual(session.statistics().discardedNotifications, 3)
      assert.deepStrictEqual(numbers(yield* subscription.take()), [0, 1])
    })
  )
})

describe("the queue", () => {
  it.effect("holds the session back with suspend, loses nothing, and goes on when half is free", () =>
    Effect.gen(function* () {
      const { device, session, subscription } = yield* subscribed({ policy: "suspend", capacity: 10 })
      yield* burst(device, 0, 100)
      yield* session.getConfig()
      assert.isTrue(subscription.statistics().paused)
      const all = new Collected()
      while (all.count < 100) {
        all.add(yield* subscription.take(3))
        yield* settle
      }
      assert.deepStrictEqual(all.numbers, range(0, 100))
      assert.isFalse(subscription.statistics().paused)
      assert.strictEqual(subscription.statistics().dropped, 0)
    })
  )

  it.effect("counts what it drops with dropNewest and dropOldest", () =>
    Effect.gen(function* () {
      const newest = yield* subscribed({ policy: "dropNewest", capacity: 10 })
      yield* burst(newest.device, 0, 15)
      assert.deepStrictEqual(numbers(yield* newest.subscription.take()), range(0, 10))
      assert.strictEqual(newest.subscription.statistics().dropped, 5)
      const oldest = yield* subscribed({ policy: "dropOldest", capacity: 10 })
      yield* burst(oldest.device, 0, 15)
      assert.deepStrictEqual(numbers(yield* oldest.subscription.take()), range(5, 15))
      assert.strictEqual(oldest.subscription.statistics().dropped, 5)
    })
  )

  it.effect("closes at once a session that it holds back", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const scope = yield* Scope.make()
      yield* Scope.provide(session.openSubscription({ capacity: 2 }), scope)
      yield* burst(device, 0, 10)
      yield* Scope.close(scope, Exit.void)
      yield* settle
      assert.strictEqual(device.sessions.size, 1)
    })
  )
})

describe("of what is broken a subscription", () => {
  for (const base of ["base:1.0", "base:1.1"] as const) {
    const device: SimulatedDevice.Options = base === "base:1.0" ? { without: [":base:1.1"] } : {}
    const send = (broken: BrokenNotifications.Broken) =>
      Effect.gen(function* () {
        const opened = yield* subscribed({}, device)
        opened.device.sendBroken(broken)
        yield* burst(opened.device, 7, 8)
        return opened.subscription
      })

    it.effect(`reports one that the next begins inside of, and delivers the next (${base})`, () =>
      Effect.gen(function* () {
        const subscription = yield* send(BrokenNotifications.restarted(event(6)))
        const events = yield* subscription.take()
        assert.deepStrictEqual(
          events.map(({ _tag }) => _tag),
          ["Gap", "Notification", "Notification"]
        )
        assert.deepStrictEqual(numbers(events), [6, 7])
        assert.strictEqual(subscription.statistics().incomplete, 1)
      })
    )

    it.effect(`delivers two from one frame (${base})`, () =>
      Effect.gen(function* () {
        const subscription = yield* send(BrokenNotifications.missingEndMark(event(5), event(6)))
        assert.deepStrictEqual(numbers(yield* subscription.take()), [5, 6, 7])
      })
    )

    it.effect(`reports one that is not UTF-8 as a gap (${base})`, () =>
      Effect.gen(function* () {
        const subscription = yield* send(BrokenNotifications.notUtf8)
        const events = yield* subscription.take()
        assert.deepStrictEqual(
          events.map(({ _tag }) => _tag),
          ["Gap", "Notification"]
        )
        assert.strictEqual(subscription.statistics().malformed, 1)
      })
    )

    it.effect(`delivers one whose content is not well-formed, which says so when it is looked into (${base})`, () =>
      Effect.gen(function* () {
        const subscription = yield* send(BrokenNotifications.malformed)
        const [first] = yield* subscription.take()
        assert.isTrue(first?._tag === "Notification" && first.name === "probe")
        const error = yield* Effect.flip((first as Notification).data)
        assert.match(error.message, /unexpected close tag/)
      })
    )

    it.effect(`takes a frame without content for no message (${base})`, () =>
      Effect.gen(function* () {
        const subscription = yield* send(BrokenNotifications.blankFrame)
        assert.deepStrictEqual(numbers(yield* subscription.take()), [7])
      })
    )
  }

  it.effect("reports one that stops growing after its time, and delivers it should the rest come", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open({}, {})
      const bus = new HealthBus()
      const subscription = yield* Effect.provideService(
        session.openSubscription({ incompleteTimeout: "5 seconds" }),
        NotificationHealth.Current,
        bus
      )
      bus.clear()
      let rest: Buffer = Buffer.alloc(0)
      device.sendBroken((wire) => {
        const whole = BrokenNotifications.missingEndMark(event(1), event(2))(wire)
        rest = whole.subarray(60)
        return whole.subarray(0, 60)
      })
      yield* pass("4 seconds")
      assert.strictEqual(bus.pending, 0)
      yield* pass("3 seconds")
      const told = bus.poll()
      assert.isTrue(told?._tag === "IncompleteNotification" && told.guard === "time")
      yield* pass("1 minute")
      assert.strictEqual(bus.pending, 0)
      device.sendBroken(() => rest)
      yield* settle
      assert.deepStrictEqual(numbers(yield* subscription.take()), [1, 2])
      assert.strictEqual(subscription.statistics().gaps, 0)
    })
  )

  it.effect("has no timer for a session on which nothing is unfinished", () =>
    countingSleepers((sleepers) =>
      Effect.gen(function* () {
        const { device, session } = yield* open()
        yield* session.openSubscription()
        // The timer for the replies so far looks once more, and finds nothing to wait for.
        yield* pass("2 minutes")
        yield* burst(device, 0, 3)
        assert.strictEqual(sleepers(), 0)
        device.sendBroken(BrokenNotifications.unfinished(event(1)))
        yield* settle
        assert.strictEqual(sleepers(), 1)
      })
    )
  )

  for (const size of [199, 200, 201]) {
    it.effect(`${size > 200 ? "gives up" : "waits for"} one with ${size} unfinished bytes at a limit of 200`, () =>
      Effect.gen(function* () {
        const { device, session } = yield* open({ without: [":base:1.1"] })
        const subscription = yield* session.openSubscription({ incompleteMaxBytes: 200 })
        let rest: Buffer = Buffer.alloc(0)
        device.sendBroken((wire) => {
          const whole = Buffer.from(`${wire.notification(`<long xmlns="urn:l">${"x".repeat(400)}</long>`)}]]>]]>`)
          rest = whole.subarray(size)
          return whole.subarray(0, size)
        })
        yield* settle
        device.sendBroken(() => rest)
        yield* burst(device, 7, 8)
        const events = yield* subscription.take()
        assert.deepStrictEqual(
          events.map(({ _tag }) => _tag),
          [size > 200 ? "Gap" : "Notification", "Notification"]
        )
        assert.strictEqual(subscription.statistics().incomplete, size > 200 ? 1 : 0)
      })
    )
  }

  describe("beyond limits.bytes of the session", () => {
    const limit = 4096
    const long = (wire: { readonly notification: (content: string) => string }, size: number) =>
      Buffer.from(`${wire.notification(`<long xmlns="urn:l">${"x".repeat(size)}</long>`)}]]>]]>`)
    const limited = (options: SubscribeOptions = {}) =>
      Effect.gen(function* () {
        const { device, session } = yield* open({ without: [":base:1.1"] }, { limits: { bytes: limit } })
        const bus = new HealthBus()
        const subscription = yield* Effect.provideService(
          session.openSubscription(options),
          NotificationHealth.Current,
          bus
        )
        bus.clear()
        return { device, subscription, bus }
      })

    for (const [how, cuts] of [
      ["in pieces", [3000, 6000, 9000]],
      ["at once, and goes on", [6000]],
      ["at once, with its end", []]
    ] as const) {
      for (const options of [{}, { incompleteMaxBytes: 2000 }, { incompleteMaxBytes: 1_000_000 }]) {
        it.effect(`reports one that comes ${how} as too large, with ${JSON.stringify(options)}`, () =>
          Effect.gen(function* () {
            const { bus, device, subscription } = yield* limited(options)
            let rest: Buffer | undefined
            for (const [at, cut] of [...cuts, Infinity].entries()) {
              const from = at === 0 ? 0 : cuts[at - 1]!
              device.sendBroken((wire) => (rest ??= long(wire, 12_000)).subarray(from, cut))
              yield* settle
            }
            yield* burst(device, 7, 8)
            const [gap, next, ...more] = yield* subscription.take()
            assert.strictEqual(gap?._tag, "Gap")
            assert.match((gap as Gap).reason, /^an unfinished notification has \d+ bytes, more than the limit of \d+$/)
            assert.deepStrictEqual(numbers([next!]), [7])
            assert.strictEqual(more.length, 0)
            assert.deepInclude(subscription.statistics(), { incomplete: 1, malformed: 0, gaps: 1 })
            const told = bus.poll()
            assert.isTrue(told?._tag === "IncompleteNotification" && told.guard === "size")
          })
        )
      }
    }
  })

  it.effect("reports one that the session ends in, and then the session's end", () =>
    Effect.gen(function* () {
      const { device, session, subscription } = yield* subscribed()
      device.sendBroken(BrokenNotifications.unfinished(event(1)))
      yield* settle
      for (const [id, each] of device.sessions) if (id !== session.sessionId) each.cut()
      yield* settle
      assert.strictEqual((yield* Effect.flip(subscription.ended))._tag, "ChannelError")
      assert.strictEqual(subscription.statistics().incomplete, 1)
    })
  )

  it.effect("finds the notification behind bytes between frames", () =>
    Effect.gen(function* () {
      const { device, subscription } = yield* subscribed({}, { without: [":base:1.1"] })
      device.sendBroken(BrokenNotifications.orphanBytes("orphan "))
      yield* burst(device, 7, 8)
      assert.deepStrictEqual(numbers(yield* subscription.take()), [7])
      assert.strictEqual(subscription.statistics().malformed, 1)
    })
  )
})
