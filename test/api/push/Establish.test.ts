/** `session.establishSubscription`: dynamic subscriptions on sessions of their own and on one together (docs/yang-push.md). */
import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Push from "../../../src/api/Push.ts"
import {
  CapabilityError,
  ChannelError,
  InputError,
  RpcError,
  SubscriptionTerminatedError
} from "../../../src/errors.ts"
import type { PushOptions } from "../../../src/testing/NotificationOptions.ts"
import { BrokenNotifications, Faults } from "../../../src/testing.ts"
import * as Element from "../../../src/xml/Element.ts"
import { settle } from "../../rpc/peer.ts"
import { collect, hostname, open, requests, system } from "./device.ts"

const running = { datastore: "running", filter: system("<hostname/>"), onChange: {} } as const
const hostnameIn = (event: Push.DynamicEvent | undefined) =>
  event?._tag === "PushUpdate"
    ? Element.findAll(event.contents!, ["system", "hostname"]).map((found) => Element.text(found))
    : undefined
const link = (n: number) => `<link-event xmlns="urn:example:events"><n>${n}</n></link-event>`

describe("a subscription to a datastore", () => {
  it.effect("brings the whole selection and then what changes, each with its id", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const subscription = yield* session.establishSubscription(running)
      const { events } = yield* collect(subscription)
      device.edit(hostname("r1"))
      yield* settle
      assert.deepStrictEqual(hostnameIn(events[0]), ["sim"])
      const change = events[1] as Extract<Push.DynamicEvent, { readonly _tag: "PushChangeUpdate" }>
      assert.strictEqual(change.id, subscription.id)
      assert.strictEqual(change.changes!.patch!.patchId, "0")
      assert.deepStrictEqual(
        change.changes!.patch!.edit.map(({ operation, target }) => [operation, target]),
        [["replace", "/ietf-system:system/hostname"]]
      )
    })
  )

  it.effect("shares one session with others, told apart by id, and is closed with the last of them", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const scope = yield* Scope.make()
      const first = yield* Scope.provide(session.establishSubscription(running), scope)
      const location = { ...running, filter: system("<location/>") }
      const second = yield* Scope.provide(session.establishSubscription(location), scope)
      const scoped = yield* Effect.scoped(
        Effect.gen(function* () {
          const third = yield* session.establishSubscription(running)
          assert.strictEqual(device.sessions.size, 2)
          return third.id
        })
      )
      assert.deepStrictEqual(
        device.subscriptions.all().map(({ id }) => id),
        [first.id, second.id]
      )
      assert.strictEqual(scoped, 3)
      const one = yield* collect(first)
      const two = yield* collect(second)
      device.edit(hostname("r1"))
      device.edit(system("<location>attic</location>"))
      yield* settle
      assert.deepStrictEqual(one.tags(), ["PushUpdate", "PushChangeUpdate"])
      assert.deepStrictEqual(two.tags(), ["PushUpdate", "PushChangeUpdate"])
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(device.sessions.size, 1)
      assert.deepStrictEqual(device.subscriptions.all(), [])
      // Another one opens a session again.
      const again = yield* session.establishSubscription(running)
      assert.deepStrictEqual((yield* collect(again)).tags(), ["PushUpdate"])
    })
  )

  it.effect("gets what comes with the reply or before it", () =>
    Effect.gen(function* () {
      for (const fault of [Faults.eventsBeforeReply(link(1)), Faults.eventsWithReply(link(1))]) {
        const { device, session } = yield* open()
        device.faults.add(fault, { on: "establish-subscription" })
        const pushed = yield* session.establishSubscription(running)
        assert.deepStrictEqual((yield* collect(pushed)).tags(), ["PushUpdate"])
        const stream = yield* session.establishSubscription({})
        assert.deepStrictEqual((yield* collect(stream)).tags(), ["Notification"])
      }
    })
  )

  it.effect("keeps what comes before the reply for the one whose id the reply names", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const update = (id: number) =>
        `<push-update xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-push"><id>${id}</id><datastore-contents/></push-update>`
      device.faults.add(Faults.eventsBeforeReply(update(7), update(1)), { on: "establish-subscription" })
      const subscription = yield* session.establishSubscription({})
      const { events } = yield* collect(subscription)
      assert.deepStrictEqual(
        events.map((event) => event._tag === "PushUpdate" && event.id),
        [1]
      )
    })
  )

  it.effect("is modified with its whole filter restated, and keeps its terms when that is refused", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open({ notifications: { push: { minimumPeriod: 100 } } })
      const periodic = {
        datastore: "running",
        filter: system("<hostname/>"),
        periodic: { period: "5 seconds" }
      } as const
      const subscription = yield* session.establishSubscription(periodic)
      const { events } = yield* collect(subscription)
      const refused = yield* Effect.flip(subscription.modify({ periodic: { period: "10 millis" } }))
      assert.instanceOf(refused, RpcError)
      const said = Push.refusalOf(refused as RpcError)!
      assert.strictEqual(said.reason, "period-unsupported")
      assert.deepStrictEqual(said.hints.period, Duration.seconds(1))
      assert.deepStrictEqual(subscription.terms(), { ...periodic })
      // The hint is what a period is given as.
      yield* subscription.modify({ periodic: { period: said.hints.period! } })
      yield* settle
      const before = events.length
      device.edit(system("<location>attic</location>"))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(hostnameIn(events.at(-1)), ["sim"])
      const whole = (events.at(-1) as Extract<Push.DynamicEvent, { readonly _tag: "PushUpdate" }>).contents!
      assert.isUndefined(Element.find(whole, ["system", "location"]))
      assert.isAtLeast(events.length, before + 2)
    })
  )

  it.effect("is resynchronized on request, and says so where it cannot be", () =>
    Effect.gen(function* () {
      const { session } = yield* open()
      const subscription = yield* session.establishSubscription(running)
      const { tags } = yield* collect(subscription)
      yield* subscription.resync()
      yield* settle
      assert.deepStrictEqual(tags(), ["PushUpdate", "PushUpdate"])
      const periodic = { datastore: "running", periodic: { period: "5 seconds" } } as const
      const other = yield* session.establishSubscription(periodic)
      const refused = yield* Effect.flip(other.resync())
      assert.strictEqual(Push.refusalOf(refused as RpcError)?.reason, "on-change-sync-unsupported")
    })
  )

  it.effect("is deleted by remove, and what waits is still read", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const subscription = yield* session.establishSubscription(running)
      yield* settle
      yield* subscription.remove()
      yield* subscription.remove()
      device.edit(hostname("r1"))
      yield* settle
      const { end, tags } = yield* collect(subscription)
      assert.deepStrictEqual(tags(), ["PushUpdate"])
      assert.deepStrictEqual(end, ["done"])
      assert.strictEqual(subscription.state(), "ended")
      assert.strictEqual(requests(device, "delete-subscription").length, 1)
    })
  )
})

