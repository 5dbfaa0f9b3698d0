/** Reading a dynamic subscription piece by piece, and what is left for nobody to read. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Push from "../../../src/api/Push.ts"
import { settle } from "../../rpc/peer.ts"
import { Eyes } from "../../telemetry/eyes.ts"
import { hostname, open, system } from "./device.ts"

const running = { datastore: "running", filter: system("<hostname/>"), onChange: {} } as const

describe("a dynamic subscription", () => {
  it.effect("is read piece by piece, and looked at before, what cannot be read included", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const subscription = yield* session.establishSubscription(running)
      const [, carrying] = [...device.sessions.values()]
      carrying!.send(
        `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>2026-01-01T00:00:00Z</eventTime>` +
          `<push-change-update xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-push"><id>1</id><datastore-changes><yang-patch/>` +
          `</datastore-changes></push-change-update></notification>`
      )
      device.edit(hostname("r1"))
      yield* settle
      const tags = (events: ReadonlyArray<Push.DynamicEvent>) => events.map(({ _tag }) => _tag)
      const all = ["PushUpdate", "Gap", "PushChangeUpdate"]
      assert.deepStrictEqual(tags(subscription.peek()), all)
      assert.deepStrictEqual(tags(subscription.peek(1)), ["PushUpdate"])
      // Looking changes nothing.
      assert.deepInclude(subscription.statistics(), { size: 3, delivered: 0, malformed: 0, gaps: 0 })
      assert.deepStrictEqual(tags(yield* subscription.take(2)), all.slice(0, 2))
      assert.deepInclude(subscription.statistics(), { size: 1, delivered: 2, malformed: 1, gaps: 1 })
      assert.deepStrictEqual(tags(yield* subscription.take()), all.slice(2))
      const waiting = yield* Effect.forkChild(subscription.take(), { startImmediately: true })
      yield* Fiber.interrupt(waiting)
      device.edit(hostname("r2"))
      yield* settle
      assert.deepStrictEqual(tags(yield* subscription.take()), ["PushChangeUpdate"])
      yield* subscription.remove()
      assert.isTrue(Cause.isDone(yield* Effect.flip(subscription.take())))
    })
  )

  it.effect("counts what comes for one that is over as discarded", () => {
    const eyes = new Eyes()
    return eyes.on(
      Effect.gen(function* () {
        const { device, session } = yield* open()
        yield* session.establishSubscription(running)
        yield* Effect.scoped(session.establishSubscription(running))
        assert.strictEqual(eyes.number("netconf.notifications.discarded"), 0)
        const [, carrying] = [...device.sessions.values()]
        const late = `<push-update xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-push"><id>2</id><datastore-contents/></push-update>`
        carrying!.send(
          `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>2026-01-01T00:00:00Z</eventTime>${late}</notification>`
        )
        yield* settle
        assert.strictEqual(eyes.number("netconf.notifications.discarded"), 1)
      })
    )
  })
})
