import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as BrokenNotifications from "../../src/testing/BrokenNotifications.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import { open, settle } from "./client.ts"
import { create, event, nameOf } from "./notifications.ts"
import { accepted } from "./requests.ts"

/** The bytes that one broken notification puts on the wire, behind a subscription. */
const bytesOf = (version: "1.0" | "1.1", broken: BrokenNotifications.Broken) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make({ notifications: { standardEvents: false } })
    const client = yield* open(device.transport, [version])
    const other = yield* open(device.transport, [version])
    yield* accepted(client, create())
    yield* settle
    const before = client.received().length
    const elsewhere = other.received()
    device.sendBroken(broken)
    yield* settle
    assert.strictEqual(other.received(), elsewhere)
    return { client, device, bytes: client.received().slice(before) }
  })

const count = (text: string, piece: string) => text.split(piece).length - 1

describe("BrokenNotifications", () => {
  it.effect("begins a frame that never ends", () =>
    Effect.gen(function* () {
      const old = yield* bytesOf("1.0", BrokenNotifications.unfinished())
      assert.match(old.bytes, /^<notification/)
      assert.notInclude(old.bytes, "]]>]]>")
      const { bytes } = yield* bytesOf("1.1", BrokenNotifications.unfinished())
      const [, size, text] = /^\n#(\d+)\n(.*)$/s.exec(bytes)!
      assert.isBelow(text!.length, Number(size))
      assert.notInclude(bytes, "##")
    })
  )

  it.effect("begins a notification anew in the frame of an unfinished one", () =>
    Effect.gen(function* () {
      for (const version of ["1.0", "1.1"] as const) {
        const { client } = yield* bytesOf(version, BrokenNotifications.restarted(event("second")))
        const message = yield* client.next
        assert.strictEqual(count(message, "<notification"), 2)
        assert.strictEqual(count(message, "</notification>"), 1)
        assert.include(message, "<second")
      }
    })
  )

  it.effect("puts two notifications into one frame", () =>
    Effect.gen(function* () {
      for (const version of ["1.0", "1.1"] as const) {
        const { client } = yield* bytesOf(version, BrokenNotifications.missingEndMark(event("a"), event("b")))
        const message = yield* client.next
        assert.match(message, /<a .*<\/notification><notification.*<b .*<\/notification>$/)
      }
    })
  )

  it.effect("sends frames that hold nothing, or white space", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* bytesOf("1.0", BrokenNotifications.emptyFrame)).bytes, "]]>]]>")
      const empty = BrokenNotifications.emptyFrame({ framing: "chunked", notification: (text) => text })
      assert.strictEqual(empty.toString(), "\n##\n")
      assert.strictEqual((yield* bytesOf("1.1", BrokenNotifications.blankFrame)).bytes, "\n#1\n\n\n##\n")
    })
  )

  it.effect("frames properly what is wrong within", () =>
    Effect.gen(function* () {
      const message = (broken: BrokenNotifications.Broken) =>
        Effect.flatMap(bytesOf("1.1", broken), ({ client }) => client.next)
      assert.notInclude(yield* message(BrokenNotifications.malformed), "</text>")
      assert.include(yield* message(BrokenNotifications.notUtf8), "\ufffdxxx")
      assert.notInclude(yield* message(BrokenNotifications.noEventTime), "eventTime")
      assert.include(yield* message(BrokenNotifications.badEventTime), "<eventTime>yesterday</eventTime><probe")
      assert.match(yield* message(BrokenNotifications.noEvent), /<\/eventTime><\/notification>$/)
    })
  )

  it.effect("puts bytes between frames, and goes on properly behind them", () =>
    Effect.gen(function* () {
      const { bytes, client, device } = yield* bytesOf("1.0", BrokenNotifications.orphanBytes("junk"))
      assert.strictEqual(bytes, "junk")
      device.notify(event("a"))
      const message = yield* client.next
      assert.match(message, /^junk<notification/)
      assert.strictEqual(nameOf(message), "a")
    })
  )

  it.effect("reaches one session by its id, subscribed or not", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      const client = yield* open(device.transport, ["1.0"])
      device.sendBroken(BrokenNotifications.orphanBytes("junk"), 1)
      yield* settle
      assert.match(client.received(), /junk$/)
    })
  )
})
