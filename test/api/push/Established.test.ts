/** What the holder of a dynamic subscription can do with it, and what becomes of its id. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import type * as Netconf from "../../../src/api/Netconf.ts"
import type * as Filter from "../../../src/api/operations/Filter.ts"
import type * as Push from "../../../src/api/Push.ts"
import { Faults, type SimulatedDevice } from "../../../src/testing.ts"
import * as Element from "../../../src/xml/Element.ts"
import { print } from "../../../src/xml/Print.ts"
import { settle } from "../../rpc/peer.ts"
import { collect, hostname, open, requests, system } from "./device.ts"

const running = { datastore: "running", filter: system("<hostname/>"), onChange: {} } as const

/** A notification that the device does not mean, on the session beside this one. */
const sendOwn = (
  device: SimulatedDevice.SimulatedDevice,
  session: Netconf.NetconfSession["Service"],
  content: string
): void => {
  const [own] = [...device.sessions.keys()].filter((id) => id !== session.sessionId)
  device.sessions
    .get(own!)!
    .send(
      `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>2026-01-01T00:00:00Z</eventTime>${content}</notification>`
    )
}

describe("an established subscription", () => {
  it.effect("is modified once at a time, so that no modification undoes another", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const subscription = yield* session.establishSubscription({
        datastore: "running",
        filter: system("<hostname/>"),
        periodic: { period: "5 seconds" }
      })
      const filter = system("<location/>")
      const periodic = { period: "1 second" } as const
      yield* Effect.all([subscription.modify({ filter }), subscription.modify({ periodic })], { concurrency: 2 })
      assert.deepStrictEqual(subscription.terms(), { datastore: "running", filter, periodic })
      const { events } = yield* collect(subscription)
      device.edit(system("<location>attic</location>"))
      yield* TestClock.adjust("2 seconds")
      const whole = (events.at(-1) as Extract<Push.DynamicEvent, { readonly _tag: "PushUpdate" }>).contents!
      assert.isDefined(Element.find(whole, ["system", "location"]))
      assert.isUndefined(Element.find(whole, ["system", "hostname"]))
    })
  )

  it.effect("takes over what the device has modified, and restates that", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const subscription = yield* session.establishSubscription(running)
      sendOwn(
        device,
        session,
        `<subscription-modified xmlns="urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications"><id>1</id>` +
          `<datastore-subtree-filter xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-push">${system("<location/>")}</datastore-subtree-filter></subscription-modified>`
      )
      yield* settle
      const { filter } = subscription.terms() as { readonly filter: Filter.Subtree }
      assert.strictEqual(print(filter.content[0] as Element.Element), system("<location/>"))
      yield* subscription.modify({ onChange: { dampeningPeriod: "10 millis" } })
      const { tags } = yield* collect(subscription)
      device.edit(hostname("r1"))
      yield* TestClock.adjust("1 second")
      assert.notInclude(tags(), "PushChangeUpdate")
      device.edit(system("<location>attic</location>"))
      yield* TestClock.adjust("1 second")
      assert.include(tags(), "PushChangeUpdate")
    })
  )

  for (const policy of ["dropNewest", "dropOldest"] as const) {
    it.effect(`drops nothing of what is said of itself: ${policy}`, () =>
      Effect.gen(function* () {
        const { device, session } = yield* open()
        const subscription = yield* session.establishSubscription({ ...running, policy, capacity: 1 })
        yield* settle
        device.subscriptions.suspend(1)
        device.subscriptions.resume(1)
        device.edit(hostname("r1"))
        yield* TestClock.adjust("1 second")
        device.edit(hostname("r2"))
        yield* TestClock.adjust("1 second")
        assert.isAbove(subscription.statistics().dropped, 0)
        const { tags } = yield* collect(subscription)
        const own = tags().filter((tag) => tag.startsWith("Subscription"))
        assert.deepStrictEqual(own, ["SubscriptionSuspended", "SubscriptionResumed"])
      })
    )
  }

  it.effect("loses nothing to one that is over and had its id before", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const kept = yield* session.establishSubscription(running)
      const scope = yield* Scope.make()
      const first = yield* Scope.provide(session.establishSubscription(running), scope)
      yield* first.remove()
      const reply = `<rpc-reply message-id="{message-id}" xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><id xmlns="urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications">${first.id}</id></rpc-reply>`
      device.faults.add(Faults.reply(reply), { on: "establish-subscription", times: 1 })
      const second = yield* session.establishSubscription(running)
      assert.strictEqual(second.id, first.id)
      const { tags } = yield* collect(second)
      yield* Scope.close(scope, Exit.void)
      const update = (id: number) =>
        `<push-update xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-push"><id>${id}</id><datastore-contents/></push-update>`
      sendOwn(device, session, update(second.id))
      yield* settle
      assert.deepStrictEqual(tags(), ["PushUpdate"])
      assert.strictEqual(requests(device, "delete-subscription").length, 1)
      assert.strictEqual(kept.state(), "active")
    })
  )

  it.effect("is over where its removal is interrupted, and deleted with its scope", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      yield* session.establishSubscription(running)
      const scope = yield* Scope.make()
      const subscription = yield* Scope.provide(session.establishSubscription(running), scope)
      const { end } = yield* collect(subscription)
      device.faults.add(Faults.silence({ applied: false }), { on: "delete-subscription", times: 1 })
      const removing = yield* Effect.forkChild(subscription.remove(), { startImmediately: true })
      yield* settle
      yield* Fiber.interrupt(removing)
      yield* settle
      assert.strictEqual(subscription.state(), "ended")
      assert.deepStrictEqual(end, ["done"])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(
        device.subscriptions.all().map(({ id }) => id),
        [1]
      )
    })
  )

  it.effect("is removed where the device does not know it any more", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const subscription = yield* session.establishSubscription(running)
      device.faults.add(Faults.silence(), { on: "delete-subscription", times: 1 })
      const unanswered = yield* Effect.forkChild(Effect.flip(subscription.remove()), { startImmediately: true })
      yield* TestClock.adjust("5 minutes")
      assert.strictEqual((yield* Fiber.join(unanswered))._tag, "DeadlineError")
      yield* subscription.remove()
      assert.strictEqual(subscription.state(), "ended")
    })
  )
})
