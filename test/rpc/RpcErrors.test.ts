import { assert, describe, it } from "@effect/vitest"
import * as RpcErrors from "../../src/rpc/RpcErrors.ts"
import * as Element from "../../src/xml/Element.ts"
import { decode } from "../../src/xml/Parse.ts"
import { base } from "./peer.ts"

const collect = (content: string) =>
  RpcErrors.collect(decode(`<rpc-reply xmlns="${base}" message-id="1">${content}</rpc-reply>`))
const withInfo = (info: string) => {
  const [error] = collect(
    `<rpc-error><error-type>rpc</error-type><error-tag>x</error-tag><error-severity>error</error-severity><error-info>${info}</error-info></rpc-error>`
  )
  const { xml, ...rest } = error!.info!
  assert.strictEqual(decode(xml).name, "error-info")
  return rest
}

describe("RpcErrors", () => {
  it("reads every field of RFC 6241 section 4.3", () => {
    // The second example of section 4.3, first error, with the fields that it leaves out.
    const errors = collect(`<rpc-error>
         <error-type>application</error-type>
         <error-tag>invalid-value</error-tag>
         <error-severity>error</error-severity>
         <error-app-tag>too-big</error-app-tag>
         <error-path xmlns:t="http://example.com/schema/1.2/config">
           /t:top/t:interface[t:name="Ethernet0/0"]/t:mtu
         </error-path>
         <error-message xml:lang="en">
           MTU value 25000 is not within range 256..9192
         </error-message>
         <error-info><bad-element>mtu</bad-element></error-info>
       </rpc-error>
       <rpc-error>
         <error-type>application</error-type>
         <error-tag>invalid-value</error-tag>
         <error-severity>error</error-severity>
         <error-message xml:lang="en">Invalid IP address for interface Ethernet1/0</error-message>
       </rpc-error>`)
    const [{ info, ...first }, second] = [errors[0]!, errors[1]!]
    assert.deepStrictEqual(first, {
      type: "application",
      tag: "invalid-value",
      severity: "error",
      appTag: "too-big",
      path: `/t:top/t:interface[t:name="Ethernet0/0"]/t:mtu`,
      message: "MTU value 25000 is not within range 256..9192"
    })
    assert.strictEqual(info?.badElement, "mtu")
    assert.deepStrictEqual(second, {
      type: "application",
      tag: "invalid-value",
      severity: "error",
      message: "Invalid IP address for interface Ethernet1/0"
    })
  })

  it("reads each error-info of appendix A", () => {
    assert.deepStrictEqual(withInfo("<session-id>454</session-id>"), { sessionId: 454 })
    assert.deepStrictEqual(withInfo("<session-id>0</session-id>"), { sessionId: 0 })
    assert.deepStrictEqual(withInfo("<bad-attribute> message-id </bad-attribute><bad-element>rpc</bad-element>"), {
      badAttribute: "message-id",
      badElement: "rpc"
    })
    assert.deepStrictEqual(withInfo("<bad-element>a</bad-element><bad-namespace>urn:b</bad-namespace>"), {
      badElement: "a",
      badNamespace: "urn:b"
    })
    assert.deepStrictEqual(
      withInfo(
        "<ok-element>a</ok-element><ok-element>b</ok-element><err-element>c</err-element><noop-element>d</noop-element>"
      ),
      {
        okElements: ["a", "b"],
        errElements: ["c"],
        noopElements: ["d"]
      }
    )
  })

  it("keeps a device's own error-info as it came, with its namespaces", () => {
    const [error] = collect(
      `<rpc-error><error-tag>x</error-tag><error-info xmlns:j="urn:j"><j:code j:a="1">7</j:code></error-info></rpc-error>`
    )
    const code = Element.find(decode(error!.info!.xml), [["urn:j", "code"]])
    assert.strictEqual(Element.text(code!), "7")
    assert.strictEqual(Element.attribute(code!, "a", "urn:j"), "1")
  })

  it("does not trust a session-id that is no number", () => {
    for (const id of ["four", "", "-1", "1.5", "99999999999", "1 2"])
      assert.deepStrictEqual(withInfo(`<session-id>${id}</session-id>`), {})
  })

  it("takes what is missing, empty or unknown for an error", () => {
    assert.deepStrictEqual(collect("<rpc-error/>"), [{ tag: "operation-failed", severity: "error" }])
    assert.deepStrictEqual(collect("<rpc-error><error-tag>none</error-tag><error-severity/></rpc-error>"), [
      { tag: "none", severity: "error" }
    ])
    assert.deepStrictEqual(collect("<rpc-error><error-severity> warning </error-severity></rpc-error>"), [
      { tag: "operation-failed", severity: "warning" }
    ])
  })

  it("finds every one in order, however deep vendors nest them, by any prefix", () => {
    const error = (tag: string) => `<rpc-error><error-tag>${tag}</error-tag></rpc-error>`
    const found =
      collect(`${error("a")}<commit-results xmlns:j="urn:j"><j:routing-engine>${error("b")}<name/></j:routing-engine></commit-results>
      <multi-routing-engine-results><multi-routing-engine-item><x>${error("c")}</x></multi-routing-engine-item></multi-routing-engine-results>
      <nc:rpc-error xmlns:nc="${base}"><nc:error-tag>d</nc:error-tag></nc:rpc-error><rpc-error xmlns="urn:wrong"><error-tag>e</error-tag></rpc-error>`)
    assert.deepStrictEqual(
      found.map(({ tag }) => tag),
      ["a", "b", "c", "d", "e"]
    )
  })

  it("inside data counts the base namespace only, because a model may use the name", () => {
    const found = collect(
      `<data><rpc-error xmlns="urn:model"><error-tag>a</error-tag></rpc-error><a xmlns="urn:a"><rpc-error xmlns="${base}"><error-tag>b</error-tag></rpc-error></a></data>`
    )
    assert.deepStrictEqual(
      found.map(({ tag }) => tag),
      ["b"]
    )
  })

  it("reads text in CDATA, and not what stands in comments", () => {
    const [error] = collect(
      "<!-- <rpc-error/> --><rpc-error><error-tag>x</error-tag><error-message><![CDATA[a < b]]><!-- no --></error-message></rpc-error>"
    )
    assert.strictEqual(error?.message, "a < b")
  })
})
