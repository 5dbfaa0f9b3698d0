import { assert, describe, it } from "@effect/vitest"
import * as Element from "../../src/xml/Element.ts"
import { xmlNamespace } from "../../src/xml/Names.ts"
import { decode, XmlError } from "../../src/xml/Parse.ts"
import { escapeAttribute, escapeText, findIllegal, print } from "../../src/xml/Print.ts"
import { Choices, tape, treeFrom } from "./Trees.ts"

const refusal = (tree: Element.Element): XmlError => {
  try {
    return assert.fail(`printed ${print(tree)}`)
  } catch (error) {
    assert.instanceOf(error, XmlError)
    return error
  }
}

describe("print", () => {
  it.prop(
    "is undone by decode exactly: prefixes, scopes, CDATA, comments, instructions, white space",
    [tape(250)],
    ([numbers]) => {
      const tree = treeFrom(new Choices(numbers))
      assert.deepStrictEqual(decode(print(tree)), tree)
    },
    { arbitrary: { seed: 1, runs: 1500, size: 250 } }
  )

  it.prop(
    "lets any element of a tree stand alone",
    [tape(250)],
    ([numbers]) => {
      for (const part of Element.elements(treeFrom(new Choices(numbers)))) {
        assert.deepStrictEqual(decode(print(part)), part)
      }
    },
    { arbitrary: { seed: 1, runs: 300, size: 250 } }
  )

  it.prop(
    "changes only white space between elements when it indents",
    [tape(250)],
    ([numbers]) => {
      const tree = treeFrom(new Choices(numbers))
      assert.deepStrictEqual(withoutLayout(decode(print(tree, { indent: 2 }))), withoutLayout(tree))
    },
    { arbitrary: { seed: 1, runs: 300, size: 250 } }
  )

  it("keeps the bindings that text and attribute values of a part may use", () => {
    const document = `<d xmlns:ianaift="urn:iana"><if xmlns="urn:if" p="ianaift:x"><type>ianaift:eth</type></if></d>`
    const part = Element.child(decode(document), "if")!
    assert.strictEqual(
      print(part),
      '<if xmlns="urn:if" xmlns:ianaift="urn:iana" p="ianaift:x"><type>ianaift:eth</type></if>'
    )
  })

  it("declares each namespace once, where it begins", () => {
    const text = '<a xmlns="urn:a" xmlns:p="urn:p"><b/><p:c p:x="1"><d xmlns="urn:d"><e xmlns=""/></d></p:c></a>'
    assert.strictEqual(print(decode(text)), text)
  })

  it("declares what a tree made by hand uses", () => {
    const inner = Element.make("b", "urn:b", { prefix: "p" })
    assert.strictEqual(
      print(Element.make("a", "urn:a", { children: [inner, Element.make("c", ""), Element.make("d")] })),
      '<a xmlns="urn:a"><p:b xmlns:p="urn:b"/><c xmlns=""/><d/></a>'
    )
  })

  it("declares only the prefixes that names, text and attribute values use, when asked to", () => {
    const document = decode(
      `<d xmlns:n="urn:n" xmlns:t="urn:t" xmlns:v="urn:v" xmlns:c="urn:c" xmlns:a="urn:a" xmlns:x="urn:x" xmlns:é.1="urn:e"><n:part a:y="1" z="/v:a[b='x']">at:b t:x :é.1:<in xmlns:x="urn:y" xmlns:w="urn:w">x:1</in><![CDATA[(c:d)]]><!--x:--></n:part></d>`
    )
    const [part] = Element.elements(document)
    const text = print(part!, { namespaces: "used" })
    const declared = [...text.matchAll(/xmlns:([^=]+)=/g)].map(([, prefix]) => prefix).sort()
    assert.deepStrictEqual(declared, ["a", "c", "n", "t", "v", "x", "x", "é.1"])
    assert.isTrue(Element.equals(decode(text), part!))
  })

  it.prop(
    "means the same with only the used namespaces",
    [tape(250)],
    ([numbers]) => {
      const tree = treeFrom(new Choices(numbers))
      assert.isTrue(Element.equals(decode(print(tree, { namespaces: "used" })), tree))
    },
    { arbitrary: { seed: 1, runs: 300, size: 250 } }
  )

  it("stops at a limit of characters, whether names, values, text or declarations take them", () => {
    const long = "x".repeat(100)
    for (const text of [
      `<a>${long}</a>`,
      `<a b="${long}"/>`,
      `<a><!--${long}--></a>`,
      `<a><?p ${long}?></a>`,
      `<a xmlns="${long}"/>`,
      `<a>${"<b/>".repeat(30)}</a>`
    ]) {
      for (const namespaces of ["all", "used"] as const) {
        if (namespaces === "all" && /<!|<\?|>x/.test(text)) continue
        assert.throws(() => print(decode(text), { limit: 99, namespaces }), XmlError, /longer than the limit of 99/)
      }
      print(decode(text), { limit: 300, namespaces: "used" })
    }
  })

  it("looks through a scope once, however many elements stand in it", () => {
    const many = Array.from({ length: 1000 }, (_, n) => `xmlns:p${n}="u"`).join(" ")
    const tree = decode(`<a ${many}/>`)
    let listed = 0
    const scope = new Proxy(tree.scope, { ownKeys: (target) => (listed++, Reflect.ownKeys(target)) })
    const inner = Array.from({ length: 100 }, (_, n) => ({
      ...Element.make("b", ""),
      scope: n % 2 === 0 ? scope : Object.create(scope, { q: { value: `v${n}`, enumerable: true } })
    }))
    const text = `<a ${many}>${inner.map((_, n) => (n % 2 === 0 ? "<b/>" : `<b xmlns:q="v${n}"/>`)).join("")}</a>`
    assert.strictEqual(print({ ...tree, scope, children: inner }), text)
    assert.isBelow(listed, 5)
  })

  it("keeps the prefixes of text right below an element that is at odds with its scope", () => {
    const scope = Element.bind({}, { "": "", p: "urn:p" })
    const inner = { ...Element.make("b", ""), scope, children: ["p:x"] }
    const tree = { ...Element.make("a", "urn:q", { prefix: "p" }), scope, children: [inner] }
    assert.strictEqual(print(tree), '<p:a xmlns:p="urn:q"><b xmlns:p="urn:p">p:x</b></p:a>')
  })

  it("finds a prefix for an attribute whose own one is taken or missing", () => {
    const tree: Element.Element = {
      ...Element.make("a", "urn:a", { prefix: "p" }),
      attributes: [
        { name: "x", prefix: "p", namespace: "urn:other", value: "1" },
        { name: "y", prefix: "", namespace: "urn:other", value: "2" },
        { name: "lang", prefix: "l", namespace: xmlNamespace, value: "en" }
      ]
    }
    assert.strictEqual(print(tree), '<p:a xmlns:p="urn:a" xmlns:ns1="urn:other" ns1:x="1" ns1:y="2" xml:lang="en"/>')
  })

  it("takes a prefix that is called like a member of an object as any other", () => {
    const attribute = { name: "x", prefix: "constructor", namespace: "urn:c", value: "" }
    assert.strictEqual(
      print({ ...Element.make("a"), scope: {}, attributes: [attribute] }),
      '<a xmlns:constructor="urn:c" constructor:x=""/>'
    )
  })

  it("indents elements, never text", () => {
    const tree = decode("<a><b>\n<c/>  <!--x--></b><d> t </d><e>x<f/></e><g> </g><h><![CDATA[]]><i/></h></a>")
    assert.strictEqual(
      print(tree, { indent: 2, declaration: true }),
      `<?xml version="1.0" encoding="UTF-8"?>
<a>
  <b>
    <c/>
    <!--x-->
  </b>
  <d> t </d>
  <e>x<f/></e>
  <g> </g>
  <h><![CDATA[]]><i/></h>
</a>`
    )
    const kept = '<a xml:space="preserve"> <b/> </a>'
    assert.strictEqual(print(decode(kept), { indent: 2 }), kept)
  })

  it("makes CDATA safe whatever is in it", () => {
    const tree = Element.make("a", "", { children: [Element.cdata("x]]>]]>y\rz")] })
    assert.strictEqual(Element.text(decode(print(tree))), "x]]>]]>y\rz")
    assert.notInclude(print(tree), "]]>]]>")
  })

  it("never lets the end-of-message mark through in text or attributes", () => {
    const tree = Element.make("a", "", { attributes: { b: "]]>]]>" }, children: ["]]>]]>"] })
    assert.notInclude(print(tree), "]]>")
    assert.deepStrictEqual(decode(print(tree)).children, ["]]>]]>"])
  })

  for (const name of ["", "a b", "a/><x", "1a", "a:b", "a>", "-a", "\u0000", "a\n", "\ud800"]) {
    it(`refuses ${JSON.stringify(name)} as a name of anything`, () => {
      const named = Element.make("a")
      const trees = [
        Element.make(name),
        { ...named, attributes: [{ name, prefix: "", namespace: "", value: "" }] },
        Element.make("a", "", { children: [Element.instruction(name)] }),
        ...(name === "" ? [] : [Element.make("a", "urn:a", { prefix: name }), { ...named, scope: { [name]: "urn:a" } }])
      ] as const
      for (const tree of trees) assert.match(refusal(tree).detail, /cannot be the name of/)
    })
  }

  it("refuses what XML cannot express", () => {
    const comment = (text: string) => Element.make("a", "", { children: [Element.comment(text)] })
    const instruction = (target: string, body: string) =>
      Element.make("a", "", { children: [Element.instruction(target, body)] })
    const twice = { name: "x", prefix: "", namespace: "", value: "" }
    for (const tree of [
      comment("a--b"),
      comment("a-"),
      instruction("xMl", ""),
      instruction("pi", "a?>b"),
      Element.make("a", "", { prefix: "p" }),
      { ...Element.make("a"), attributes: [twice, twice] },
      { ...Element.make("a"), attributes: [{ ...twice, name: "xmlns", value: "urn:evil" }] },
      { ...Element.make("a"), attributes: [{ ...twice, prefix: "xmlns", value: "urn:evil" }] },
      { ...Element.make("a"), attributes: [{ ...twice, prefix: "xmlns", namespace: "urn:x" }] },
      Element.make("a", "urn:a", { prefix: "xmlns" }),
      Element.make("a", xmlNamespace)
    ]) {
      assert.strictEqual(refusal(tree).line, 0)
    }
  })
})

