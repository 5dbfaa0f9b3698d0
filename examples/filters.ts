import { Effect } from "effect"
import { Element, Filter, NetconfSession, xml, xpath } from "../src/index.ts"
import { device } from "./device.ts"

const interfaces = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
const system = "urn:ietf:params:xml:ns:yang:ietf-system"

const program = Effect.gen(function* () {
  const session = yield* NetconfSession
  const name = "eth0"

  // an element is a subtree filter; every value is escaped, whatever it holds
  const one = xml`<interfaces xmlns="${interfaces}"><interface><name>${name}</name></interface></interfaces>`
  yield* session.getConfig({ filter: one })

  // several subtrees in one request
  const both = yield* session.getConfig({ filter: Filter.subtree(one, xml`<system xmlns="${system}"/>`) })
  console.log(
    Element.elements(yield* both.data)
      .map((element) => element.name)
      .join(", ")
  )

  // XPath, where the device has it; the tag quotes the value
  const expression = xpath`/if:interfaces/if:interface[if:name=${name}]/if:description`
  const found = yield* session.getConfig({ filter: Filter.xpath(expression, { if: interfaces }) })
  const description = Element.find(yield* found.data, ["interfaces", "interface", "description"])
  console.log(description === undefined ? "no description" : Element.text(description))

  // any other rpc, as an element or as text
  const reply = yield* session.rpc(
    xml`<get-schema xmlns="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring">
          <identifier>ietf-interfaces</identifier>
        </get-schema>`,
    { read: true }
  )
  console.log(`${reply.bytes} bytes of YANG`)
})

await Effect.runPromise(Effect.provide(program, device))
