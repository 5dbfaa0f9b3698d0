/** What a mirror makes of what it has not been told, event by event: the subscription is fed by the test. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as TestClock from "effect/testing/TestClock"
import type * as Netconf from "../../../src/api/Netconf.ts"
import * as Push from "../../../src/api/Push.ts"
import { modules } from "../../../src/api/push/Library.ts"
import { Dialects } from "../../../src/testing.ts"
import * as Element from "../../../src/xml/Element.ts"
import { decode } from "../../../src/xml/Parse.ts"
import { settle } from "../../rpc/peer.ts"
import { open } from "./device.ts"

const leaf = (text: string) => `<s xmlns="urn:x">${text}</s>`
const whole = (text: string) => ({
  _tag: "PushUpdate",
  contents: decode(`<datastore-contents>${leaf(text)}</datastore-contents>`)
})
const edit = (operation: string, target: string, value?: string) => ({
  editId: "1",
  operation,
  target,
  ...(value === undefined ? {} : { value: decode(`<value>${value}</value>`) })
})
const change = (patchId: string, ...edits: ReadonlyArray<object>) => ({
  _tag: "PushChangeUpdate",
  changes: { patch: { patchId, edit: edits } }
})
const set = (patchId: string, text: string) => change(patchId, edit("replace", "/x:s", leaf(text)))
const suspended = { _tag: "SubscriptionSuspended", reason: "insufficient-resources" }
const resumed = { _tag: "SubscriptionResumed" }

const library = `<data><yang-library xmlns="urn:ietf:params:xml:ns:yang:ietf-yang-library"><module-set><name>all</name>
  <module><name>vendor</name><namespace>http://v.com/x</namespace></module></module-set></yang-library></data>`

/** A mirror, and the subscription behind it. */
const fed = (options: Partial<Push.MirrorOptions> = {}) =>
  Effect.gen(function* () {
    const queue = yield* Queue.unbounded<object>()
    const counts = { received: 0, dropped: 0, resyncs: 0, gets: 0 }
    const subscription = {
      id: 1,
      events: Stream.fromQueue(queue),
      statistics: () => counts,
      state: () => "active",
      resync: () => Effect.sync(() => void counts.resyncs++)
    }
    const session = {
      establishSubscription: () => Effect.succeed(subscription),
      capabilities: { modules: [] },
      get: () => {
        counts.gets++
        return Effect.succeed({ tree: Effect.succeed(decode(library.replaceAll(/>\s+</g, "><"))) })
      }
    } as unknown as Netconf.NetconfSession["Service"]
    const mirror = yield* Push.mirror(session, { datastore: "running", ...options })
    /** All at once, so that all of them wait. */
    const feed = (...events: ReadonlyArray<object>) => {
      counts.received += events.length
      return Effect.andThen(Queue.offerAll(queue, events), settle)
    }
    /** One came for which there was no room. */
    const drop = () => {
      counts.received++
      counts.dropped++
    }
    const text = () => Element.text(Element.elements(SubscriptionRef.getUnsafe(mirror.tree)!)[0]!)
    const tag = () => SubscriptionRef.getUnsafe(mirror.state)._tag
    return { mirror, feed, drop, counts, text, tag }
  })