describe("a subscription that the device speaks of", () => {
  it.effect("does not fail by being terminated while it is being deleted, and does where that was refused", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open({ dialect: { deletedSubscription: "terminated" } })
      const first = yield* session.establishSubscription(running)
      const second = yield* session.establishSubscription(running)
      yield* first.remove()
      yield* settle
      assert.deepStrictEqual((yield* collect(first)).end, ["done"])
      device.faults.add(Faults.refuse({ type: "application", tag: "access-denied", message: "no" }), {
        on: "delete-subscription",
        times: 1
      })
      assert.strictEqual((yield* Effect.flip(second.remove()))._tag, "RpcError")
      assert.strictEqual(second.state(), "active")
      device.subscriptions.terminate(second.id)
      yield* settle
      assert.instanceOf((yield* collect(second)).end[0], SubscriptionTerminatedError)
    })
  )

  it.effect("hands out that it is suspended, resumed, modified, and has its state follow", () =>
    Effect.gen(function* () {
      const filters = { named: { subtree: system("<hostname/>") } }
      const { device, session } = yield* open({ notifications: { filters } })
      const subscription = yield* session.establishSubscription({ ...running, filter: { named: "named" } })
      const { events, tags } = yield* collect(subscription)
      device.subscriptions.suspend(1)
      yield* settle
      assert.strictEqual(subscription.state(), "suspended")
      device.subscriptions.resume(1)
      device.setFilter("named", { subtree: system("<location/>") })
      yield* settle
      assert.strictEqual(subscription.state(), "active")
      assert.deepStrictEqual(tags().slice(0, 4), [
        "PushUpdate",
        "SubscriptionSuspended",
        "SubscriptionResumed",
        "SubscriptionModified"
      ])
      const suspended = events[1] as Extract<Push.DynamicEvent, { readonly _tag: "SubscriptionSuspended" }>
      assert.strictEqual(suspended.reason, "insufficient-resources")
      // A modification that succeeds ends a suspension too, and nothing else says so.
      device.subscriptions.suspend(1)
      yield* settle
      yield* subscription.modify({ filter: system("<contact/>") })
      assert.strictEqual(subscription.state(), "active")
    })
  )

  it.effect("fails its stream with the reason of its termination, after what came before", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const subscription = yield* session.establishSubscription(running)
      const { end, tags } = yield* collect(subscription)
      device.subscriptions.terminate(1, "suspension-timeout")
      yield* settle
      assert.deepStrictEqual(tags(), ["PushUpdate"])
      const [error] = end
      assert.instanceOf(error, SubscriptionTerminatedError)
      assert.strictEqual((error as SubscriptionTerminatedError).reason, "suspension-timeout")
      assert.strictEqual(
        (error as SubscriptionTerminatedError).message,
        "subscription on leaf-01: the device has ended subscription 1: suspension-timeout"
      )
      assert.isTrue((error as SubscriptionTerminatedError).isRetryable)
      assert.strictEqual(yield* Effect.flip(subscription.ended), error)
    })
  )

  it.effect("ends when it is completed, at stop-time", () =>
    Effect.gen(function* () {
      const { session } = yield* open()
      const subscription = yield* session.establishSubscription({ ...running, stopTime: new Date(10_000) })
      const { end } = yield* collect(subscription)
      yield* TestClock.adjust("11 seconds")
      yield* settle
      assert.deepStrictEqual(end, ["done"])
      yield* subscription.ended
    })
  )

  it.effect("fails with its session's end, and leaves the next one another session", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const subscription = yield* session.establishSubscription(running)
      const { end } = yield* collect(subscription)
      const [own] = [...device.sessions.keys()].filter((id) => id !== session.sessionId)
      device.sessions.get(own!)!.cut()
      yield* settle
      assert.instanceOf(end[0], ChannelError)
      const again = yield* session.establishSubscription(running)
      assert.deepStrictEqual((yield* collect(again)).tags(), ["PushUpdate"])
    })
  )

  it.effect("is terminated when another operator kills it", () =>
    Effect.gen(function* () {
      const { session } = yield* open()
      const subscription = yield* session.establishSubscription(running)
      const { end } = yield* collect(subscription)
      yield* Push.kill(session, subscription.id)
      yield* settle
      assert.strictEqual((end[0] as SubscriptionTerminatedError).reason, "no-such-subscription")
      const none = yield* Effect.flip(Push.kill(session, 77))
      assert.strictEqual(Push.refusalOf(none as RpcError)?.reason, "no-such-subscription")
    })
  )
})