describe("escaping", () => {
  it("leaves ordinary text alone and escapes the rest", () => {
    assert.strictEqual(escapeText("a \n\t\"'é"), "a \n\t\"'é")
    assert.strictEqual(escapeText("<&>\r"), "&lt;&amp;&gt;&#13;")
    assert.strictEqual(escapeAttribute("<&>\r\n\t\"'"), "&lt;&amp;&gt;&#13;&#10;&#9;&quot;'")
  })
})

describe("findIllegal", () => {
  it("finds what XML 1.0 cannot carry", () => {
    for (const code of [0, 1, 8, 0xb, 0xc, 0xe, 0x1f, 0xfffe, 0xffff, 0xd800, 0xdfff]) {
      assert.deepStrictEqual(findIllegal(`ab${String.fromCharCode(code)}c`), { index: 2, codePoint: code })
    }
    assert.deepStrictEqual(findIllegal("\udc00\ud800"), { index: 0, codePoint: 0xdc00 })
  })

  it("accepts all that XML 1.0 can", () => {
    assert.isUndefined(findIllegal("\t\n\r \u007f\u0085\ud7ff\ue000\ufffd\u{10000}\u{10ffff}"))
  })

  it("agrees with the parser on every character of the first plane", () => {
    for (let code = 0; code <= 0xffff; code++) {
      const character = String.fromCharCode(code)
      if (character === "<" || character === "&") continue
      const refused = findIllegal(character) !== undefined
      assert.strictEqual(failsToParse(`<a>${character}</a>`), refused, code.toString(16))
    }
  })
})

const failsToParse = (text: string): boolean => {
  try {
    decode(text)
    return false
  } catch {
    return true
  }
}

/** The tree without text that is only white space. */
const withoutLayout = (e: Element.Element): Element.Element => ({
  ...e,
  children: e.children
    .filter((node) => typeof node !== "string" || !/^[ \t\r\n]*$/.test(node))
    .map((node) => (Element.isElement(node) ? withoutLayout(node) : node))
})
