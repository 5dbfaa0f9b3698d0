import { assert, describe, it } from "@effect/vitest"
import * as Filter from "../../../src/api/operations/Filter.ts"
import * as Fragment from "../../../src/api/operations/Fragment.ts"
import { operations } from "../../../src/api/operations/Operations.ts"
import { InputError } from "../../../src/errors.ts"
import * as Element from "../../../src/xml/Element.ts"
import { xml } from "../../../src/xml/Template.ts"
import { xpath } from "../../../src/xml/XPath.ts"
import { isSentAs, wire } from "../wire.ts"

const sent = (filter: Filter.Filter, expected: string) => isSentAs(operations.get({ filter }), `<get>${expected}</get>`)

describe("Filter", () => {
  it("puts one or several subtrees into one filter", () => {
    sent(
      Filter.subtree(xml`<a xmlns="urn:a"/>`, `<b xmlns="urn:b"/><c xmlns="urn:c"/>`),
      `<filter type="subtree"><a xmlns="urn:a"/><b xmlns="urn:b"/><c xmlns="urn:c"/></filter>`
    )
    sent(
      [xml`<a xmlns="urn:a"/>`, xml`<b xmlns="urn:b"/>`],
      `<filter type="subtree"><a xmlns="urn:a"/><b xmlns="urn:b"/></filter>`
    )
  })

  it("takes empty text for no filter, which an empty filter is not", () => {
    for (const filter of ["", "  \n"]) sent(filter, "")
    sent(Filter.subtree(), `<filter type="subtree"/>`)
  })

  it("takes a whole filter element as it is, in the base namespace", () => {
    sent(`<filter type="subtree"><a xmlns="urn:a"/></filter>`, `<filter type="subtree"><a xmlns="urn:a"/></filter>`)
    sent(
      `<nc:filter xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0"><a xmlns="urn:a"/></nc:filter>`,
      `<filter><a xmlns="urn:a"/></filter>`
    )
    sent(`<filter type="xpath" select="/t:a" xmlns:t="urn:t"/>`, `<filter type="xpath" select="/t:a"/>`)
    const [filter] = Element.elements(
      wire(operations.get({ filter: `<filter type="xpath" select="/t:a" xmlns:t="urn:t"/>` }))
    )
    assert.strictEqual(filter!.scope["t"], "urn:t")
    sent(`<filter xmlns="urn:model"/>`, `<filter type="subtree"><filter xmlns="urn:model"/></filter>`)
  })

  it("binds the prefixes of an XPath expression", () => {
    const filter = Filter.xpath(xpath`/t:a[t:b=${"x"}]`, { t: "urn:t", u: "urn:u" })
    sent(filter, `<filter type="xpath" select="${filter.expression.replaceAll(`"`, "&quot;")}"/>`)
    const [element] = Element.elements(wire(operations.get({ filter })))
    assert.deepInclude(Element.bindings(element!.scope), {
      t: "urn:t",
      u: "urn:u",
      "": "urn:ietf:params:xml:ns:netconf:base:1.0"
    })
  })

  it("gives an element without namespace none, also inside the base namespace", () => {
    const [filter] = Element.elements(wire(operations.get({ filter: "<a/>" })))
    assert.strictEqual(Element.elements(filter!)[0]!.namespace, "")
  })
})

describe("Fragment", () => {
  const wrong: ReadonlyArray<readonly [string, string, string]> = [
    ["<a>", "line 1", ""],
    ["<a>\n<b></a>", "line 2, column", ""],
    ["<a/>text", "", "text stands outside"],
    ["<a/><![CDATA[text]]>", "", "text stands outside"],
    ["text", "", "text stands outside"],
    ["</fragment><evil/><fragment>", "line 1", ""],
    ["</fragment>", "line 1", ""],
    ["<a/></fragment><!-- ", "line 1", ""],
    ["<!DOCTYPE a><a/>", "line 1", "doctype"],
    ["<a>&evil;</a>", "line 1", ""],
    ["<p:a/>", "line 1", "prefix"],
    ["<a b='1' b='2'/>", "line 1", ""],
    ["<a>\u0000</a>", "line 1", ""],
    ["<a>\ud800</a>", "line 1", "surrogate"]
  ]
  for (const [text, where, why] of wrong) {
    it(`refuses ${JSON.stringify(text)} and says where`, () => {
      try {
        Fragment.elements(text, "config")
      } catch (error) {
        assert.instanceOf(error, InputError)
        const { message, what } = error as InputError
        assert.strictEqual(what, "config")
        assert.include(message, where)
        assert.include(message, why)
        return
      }
      throw new Error("it was not refused")
    })
  }

  it("counts columns in the caller's text", () => {
    assert.throws(() => Fragment.elements("<a></b>", "config"), InputError, /line 1, column [4-7]:/)
  })

  it("refuses what is neither text nor elements", () => {
    for (const value of [undefined, null, 42, true]) {
      assert.throws(
        () => Fragment.elements(value as unknown as string, "config"),
        InputError,
        "expected XML text or elements"
      )
    }
  })

  it("drops a declaration, a byte order mark, comments and white space around", () => {
    for (const text of ["\ufeff<?xml version='1.0'?>\n<a/>", "  <!-- x --><a/>\n", "<?pi x?><a/>"]) {
      assert.deepStrictEqual(
        Fragment.elements(text, "config").map(({ name }) => name),
        ["a"]
      )
    }
  })

  it("unwraps one wrapper of the base namespace or none, and nothing else", () => {
    const names = (text: string) => Fragment.unwrapped(text, "config").map(({ name }) => name)
    assert.deepStrictEqual(names("<config><a/><b/></config>"), ["a", "b"])
    assert.deepStrictEqual(names(`<config xmlns="urn:model"><a/></config>`), ["config"])
    assert.deepStrictEqual(names("<config/><config/>"), ["config", "config"])
    assert.deepStrictEqual(names("<config><config/></config>"), ["config"])
  })
})
