/** hello, framing, get and get-config with a server that nobody here wrote. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Element, Filter, xml, xpath } from "../../src/index.ts"
import { interfaceXml, names, ns, open, reset } from "./client.ts"

const monitoring = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"

describe("hello", () => {
  it.live("agrees on chunked framing with a base:1.1 server", () =>
    Effect.gen(function* () {
      const session = yield* open("candidate")
      assert.strictEqual(session.framing, "chunked")
      assert.isTrue(session.capabilities.has(":candidate"))
      assert.isTrue(session.capabilities.has(":confirmed-commit:1.1"))
      assert.isFalse(session.capabilities.has(":startup"))
      assert.strictEqual(session.profile.name, "yuma")
    })
  )

  it.live("stays with end-of-message framing with a base:1.0 server", () =>
    Effect.gen(function* () {
      const session = yield* open("base10")
      assert.strictEqual(session.framing, "end-of-message")
      yield* session.getConfig()
    })
  )

  it.live("stays with end-of-message framing with a base:1.1 server when asked to", () =>
    Effect.gen(function* () {
      const session = yield* open("candidate", {}, { framing: "end-of-message" })
      assert.strictEqual(session.framing, "end-of-message")
      yield* session.getConfig()
    })
  )

  for (const framing of ["chunked", "end-of-message"] as const) {
    it.live(`is answered each of ten times by an rpc that follows at once, ${framing}`, () =>
      Effect.gen(function* () {
        const deadlines = { rpc: "5 seconds" } as const
        const once = Effect.flatMap(open("candidate", {}, { deadlines, framing }), (session) => session.getConfig())
        for (let i = 0; i < 10; i++) yield* Effect.scoped(once)
      })
    )
  }
})

for (const variant of ["candidate", "base10"] as const) {
  describe(`reading from ${variant}`, () => {
    const prepared = Effect.gen(function* () {
      const session = yield* open(variant)
      yield* reset(session)
      yield* session.editConfig({ target: "candidate", config: interfaceXml("eth0", "uplink <&> Zürich 😀") })
      yield* session.editConfig({ target: "candidate", config: interfaceXml('it\'s "1"') })
      yield* session.commit()
      return session
    })

    it.live("gets the state by a subtree filter", () =>
      Effect.gen(function* () {
        const session = yield* open(variant)
        const filter = Filter.subtree(xml`<netconf-state xmlns=${monitoring}><sessions/></netconf-state>`)
        const data = yield* (yield* session.get({ filter })).data
        const path = ["netconf-state", "sessions", "session", "session-id"]
        const ids = Element.findAll(data, path).map((id) => Number(Element.text(id)))
        assert.include(ids, session.sessionId)
      })
    )

    it.live("gets everything without a filter", () =>
      Effect.gen(function* () {
        const session = yield* open(variant)
        const data = yield* (yield* session.get()).data
        assert.isDefined(Element.find(data, [[monitoring, "netconf-state"]]))
      })
    )

    it.live("gets the configuration by a subtree filter, every character as it was sent", () =>
      Effect.gen(function* () {
        const session = yield* prepared
        const filter = xml`<interfaces xmlns=${ns}><interface><name>eth0</name></interface></interfaces>`
        const data = yield* (yield* session.getConfig({ source: "running", filter })).data
        const found = Element.findAll(data, ["interfaces", "interface"])
        assert.strictEqual(found.length, 1)
        assert.strictEqual(Element.text(Element.child(found[0]!, "description", ns)!), "uplink <&> Zürich 😀")
      })
    )

    it.live("gets the configuration by several subtrees at once", () =>
      Effect.gen(function* () {
        const session = yield* prepared
        const system = "urn:ietf:params:xml:ns:yang:ietf-system"
        const filter = Filter.subtree(xml`<interfaces xmlns=${ns}/>`, xml`<system xmlns=${system}/>`)
        const data = yield* (yield* session.getConfig({ filter })).data
        assert.deepStrictEqual(
          Element.elements(data).map((element) => element.name),
          ["interfaces"]
        )
      })
    )

    it.live("gets nothing for a subtree filter that selects nothing", () =>
      Effect.gen(function* () {
        const session = yield* prepared
        const data = yield* (yield* session.getConfig({ filter: xml`<system xmlns="urn:none"/>` })).data
        assert.deepStrictEqual(Element.elements(data), [])
      })
    )

    it.live("gets the configuration by XPath, a name with both quotes included", () =>
      Effect.gen(function* () {
        const session = yield* prepared
        const select = xpath`/if:interfaces/if:interface[if:name=${'it\'s "1"'}]/if:type`
        const data = yield* (yield* session.getConfig({ filter: Filter.xpath(select, { if: ns }) })).data
        const path = ["interfaces", "interface", "name"]
        assert.deepStrictEqual(Element.findAll(data, path).map(Element.text), ['it\'s "1"'])
      })
    )

    it.live("reads the candidate apart from running", () =>
      Effect.gen(function* () {
        const session = yield* prepared
        yield* session.editConfig({ target: "candidate", config: interfaceXml("eth9") })
        assert.include(yield* names(session, "candidate"), "eth9")
        assert.notInclude(yield* names(session, "running"), "eth9")
        yield* session.discardChanges()
      })
    )
  })
}

describe("rpc", () => {
  it.live("gets a schema by an operation of the server's own", () =>
    Effect.gen(function* () {
      const session = yield* open("candidate")
      const schema = xml`<get-schema xmlns=${monitoring}><identifier>ietf-interfaces</identifier></get-schema>`
      const data = yield* (yield* session.rpc(schema)).data
      assert.include(Element.text(data), "module ietf-interfaces")
    })
  )

  it.live("fails with every field of the server's rpc-error", () =>
    Effect.gen(function* () {
      const session = yield* open("candidate")
      const error = yield* Effect.flip(session.rpc(xml`<no-such-operation xmlns="urn:none"/>`))
      assert.strictEqual(error._tag, "RpcError")
      if (error._tag !== "RpcError") return
      const [item] = error.errors
      assert.strictEqual(item.severity, "error")
      assert.isDefined(item.type)
      assert.isDefined(item.message)
      assert.include(item.info?.xml, "error-number")
    })
  )

  it.live("answers twenty pipelined calls, each with its own reply", () =>
    Effect.gen(function* () {
      const session = yield* open("candidate", {}, { maxOutstanding: 20 })
      const schemas = ["ietf-interfaces", "ietf-ip", "ietf-system", "toaster"]
      const calls = Array.from({ length: 20 }, (_, i) => schemas[i % schemas.length]!)
      const replies = yield* Effect.forEach(
        calls,
        (name) => session.rpc(xml`<get-schema xmlns=${monitoring}><identifier>${name}</identifier></get-schema>`),
        { concurrency: "unbounded" }
      )
      for (const [i, reply] of replies.entries()) assert.include(reply.xml, `module ${calls[i]}`)
    })
  )
})
