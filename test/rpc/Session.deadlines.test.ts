import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Framing from "../../src/framing/Framing.ts"
import {
  connect,
  countingSleepers,
  data,
  failure,
  isWaiting,
  obliging,
  replyOf,
  settle,
  start,
  success
} from "./peer.ts"

const pass = (time: string) => Effect.andThen(TestClock.adjust(time as "1 second"), settle)

describe("Session's deadlines", () => {
  it.effect("fails a call whose reply does not begin within rpc, names phase and bytes, and goes on", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ label: "leaf" })
      const call = yield* start(session.get())
      yield* pass("59999 millis")
      assert.isTrue(isWaiting(call))
      yield* pass("1 millis")
      const error = failure(call)
      assert.deepInclude(
        { ...error },
        {
          _tag: "DeadlineError",
          phase: "rpc",
          deadline: 60_000,
          bytes: 0,
          operation: "get",
          messageId: peer.last.id,
          sessionId: 7,
          elapsed: 60_000
        }
      )
      assert.isFalse(error._tag === "DeadlineError" && error.isRetryable)
      peer.reply(peer.last, "<data><late/></data>")
      yield* settle
      peer.onRpc = obliging
      assert.include((yield* session.get()).xml, data)
      assert.strictEqual(session.statistics().lateReplies, 1)
    })
  )

  for (const [name, deadline] of [
    ["commit", 600],
    ["validate", 600],
    ["copyConfig", 600],
    ["getConfig", 60],
    ["editConfig", 60]
  ] as const) {
    it.effect(`gives ${name} ${deadline} seconds`, () =>
      Effect.gen(function* () {
        const { session } = yield* connect()
        const run = {
          commit: () => session.commit(),
          validate: () => session.validate(),
          copyConfig: () => session.copyConfig({ source: "running", target: "startup" }),
          getConfig: () => session.getConfig(),
          editConfig: () => session.editConfig({ config: "<a/>", target: "running" })
        }[name]
        const call = yield* start(run())
        yield* pass(`${deadline * 1000 - 1} millis`)
        assert.isTrue(isWaiting(call))
        yield* pass("1 millis")
        failure(call)
      })
    )
  }

  it.effect("takes a call's own deadline, shorter or longer, or none", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ maxOutstanding: 4, deadlines: { rpc: "10 seconds" } })
      const usual = yield* start(session.get())
      const short = yield* start(session.get({ deadline: "1 second" }))
      const long = yield* start(session.get({ deadline: "5 minutes" }))
      const none = yield* start(session.get({ deadline: "none" }))
      yield* pass("1 second")
      assert.strictEqual(failure(short)._tag, "DeadlineError")
      assert.isTrue(isWaiting(usual))
      yield* pass("9 seconds")
      failure(usual)
      assert.isTrue(isWaiting(long))
      yield* pass("290 seconds")
      failure(long)
      yield* pass("1000 days")
      assert.isTrue(isWaiting(none))
      peer.reply(peer.rpcs[3]!, data)
      yield* settle
      success(none)
    })
  )

  it.effect("keeps its deadlines when the clock of the machine is set back", () =>
    Effect.gen(function* () {
      let setBack = 0
      const clock = yield* Clock.Clock
      const stepped: Clock.Clock = Object.create(clock, {
        currentTimeMillisUnsafe: { value: () => clock.currentTimeMillisUnsafe() - setBack }
      }) as Clock.Clock
      const { session } = yield* Effect.provideService(connect(), Clock.Clock, stepped)
      const call = yield* start(session.get())
      setBack = 3_600_000
      yield* pass("60 seconds")
      assert.deepInclude({ ...failure(call) }, { _tag: "DeadlineError", phase: "rpc", elapsed: 60_000 })
    })
  )

  it.effect("counts from the moment that the rpc was written", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      const first = yield* start(session.get())
      const second = yield* start(session.get())
      yield* pass("50 seconds")
      peer.reply(peer.last, data)
      yield* settle
      success(first)
      yield* pass("59 seconds")
      assert.isTrue(isWaiting(second))
      yield* pass("1 second")
      failure(second)
    })
  )

  it.effect("feeds progress by the bytes of the own reply, for as long as they come", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ deadlines: { rpc: "60 seconds", progress: "30 seconds" } })
      const call = yield* start(session.get())
      const frame = Framing.encode("chunked", replyOf(peer.last.id, `<data>${"<a/>".repeat(500)}</data>`))
      yield* pass("59 seconds")
      peer.bytes(frame.subarray(0, 300))
      yield* settle
      for (let at = 300; at < frame.length - 100; at += 100) {
        yield* pass("29 seconds")
        assert.isTrue(isWaiting(call), `at byte ${at}`)
        peer.bytes(frame.subarray(at, at + 100))
        yield* settle
      }
      peer.bytes(frame.subarray(frame.length - ((frame.length - 300) % 100 || 100)))
      yield* settle
      success(call)
    })
  )

  it.effect("fails a reply that stops in the middle after progress, and says how much came", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ deadlines: { progress: "7 seconds" } })
      const call = yield* start(session.get())
      peer.bytes(peer.frame(replyOf(peer.last.id, data)).subarray(0, 110))
      yield* pass("6999 millis")
      assert.isTrue(isWaiting(call))
      yield* pass("1 millis")
      const error = failure(call)
      assert.deepInclude({ ...error }, { _tag: "DeadlineError", phase: "progress", deadline: 7000 })
      assert.isAbove(error._tag === "DeadlineError" ? error.bytes : 0, 50)
    })
  )

  it.effect("is not extended by notifications, nor by another call's reply", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ maxOutstanding: 2 })
      const call = yield* start(session.get())
      const other = yield* start(session.get({ deadline: "5 minutes" }))
      const note = peer.frame(
        `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0">${"<a/>".repeat(100)}</notification>`
      )
      for (let second = 0; second < 5; second++) {
        yield* pass("10 seconds")
        peer.bytes(note)
        peer.bytes(note.subarray(0, 200))
        yield* settle
        peer.bytes(note.subarray(200))
        yield* settle
      }
      const reply = peer.frame(replyOf(peer.rpcs[1]!.id, `<data>${"<b/>".repeat(100)}</data>`))
      peer.bytes(reply.subarray(0, 300))
      yield* pass("9999 millis")
      assert.isTrue(isWaiting(call))
      yield* pass("1 millis")
      assert.strictEqual(failure(call)._tag, "DeadlineError")
      peer.bytes(reply.subarray(300))
      yield* settle
      success(other)
    })
  )

  it.effect("limits the wait for the device's turn when asked to, and then nothing was sent", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ deadlines: { queue: "2 seconds" } })
      const first = yield* start(session.get())
      const second = yield* start(session.commit())
      yield* pass("2 seconds")
      const error = failure(second)
      assert.deepInclude({ ...error }, { _tag: "DeadlineError", phase: "queue", operation: "commit", deadline: 2000 })
      peer.reply(peer.last, data)
      yield* settle
      success(first)
      peer.onRpc = obliging
      yield* session.get()
      assert.deepStrictEqual(peer.names, ["get", "get"])
    })
  )

  it.effect("fails a call that could not be written in time as certainly not sent", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ maxOutstanding: 2, memory: { highWaterMark: 200 } })
      peer.pause()
      yield* start(session.editConfig({ config: `<a>${"x".repeat(300)}</a>`, target: "candidate", deadline: "none" }))
      const stuck = yield* start(session.commit({ deadline: "3 seconds" }))
      yield* pass("3 seconds")
      assert.deepInclude({ ...failure(stuck) }, { _tag: "DeadlineError", phase: "queue" })
      peer.resume()
      yield* settle
      assert.deepStrictEqual(peer.names, ["edit-config"])
    })
  )

  it.effect("ends every waiting call with what it was when the last deadline ends the session", () =>
    countingSleepers((sleepers) =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect({ maxOutstanding: 3, maxAbandoned: 0 })
        const read = yield* start(session.get())
        const write = yield* start(session.commit())
        yield* pass("60 seconds")
        assert.strictEqual(failure(read)._tag, "DeadlineError")
        assert.strictEqual(failure(write)._tag, "CommitUnknownError")
        yield* settle
        assert.isDefined(peer.end)
        assert.strictEqual(sleepers(), 0)
      })
    )
  )

  it.effect("closes within its own deadline when close-session is never answered", () =>
    Effect.gen(function* () {
      const { close, peer } = yield* connect({ deadlines: { close: "5 seconds" } })
      peer.onRpc = () => {}
      const closing = yield* start(close)
      assert.deepStrictEqual(peer.names, ["close-session"])
      yield* pass("4999 millis")
      assert.isTrue(isWaiting(closing))
      assert.isUndefined(peer.end)
      yield* pass("1 millis")
      success(closing)
      assert.strictEqual(peer.endedBy, "peer")
    })
  )

  it.effect("closes within its deadline when the peer does not even read", () =>
    Effect.gen(function* () {
      const { close, peer, session } = yield* connect({ maxOutstanding: 2, memory: { highWaterMark: 1000 } })
      peer.pause()
      const call = yield* start(session.commit({ persistId: "x".repeat(2000) }))
      const closing = yield* start(close)
      yield* pass("5 seconds")
      success(closing)
      assert.strictEqual(failure(call)._tag, "CommitUnknownError")
    })
  )

  it.effect("leaves no timer when it has been closed, whatever was outstanding", () =>
    countingSleepers((sleepers) =>
      Effect.gen(function* () {
        const { close, peer, session } = yield* connect({ maxOutstanding: 9 })
        const calls = [
          yield* start(session.get()),
          yield* start(session.get({ deadline: "1 hour" })),
          yield* start(session.commit()),
          yield* start(session.lock())
        ]
        yield* Fiber.interrupt(calls[3]!)
        assert.strictEqual(sleepers(), 1)
        yield* close
        yield* settle
        assert.strictEqual(sleepers(), 0)
        assert.strictEqual(peer.end?.by, "peer")
        for (const call of calls) assert.isFalse(isWaiting(call))
      })
    )
  )

  it.effect("leaves no timer when the peer closes", () =>
    countingSleepers((sleepers) =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect({ maxOutstanding: 9 })
        const call = yield* start(session.get())
        peer.endpoint.close()
        yield* settle
        failure(call)
        assert.strictEqual(sleepers(), 0)
      })
    )
  )
})
