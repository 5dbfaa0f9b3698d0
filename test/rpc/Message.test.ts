import { assert, describe, it } from "@effect/vitest"
import * as Message from "../../src/rpc/Message.ts"
import * as Random from "../framing/random.ts"
import { replyOf } from "./peer.ts"

describe("Message.Collect", () => {
  it("joins spans of any sizes exactly, small messages and large ones", () => {
    const random = Random.make(7)
    for (const size of [0, 1, 100, 262_143, 262_144, 262_145, 3_000_000]) {
      const whole = Buffer.from(Array.from({ length: size }, (_, at) => at % 251))
      const collect = new Message.Collect(10_000_000)
      for (let at = 0; at < size;) {
        const step = 1 + random.below(random.pick([10, 1000, 400_000]))
        collect.add(whole.subarray(at, at + step))
        at += step
      }
      assert.strictEqual(collect.bytes, size)
      assert.isTrue(whole.equals(collect.take()), `${size}`)
      assert.strictEqual(collect.bytes, 0)
    }
  })

  it("starts over without disturbing what it gave out", () => {
    const collect = new Message.Collect(10_000_000)
    const messages = [1, 2, 3].map((n) => {
      for (let part = 0; part < 40; part++) collect.add(Buffer.alloc(10_000, n))
      return collect.take()
    })
    messages.forEach((message, index) => assert.isTrue(message.equals(Buffer.alloc(400_000, index + 1))))
  })

  for (const limit of [10, 1000, 300_000]) {
    for (const span of [1, 7, 4096, 1_000_000]) {
      it(`holds at its limit of ${limit} in spans of ${span}, and keeps the beginning beyond it`, () => {
        const fill = (size: number) => {
          const collect = new Message.Collect(limit)
          const whole = Buffer.from(Array.from({ length: size }, (_, at) => at % 251))
          for (let at = 0; at < size; at += span) collect.add(whole.subarray(at, at + span))
          return { collect, whole }
        }
        for (const size of [limit - 1, limit]) {
          const { collect, whole } = fill(size)
          assert.isFalse(collect.overflowed)
          assert.isTrue(collect.take().equals(whole))
        }
        const { collect, whole } = fill(limit + 2_000)
        assert.isTrue(collect.overflowed)
        assert.strictEqual(collect.bytes, limit + 2_000)
        const kept = collect.take()
        assert.isAtLeast(kept.length, Math.min(limit, 4096))
        assert.isBelow(kept.length, 10_000)
        assert.isTrue(whole.subarray(0, kept.length).equals(kept))
        collect.add(Buffer.from("next"))
        assert.strictEqual(collect.take().toString(), "next")
      })
    }
  }
})

describe("Message.replyIdOf", () => {
  it("says whose reply it is as soon as the head is there", () => {
    const text = Buffer.from(replyOf("42", "<data><a/></data>"))
    const known = text.indexOf("<data>") + 6
    for (let end = 0; end <= text.length; end++) {
      const expected = end < known ? undefined : { messageId: "42" }
      assert.deepStrictEqual(Message.replyIdOf(text.subarray(0, end)), expected, `${end}`)
    }
  })
  it("tells another message, an unreadable one, a missing id, and bad UTF-8 apart", () => {
    assert.strictEqual(Message.replyIdOf(Buffer.from("<notification><a/></notification>")), "other")
    assert.isUndefined(Message.replyIdOf(Buffer.from("<<<")))
    assert.isUndefined(Message.replyIdOf(Buffer.from(`<!DOCTYPE a>${replyOf("1")}`)))
    assert.deepStrictEqual(Message.replyIdOf(Buffer.from(replyOf(undefined))), { messageId: undefined })
    assert.deepStrictEqual(Message.replyIdOf(Buffer.from(replyOf("1", "<a>\u00e9</a>"), "latin1")), { messageId: "1" })
  })
  it("does not take an attribute of another namespace for the id", () => {
    const text = `<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" xmlns:x="urn:x" x:message-id="1"><ok/></rpc-reply>`
    assert.deepStrictEqual(Message.replyIdOf(Buffer.from(text)), { messageId: undefined })
  })
})

describe("Message.read", () => {
  it("refuses what is not UTF-8, or replaces it and says so", () => {
    const bytes = Buffer.from(replyOf("1", "<data>\u00e9</data>"), "latin1")
    assert.throws(() => Message.read(bytes, "refuse"), Message.MessageError, "not valid UTF-8")
    const message = Message.read(bytes, "replace")
    assert.isTrue(message.replaced)
    assert.include(message.bytes.toString(), "\ufffd")
  })
  it("leaves the bytes of a valid message as they are", () => {
    const bytes = Buffer.from(replyOf(" 7 ", "<data>\u{1f600}</data>"))
    const message = Message.read(bytes, "replace")
    assert.strictEqual(message.bytes, bytes)
    assert.deepStrictEqual([message.messageId, message.replaced], ["7", false])
  })
})
