import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { ConnectionError } from "../../../src/errors.ts"
import { Budget } from "../../../src/transport/thread/Budget.ts"
import { Hosted } from "../../../src/transport/thread/Hosted.ts"
import { credit, creditOfAll, decodeError, type Event, writeCredit } from "../../../src/transport/thread/Protocol.ts"
import { until } from "../contract.ts"

/** A session whose connection is one that only notes what it is told. */
const make = (session: number, budget: Budget, hasRoom = () => true) => {
  const told: Array<string> = []
  const events: Array<Event> = []
  const out = { bytes: () => {}, event: (event: Event) => void events.push(event) }
  const connection = {
    write: hasRoom,
    details: { cipher: "aes" },
    notes: ["a note"],
    pause: () => void told.push("pause"),
    resume: () => void told.push("resume")
  }
  const closing = Effect.addFinalizer(() => Effect.sync(() => told.push("closed")))
  const hosted = new Hosted(session, out, budget, () => Effect.as(closing, connection))
  return { hosted, told, events, reads: () => told.at(-1) === "resume" }
}

const mebibyte = Buffer.alloc(1_048_576)

describe("A session in the thread that owns it", () => {
  it("says that it is open, with what is known of its connection", () => {
    const { events } = make(7, new Budget())
    assert.deepStrictEqual(events, [
      { _tag: "opened", session: 7, details: { cipher: "aes" }, notes: ["a note"], beside: false }
    ])
  })

  it("is held back beyond its credit, and reads again when half of it is taken", () => {
    const budget = new Budget()
    const { hosted, reads } = make(1, budget)
    hosted.data(Buffer.alloc(credit))
    assert.isTrue(reads())
    hosted.data(Buffer.alloc(1))
    assert.isFalse(reads())
    hosted.took(credit / 4)
    budget.settle()
    assert.isFalse(reads())
    hosted.took(credit / 4 + 1)
    budget.settle()
    assert.isTrue(reads())
  })

  it("stays paused for the caller when its credit is back", () => {
    const budget = new Budget()
    const { hosted, reads } = make(1, budget)
    hosted.data(Buffer.alloc(credit + 1))
    hosted.pause()
    hosted.took(credit + 1)
    budget.settle()
    assert.isFalse(reads())
    hosted.resume()
    assert.isTrue(reads())
  })

  it("is held back when all sessions together have too much under way, but not for those that are paused", () => {
    const budget = new Budget()
    const others = Array.from({ length: creditOfAll / mebibyte.length + 1 }, (_, i) => make(i, budget))
    for (const { hosted } of others) hosted.data(mebibyte)
    const { hosted, reads } = make(99, budget)
    hosted.data(Buffer.alloc(10))
    assert.isFalse(reads())
    for (const other of others) other.hosted.pause()
    hosted.took(10)
    budget.settle()
    assert.isTrue(reads())
    hosted.data(Buffer.alloc(10))
    assert.isTrue(reads())
    for (const other of others) other.hosted.resume()
    hosted.data(Buffer.alloc(10))
    assert.isFalse(reads())
  })

  it.live("frees what it had under way when it closes, and says so when nothing is left", () =>
    Effect.gen(function* () {
      const budget = new Budget()
      const { events, hosted, told } = make(1, budget)
      hosted.data(Buffer.alloc(creditOfAll + 1))
      assert.isTrue(budget.spent)
      hosted.close()
      yield* until(() => events.at(-1)!._tag === "closed")
      assert.deepStrictEqual([told.at(-1), budget.spent], ["closed", false])
      hosted.data(mebibyte)
      hosted.end({ by: "peer", detail: "late" })
      assert.deepStrictEqual([events.at(-1)!._tag, budget.spent], ["closed", false])
    })
  )

  it("frees it once: what the caller says that it took crosses the end", () => {
    const budget = new Budget()
    const { hosted } = make(1, budget)
    hosted.data(mebibyte)
    hosted.close()
    hosted.took(mebibyte.length)
    hosted.resume()
    const next = make(2, budget)
    next.hosted.data(Buffer.alloc(creditOfAll))
    assert.isFalse(budget.spent)
    next.hosted.data(Buffer.alloc(1))
    assert.isTrue(budget.spent)
  })

  it("tells what it has written in portions, and not before there is room for more", () => {
    let room = true
    const { events, hosted } = make(1, new Budget(), () => room)
    hosted.write(Buffer.alloc(10))
    assert.strictEqual(events.length, 1)
    hosted.write(Buffer.alloc(writeCredit / 8))
    assert.deepStrictEqual(events.at(-1), { _tag: "wrote", session: 1, bytes: writeCredit / 8 + 10 })
    room = false
    hosted.write(Buffer.alloc(writeCredit))
    assert.strictEqual(events.length, 2)
    hosted.drain()
    assert.deepStrictEqual(events.at(-1), { _tag: "wrote", session: 1, bytes: writeCredit })
  })

  it.live("fails with the error as it was, and with the words of a defect", () =>
    Effect.gen(function* () {
      const events: Array<Event> = []
      const out = { bytes: () => {}, event: (event: Event) => void events.push(event) }
      const error = new ConnectionError({ label: "leaf-01", peer: "p:1", reason: "dns", detail: "no such host" })
      const open = (session: number, effect: Effect.Effect<never, ConnectionError>) =>
        void new Hosted(session, out, new Budget(), () => effect)
      open(1, Effect.fail(error))
      yield* until(() => events.length === 1)
      open(2, Effect.die(new Error("a bug")))
      yield* until(() => events.length === 2)
      const [failed, died] = events
      assert(failed?._tag === "failed" && died?._tag === "failed")
      const crossed = decodeError(structuredClone(failed.error))
      assert.instanceOf(crossed, ConnectionError)
      assert.strictEqual(crossed.message, error.message)
      assert.deepStrictEqual([died.error, died.defect.includes("a bug")], [undefined, true])
    })
  )
})
