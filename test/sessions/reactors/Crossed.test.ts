import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Crossed, type Wire } from "../../../src/sessions/reactors/Crossed.ts"
import { Told } from "../../../src/sessions/reactors/Told.ts"
import { Turns } from "../../../src/sessions/reactors/Turns.ts"
import { type Command, credit, creditOfAll, writeCredit } from "../../../src/transport/thread/Protocol.ts"
import { recorder, until } from "../../transport/contract.ts"

const make = (onData?: (bytes: Uint8Array) => void) => {
  const handler = recorder(onData)
  const said: Array<string> = []
  const wire: Wire = {
    id: "worker-1",
    write: (_, frame) => said.push(`write ${frame.length}`),
    flow: (one) => said.push(one.paused ? "paused" : "resumed"),
    took: (_, bytes) => said.push(`took ${bytes}`)
  }
  const crossed = new Crossed(1, handler, wire, new Turns())
  return { crossed, handler, said }
}

const opened = (onData?: (bytes: Uint8Array) => void) => {
  const made = make(onData)
  made.crossed.opened({ details: { cipher: "aes" }, notes: [] }, undefined)
  return made
}

const text = ({ handler }: ReturnType<typeof make>) => handler.bytes().toString()

describe("A connection whose socket is in a thread", () => {
  it.live("hands on what has crossed, and tells that it has", () =>
    Effect.gen(function* () {
      const made = opened()
      made.crossed.take(Buffer.from("one"))
      made.crossed.take(Buffer.from("two"))
      yield* until(() => made.said.length === 2)
      assert.deepStrictEqual([text(made), made.said], ["onetwo", ["took 3", "took 3"]])
    })
  )

  it.live("stops at once when it is paused, also in the middle of what it hands on, and goes on later", () =>
    Effect.gen(function* () {
      const made = opened((bytes) => {
        if (String(bytes).includes("stop")) made.crossed.pause()
      })
      const { crossed, said } = made
      crossed.take(Buffer.from("stop"))
      crossed.take(Buffer.from("more"))
      assert.deepStrictEqual([text(made), said], ["stop", ["took 4", "paused"]])
      crossed.resume()
      assert.strictEqual(text(made), "stop")
      yield* until(() => text(made) === "stopmore")
    })
  )

  it("stops within what has crossed in one piece when it is paused", () => {
    const made = opened(() => made.crossed.pause())
    made.crossed.take(Buffer.alloc(200_000))
    assert.isBelow(made.handler.size(), 100_000)
  })

  it("ends after what has crossed before, also while paused, and once", () => {
    const made = opened()
    const { crossed, handler } = made
    crossed.pause()
    crossed.take(Buffer.from("last words"))
    crossed.finish({ by: "peer", detail: "gone" })
    crossed.finish({ by: "network", detail: "later" })
    crossed.take(Buffer.from("never"))
    assert.deepStrictEqual([text(made), handler.ends], ["last words", [{ by: "peer", detail: "gone" }]])
    assert.isFalse(crossed.write(Buffer.from("x")))
  })

  it("ends at once by us, and drops what waits", () => {
    const made = opened()
    made.crossed.pause()
    made.crossed.take(Buffer.from("held"))
    made.crossed.finish({ by: "us", detail: "closed" })
    assert.deepStrictEqual([text(made), made.handler.ends.length], ["", 1])
  })

  it.live("does not end before it is open, nor after it was given up", () =>
    Effect.gen(function* () {
      const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      const early = make()
      early.crossed.finish({ by: "network", detail: "cut" })
      yield* turn
      assert.strictEqual(early.handler.ends.length, 0)
      early.crossed.opened({ details: {}, notes: [] }, undefined)
      assert.strictEqual(early.handler.ends.length, 1)
      const late = make()
      late.crossed.abandon()
      late.crossed.take(Buffer.from("x"))
      late.crossed.finish({ by: "network", detail: "cut" })
      yield* turn
      assert.deepStrictEqual([text(late), late.handler.ends.length], ["", 0])
    })
  )

  it("says that its buffer is full while the thread has too much to write, and drains once", () => {
    const { crossed, handler } = opened()
    const half = Buffer.alloc(writeCredit / 2)
    assert.deepStrictEqual(
      [crossed.write(half), crossed.write(half), crossed.write(Buffer.alloc(1))],
      [true, true, false]
    )
    crossed.wrote(half.length / 2)
    assert.strictEqual(handler.drains(), 0)
    crossed.wrote(half.length)
    crossed.wrote(half.length / 2)
    assert.strictEqual(handler.drains(), 1)
  })

  it("ends by us when its handler fails, and tells nobody anything after that", () => {
    const made = opened(() => {
      throw new Error("a bug")
    })
    made.crossed.take(Buffer.from("x"))
    made.crossed.take(Buffer.from("y"))
    assert.deepStrictEqual(made.handler.ends, [{ by: "us", detail: "the handler failed: a bug" }])
    assert.deepStrictEqual([text(made), made.handler.late()], ["x", 0])
  })
})

describe("What a thread is told", () => {
  const posted = (told: Told) => {
    const commands: Array<Command> = []
    told.post((command) => commands.push(command))
    return commands
  }

  it("is told of bytes that were taken when a session's credit is half gone at most, or that of all", () => {
    const told = new Told()
    assert.isFalse(told.took(1, credit / 8))
    assert.isTrue(told.took(1, credit / 8))
    assert.deepStrictEqual(posted(told), [{ _tag: "took", session: 1, bytes: credit / 4 }])
    assert.deepStrictEqual(posted(told), [])
    const many = Array.from({ length: creditOfAll / credit }, (_, session) => told.took(session, credit / 8))
    assert.strictEqual(many.indexOf(true), many.length - 1)
    assert.strictEqual(posted(told).length, many.length)
  })

  it("is told who is paused as it is then, and nothing of what was undone or of sessions that are gone", () => {
    const told = new Told()
    const { crossed } = opened()
    crossed.paused = true
    told.flow(crossed)
    assert.deepStrictEqual(posted(told), [{ _tag: "pause", session: 1 }])
    told.flow(crossed)
    assert.deepStrictEqual(posted(told), [])
    crossed.paused = false
    told.flow(crossed)
    told.drop(crossed)
    assert.deepStrictEqual(posted(told), [])
  })
})
