import { assert, describe, it } from "@effect/vitest"
import * as Inbox from "../../src/transport/Inbox.ts"
import { pattern, recorder } from "./contract.ts"

const source = (limit?: number) => {
  const calls: Array<string> = []
  return { calls, limit, stop: () => calls.push("stop"), start: () => calls.push("start") }
}

const texts = (pieces: ReadonlyArray<Uint8Array>) => pieces.map((piece) => Buffer.from(piece).toString())

describe("Inbox", () => {
  it("hands bytes on as they come, without a turn between", () => {
    const handler = recorder()
    const bytes = pattern(5)
    Inbox.make(handler, source()).take(bytes)
    assert.strictEqual(handler.pieces[0], bytes)
  })

  it("keeps the order of bytes that come while it hands on, and keeps them when it is paused there", async () => {
    const handler = recorder((bytes) => {
      const text = Buffer.from(bytes).toString()
      if (text === "a") for (const next of ["b", "c"]) inbox.take(Buffer.from(next))
      if (text === "b") inbox.pause()
    })
    const inbox = Inbox.make(handler, source())
    inbox.take(Buffer.from("a"))
    assert.deepStrictEqual(texts(handler.pieces), ["a", "b"])
    inbox.resume()
    inbox.take(Buffer.from("d"))
    await Promise.resolve()
    assert.deepStrictEqual(texts(handler.pieces), ["a", "b", "c", "d"])
  })

  it("keeps bytes while paused, and stops the source only above the limit", async () => {
    const handler = recorder()
    const from = source(10)
    const inbox = Inbox.make(handler, from)
    inbox.pause()
    inbox.take(pattern(10))
    assert.deepStrictEqual([from.calls, handler.size()], [[], 0])
    inbox.take(pattern(1))
    inbox.take(pattern(1))
    assert.deepStrictEqual([from.calls, handler.size()], [["stop"], 0])
    inbox.resume()
    await Promise.resolve()
    assert.deepStrictEqual([from.calls, handler.size()], [["stop", "start"], 12])
  })

  it("stops handing on in the middle of what waits when it is paused again", async () => {
    const from = source(2)
    const handler = recorder(() => inbox.pause())
    const inbox = Inbox.make(handler, from)
    inbox.pause()
    for (const text of ["a", "b", "c"]) inbox.take(Buffer.from(text))
    for (const expected of [["a"], ["a", "b"]]) {
      inbox.resume()
      await Promise.resolve()
      assert.deepStrictEqual([texts(handler.pieces), from.calls], [expected, ["stop"]])
    }
  })

  it("hands on what waits, and then the end, while paused", () => {
    const handler = recorder()
    const inbox = Inbox.make(handler, source())
    inbox.pause()
    inbox.take(Buffer.from("a"))
    inbox.end({ by: "peer", detail: "closed" })
    inbox.end({ by: "network", detail: "later" })
    inbox.take(Buffer.from("b"))
    assert.deepStrictEqual([texts(handler.pieces), handler.ends], [["a"], [{ by: "peer", detail: "closed" }]])
    assert.isTrue(inbox.ended)
  })

  it("drops what waits when it is ended by us", () => {
    const handler = recorder()
    const inbox = Inbox.make(handler, source())
    inbox.pause()
    inbox.take(Buffer.from("a"))
    inbox.end({ by: "us", detail: "closed" })
    assert.deepStrictEqual([handler.size(), handler.ends.length], [0, 1])
  })

  it("never calls the handler inside its own data, save to end by us", () => {
    const log: Array<string> = []
    const inbox = Inbox.make(
      {
        data: (bytes) => {
          log.push(`<${String(bytes)}`)
          if (log.length === 1) {
            inbox.take(Buffer.from("b"))
            inbox.end({ by: "peer", detail: "closed" })
          }
          log.push(`${String(bytes)}>`)
        },
        drain: () => {},
        end: (reason) => log.push(reason.by)
      },
      source()
    )
    inbox.take(Buffer.from("a"))
    assert.deepStrictEqual(log, ["<a", "a>", "<b", "b>", "peer"])
  })

  it("drops what waits when the handler closes it from inside data", () => {
    const handler = recorder(() => inbox.end({ by: "us", detail: "closed" }))
    const inbox = Inbox.make(handler, source())
    inbox.pause()
    inbox.take(Buffer.from("a"))
    inbox.take(Buffer.from("b"))
    inbox.end({ by: "peer", detail: "closed" })
    assert.deepStrictEqual(
      [texts(handler.pieces), handler.ends.map((reason) => reason.by), handler.late()],
      [["a"], ["us"], 0]
    )
  })
})
