import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as Faults from "../../src/testing/Faults.ts"
import * as Refusal from "../../src/testing/Refusal.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import * as Element from "../../src/xml/Element.ts"
import { base, open, settle } from "./client.ts"
import { accepted, edit, getConfig, hostname, refused } from "./requests.ts"

const rpc = (body: string, id = "1") => `<rpc xmlns="${base}" message-id="${id}">${body}</rpc>`

const setup = (fault: Faults.Fault, rule: Faults.Rule = { on: "edit-config" }) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make()
    device.faults.add(fault, rule)
    const client = yield* open(device.transport)
    const name = () => Element.text(Element.find(device.running, ["system", "hostname"])!)
    return { device, client, name }
  })

const change = edit("running", hostname("new"))
const received = (text: string) => text.split("</hello>]]>]]>")[1]!

describe("Faults", () => {
  it.effect("delays before the operation takes effect", () =>
    Effect.gen(function* () {
      const { client, name } = yield* setup(Faults.delay("10 seconds"))
      client.send(rpc(change))
      yield* settle
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(name(), "sim")
      yield* TestClock.adjust("1 second")
      assert.include(yield* client.next, "<ok/>")
      assert.strictEqual(name(), "new")
    })
  )
  it.effect("answers late what has taken effect, and later requests after it", () =>
    Effect.gen(function* () {
      const { client, name } = yield* setup(Faults.late("10 seconds"))
      client.send(rpc(change))
      client.send(rpc("<discard-changes/>", "2"))
      yield* settle
      assert.deepStrictEqual([name(), received(client.received())], ["new", ""])
      yield* TestClock.adjust("10 seconds")
      assert.include(yield* client.next, `message-id="1"`)
      assert.include(yield* client.next, `message-id="2"`)
    })
  )
  it.effect("never answers, whether it took effect or not, and goes on with the next", () =>
    Effect.gen(function* () {
      const { client, device, name } = yield* setup(Faults.silence({ applied: false }))
      client.send(rpc(change))
      assert.include(yield* client.rpc("<discard-changes/>", `message-id="2"`), `message-id="2"`)
      assert.strictEqual(name(), "sim")
      device.faults.clear()
      device.faults.add(Faults.silence())
      client.send(rpc(change, "3"))
      yield* settle
      assert.strictEqual(name(), "new")
    })
  )
  it.effect("refuses with errors of the test's choice", () =>
    Effect.gen(function* () {
      const { client, name } = yield* setup(Faults.refuse(Refusal.accessDenied("no"), Refusal.inUse("busy")))
      yield* refused(client, change, "access-denied", "in-use")
      assert.strictEqual(name(), "sim")
    })
  )
  for (const [what, fault, name, by] of [
    ["before anything happens", Faults.closeBefore(), "sim", "peer"],
    ["after it took effect", Faults.closeAfter(), "new", "peer"],
    ["as a network does", Faults.closeAfter("network"), "new", "network"]
  ] as const) {
    it.effect(`closes ${what}`, () =>
      Effect.gen(function* () {
        const state = yield* setup(fault)
        state.client.send(rpc(change))
        assert.strictEqual((yield* state.client.ended).by, by)
        assert.deepStrictEqual([state.name(), received(state.client.received())], [name, ""])
      })
    )
  }
  it.effect("closes in the middle of a frame", () =>
    Effect.gen(function* () {
      const { client } = yield* setup(Faults.halfFrame())
      client.send(rpc(change))
      yield* client.ended
      const text = received(client.received())
      assert.isTrue(text.startsWith("\n#") && !text.includes("\n##\n") && text.length > 20)
    })
  )
  it.effect("replies with what is given, framed or not", () =>
    Effect.gen(function* () {
      const { client, device } = yield* setup(Faults.reply("<mine id='{message-id}'/>"), { times: 1 })
      assert.strictEqual(yield* client.rpc("<get/>", `message-id="77"`), "<mine id='77'/>")
      device.faults.add(Faults.garbage, { times: 1 })
      assert.include(yield* client.rpc("<get/>"), "not XML")
      device.faults.add(Faults.raw("\n#7\n"), { times: 1 })
      client.send(rpc("<get/>"))
      yield* settle
      assert.isTrue(client.received().endsWith("\n##\n\n#7\n"))
    })
  )
  it.effect("loses, changes and doubles the message-id's reply", () =>
    Effect.gen(function* () {
      const { client, device } = yield* setup(Faults.noMessageId, { times: 1 })
      assert.notInclude(yield* client.rpc("<discard-changes/>"), "message-id")
      device.faults.add(Faults.wrongMessageId("9"), { times: 1 })
      assert.include(yield* client.rpc("<discard-changes/>"), `message-id="9"`)
      device.faults.add(Faults.duplicate, { times: 1 })
      assert.strictEqual(yield* client.rpc("<discard-changes/>"), yield* client.next)
    })
  )
  it.effect("cuts replies into chunks and writes", () =>
    Effect.gen(function* () {
      const { client, device } = yield* setup(Faults.chunks(1), { on: "discard-changes" })
      yield* accepted(client, "<discard-changes/>")
      assert.include(client.received(), "\n#1\n<\n#1\nr\n#1\np")
      device.faults.clear()
      device.faults.add(Faults.writes([1, 2, 3], "1 second"))
      client.send(rpc(getConfig()))
      yield* settle
      const before = client.received().length
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.strictEqual(client.received().length, before + 2)
      yield* TestClock.adjust("1 hour")
      assert.include(yield* client.next, "<data>")
    })
  )
  it.effect("applies to operations by name, list or predicate, so often, after so many", () =>
    Effect.gen(function* () {
      const no = Faults.refuse(Refusal.accessDenied("no"))
      const { client, device } = yield* setup(no, { on: ["get", "get-config"], after: 1, times: 2 })
      const results: Array<boolean> = []
      for (const body of ["<get/>", "<discard-changes/>", getConfig(), "<get/>", "<get/>"]) {
        results.push((yield* client.rpc(body)).includes("access-denied"))
      }
      assert.deepStrictEqual(results, [false, false, true, true, false])
      const off = device.faults.add(no, { on: ({ messageId }) => messageId === "5" })
      assert.include(yield* client.rpc("<get/>", `message-id="5"`), "access-denied")
      assert.notInclude(yield* client.rpc("<get/>", `message-id="6"`), "access-denied")
      off()
      assert.notInclude(yield* client.rpc("<get/>", `message-id="5"`), "access-denied")
    })
  )
  it.effect("spoils hellos: none, late, in pieces, of any text", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      const on = { on: "hello", times: 1 }
      device.faults.add(Faults.silence(), on)
      const none = yield* open(device.transport, [])
      yield* settle
      assert.strictEqual(none.received(), "")
      device.faults.add(Faults.reply("<nonsense/>"), on)
      assert.strictEqual(yield* (yield* open(device.transport, [])).next, "<nonsense/>")
      device.faults.add(Faults.writes(10, "1 second"), on)
      const pieces = yield* open(device.transport, [])
      yield* settle
      assert.strictEqual(pieces.received().length, 10)
      yield* TestClock.adjust("1 hour")
      assert.include(yield* pieces.next, "</hello>")
      device.faults.add(Faults.late("1 minute"), on)
      const late = yield* open(device.transport, [])
      late.sendBytes(
        `<hello xmlns="${base}"><capabilities><capability>urn:ietf:params:netconf:base:1.1</capability></capabilities></hello>]]>]]>`
      )
      yield* settle
      yield* TestClock.adjust("1 minute")
      assert.include(yield* late.next, "</hello>")
      assert.isTrue(late.received().endsWith("]]>]]>"))
    })
  )
})
