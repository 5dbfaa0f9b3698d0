/** Subscriptions that go on on another session: nothing doubled, and what is missing is said (docs/notifications.md). */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import * as Netconf from "../../../src/api/Netconf.ts"
import * as NotificationHealth from "../../../src/api/NotificationHealth.ts"
import type { SubscribeOptions } from "../../../src/api/Subscribe.ts"
import { HealthBus } from "../../../src/notifications/Health.ts"
import type { Gap, SubscriptionEvent } from "../../../src/notifications/SubscriptionEvent.ts"
import { Dialects, Faults, SimulatedDevice } from "../../../src/testing.ts"
import * as Element from "../../../src/xml/Element.ts"
import { event, numbers } from "../../notifications/events.ts"
import { base, settle } from "../../rpc/peer.ts"
import { pass } from "../comingBack.ts"

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)
const resume = Schedule.spaced("1 second")

const open = (options: SimulatedDevice.Options = {}, more: SubscribeOptions = {}) =>
  Effect.gen(function* () {
    // Its log begins before the first event: a log that begins with it may have lost others.
    yield* TestClock.setTime(Date.UTC(2026, 0, 31, 11))
    const device = yield* SimulatedDevice.make({
      ...options,
      notifications: { standardEvents: false, ...options.notifications }
    })
    yield* TestClock.setTime(Date.UTC(2026, 0, 31, 12))
    const session = yield* Netconf.connect({ transport: device.transport, label: "leaf-01" })
    const subscription = yield* session.openSubscription({ resume, ...more })
    const notify = (from: number, to: number) =>
      Effect.andThen(
        Effect.sync(() => {
          for (let n = from; n < to; n++) device.notify(event(n))
        }),
        settle
      )
    const cut = Effect.andThen(
      Effect.sync(() => {
        for (const [id, each] of device.sessions) if (id !== session.sessionId) each.cut()
      }),
      settle
    )
    return { device, session, subscription, notify, cut }
  })

const gaps = (events: ReadonlyArray<SubscriptionEvent>): ReadonlyArray<Gap> =>
  events.flatMap((each) => (each._tag === "Gap" ? [each] : []))

