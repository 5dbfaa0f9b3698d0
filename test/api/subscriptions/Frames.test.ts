/** What comes between, behind and instead of notifications on a session that carries rpcs too. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { event, numbers } from "../../notifications/events.ts"
import {
  connect,
  data,
  everything,
  failure,
  helloOf,
  isWaiting,
  type Options,
  replyOf,
  settle,
  start,
  success
} from "../../rpc/peer.ts"
import { pass } from "../comingBack.ts"

const namespace = "urn:ietf:params:xml:ns:netconf:notification:1.0"
const notification = (n: number): string =>
  `<notification xmlns="${namespace}"><eventTime>2026-01-31T12:00:00Z</eventTime>${event(n)}</notification>`

const subscribed = (options: Options = {}) =>
  Effect.gen(function* () {
    const { peer, session } = yield* connect({
      maxOutstanding: 4,
      peer: [...everything, ":notification", ":interleave"],
      ...options
    })
    const opening = yield* start(session.openSubscription({ session: "shared" }))
    peer.reply(peer.last)
    yield* settle
    return { peer, session, subscription: success(opening) }
  })

for (const names of [everything, everything.filter((name) => name !== ":base:1.1")]) {
  const framing = names === everything ? "chunked framing" : "end-of-message framing"
  const options = { peer: [...names, ":notification", ":interleave"] }

  describe(`with ${framing}, a subscription on a shared session`, () => {
    for (const message of ["<foo>notification</foo>", `<ok xmlns="urn:notification"/>`, helloOf(everything)]) {
      it.effect(`tells once of ${message.slice(0, 16)}, which answers nothing, and goes on`, () =>
        Effect.gen(function* () {
          const { peer, session, subscription } = yield* subscribed(options)
          peer.send(message)
          peer.send(notification(1))
          yield* settle
          assert.deepStrictEqual(numbers(yield* subscription.take()), [1])
          assert.strictEqual(subscription.statistics().malformed, 1)
          const call = yield* start(session.get())
          peer.reply(peer.last, data)
          yield* settle
          success(call)
        })
      )
    }

    for (const [broken, gaps, received] of [
      ["garbage", 0, []],
      [`<notification xmlns="urn:ietf`, 1, []],
      [`<notification xmlns=x>`, 1, []],
      [`garbage${notification(2)}`, 0, [2]]
    ] as const) {
      it.effect(`lets no rpc suffer from ${broken.slice(0, 24)}, and loses nothing silently`, () =>
        Effect.gen(function* () {
          const { peer, session, subscription } = yield* subscribed(options)
          const call = yield* start(session.commit())
          peer.send(broken)
          peer.send(notification(3))
          yield* settle
          assert.isTrue(isWaiting(call))
          const events = yield* subscription.take()
          assert.deepStrictEqual(numbers(events), [...received, 3])
          assert.strictEqual(subscription.statistics().gaps, gaps)
          assert.strictEqual(subscription.statistics().malformed, 1)
          peer.reply(peer.last)
          yield* settle
          success(call)
        })
      )
    }

    it.effect("takes what stands behind a reply in its frame", () =>
      Effect.gen(function* () {
        const { peer, session, subscription } = yield* subscribed(options)
        const call = yield* start(session.get())
        peer.send(replyOf(peer.last.id, data) + notification(1) + notification(2))
        yield* settle
        assert.match(success(call).xml, /<\/rpc-reply>$/)
        assert.deepStrictEqual(numbers(yield* subscription.take()), [1, 2])
      })
    )

    it.effect("takes what stands behind an unfinished reply, which fails its rpc", () =>
      Effect.gen(function* () {
        const { peer, session, subscription } = yield* subscribed(options)
        const call = yield* start(session.get())
        peer.send(replyOf(peer.last.id, data).slice(0, 90) + notification(1))
        yield* settle
        assert.strictEqual(failure(call)._tag, "ProtocolError")
        assert.deepStrictEqual(numbers(yield* subscription.take()), [1])
      })
    )

    it.effect("hands back a reply behind an unfinished notification", () =>
      Effect.gen(function* () {
        const { peer, session, subscription } = yield* subscribed(options)
        const call = yield* start(session.get())
        peer.send(notification(1).slice(0, 100) + replyOf(peer.last.id, data))
        yield* settle
        success(call)
        assert.strictEqual(subscription.statistics().gaps, 1)
      })
    )
  })
}

describe("a subscription on a shared session", () => {
  it.effect("takes no reply for a notification that is too large before it says what it is", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ peer: [...everything, ":notification", ":interleave"] })
      const opening = yield* start(session.openSubscription({ session: "shared", incompleteMaxBytes: 40 }))
      peer.reply(peer.last)
      yield* settle
      const subscription = success(opening)
      const call = yield* start(session.get())
      const bytes = peer.frame(replyOf(peer.last.id, data))
      for (let at = 0; at < bytes.length; at += 50) {
        peer.bytes(bytes.subarray(at, at + 50))
        yield* settle
      }
      success(call)
      assert.strictEqual(subscription.statistics().gaps, 0)
    })
  )

  it.effect("keeps to a thousand messages of one frame, and says that the rest is lost", () =>
    Effect.gen(function* () {
      const { peer, subscription } = yield* subscribed()
      peer.send("<notification/>".repeat(1001))
      yield* settle
      const events = subscription.peek(Infinity)
      assert.strictEqual(events.filter(({ _tag }) => _tag === "Notification").length, 1000)
      assert.strictEqual(subscription.statistics().gaps, 1)
    })
  )
})

describe("a session that its subscription holds back", () => {
  it.effect("is not told to be silent in the middle of a notification", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ peer: [...everything, ":notification", ":interleave"] })
      const opening = yield* start(session.openSubscription({ session: "shared" }))
      peer.reply(peer.last)
      yield* settle
      const subscription = success(opening)
      const bytes = peer.frame(notification(1))
      peer.bytes(bytes.subarray(0, 60))
      yield* settle
      const release = (session as unknown as { core: { pause(): () => void } }).core.pause()
      yield* pass("1 minute")
      release()
      peer.bytes(bytes.subarray(60))
      yield* settle
      assert.deepStrictEqual(numbers(yield* subscription.take()), [1])
      assert.strictEqual(subscription.statistics().incomplete, 0)
    })
  )
})