describe("a subscription to a stream", () => {
  it.effect("has a session of its own, and replays", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      for (let n = 0; n < 3; n++) device.notify(link(n))
      const first = yield* session.establishSubscription({ startTime: "1969-12-31T00:00:00Z" })
      const second = yield* session.establishSubscription({ filter: `<nothing xmlns="urn:none"/>` })
      assert.strictEqual(device.sessions.size, 3)
      const one = yield* collect(first)
      const two = yield* collect(second)
      device.notify(link(3))
      yield* settle
      assert.deepStrictEqual(
        one.tags().filter((tag) => tag !== "Gap"),
        ["Notification", "Notification", "Notification", "ReplayComplete", "Notification"]
      )
      assert.deepStrictEqual(two.tags(), [])
    })
  )

  it.effect("begins with a gap where the log does not reach back", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      yield* TestClock.adjust("1 hour")
      for (let n = 0; n < 3; n++) device.notify(link(n))
      device.ageReplayLog({ count: 1 })
      const subscription = yield* session.establishSubscription({ startTime: "1969-12-31T00:00:00Z" })
      const { events } = yield* collect(subscription)
      assert.strictEqual(subscription.replayStartTimeRevision, "1970-01-01T01:00:00.000Z")
      const [gap] = events
      assert.strictEqual(gap?._tag, "Gap")
      if (gap?._tag === "Gap")
        assert.deepStrictEqual([gap.from, gap.to], ["1969-12-31T00:00:00Z", "1970-01-01T01:00:00.000Z"])
    })
  )

  it.effect("may be the one of its kind among those of datastores", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const pushed = yield* collect(yield* session.establishSubscription(running))
      const records = yield* collect(yield* session.establishSubscription({ session: "together" }))
      device.notify(link(1))
      yield* settle
      assert.strictEqual(device.sessions.size, 2)
      assert.deepStrictEqual(pushed.tags(), ["PushUpdate"])
      assert.deepStrictEqual(records.tags(), ["Notification"])
      const another = yield* Effect.flip(session.establishSubscription({ session: "together" }))
      assert.instanceOf(another, InputError)
      assert.include(another.message, "do not say whose they are")
      device.notify(link(2))
      yield* settle
      assert.strictEqual(records.events.length, 2)
    })
  )

  it.effect("leaves its place to another one when it is over", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const first = yield* session.establishSubscription({ session: "together" })
      yield* first.remove()
      const second = yield* session.establishSubscription({ session: "together" })
      device.subscriptions.terminate(second.id)
      yield* settle
      const third = yield* collect(yield* session.establishSubscription({ session: "together" }))
      device.notify(link(1))
      yield* settle
      assert.deepStrictEqual(third.tags(), ["Notification"])
    })
  )

  it.effect("is modified on its own session while its reader is slow", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const subscription = yield* session.establishSubscription({ capacity: 4 })
      for (let n = 0; n < 20; n++) device.notify(link(n))
      yield* settle
      assert.isTrue(subscription.statistics().paused)
      yield* subscription.modify({ filter: `<nothing xmlns="urn:none"/>` })
      device.notify(link(20))
      const { events } = yield* collect(subscription)
      yield* settle
      assert.strictEqual(events.length, 20)
    })
  )
})