describe("a subscription that resumes", () => {
  for (const dialect of [undefined, Dialects.wholeSeconds]) {
    it.effect(`replays what it missed, and doubles nothing${dialect ? ", with stamps of whole seconds" : ""}`, () =>
      Effect.gen(function* () {
        const { cut, notify, subscription } = yield* open(dialect ? { dialect } : {})
        yield* notify(0, 5)
        yield* TestClock.adjust("100 millis")
        yield* notify(5, 10)
        // The same event again in the same second: a link that flaps.
        yield* notify(9, 10)
        yield* cut
        assert.isFalse(subscription.isActive())
        yield* notify(9, 15)
        yield* pass("1 second")
        yield* notify(15, 17)
        assert.isTrue(subscription.isActive())
        const events = yield* subscription.take()
        assert.deepStrictEqual(numbers(events), [...range(0, 10), 9, ...range(9, 17)])
        assert.deepStrictEqual(
          events.filter(({ _tag }) => _tag !== "Notification"),
          []
        )
        const { duplicates, gaps, resumed } = subscription.statistics()
        assert.deepStrictEqual([gaps, resumed], [0, 1])
        assert.isAbove(duplicates, 0)
      })
    )
  }

  it.effect("says what is missing where the stream has no replay, and goes on", () =>
    Effect.gen(function* () {
      const { cut, notify, subscription } = yield* open({ notifications: { replay: false, standardEvents: false } })
      yield* notify(0, 2)
      yield* cut
      yield* notify(2, 5)
      yield* pass("1 second")
      yield* notify(5, 6)
      const events = yield* subscription.take()
      assert.deepStrictEqual(numbers(events), [0, 1, 5])
      const [gap] = gaps(events)
      assert.deepStrictEqual([gap?.from, gap?.to], ["2026-01-31T12:00:00.000Z", undefined])
      assert.strictEqual(gap!.resumedAt - gap!.lostAt, 1000)
      assert.match(gap!.reason, /does not replay/)
      assert.strictEqual(events.indexOf(gap as Gap), 2)
    })
  )

  it.effect("says from when to when where the log does not reach back", () =>
    Effect.gen(function* () {
      const { cut, device, notify, subscription } = yield* open()
      yield* notify(0, 2)
      yield* cut
      yield* pass("300 millis")
      yield* notify(2, 4)
      device.ageReplayLog()
      yield* pass("1 second")
      yield* notify(4, 5)
      const events = yield* subscription.take()
      assert.deepStrictEqual(numbers(events), [0, 1, 4])
      const [gap] = gaps(events)
      assert.deepStrictEqual([gap?.from, gap?.to], ["2026-01-31T12:00:00.000Z", "2026-01-31T12:00:00.300Z"])
    })
  )

  it.effect("says so after a reboot that began a new log", () =>
    Effect.gen(function* () {
      const { device, notify, subscription } = yield* open()
      yield* notify(0, 2)
      yield* TestClock.adjust("300 millis")
      device.reboot()
      yield* settle
      yield* pass("1 second")
      yield* notify(4, 5)
      const events = yield* subscription.take()
      assert.deepStrictEqual(numbers(events), [0, 1, 4])
      assert.strictEqual(gaps(events).length, 1)
    })
  )

  it.effect("says so after a reboot within the second in which the last one came", () =>
    Effect.gen(function* () {
      const { cut, device, notify, subscription } = yield* open({ dialect: Dialects.wholeSeconds })
      yield* notify(0, 2)
      yield* cut
      yield* notify(2, 4)
      device.reboot()
      yield* notify(4, 5)
      yield* pass("2 seconds")
      yield* notify(5, 6)
      const events = yield* subscription.take()
      const [gap] = gaps(events)
      assert.strictEqual(gap?.from, "2026-01-31T12:00:00Z")
      assert.deepStrictEqual(numbers(events.slice(0, events.indexOf(gap!))), [0, 1])
      assert.strictEqual(numbers(events).at(-1), 5)
    })
  )

  for (const what of ["reboots", "loses what it had logged"]) {
    it.effect(`says so when the device ${what} in that second, and the same happens again in it`, () =>
      Effect.gen(function* () {
        const { cut, device, notify, subscription } = yield* open({ dialect: Dialects.wholeSeconds })
        yield* notify(1, 2)
        if (what === "reboots") device.reboot()
        else {
          yield* cut
          device.ageReplayLog()
        }
        yield* settle
        yield* notify(1, 2)
        yield* pass("2 seconds")
        yield* notify(2, 3)
        const events = yield* subscription.take()
        const [gap] = gaps(events)
        assert.deepStrictEqual([gap?.from, gap?.to?.slice(0, 19)], ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00"])
        assert.strictEqual(events.indexOf(gap!), 1)
        assert.strictEqual(numbers(events).at(-1), 2)
      })
    )
  }

  it.effect("says so when the log loses its beginning after the device was asked how far it reaches", () =>
    Effect.gen(function* () {
      const { cut, device, notify, subscription } = yield* open()
      yield* notify(0, 2)
      yield* cut
      yield* pass("300 millis")
      yield* notify(2, 5)
      // A rule that never applies is asked at every request.
      const age = (): false => (device.ageReplayLog({ count: 4 }), false)
      device.faults.add(Faults.silence(), { on: ({ operation }) => operation === "create-subscription" && age() })
      yield* pass("1 second")
      const events = yield* subscription.take()
      assert.deepStrictEqual(numbers(events), [0, 1, 4])
      const [gap] = gaps(events)
      assert.deepStrictEqual([gap?.from, gap?.to], ["2026-01-31T12:00:00.000Z", undefined])
      assert.match(gap!.reason, /does not reach back/)
    })
  )

  it.effect("goes on from now where the device refuses to replay, and says so", () =>
    Effect.gen(function* () {
      const { cut, device, notify, subscription } = yield* open()
      yield* notify(0, 2)
      yield* cut
      device.faults.add(Faults.refuse({ tag: "operation-failed", message: "no replay today" }), {
        on: "create-subscription",
        times: 1
      })
      yield* pass("1 second")
      yield* notify(2, 3)
      const events = yield* subscription.take()
      assert.deepStrictEqual(numbers(events), [0, 1, 2])
      assert.match(gaps(events)[0]!.reason, /refuses to replay.*no replay today/)
    })
  )

  it.effect("tries again by its schedule, and fails with the last reason when that has ended", () =>
    Effect.gen(function* () {
      const { device, notify, cut, subscription } = yield* open({}, { resume: Schedule.recurs(2) })
      yield* notify(0, 1)
      device.faults.add(Faults.closeBefore("network"), { on: "create-subscription" })
      yield* cut
      yield* pass("1 second")
      assert.deepStrictEqual(numbers(yield* subscription.take()), [0])
      assert.strictEqual((yield* Effect.flip(subscription.ended))._tag, "ChannelError")
      assert.strictEqual(device.sessions.size, 1)
    })
  )

  it.effect("takes up no replay without a notification to begin from, and says so", () =>
    Effect.gen(function* () {
      const { cut, notify, subscription } = yield* open()
      yield* cut
      yield* notify(0, 1)
      yield* pass("1 second")
      yield* notify(1, 2)
      const events = yield* subscription.take()
      assert.deepStrictEqual(numbers(events), [1])
      assert.strictEqual(gaps(events)[0]?.from, undefined)
      assert.match(gaps(events)[0]!.reason, /no notification had come/)
    })
  )
})

describe("a subscription that is refused for now", () => {
  const refuse = (device: SimulatedDevice.SimulatedDevice, times: number) =>
    device.faults.add(Faults.refuse({ tag: "resource-denied" }), { on: "create-subscription", times })
  const healthOf = (bus: HealthBus) => {
    const tags: Array<string> = []
    for (let each = bus.poll(); each !== undefined; each = bus.poll()) tags.push(each._tag)
    return tags
  }

  it.effect("fails with the refusal when it is the first, whatever its schedule, and tells no health event", () =>
    Effect.gen(function* () {
      const bus = new HealthBus()
      const device = yield* SimulatedDevice.make({})
      const session = yield* Netconf.connect({ transport: device.transport })
      for (const options of [{ resume }, { resume: true }, {}]) {
        refuse(device, 1)
        const opening = session.openSubscription(options)
        const error = yield* Effect.flip(Effect.provideService(opening, NotificationHealth.Current, bus))
        assert.isTrue(error._tag === "RpcError" && error.isRetryable)
      }
      yield* settle
      assert.strictEqual(device.sessions.size, 1)
      assert.deepStrictEqual(healthOf(bus), [])
    })
  )

  it.effect("goes on by its schedule later, with one gap for the loss, from then to the attempt that succeeds", () =>
    Effect.gen(function* () {
      const bus = new HealthBus()
      const opening = open({ notifications: { replay: false } })
      const { cut, device, notify, subscription } = yield* Effect.provideService(
        opening,
        NotificationHealth.Current,
        bus
      )
      yield* notify(0, 2)
      refuse(device, 3)
      yield* cut
      for (let second = 0; second < 5; second++) yield* pass("1 second")
      yield* notify(2, 3)
      const events = yield* subscription.take()
      assert.deepStrictEqual(
        events.map(({ _tag }) => _tag),
        ["Notification", "Notification", "Gap", "Notification"]
      )
      const [gap] = gaps(events)
      assert.strictEqual(gap!.resumedAt - gap!.lostAt, 4000)
      assert.deepInclude(subscription.statistics(), { gaps: 1, resumed: 1 })
      assert.deepStrictEqual(healthOf(bus), ["SubscriptionUp", "SubscriptionDown", "SubscriptionUp", "SubscriptionGap"])
    })
  )

  const withoutReplay =
    `<rpc-reply message-id="{message-id}" xmlns="${base}"><data>` +
    `<netconf xmlns="urn:ietf:params:xml:ns:netmod:notification"><streams><stream><name>NETCONF</name>` +
    `<replaySupport>false</replaySupport></stream></streams></netconf></data></rpc-reply>`
  for (const [what, replay] of [
    ["is refused", true],
    ["is not offered", false]
  ] as const) {
    it.effect(`fails rather than miss its stopTime when the replay ${what}`, () =>
      Effect.gen(function* () {
        const times = { startTime: "2026-01-31T11:59:00Z", stopTime: "2026-01-31T12:00:10Z" }
        const { cut, device, notify, subscription } = yield* open({}, times)
        yield* notify(0, 2)
        yield* cut
        if (replay) {
          device.faults.add(Faults.refuse({ tag: "operation-failed" }), { on: "create-subscription", times: 1 })
        } else {
          device.faults.add(Faults.reply(withoutReplay), { on: "get", times: 1 })
          const asksForReplay = ({ operation, request }: Faults.Occasion) =>
            operation === "create-subscription" && Element.child(request!, "startTime") !== undefined
          device.faults.add(Faults.refuse({ tag: "operation-failed" }), { on: asksForReplay })
        }
        yield* pass("2 seconds")
        assert.isFalse(subscription.isActive())
        assert.strictEqual((yield* Effect.flip(subscription.ended))._tag, "RpcError")
        const asked = device.log.filter(({ operation }) => operation === "create-subscription")
        assert.strictEqual(asked.length, 2)
      })
    )
  }
})

describe("of a session that reconnects", () => {
  it.effect("ends with the session that it shares", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make({})
      const schedule = Schedule.recurs(0)
      const session = yield* Netconf.reconnecting({ transport: device.transport }, { schedule })
      const shared = yield* session.openSubscription({ session: "shared", resume: Schedule.spaced("1 second") })
      for (const each of device.sessions.values()) each.cut()
      yield* settle
      yield* pass("2 seconds")
      const error = yield* Effect.flip(shared.ended)
      assert.isTrue(error._tag === "ChannelError" && error.by === "us")
    })
  )

  it.effect("resumes by default, and undefined is the default", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2026, 0, 31, 12))
      const device = yield* SimulatedDevice.make({ notifications: { standardEvents: false } })
      const session = yield* Netconf.reconnecting({ transport: device.transport })
      const subscriptions = [
        yield* session.openSubscription(),
        yield* session.openSubscription({ resume: undefined } as object)
      ]
      for (const each of device.sessions.values()) each.cut()
      yield* settle
      yield* pass("2 seconds")
      yield* pass("5 seconds")
      assert.deepStrictEqual(
        subscriptions.map((each) => each.isActive()),
        [true, true]
      )
    })
  )

  it.effect("resumes without being told to, on its own session and on the shared one", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2026, 0, 31, 12))
      const device = yield* SimulatedDevice.make({ notifications: { standardEvents: false } })
      const schedule = Schedule.spaced("1 second")
      const session = yield* Netconf.reconnecting({ transport: device.transport }, { schedule })
      const own = yield* session.openSubscription({ resume: schedule })
      const shared = yield* session.openSubscription({ session: "shared", resume: schedule })
      const notify = (n: number) =>
        Effect.andThen(
          Effect.sync(() => device.notify(event(n))),
          settle
        )
      yield* notify(0)
      for (const each of device.sessions.values()) each.cut()
      yield* settle
      yield* notify(1)
      yield* pass("2 seconds")
      yield* pass("2 seconds")
      yield* notify(2)
      assert.deepStrictEqual(numbers(yield* own.take()), [0, 1, 2])
      assert.deepStrictEqual(numbers(yield* shared.take()), [0, 1, 2])
    })
  )
})