describe("what a mirror's own queue has dropped", () => {
  it.effect("is not answered by a push-update that was waiting already", () =>
    Effect.gen(function* () {
      const { counts, drop, feed, mirror, tag, text } = yield* fed({ policy: "dropNewest", capacity: 2 })
      yield* feed(whole("v1"), { _tag: "Gap", reason: "lost" })
      assert.strictEqual(counts.resyncs, 1)
      yield* feed(whole("v2"))
      assert.strictEqual(tag(), "Current")
      // v5 comes while v3 and v4 wait, and is dropped.
      drop()
      yield* feed(set("0", "v3"), whole("v4"))
      assert.strictEqual(tag(), "Stale")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(counts.resyncs, 2)
      yield* feed(whole("v5"))
      assert.deepStrictEqual([tag(), text()], ["Current", "v5"])
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(counts.resyncs, 2)
      assert.strictEqual(mirror.statistics().subscriptions, 1)
    })
  )

  it.effect("is asked for again where the answer to an earlier question was waiting", () =>
    Effect.gen(function* () {
      const { counts, drop, feed, tag, text } = yield* fed({ policy: "dropNewest", capacity: 2 })
      yield* feed(whole("v1"), { _tag: "Gap", reason: "lost" })
      drop()
      yield* feed({ _tag: "SubscriptionModified" }, whole("v2"))
      assert.strictEqual(tag(), "Stale")
      yield* TestClock.adjust("10 seconds")
      yield* feed(whole("v3"))
      assert.deepStrictEqual([tag(), text()], ["Current", "v3"])
      assert.strictEqual(counts.resyncs, 2)
    })
  )

  it.effect("is noticed where nothing comes behind it", () =>
    Effect.gen(function* () {
      const { counts, drop, feed, tag } = yield* fed({ policy: "dropOldest", maxBytes: 10 })
      yield* feed(whole("v1"))
      drop()
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(tag(), "Stale")
      assert.strictEqual(counts.resyncs, 1)
    })
  )
})

describe("a suspension", () => {
  it.effect("leaves an on-change mirror waiting for the whole selection, which it asks for", () =>
    Effect.gen(function* () {
      const { counts, feed, tag, text } = yield* fed()
      yield* feed(whole("v1"), suspended)
      assert.strictEqual(tag(), "Suspended")
      yield* feed(resumed)
      assert.strictEqual(tag(), "Waiting")
      assert.strictEqual(counts.resyncs, 1)
      yield* feed(set("0", "v2"))
      assert.deepStrictEqual([tag(), text()], ["Waiting", "v1"])
      yield* feed(whole("v3"))
      assert.deepStrictEqual([tag(), text()], ["Current", "v3"])
    })
  )

  it.effect("leaves a periodic mirror waiting for the next period", () =>
    Effect.gen(function* () {
      const { counts, feed, tag } = yield* fed({ periodic: { period: "5 seconds" } })
      yield* feed(whole("v1"), suspended, resumed)
      assert.strictEqual(tag(), "Waiting")
      yield* feed(whole("v2"))
      assert.strictEqual(tag(), "Current")
      assert.strictEqual(counts.resyncs, 0)
    })
  )
})

describe("a module whose namespace nobody knows", () => {
  const top = (inside: string) => ({
    _tag: "PushUpdate",
    contents: decode(`<datastore-contents><top xmlns="http://v.com/x">${inside}</top></datastore-contents>`)
  })
  const gone = (patchId: string, name: string) => change(patchId, edit("delete", `/vendor:top/${name}`))

  it.effect("is looked up in the YANG library, once, and the whole selection is asked for", () =>
    Effect.gen(function* () {
      const { counts, feed, mirror, tag } = yield* fed()
      yield* feed(top("<a/><b/><c/>"), gone("0", "a"))
      assert.deepStrictEqual(SubscriptionRef.getUnsafe(mirror.state), {
        _tag: "Stale",
        why: "/vendor:top/a: which node that is cannot be told without knowing the device's modules"
      })
      assert.deepStrictEqual([counts.gets, counts.resyncs], [1, 1])
      yield* feed(top("<b/><c/>"), gone("0", "b"))
      assert.strictEqual(tag(), "Current")
      assert.isUndefined(Element.find((yield* mirror.first)!, ["top", "b"]))
      yield* feed(change("1", edit("delete", "/strange:top/c")))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([counts.gets, counts.resyncs], [1, 2])
    })
  )

  it.effect("is read from a device that has a library", () =>
    Effect.gen(function* () {
      const { session } = yield* open({ dialect: Dialects.yangLibrary })
      const known = yield* modules(session)
      assert.deepInclude(known, { name: "ietf-system", namespace: "urn:ietf:params:xml:ns:yang:ietf-system" })
      const none = yield* open()
      assert.deepStrictEqual(yield* modules(none.session), [])
    })
  )
})
