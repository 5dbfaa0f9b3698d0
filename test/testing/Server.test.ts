import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Faults from "../../src/testing/Faults.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import { base, helloText, open, settle } from "./client.ts"
import { accepted, edit, getConfig, hostname, refused } from "./requests.ts"

const setup = (options: SimulatedDevice.Options = {}, versions?: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make(options)
    return { device, client: yield* open(device.transport, versions) }
  })

describe("Server: hello (§8.1)", () => {
  it.effect("says its own at once, without waiting for the client's", () =>
    Effect.gen(function* () {
      const { client, device } = yield* setup({}, [])
      assert.include(yield* client.next, "<session-id>1</session-id>")
      assert.isFalse(device.sessions.get(1)!.established)
    })
  )
  it.effect("numbers its sessions", () =>
    Effect.gen(function* () {
      const { client, device } = yield* setup()
      assert.deepStrictEqual([client.sessionId, (yield* open(device.transport)).sessionId], [1, 2])
    })
  )
  const wrong = {
    "carries a session-id": helloText().replace("</hello>", "<session-id>4</session-id></hello>"),
    "has no base version in common": helloText(["1.7"]),
    "has no capabilities": `<hello xmlns="${base}"/>`,
    "is not a hello": `<rpc xmlns="${base}" message-id="1"><get/></rpc>`,
    "is not XML": "hello?"
  }
  for (const [what, text] of Object.entries(wrong)) {
    it.effect(`ends a session whose client's hello ${what}`, () =>
      Effect.gen(function* () {
        const { client, device } = yield* setup({}, [])
        client.sendBytes(`${text}]]>]]>`)
        assert.strictEqual((yield* client.ended).by, "peer")
        assert.strictEqual(device.sessions.size, 0)
      })
    )
  }
  it.effect("offers the framings that it is told to", () =>
    Effect.gen(function* () {
      const eom = yield* setup({ dialect: { framing: "end-of-message" } })
      assert.notInclude(eom.client.hello, "base:1.1")
      assert.strictEqual(eom.device.sessions.get(1)!.framing, "end-of-message")
      const chunked = yield* setup({ dialect: { framing: "chunked" } })
      assert.notInclude(chunked.client.hello, "base:1.0<")
      yield* accepted(chunked.client, "<discard-changes/>")
    })
  )
  it.effect("refuses sessions beyond its limit", () =>
    Effect.gen(function* () {
      const { device } = yield* setup({ maxSessions: 1 })
      const second = yield* open(device.transport, [])
      assert.strictEqual((yield* second.ended).by, "peer")
    })
  )
})

describe("Server: messages (§4)", () => {
  it.effect("returns the attributes of the rpc, and its message-id whatever it looks like", () =>
    Effect.gen(function* () {
      const { client } = yield* setup()
      const reply = yield* client.rpc(
        "<discard-changes/>",
        `message-id="a &amp; &quot;b&quot;" xmlns:ex="urn:ex" ex:user-id="fred"`
      )
      assert.include(reply, `message-id="a &amp; &quot;b&quot;"`)
      assert.include(reply, `xmlns:ex="urn:ex"`)
      assert.include(reply, `ex:user-id="fred"`)
    })
  )
  it.effect("understands any prefix", () =>
    Effect.gen(function* () {
      const { client } = yield* setup()
      client.send(`<x:rpc xmlns:x="${base}" message-id="1"><x:discard-changes/></x:rpc>`)
      assert.match(yield* client.next, /^<x:rpc-reply .*ok/)
    })
  )
  it.effect("refuses an rpc without message-id, or without an operation", () =>
    Effect.gen(function* () {
      const { client } = yield* setup()
      const reply = yield* client.rpc("<get/>", "")
      assert.match(reply, /error-type>rpc<.*missing-attribute.*<bad-attribute>message-id<.*<bad-element>rpc</)
      assert.notInclude(reply, "message-id=")
      yield* refused(client, "", "missing-element")
    })
  )
  it.effect("answers in order when requests are pipelined", () =>
    Effect.gen(function* () {
      const { client } = yield* setup()
      for (let id = 1; id <= 600; id++) client.send(`<rpc xmlns="${base}" message-id="${id}"><discard-changes/></rpc>`)
      for (let id = 1; id <= 600; id++) assert.include(yield* client.next, `message-id="${id}"`)
    })
  )
  it.effect("answers what is not an rpc with malformed-message under base:1.1, and goes on", () =>
    Effect.gen(function* () {
      const { client } = yield* setup()
      for (const text of ["<rpc", "<get/>", `<rpc message-id="1"><get/></rpc>`, "<!DOCTYPE x><rpc/>"]) {
        client.send(text)
        const reply = yield* client.next
        assert.include(reply, "<error-tag>malformed-message</error-tag>", text)
        assert.notInclude(reply, "message-id")
      }
      yield* accepted(client, "<discard-changes/>")
    })
  )
  it.effect("ends the session for it under base:1.0", () =>
    Effect.gen(function* () {
      const { client, device } = yield* setup({}, ["1.0"])
      client.send("<rpc")
      assert.strictEqual((yield* client.ended).by, "peer")
      assert.strictEqual(device.sessions.size, 0)
    })
  )
  it.effect("ends a session with broken framing or a message too large", () =>
    Effect.gen(function* () {
      const { client, device } = yield* setup({ maxMessageBytes: 2000 })
      client.sendBytes("\n#05\nhello")
      yield* client.ended
      const large = yield* open(device.transport)
      large.send(`<rpc xmlns="${base}" message-id="1">${" ".repeat(2000)}<get/></rpc>`)
      yield* large.ended
      assert.strictEqual(device.sessions.size, 0)
    })
  )
  it.effect("finishes what it is doing when the client goes away", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const client = yield* open(device.transport)
          client.send(`<rpc xmlns="${base}" message-id="1">${edit("running", hostname("done"))}</rpc>`)
          while (device.log.length === 0) yield* Effect.yieldNow
        })
      )
      yield* settle
      assert.strictEqual(device.sessions.size, 0)
      const again = yield* open(device.transport)
      assert.include(yield* again.rpc(getConfig()), "<hostname>done</hostname>")
    })
  )
  it.effect("answers with an error when the test's own code throws, and ends when a reply cannot be framed", () =>
    Effect.gen(function* () {
      const operations = {
        broken: () => {
          throw new Error("a mistake in the test")
        }
      }
      const { client, device } = yield* setup({ operations }, ["1.0"])
      assert.include(yield* refused(client, `<broken xmlns="urn:x"/>`, "operation-failed"), "a mistake in the test")
      device.faults.add(Faults.reply("<x>]]>]]></x>"))
      client.send(`<rpc xmlns="${base}" message-id="1"><get/></rpc>`)
      assert.strictEqual((yield* client.ended).by, "peer")
      assert.strictEqual(device.sessions.size, 0)
    })
  )
  it.effect("shows what it received", () =>
    Effect.gen(function* () {
      const { client, device } = yield* setup()
      yield* client.rpc("<get/>", `message-id="x"`)
      const [entry] = device.log
      assert.deepInclude(entry, { session: 1, operation: "get", messageId: "x", at: 0 })
      assert.include(entry!.xml, "<get/></rpc>")
    })
  )
  it.effect("sends messages of the test's own", () =>
    Effect.gen(function* () {
      const { client, device } = yield* setup()
      yield* settle
      device.sessions.get(1)!.send("<notification/>")
      assert.strictEqual(yield* client.next, "<notification/>")
    })
  )
})
