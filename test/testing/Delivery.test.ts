import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import { Delivery } from "../../src/testing/Delivery.ts"
import { settle } from "./client.ts"

/** A receiver that takes so many messages, and more when it is told to. */
const make = (room: number) =>
  Effect.gen(function* () {
    const runFork = yield* FiberSet.runtime(yield* FiberSet.make<void>())<never>()
    const sent: Array<string> = []
    const drained = yield* Deferred.make<void>()
    let limit = room
    const receiver = {
      session: 1,
      get hasRoom() {
        return sent.length < limit
      },
      room: Deferred.await(drained),
      send: (message: string) => void sent.push(message)
    }
    const drain = Effect.suspend(() => {
      limit = Infinity
      return Deferred.succeed(drained, undefined)
    })
    return { delivery: new Delivery(receiver, runFork), sent, drain }
  })

describe("Delivery", () => {
  it.effect("keeps everything until it is started", () =>
    Effect.gen(function* () {
      const { delivery, sent } = yield* make(Infinity)
      delivery.push("a")
      assert.deepStrictEqual(sent, [])
      delivery.start()
      delivery.push("b")
      assert.deepStrictEqual(sent, ["a", "b"])
    })
  )

  it.effect("waits for room, and keeps the order", () =>
    Effect.gen(function* () {
      const { delivery, drain, sent } = yield* make(2)
      for (const message of ["a", "b", "c"]) delivery.push(message)
      delivery.start()
      delivery.push("d")
      yield* settle
      assert.deepStrictEqual(sent, ["a", "b"])
      yield* drain
      yield* settle
      delivery.push("e")
      assert.deepStrictEqual(sent, ["a", "b", "c", "d", "e"])
    })
  )

  it.effect("sends nothing more once it is ended, not even what waited", () =>
    Effect.gen(function* () {
      const { delivery, drain, sent } = yield* make(1)
      delivery.start()
      delivery.push("a")
      delivery.push("b")
      delivery.end()
      delivery.push("c")
      yield* drain
      yield* settle
      assert.deepStrictEqual(sent, ["a"])
    })
  )
})
