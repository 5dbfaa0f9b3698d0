import { assert, describe, it } from "@effect/vitest"
import * as RpcErrors from "../../src/rpc/RpcErrors.ts"
import { placeholder, standard } from "../../src/telemetry/Redaction.ts"
import * as Element from "../../src/xml/Element.ts"
import { decode } from "../../src/xml/Parse.ts"
import { base, rpcError } from "./peer.ts"

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

  it("looks inside an rpc-error too, so that none hides in a warning", () => {
    const found = collect(
      `<ok/><rpc-error><error-severity>warning</error-severity><error-info><x><rpc-error><error-tag>y</error-tag><error-severity>error</error-severity></rpc-error></x></error-info></rpc-error>`
    )
    assert.deepStrictEqual(
      found.map(({ severity, tag }) => [tag, severity]),
      [
        ["operation-failed", "warning"],
        ["y", "error"]
      ]
    )
  })

  it("takes several severities for an error unless each is a warning", () => {
    const severity = (...all: ReadonlyArray<string>) =>
      collect(`<rpc-error>${all.map((s) => `<error-severity>${s}</error-severity>`).join("")}</rpc-error>`)[0]!.severity
    assert.strictEqual(severity("warning", "error"), "error")
    assert.strictEqual(severity("warning", ""), "error")
    assert.strictEqual(severity("warning", "Warning"), "error")
    assert.strictEqual(severity("warning", "warning"), "warning")
  })

  it("takes only the base namespace's data for data", () => {
    const error = `<rpc-error xmlns="urn:v"><error-tag>a</error-tag></rpc-error>`
    assert.strictEqual(collect(`<ok/><data xmlns="urn:v">${error}</data>`).length, 1)
    assert.strictEqual(collect(`<ok/><data xmlns="">${error}</data>`).length, 1)
    assert.strictEqual(collect(`<data>${error}</data>`).length, 0)
    const bare = decode(`<rpc-reply><data>${error}</data></rpc-reply>`)
    assert.strictEqual(RpcErrors.collect(bare).length, 0)
  })

  it("declares in error-info what it uses, not all that is in scope", () => {
    const many = Array.from({ length: 1000 }, (_, n) => `xmlns:p${n}="u${n}"`).join(" ")
    const errors = collect(
      `<x ${many}>${"<rpc-error><error-info><p7:x>p8:y</p7:x></error-info></rpc-error>".repeat(200)}</x>`
    )
    assert.strictEqual(errors.length, 200)
    for (const { info } of errors) assert.isBelow(info!.xml.length, 200)
    const root = decode(errors[0]!.info!.xml)
    assert.deepStrictEqual([Element.elements(root)[0]!.namespace, root.scope["p8"]], ["u7", "u8"])
  })

  it("keeps 1,000 errors and says how many more there were, an error among them included", () => {
    const of = (severity: string) => `<rpc-error><error-severity>${severity}</error-severity></rpc-error>`
    assert.strictEqual(collect(of("warning").repeat(1000)).length, 1000)
    const warnings = collect(of("warning").repeat(1002))
    assert.strictEqual(warnings.length, 1001)
    assert.deepInclude(warnings[1000], { severity: "warning", message: "2 more rpc-error elements left out" })
    assert.strictEqual(collect(of("warning").repeat(1001) + of("error"))[1000]!.severity, "error")
  })

  it("keeps texts of up to 65,536 characters, and of all together about a million", () => {
    const long = "x".repeat(65_537)
    const error = (text: string) =>
      `<rpc-error><error-message>${text}</error-message><error-info><bad-element>${text}</bad-element></error-info></rpc-error>`
    const [first] = collect(error(long))
    assert.match(first!.message!, /^x{65536}… \(1 more characters left out\)$/)
    assert.match(first!.info!.badElement!, /left out/)
    assert.match(first!.info!.xml, /^<error-info><!-- .* left out --><\/error-info>$/)
    assert.strictEqual(collect(error(long.slice(1)))[0]!.message, long.slice(1))
    const many = collect(error(long).repeat(100))
    assert.isBelow(many.length, 12)
    assert.match(many.at(-1)!.message!, /^9\d more rpc-error/)
    const names = collect(
      `<rpc-error><error-info>${"<ok-element>a</ok-element>".repeat(1001)}</error-info></rpc-error>`
    )
    assert.strictEqual(names[0]!.info!.okElements!.length, 1000)
  })
})

describe("RpcErrors, of what a peer may repeat", () => {
  const redaction = standard.hiding(new Set(["hunter2"]))
  const read = (more: string) => RpcErrors.read(decode(rpcError("x-y", more)), redaction)

  it("hides a secret that a limit would cut in two", () => {
    for (const length of [65_536, 262_144]) {
      for (let before = length - 8; before <= length; before++) {
        const { message } = read(`<error-message>${"x".repeat(before)}hunter2${"y".repeat(100)}</error-message>`)
        assert.notMatch(message!.slice(-200), /hu/)
        assert.isBelow(message!.length, 65_600)
      }
    }
  })

  it("does not trust the end of what it has read", () => {
    for (let before = 262_144 - 8; before <= 262_144; before++) {
      const password = `password=${"z".repeat(before - 10)} `
      assert.notInclude(read(`<error-message>${password}hunter2</error-message>`).message!, "hu")
    }
  })

  it("leaves a tag that decides something as it is, and hides in any other", () => {
    assert.strictEqual(RpcErrors.read(decode(rpcError("in-use")), standard.hiding(new Set(["use"]))).tag, "in-use")
    assert.strictEqual(RpcErrors.read(decode(rpcError("no hunter2")), redaction).tag, `no ${placeholder}`)
  })

  it("leaves out an error-info that is too long, and looks for no secrets in it", () => {
    const { info } = read(`<error-info><a>${"x".repeat(70_000)}</a></error-info>`)
    assert.include(info!.xml, "left out")
  })
})
