import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as ScriptedServer from "../../src/testing/ScriptedServer.ts"
import { open } from "./client.ts"

const { cut, drain, end, expect, expectBytes, expectEnd, hello, make, message, pause, reply, send } = ScriptedServer

describe("ScriptedServer", () => {
  for (const versions of [["1.0"], ["1.0", "1.1"]]) {
    it.effect(`plays its steps in the framing of base ${versions.at(-1)}`, () =>
      Effect.gen(function* () {
        const server = yield* make([
          hello({ sessionId: 7 }),
          expect("<hello"),
          expect(/<get>.*<\/get>/),
          reply("<ok/>"),
          end
        ])
        const client = yield* open(server.transport, versions)
        assert.strictEqual(client.sessionId, 7)
        assert.include(yield* client.rpc("<get>x</get>"), `message-id="101"><ok/>`)
        assert.strictEqual((yield* client.ended).by, "peer")
        yield* server.done
        assert.include(server.received(), versions.length === 1 ? "</rpc>]]>]]>" : "</rpc>\n##\n")
      })
    )
  }

  it.effect("stays with the framing that its own hello offers", () =>
    Effect.gen(function* () {
      const server = yield* make([
        hello({ base: ["1.0"], sessionId: undefined }),
        expect("base:1.1"),
        expect("<get"),
        reply("<ok/>")
      ])
      const client = yield* open(server.transport)
      assert.notInclude(client.hello, "session-id")
      assert.include(yield* client.rpc("<get/>"), "<ok/>")
      assert.include(server.received(), "</rpc>]]>]]>")
    })
  )

  it.effect("reports the step that did not go as scripted", () =>
    Effect.gen(function* () {
      const server = yield* make([hello(), expect("<hello"), expect("<get-config"), reply("<ok/>")])
      const client = yield* open(server.transport)
      client.send("<rpc><lock/></rpc>")
      const error = yield* Effect.flip(server.done)
      assert.deepStrictEqual([error.connection, error.step], [1, 3])
      assert.include(error.message, "<rpc><lock/></rpc>")
    })
  )

  it.effect("reports a client that goes away too early", () =>
    Effect.gen(function* () {
      const server = yield* make([hello(), expect("<hello"), expect("<get")])
      yield* Effect.scoped(open(server.transport))
      assert.include((yield* Effect.flip(server.done)).message, "the client is gone")
    })
  )

  it.effect("sends bytes as they are, cuts, and knows when the client ends", () =>
    Effect.gen(function* () {
      const server = yield* make([send("\u0000half a hel"), cut], [expectBytes("lo"), expectEnd])
      const client = yield* open(server.transport, [])
      assert.strictEqual((yield* client.ended).by, "network")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const second = yield* open(server.transport, [])
          second.sendBytes("hel")
          second.sendBytes("lo")
        })
      )
      yield* server.done
    })
  )

  it.effect("pauses by the Clock and waits for a client that reads slowly", () =>
    Effect.gen(function* () {
      const server = yield* make([pause("1 hour"), send("x".repeat(100_000)), drain, message("<late/>"), end])
      const client = yield* open(server.transport, [])
      const done = yield* Effect.forkChild(server.done, { startImmediately: true })
      yield* TestClock.adjust("59 minutes")
      assert.strictEqual(client.received(), "")
      yield* TestClock.adjust("1 minute")
      yield* Fiber.join(done)
      assert.include(client.received(), "xxx<late/>]]>]]>")
    })
  )

  it("refuses a hello with a capability that XML cannot carry", () => {
    for (const [character, code] of [
      ["\u0000", "U+0000"],
      ["\ud800", "U+D800"],
      ["\uffff", "U+FFFF"]
    ] as const) {
      assert.throws(() => hello({ capabilities: [`urn:x:${character}`] }), `${code}, which XML cannot carry`)
    }
  })
})
