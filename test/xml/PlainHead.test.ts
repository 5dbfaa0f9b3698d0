import { assert, describe, it } from "@effect/vitest"
import { scanBySaxes } from "../../src/xml/Head.ts"
import { readPlain } from "../../src/xml/PlainHead.ts"
import { Choices, damage, seededTape } from "./Trees.ts"

const base = "urn:ietf:params:xml:ns:netconf:base:1.0"

/** What saxes says of it: a head, that there is none yet, or that it is no XML. */
const bySaxes = (text: string, limit: number): unknown => {
  try {
    return scanBySaxes(text, 0, limit)
  } catch {
    return "refused"
  }
}

const names = ["rpc-reply", "data", "ok", "a", "_a", "a.b", "a1", "1a", "-a", "xml", "XMLa", "xmlns", "constructor"]
const prefixes = ["", "", "", "", "nc:", "p:", "xml:", "xmlns:", "constructor:", "__proto__:", ":", "p:p:"]
const attributes = [
  ` xmlns="${base}"`,
  ` xmlns:nc="${base}"`,
  ' xmlns:p="urn:p"',
  ' xmlns:constructor="urn:c"',
  ' message-id="101"',
  ' a="1"',
  ' a="2"',
  ' xmlns=""',
  ' xmlns:p=""',
  ' xmlns:xml="http://www.w3.org/XML/1998/namespace"',
  ' xmlns:xml="urn:x"',
  ' xmlns:q="http://www.w3.org/2000/xmlns/"',
  ' xmlns="http://www.w3.org/XML/1998/namespace"',
  ' xmlns:xmlns="urn:x"',
  ' xmlns:XMLq="urn:x"',
  ' xmlns:="urn:x"',
  ' p:a="1"',
  ' xml:lang="en"',
  " a='1'",
  ' a = "1"',
  '\ta="1"',
  ' a="&lt;"',
  ' a="&x;"',
  ' a="<"',
  ' a=">"',
  ' a="x y"',
  ' a="ü"',
  ' a="\u0001"',
  ' a="1"b="2"',
  " a",
  ' a=""'
]
const between = ["", "", "\n", "  ", "\r\n", "text", "&amp;", "]]>", "<!-- c -->", "<?pi?>", "<![CDATA[x]]>", "\u0000"]
const ends = [">", ">", ">", "/>", " >", " />", "/ >", "", "<", ">x"]

/** Mostly one of the first few, which are the plain ones: otherwise hardly any head would be read. */
const mostly = (choices: Choices, plain: number, from: ReadonlyArray<string>): string =>
  choices.upTo(8) === 0 ? choices.pick(from) : from[choices.upTo(plain)]!

const startTag = (choices: Choices): string => {
  const count = choices.upTo(4) + (choices.upTo(40) === 0 ? 8 : 0)
  const carried = Array.from({ length: count }, () => mostly(choices, 6, attributes))
  return `<${mostly(choices, 5, prefixes)}${mostly(choices, 4, names)}${carried.join("")}${mostly(choices, 3, ends)}`
}

const hostile = (choices: Choices): string => {
  const text =
    startTag(choices) + mostly(choices, 4, between) + startTag(choices) + choices.pick(["", "</", "<!DOCTYPE a>"])
  return choices.upTo(3) === 0 ? damage(text, choices, 3) : text
}

describe("readPlain", () => {
  it("reads the replies of the RFC, with and without a prefix", () => {
    const plain = `<rpc-reply xmlns="${base}" message-id="101"><ok/></rpc-reply>`
    const attributes = [{ name: "message-id", prefix: "", namespace: "", value: "101" }]
    const head = { name: "rpc-reply", namespace: base, prefix: "", attributes, empty: false, offset: 0 }
    assert.deepStrictEqual(readPlain(plain, 0, 1024), { ...head, first: { name: "ok", namespace: base } })
    const prefixed = `<nc:rpc-reply message-id="101" xmlns:nc="${base}">\n  <data xmlns="urn:d">`
    const first = { name: "data", namespace: "urn:d" }
    assert.deepStrictEqual(readPlain(prefixed, 0, 1024), { ...head, prefix: "nc", first })
  })

  it("says what saxes says, or nothing, of whatever comes", () => {
    let plain = 0
    for (let seed = 0; seed < 20_000; seed++) {
      const choices = new Choices(seededTape(seed, 60))
      const text = hostile(choices)
      const limit = choices.pick([1024, 1024, 2])
      const head = readPlain(text, 0, limit)
      if (head === undefined) continue
      plain++
      assert.deepStrictEqual(head, bySaxes(text, limit), JSON.stringify(text))
    }
    assert.isAbove(plain, 500)
  })

  it("asks for more behind the root's start tag, and declines whatever else ends before the first child's does", () => {
    const text = `<rpc-reply xmlns="${base}" message-id="101"><data xmlns="urn:d">`
    const root = text.indexOf("<data")
    for (let end = 0; end < text.length; end++) {
      const said = readPlain(text.slice(0, end), 0, 1024)
      assert.strictEqual(said, end === root ? "incomplete" : undefined)
    }
    assert.isDefined(readPlain(text, 0, 1024))
  })

  it("takes no longer for a start tag that never ends", () => {
    const began = performance.now()
    for (const piece of ["a", ' a="1"', " xmlns:a", ":", '"']) readPlain(`<a${piece.repeat(20_000)}`, 0, 1024)
    assert.isBelow(performance.now() - began, 1_000)
  })
})
