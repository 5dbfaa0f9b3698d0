/** What callers without types get wrong: each is refused before anything is sent, in words that help. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Filter from "../../src/api/Filter.ts"
import type { OperationError } from "../../src/errors.ts"
import { print } from "../../src/xml/Print.ts"
import { xml } from "../../src/xml/Template.ts"
import { connect, obliging } from "../rpc/peer.ts"

type Anything = (...args: ReadonlyArray<unknown>) => Effect.Effect<unknown, OperationError>

const calls: ReadonlyArray<readonly [method: string, args: ReadonlyArray<unknown>, message: RegExp]> = [
  ["lock", ["candidate"], /lock: expected options in an object \(\{ target, .*got string/],
  ["lock", [{ datastore: "candidate" }], /lock\.datastore: no such option; there are target/],
  ["getConfig", [{ fliter: "<a/>" }], /getConfig\.fliter: no such option; there are source, filter/],
  ["getConfig", [{ timeout: "5 seconds" }], /getConfig\.timeout: no such option/],
  ["getConfig", [{ source: "runing" }], /datastore: expected running, candidate, startup or \{ url \}, got runing/],
  ["lock", [{ target: `running/><x` }], /expected running, candidate, startup/],
  ["get", [{ filter: "/interfaces" }], /an XPath goes into Filter\.xpath/],
  ["commit", [{ confirmed: true, confirmTimeout: 120 }], /write "120 seconds"/],
  ["commit", [{ confirmed: true, confirmTimeout: "soon" }], /confirmTimeout: soon is not a duration/],
  ["get", [{ deadline: "5 parsecs" }], /deadline: 5 parsecs is not a duration/],
  ["editConfig", [{ config: "  " }], /config: it holds no element/],
  ["editConfig", [{ config: [] }], /it holds no element/],
  ["editConfig", [{ config: "<config>set interfaces</config>" }], /text stands in <config>/],
  ["editConfig", [{ config: `<config a="b"><x/></config>` }], /an attribute of <config> itself is not sent: a/],
  ["editConfig", [{ config: "<!-- todo -->", defaultOperation: "replace" }], /it holds no element/],
  ["copyConfig", [{ target: "running", source: { config: "" } }], /it holds no element/],
  ["locked", [["runing"], Effect.void], /datastores: expected running, candidate, startup, got runing/],
  ["locked", [[], Effect.void], /datastores: expected running, candidate, startup, got none/],
  ["edit", ["<a/>", { target: "startup" }], /target: expected candidate or running, got startup/]
]

describe("a mistaken call", () => {
  for (const [method, args, message] of calls) {
    it.effect(`${method}(${args.map((arg) => JSON.stringify(arg)).join(", ")}) is refused`, () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect()
        const call = session[method as keyof typeof session] as Anything
        const error = yield* Effect.flip(call(...args))
        assert.strictEqual(error._tag, "InputError")
        assert.match(error.message, message)
        assert.deepStrictEqual(peer.names, [])
      })
    )
  }

  it.effect("does not refuse the options of every call", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      peer.onRpc = obliging
      yield* session.get({ deadline: "5 seconds", warnings: "fail", capabilityCheck: false })
      yield* session.rpc("<get/>", { read: true, deadline: "none" })
    })
  )

  it("gives a filter without a namespace the same meaning as text and as a template", () => {
    const [text] = Filter.encode("<interfaces/>")
    const [template] = Filter.encode(xml`<interfaces/>`)
    assert.strictEqual(print(template!), print(text!))
    assert.include(print(text!), `<interfaces xmlns=""/>`)
  })
})