describe("a refusal", () => {
  const refusals: ReadonlyArray<
    readonly [reason: string, push: PushOptions, options: Push.DynamicOptions, hints: Push.RefusalHints]
  > = [
    [
      "period-unsupported",
      { minimumPeriod: 500 },
      { datastore: "running", periodic: { period: "1 second" } },
      { period: Duration.seconds(5) }
    ],
    [
      "period-unsupported",
      { minimumDampening: 10 },
      { datastore: "running", onChange: { dampeningPeriod: "10 millis" } },
      { period: Duration.millis(100) }
    ],
    ["on-change-unsupported", { onChange: false }, running, {}],
    ["cant-exclude", { excludable: [] }, { ...running, onChange: { excludedChange: ["create"] } }, {}],
    ["datastore-not-subscribable", {}, { ...running, datastore: "candidate" }, {}],
    ["unchanging-selection", { refusesEmptySelection: true }, { ...running, filter: `<a xmlns="urn:a"/>` }, {}]
  ]
  for (const [reason, push, options, hints] of refusals) {
    it.effect(`says ${reason} and what would do: ${JSON.stringify(push)}`, () =>
      Effect.gen(function* () {
        const { device, session } = yield* open({ notifications: { push } })
        const error = yield* Effect.flip(session.establishSubscription(options))
        assert.instanceOf(error, RpcError)
        const said = Push.refusalOf(error as RpcError)!
        assert.strictEqual(said.reason, reason)
        assert.deepStrictEqual(said.hints, hints)
        yield* settle
        assert.strictEqual(device.sessions.size, 1)
      })
    )
  }

  it.effect("says how large it would be, and why a filter fails", () =>
    Effect.gen(function* () {
      const { session } = yield* open({ notifications: { push: { maxNodes: 3 } } })
      const large = yield* Effect.flip(session.establishSubscription({ datastore: "running", onChange: {} }))
      const said = Push.refusalOf(large as RpcError)!
      assert.strictEqual(said.reason, "sync-too-big")
      assert.strictEqual(said.hints.objectCountLimit, 3)
      assert.isAbove(said.hints.objectCountEstimate!, 3)
      const filter = { _tag: "Select", expression: "/x:y", namespaces: {} } as const
      const wrong = yield* Effect.flip(session.establishSubscription({ filter }))
      assert.strictEqual(Push.refusalOf(wrong as RpcError)?.reason, "filter-unsupported")
      assert.isNotEmpty(Push.refusalOf(wrong as RpcError)?.hints.filterFailure)
    })
  )

  it.effect("comes before anything is sent for options that cannot be, and opens no session", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      for (const options of [
        { ...running, policy: "suspend", session: "together" },
        { ...running, session: "mine" },
        { ...running, policy: "drop" },
        { ...running, policy: "dropOldest", capacity: 0 },
        undefined
      ]) {
        const error = yield* Effect.flip(session.establishSubscription(options as unknown as Push.DynamicOptions))
        assert.instanceOf(error, InputError)
        assert.notInstanceOf(error, CapabilityError)
      }
      assert.strictEqual(device.log.length, 0)
    })
  )
})

