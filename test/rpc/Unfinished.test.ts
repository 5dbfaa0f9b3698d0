/** A notification of which a part came and not the rest: too large, too slow, or cut off by the end of the session. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import type { Listener } from "../../src/rpc/Listener.ts"
import { type Arriving, Unfinished } from "../../src/rpc/Unfinished.ts"
import { countingSleepers, settle } from "./peer.ts"

const notification = `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>`
const reply = `<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1"><data>`

/** A message that arrives bit by bit. */
class Message implements Arriving {
  givenUp = 0
  partialBytes: number
  readonly #beginning: Buffer

  constructor(beginning: string, partialBytes = beginning.length) {
    this.#beginning = Buffer.from(beginning)
    this.partialBytes = partialBytes
  }
  peek(): Buffer {
    return this.#beginning
  }
  giveUp(): void {
    this.givenUp++
  }
}

const make = (paused = () => false) =>
  Effect.map(Clock.Clock, (clock) => {
    const told: Array<string> = []
    const listener: Listener = {
      maxBytes: 200,
      patience: 4000,
      notification: () => {},
      malformed: () => {},
      behindReply: (bytes) => bytes,
      incomplete: (guard, bytes) => void told.push(`${guard} ${bytes}`)
    }
    return { told, unfinished: new Unfinished(listener, clock, paused) }
  })

const pass = (millis: number) => Effect.andThen(TestClock.adjust(millis), settle)

describe("Unfinished", () => {
  it.effect("gives up what exceeds the limit, once, at the first byte beyond it", () =>
    Effect.gen(function* () {
      const { told, unfinished } = yield* make()
      const message = new Message(notification)
      for (const [bytes, givenUp] of [
        [199, false],
        [200, false],
        [201, true],
        [5000, true]
      ] as const) {
        message.partialBytes = bytes
        assert.strictEqual(unfinished.grown(message), givenUp, String(bytes))
      }
      assert.deepStrictEqual(told, ["size 201"])
      assert.strictEqual(message.givenUp, 1)
      // Neither is it late, nor cut off.
      yield* pass(60_000)
      unfinished.cut(message)
      assert.deepStrictEqual(told, ["size 201"])
    })
  )

  it.effect("judges the next message anew", () =>
    Effect.gen(function* () {
      const { told, unfinished } = yield* make()
      assert.isTrue(unfinished.grown(new Message(notification, 201)))
      unfinished.ended()
      assert.isFalse(unfinished.grown(new Message(notification, 100)))
      assert.isTrue(unfinished.grown(new Message(notification, 300)))
      assert.deepStrictEqual(told, ["size 201", "size 300"])
      unfinished.stop()
    })
  )

  it.effect("leaves replies to their deadlines, however large and slow they are", () =>
    Effect.gen(function* () {
      const { told, unfinished } = yield* make()
      const message = new Message(reply, 100_000)
      assert.isFalse(unfinished.grown(message))
      assert.isFalse(unfinished.oversized(message.peek(), 100_000))
      yield* pass(60_000)
      unfinished.cut(message)
      assert.deepStrictEqual([told, message.givenUp], [[], 0])
    })
  )

  it.effect("waits with what does not yet say what it is, for 64 KiB", () =>
    Effect.gen(function* () {
      const { told, unfinished } = yield* make()
      const message = new Message("<", 65_536)
      assert.isFalse(unfinished.grown(message))
      message.partialBytes++
      assert.isTrue(unfinished.grown(message))
      assert.deepStrictEqual(told, ["size 65537"])
      unfinished.stop()
    })
  )

  it.effect("tells of what came whole and is larger than is read, unless it may be a reply", () =>
    Effect.gen(function* () {
      const { told, unfinished } = yield* make()
      assert.isTrue(unfinished.oversized(Buffer.from(notification), 9000))
      for (const other of [reply, "<rpc-", "no xml"]) assert.isFalse(unfinished.oversized(Buffer.from(other), 9000))
      assert.deepStrictEqual(told, ["size 9000"])
    })
  )

  it.effect("tells once that nothing more came for so long, and a quarter of that later at most", () =>
    Effect.gen(function* () {
      const { told, unfinished } = yield* make()
      const message = new Message(notification)
      unfinished.grown(message)
      yield* pass(3999)
      assert.deepStrictEqual(told, [])
      message.partialBytes++
      unfinished.grown(message)
      yield* pass(3999)
      assert.deepStrictEqual(told, [])
      yield* pass(1001)
      assert.deepStrictEqual(told, [`time ${message.partialBytes}`])
      yield* pass(60_000)
      assert.strictEqual(told.length, 1)
      unfinished.stop()
    })
  )

  it.effect("does not count the time in which the session holds its peer back", () =>
    Effect.gen(function* () {
      let paused = true
      const { told, unfinished } = yield* make(() => paused)
      unfinished.grown(new Message(notification))
      yield* pass(60_000)
      assert.deepStrictEqual(told, [])
      paused = false
      yield* pass(5000)
      assert.strictEqual(told.length, 1)
      unfinished.stop()
    })
  )

  it.effect("tells what the session ends in, and nothing where it ends between messages", () =>
    Effect.gen(function* () {
      const { told, unfinished } = yield* make()
      unfinished.cut(new Message("", 0))
      unfinished.cut(new Message(notification))
      assert.deepStrictEqual(told, [`end-of-session ${notification.length}`])
    })
  )

  it.effect("looks at nothing once the message has ended", () =>
    countingSleepers((sleepers) =>
      Effect.gen(function* () {
        const { unfinished } = yield* make()
        assert.strictEqual(sleepers(), 0)
        const message = new Message(notification)
        unfinished.grown(message)
        yield* settle
        assert.strictEqual(sleepers(), 1)
        unfinished.ended()
        message.partialBytes = 0
        yield* pass(1000)
        assert.strictEqual(sleepers(), 0)
      })
    )
  )
})
