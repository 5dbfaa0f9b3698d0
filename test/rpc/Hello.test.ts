import { assert, describe, it } from "@effect/vitest"
import * as Capabilities from "../../src/rpc/Capabilities.ts"
import * as Hello from "../../src/rpc/Hello.ts"
import * as Element from "../../src/xml/Element.ts"
import { decode } from "../../src/xml/Parse.ts"
import { base, everything, helloOf } from "./peer.ts"

const read = (text: string, requireSessionId = true) => Hello.read(text, {}, requireSessionId)
const plain = helloOf(everything)

describe("Hello.encode", () => {
  it("offers what the framing allows, and nothing that is the server's", () => {
    const uris = (framing: Hello.Framing, extra: ReadonlyArray<string> = []) => {
      const hello = decode(Hello.encode(framing, extra))
      assert.deepStrictEqual([hello.name, hello.namespace], ["hello", base])
      assert.isUndefined(Element.child(hello, "session-id"))
      return Element.findAll(hello, ["capabilities", "capability"]).map(Element.text)
    }
    assert.deepStrictEqual(uris("auto"), [Hello.base10, Hello.base11])
    assert.deepStrictEqual(uris("end-of-message"), [Hello.base10])
    assert.deepStrictEqual(uris("chunked", ["urn:x?a=1&b=<2>"]), [Hello.base11, "urn:x?a=1&b=<2>"])
  })
})

describe("Hello.read", () => {
  it("reads RFC 6241's own example", () => {
    const hello = read(`<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">
       <capabilities>
         <capability>
           urn:ietf:params:netconf:base:1.1
         </capability>
         <capability>
           urn:ietf:params:netconf:capability:startup:1.0
         </capability>
         <capability>
           http://example.net/router/2.3/myfeature
         </capability>
       </capabilities>
       <session-id>4</session-id>
     </hello>`)
    assert.strictEqual(hello.sessionId, 4)
    assert.isTrue(
      hello.capabilities.has(":startup") && hello.capabilities.has("http://example.net/router/2.3/myfeature")
    )
    assert.deepStrictEqual(hello.tolerated, [])
  })

  const tolerated: ReadonlyArray<readonly [string, string, ReadonlyArray<string>]> = [
    ["an XML declaration", `<?xml version="1.0" encoding="UTF-8"?>\n${plain}`, []],
    ["a wrong encoding in the declaration", `<?xml version="1.0" encoding="ISO-8859-1"?>${plain}`, []],
    ["white space, NUL and BEL before", `\u0000\u0007\r\n ${plain}`, []],
    [
      "a banner",
      `Welcome to <the> router\n*** no <hello> here ***\n${plain}`.replace("<hello>", "hello"),
      ["text before the hello"]
    ],
    ["Junos' comments", `<!-- No zombies were killed -->\n${plain}\n<!-- session start -->`, ["text before the hello"]],
    ["an rpc-error before", `<rpc-error><error-tag>x</error-tag></rpc-error>${plain}`, ["text before the hello"]],
    [
      "a prefix",
      plain
        .replace("<hello xmlns", "<nc:hello xmlns:nc")
        .replaceAll(/<(\/?)(capabilit|session)/g, "<$1nc:$2")
        .replace("</hello", "</nc:hello"),
      []
    ],
    ["no namespace", plain.replace(` xmlns="${base}"`, ""), ["a hello without its namespace"]],
    [
      "session-id before the capabilities",
      plain.replace(/(<capabilities>.*<\/capabilities>)(<session-id>7<\/session-id>)/, "$2$1"),
      []
    ],
    ["white space around the session-id", plain.replace(">7<", ">\n 7 \n<"), []],
    ["elements that it does not know", plain.replace("<capabilities>", "<vendor>x</vendor><capabilities><more/>"), []]
  ]
  for (const [what, text, notes] of tolerated) {
    it(`reads a hello with ${what}`, () => {
      const hello = read(text)
      assert.strictEqual(hello.sessionId, 7)
      assert.isTrue(hello.capabilities.has(":candidate"))
      assert.deepStrictEqual(hello.tolerated, notes)
    })
  }

  it("reads 1,000 capabilities, 150 kB", () => {
    const uris = Array.from(
      { length: 1000 },
      (_, n) =>
        `http://example.com/ns/yang/module-${n}?module=module-${n}&revision=2020-01-01&deviations=${"d".repeat(60)}`
    )
    const text = helloOf([...everything, ...uris])
    assert.isAbove(text.length, 150_000)
    assert.strictEqual(read(text).capabilities.modules.length, 1000)
  })

  it("reads a session-id near 2^32", () => {
    assert.strictEqual(read(helloOf(everything, "4294967295")).sessionId, 4_294_967_295)
  })

  for (const id of ["0", "", "-1", "+1", "1.0", "0x10", "4294967296", "99999999999999999999", "1 2", "one"]) {
    it(`refuses session-id ${JSON.stringify(id)}`, () => {
      assert.throws(() => read(helloOf(everything, id), false), Hello.HelloError, "session-id is not a number")
    })
  }

  it("takes a missing session-id where that is allowed, and reports it", () => {
    assert.deepStrictEqual(read(helloOf(everything, null), false).tolerated, ["a hello without session-id"])
    assert.throws(() => read(helloOf(everything, null)), Hello.HelloError, `missingSessionId: "tolerate"`)
  })

  it("keeps to the limits", () => {
    assert.throws(() => Hello.read(plain, { bytes: 100 }, true), Error, "limit")
    assert.throws(() => Hello.read(plain, { depth: 2 }, true), Error, "limit")
  })
})

describe("Hello.chooseFraming", () => {
  const peer = (...uris: ReadonlyArray<string>) => Capabilities.make(uris)
  it("takes the bare base namespace for base:1.0", () => {
    assert.strictEqual(Hello.chooseFraming("auto", peer(base)), "end-of-message")
    assert.throws(() => Hello.chooseFraming("chunked", peer(base)), Hello.HelloError)
  })
  it("refuses a peer of no base version, and says what both offer", () => {
    assert.throws(
      () => Hello.chooseFraming("auto", peer("urn:x")),
      Hello.HelloError,
      "we offer base:1.0 and base:1.1, the peer no base version"
    )
  })
})