describe("of what goes wrong on the way, establishing", () => {
  it.effect("tells all subscriptions of a notification that cannot be read, by a gap, and they go on", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const subscription = yield* session.establishSubscription(running)
      const { tags } = yield* collect(subscription)
      device.sendBroken(BrokenNotifications.restarted())
      yield* settle
      device.edit(hostname("r1"))
      yield* settle
      assert.deepStrictEqual(tags(), ["PushUpdate", "Gap", "PushChangeUpdate"])
      assert.strictEqual(subscription.statistics().gaps, 1)
    })
  )

  it.effect("tells one subscription of its update that cannot be read, by a gap", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const subscription = yield* session.establishSubscription(running)
      const other = yield* collect(yield* session.establishSubscription(running))
      const { events, tags } = yield* collect(subscription)
      const [own] = [...device.sessions.keys()].filter((id) => id !== session.sessionId)
      const send = (inside: string) =>
        device.sessions
          .get(own!)!
          .send(
            `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>2026-01-01T00:00:00Z</eventTime>` +
              `<push-change-update xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-push"><id>1</id>${inside}</push-change-update></notification>`
          )
      send("<datastore-changes><yang-patch><edit/></yang-patch></datastore-changes>")
      send("<datastore-changes><a></b></datastore-changes>")
      yield* settle
      device.edit(hostname("r1"))
      yield* settle
      assert.deepStrictEqual(tags(), ["PushUpdate", "Gap", "Gap", "PushChangeUpdate"])
      assert.deepStrictEqual(other.tags(), ["PushUpdate", "PushChangeUpdate"])
      const [, gap] = events
      assert.strictEqual(gap?._tag === "Gap" && gap.from, "2026-01-01T00:00:00Z")
      assert.include(gap?._tag === "Gap" ? gap.reason : "", "a push-change-update cannot be read")
    })
  )

  it.effect("leaves no subscription behind when it is interrupted, nor a session", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      device.faults.add(Faults.late("10 seconds"), { on: "establish-subscription", times: 1 })
      const opening = yield* Effect.forkChild(Effect.scoped(session.establishSubscription(running)), {
        startImmediately: true
      })
      yield* settle
      assert.strictEqual(device.subscriptions.all().length, 1)
      // Its session is closed, which the device does when it has answered.
      const interrupted = yield* Effect.forkChild(Fiber.interrupt(opening), { startImmediately: true })
      yield* TestClock.adjust("11 seconds")
      yield* Fiber.join(interrupted)
      yield* settle
      assert.deepStrictEqual(device.subscriptions.all(), [])
      assert.strictEqual(device.sessions.size, 1)
    })
  )

  it.effect("deletes one that is interrupted beside others by the id of its late reply", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const first = yield* session.establishSubscription(running)
      const { end, tags } = yield* collect(first)
      device.faults.add(Faults.late("10 seconds"), { on: "establish-subscription", times: 1 })
      const opening = yield* Effect.forkChild(Effect.scoped(session.establishSubscription(running)), {
        startImmediately: true
      })
      yield* settle
      yield* Fiber.interrupt(opening)
      yield* TestClock.adjust("11 seconds")
      yield* settle
      assert.deepStrictEqual(
        device.subscriptions.all().map(({ id }) => id),
        [1]
      )
      device.edit(hostname("r1"))
      yield* settle
      assert.deepStrictEqual(tags(), ["PushUpdate", "PushChangeUpdate"])
      assert.deepStrictEqual(end, [])
    })
  )

  it.effect("ends the session after a success without an id: what it granted would stay", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const reply = `<rpc-reply message-id="{message-id}" xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><granted xmlns="urn:x"/></rpc-reply>`
      device.faults.add(Faults.reply(reply), { on: "establish-subscription", times: 1 })
      const error = yield* Effect.flip(session.establishSubscription(running))
      assert.include(error.message, "holds no id")
      yield* settle
      assert.strictEqual(device.sessions.size, 1)
    })
  )
})
