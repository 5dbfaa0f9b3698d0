import { assert, describe, it } from "@effect/vitest"
import * as Element from "../../src/xml/Element.ts"
import { readHead } from "../../src/xml/Head.ts"
import type { Head, HeadOptions } from "../../src/xml/Head.ts"
import { decode, XmlError } from "../../src/xml/Parse.ts"
import { print } from "../../src/xml/Print.ts"
import { Choices, damage, seededTape, treeFrom } from "./Trees.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const read = (text: string, options?: HeadOptions): Head => {
  const head = readHead(bytes(text), options)
  return head === "incomplete" ? assert.fail("incomplete") : head
}

const refusal = (input: string | Uint8Array, options?: HeadOptions): XmlError => {
  try {
    return assert.fail(JSON.stringify(readHead(typeof input === "string" ? bytes(input) : input, options)))
  } catch (error) {
    assert.instanceOf(error, XmlError)
    return error
  }
}

const base = "urn:ietf:params:xml:ns:netconf:base:1.0"

describe("readHead", () => {
  it("reads root, attributes and first child of a reply", () => {
    const text = `\n<rpc-reply xmlns="${base}" xmlns:x="urn:x" message-id="1&lt;" x:a='b'>\n <!-- c --><data><x></rubbish`
    assert.deepStrictEqual(read(text), {
      name: "rpc-reply",
      namespace: base,
      prefix: "",
      attributes: [
        { name: "message-id", prefix: "", namespace: "", value: "1<" },
        { name: "a", prefix: "x", namespace: "urn:x", value: "b" }
      ],
      empty: false,
      first: { name: "data", namespace: base },
      offset: 1
    })
  })

  it("goes by namespace, whatever the prefix", () => {
    const head = read(`<nc:rpc-reply xmlns:nc="${base}"><m:data xmlns:m="urn:m"/>`)
    assert.deepInclude(head, { name: "rpc-reply", namespace: base, prefix: "nc" })
    assert.deepStrictEqual(head.first, { name: "data", namespace: "urn:m" })
    assert.deepStrictEqual(read('<a xmlns="urn:a"><b xmlns=""/>').first, { name: "b", namespace: "" })
  })

  it("tells an empty root, one without children and one with only text", () => {
    assert.deepInclude(read("<a/>"), { empty: true, first: undefined })
    assert.deepInclude(read("<a></a>"), { empty: false, first: undefined })
    assert.deepInclude(read("<a>text &amp; <![CDATA[<b>]]><!-- <b> --><?b <b> ?></a>"), { first: undefined })
    assert.deepStrictEqual(read("<a>text<b/>").first, { name: "b", namespace: "" })
  })

  it("skips white space, NUL, BEL, byte order mark, declaration and comments before the root", () => {
    const prolog = '\0\u0007\ufeff \r\n<?xml version="1.0" encoding="x"?>\n<!-- <é> --><?pi ?>\n'
    assert.deepInclude(read(`${prolog}<a><b/>`), { name: "a", offset: prolog.length })
  })

  for (const text of [
    "<!DOCTYPE a><a/>",
    "<!DOC",
    "<!DOCTYPE a [",
    "text",
    "<a b=1",
    "<a b='1' b='2'>",
    "<p:a>",
    "<p:-a xmlns:p='u'/>",
    "<a></b>",
    "<a>&x;",
    "<a><p:b/>",
    "<a>\u0001",
    "<a><!DOCTYPE b>"
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.isAbove(refusal(text).line, 0))
  }

  it("says where, counted in the whole message", () => {
    assert.deepInclude(refusal('<?xml version="1.0"?>\n  <a>&x;'), { line: 2, column: 8 })
    assert.deepInclude(refusal('<?xml version="1.0"?>\n  <a>\n&x;'), { line: 3, column: 3 })
  })

  it("refuses invalid UTF-8, or replaces it when asked", () => {
    const message = new Uint8Array([...bytes("<a b='"), 0xff, ...bytes("'/>")])
    assert.match(refusal(message).detail, /UTF-8/)
    assert.notStrictEqual(readHead(message, { invalidUtf8: "replace" }), "incomplete")
  })

  it("never reads on: what follows the first child's start tag may be anything", () => {
    assert.strictEqual(read(`<a><b>${"<".repeat(50_000)}`).first?.name, "b")
  })

  it("holds the attributes of one element: at and above", () => {
    const many = (count: number): string => Array.from({ length: count }, (_, n) => ` a${n}=""`).join("")
    assert.strictEqual(read(`<a${many(10)}><b${many(10)}/>`, { attributes: 10 }).attributes.length, 10)
    assert.match(refusal(`<a${many(11)}>`, { attributes: 10 }).detail, /attributes on one element/)
    assert.match(refusal(`<a><b${many(11)}>`, { attributes: 10 }).detail, /attributes on one element/)
    refusal(`<a${many(1025)}>`)
  })

  it("holds the length of the head: below, at, above", () => {
    const head = (length: number): string => `<a b="${" ".repeat(length - 12)}"><b/>`
    for (const length of [20, 99, 100]) assert.strictEqual(read(`${head(length)}more`, { limit: 100 }).first?.name, "b")
    assert.match(refusal(`${head(101)}more`, { limit: 100 }).detail, /longer than the limit of 100 bytes/)
    assert.strictEqual(readHead(bytes("<a>".padEnd(99)), { limit: 100 }), "incomplete")
    refusal("<a>".padEnd(100), { limit: 100 })
    refusal("<!-- ".padEnd(65_536))
    assert.strictEqual(read(`<!--${" ".repeat(65_000)}--><a/>`).name, "a")
  })

  it("is incomplete until its last byte is there, cut anywhere, also within a character", () => {
    const text = `<?xml version="1.0"?><!-- é --><réponse xmlns='urn:é' 要素='\u{1f600}&amp;'>\r\n \u{1f600}<b:c xmlns:b="urn:b"/>`
    const whole = bytes(text)
    for (let end = 0; end < whole.length; end++) {
      assert.strictEqual(readHead(whole.subarray(0, end)), "incomplete", `cut at ${end}`)
    }
    assert.deepStrictEqual(readHead(whole), readHead(bytes(`${text}<more>`)))
  })

  it("is the same wherever its parts fall on the steps in which it is read", () => {
    const expected = read("<a é='x'><b/>")
    for (let padding = 1000; padding < 1030; padding++) {
      assert.deepStrictEqual(read(`${" ".repeat(padding)}<a é='x'><b/>${"\u{1f600}".repeat(300)}`), {
        ...expected,
        offset: padding
      })
    }
  })
})

describe("against decode", () => {
  const headOf = (root: Element.Element): Omit<Head, "offset" | "empty"> => {
    const first = Element.elements(root)[0]
    return {
      name: root.name,
      namespace: root.namespace,
      prefix: root.prefix,
      attributes: root.attributes,
      first: first && { name: first.name, namespace: first.namespace }
    }
  }

  it("agrees on every document that decode accepts, and throws nothing but XmlError on the others", () => {
    let accepted = 0
    for (let seed = 0; seed < 3000; seed++) {
      const choices = new Choices(seededTape(seed, 120))
      const tree = treeFrom(choices)
      const text = seed % 3 === 0 ? print(tree) : damage(print(tree), choices, 2)
      const head = outcome(() => readHead(bytes(text)))
      const root = outcome(() => decode(bytes(text)))
      if (root === undefined) continue
      accepted++
      assert.isDefined(head, text)
      const { empty: _, offset: __, ...rest } = head as Head
      assert.deepStrictEqual(rest, headOf(root), text)
    }
    assert.isAbove(accepted, 1200)
  })

  const outcome = <A>(f: () => A): A | undefined => {
    try {
      return f()
    } catch (error) {
      assert.instanceOf(error, XmlError)
      return undefined
    }
  }
})
