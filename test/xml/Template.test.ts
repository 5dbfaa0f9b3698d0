import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { InputError } from "../../src/errors.ts"
import * as Element from "../../src/xml/Element.ts"
import { decode, XmlError } from "../../src/xml/Parse.ts"
import { findIllegal, print } from "../../src/xml/Print.ts"
import { xml } from "../../src/xml/Template.ts"
import { xpath } from "../../src/xml/XPath.ts"

const refusal = (make: () => unknown): InputError => {
  try {
    make()
  } catch (error) {
    assert.instanceOf(error, InputError)
    return error
  }
  return assert.fail("not refused")
}

const texts = Arbitrary.schema(Schema.String)
const nasty = `</a><b x='1' y="2">]]>&lt;&#0;<!--${"\r\n\t"}`

describe("xml", () => {
  it("makes the element that is written", () => {
    const made = xml`
      <filter type="subtree"><!-- kept --><a xmlns="urn:a">&lt;<![CDATA[x]]></a></filter>
    `
    assert.strictEqual(
      print(made),
      '<filter type="subtree"><!-- kept --><a xmlns="urn:a">&lt;<![CDATA[x]]></a></filter>'
    )
  })

  it("escapes values between tags and in attributes, with quotes or without", () => {
    const made = xml`<a b="-${nasty}-" c='${nasty}' d=${nasty} e = ${1}>-${nasty}-</a>`
    assert.strictEqual(Element.text(made), `-${nasty}-`)
    assert.deepStrictEqual(
      made.attributes.map((a) => a.value),
      [`-${nasty}-`, nasty, nasty, "1"]
    )
    assert.deepStrictEqual(decode(print(made)).attributes, made.attributes)
    assert.deepStrictEqual(decode(print(made)).children, made.children)
  })

  it.prop(
    "carries any text unchanged to where it was written",
    [texts, texts, texts],
    ([one, two, three]) => {
      const made = xml`<a b="${one}" c=${two}>${three}<d>${one}${two}</d></a>`
      assert.strictEqual(Element.attribute(made, "b"), one)
      assert.strictEqual(Element.attribute(made, "c"), two)
      assert.strictEqual(Element.text(made), three)
      assert.strictEqual(Element.text(Element.child(made, "d")!), one + two)
      if ([one, two, three].every((text) => findIllegal(text) === undefined)) {
        assert.isTrue(Element.equals(decode(print(made)), made))
      }
    },
    { arbitrary: { seed: 1, runs: 300, size: 40 } }
  )

  it("carries what XML cannot carry too: it is refused when sent", () => {
    assert.strictEqual(Element.text(xml`<a>${"\0"}</a>`), "\0")
    assert.isDefined(findIllegal(print(xml`<a>${"\0"}</a>`)))
  })

  it("refuses undefined, which an unset variable would turn into everything or nothing", () => {
    const unset = undefined as unknown as string
    assert.match(refusal(() => xml`<a>${unset}</a>`).message, /undefined; null/)
    assert.match(refusal(() => xml`<a b="${unset}"/>`).message, /undefined; null/)
    assert.match(refusal(() => xml`<a>${["x", unset]}</a>`).message, /undefined; null/)
  })

  it("prints numbers, booleans and bigints; null is nothing", () => {
    assert.strictEqual(
      print(xml`<a b="${null}" c=${false}>${0}|${-1.5}|${true}|${12n}|${null}</a>`),
      '<a b="" c="false">0|-1.5|true|12|</a>'
    )
    assert.deepStrictEqual(xml`<a>${null}</a>`.children, [])
  })

  it("unwraps a Redacted, because it goes to the device", () => {
    assert.strictEqual(print(xml`<a b="${Redacted.make("x")}">${Redacted.make("<y>")}</a>`), '<a b="x">&lt;y&gt;</a>')
  })

  it("takes an XPath as its expression", () => {
    assert.strictEqual(
      print(xml`<filter type="xpath" select="${xpath`/a[b=${`"'`}]`}"/>`),
      `<filter type="xpath" select="/a[b=concat('&quot;',&quot;'&quot;,'')]"/>`
    )
  })

  it("splices elements, nodes and nested arrays of anything", () => {
    const made = xml`<a>${[xml`<b/>`, ["x", [1, null, xml`<c/>`]], Element.comment("d")]}</a>`
    assert.strictEqual(print(made), "<a><b/>x1<c/><!--d--></a>")
    assert.deepStrictEqual(xml`<a>x${["y", "z"]}!</a>`.children, ["xyz!"])
  })

  it("is evaluated anew each time, though parsed once", () => {
    const make = (n: number) => xml`<a b="${n}">${n}<c/></a>`
    assert.strictEqual(print(make(1)), '<a b="1">1<c/></a>')
    assert.strictEqual(print(make(2)), '<a b="2">2<c/></a>')
  })

  it("is not confused by a template that uses the private use area", () => {
    assert.strictEqual(Element.text(xml`<a>\uE000${"x"}\uE0000\uE000</a>`), "\ue000x\ue0000\ue000")
    assert.strictEqual(Element.text(xml`<a>${"\ue0000\ue000"}</a>`), "\ue0000\ue000")
  })
})

describe("data that looks like markup", () => {
  const outside = (value: unknown): never => JSON.parse(JSON.stringify(value)) as never
  const element = outside({ ...decode("<admin>true</admin>"), scope: { "": "" } })

  it("is refused between tags and in attributes, also in arrays", () => {
    for (const value of [element, outside(Element.cdata("x")), outside(Element.comment("x")), outside(xpath`/a`)]) {
      assert.match(refusal(() => xml`<a>${value}</a>`).message, /value 1 .* did not make .*Element\.make/)
      assert.match(refusal(() => xml`<a>${["x", [value]]}</a>`).message, /did not make/)
      assert.match(refusal(() => xml`<a b="${value}"/>`).message, /did not make/)
    }
    assert.match(refusal(() => xml`<a>${outside(Element.instruction("p"))}</a>`).message, /did not make/)
    refusal(() => xml`<a>${outside({ "~effect/Redacted": {}, label: "x" })}</a>`)
  })

  it("is refused as a child of an element made by hand", () => {
    for (const value of [element, outside(Element.cdata("x")), 1 as never, null as never]) {
      assert.throws(() => Element.make("a", "", { children: [value] }), XmlError, /made by/)
    }
  })

  it("is not what the library made, copies of elements included", () => {
    for (const e of [xml`<a/>`, Element.make("a"), decode("<a/>")]) {
      assert.strictEqual(print(xml`<b xmlns="">${{ ...e, name: "c" }}</b>`), "<b><c/></b>")
    }
    const nodes = [Element.cdata("x"), Element.comment("y"), Element.instruction("z")]
    assert.strictEqual(print(xml`<b>${nodes}</b>`), "<b><![CDATA[x]]><!--y--><?z?></b>")
    for (const node of decode("<a><![CDATA[x]]><!--y--><?z?></a>").children) assert.isTrue(Element.isMade(node))
    for (const value of [null, undefined, "a", 1, {}, { _tag: "Element" }, xpath`/a`])
      assert.isFalse(Element.isMade(value))
  })
})

describe("namespaces in xml", () => {
  const ns = "urn:if"

  it("may be values", () => {
    const made = xml`<p:a xmlns:p="${ns}" xmlns=${"urn:d"} p:x="1"><b/></p:a>`
    assert.strictEqual(made.namespace, ns)
    assert.strictEqual(made.attributes[0]!.namespace, ns)
    assert.strictEqual(Element.child(made, "b")!.namespace, "urn:d")
    assert.deepStrictEqual(decode(print(made)), made)
  })

  it("compose as text does: a fragment without a default namespace takes the one around it", () => {
    const names = ["a", "b"]
    const made = xml`<interfaces xmlns="${ns}">${names.map(
      (name) => xml`<interface><name>${name}</name></interface>`
    )}</interfaces>`
    assert.strictEqual(
      print(made),
      '<interfaces xmlns="urn:if"><interface><name>a</name></interface><interface><name>b</name></interface></interfaces>'
    )
    assert.deepStrictEqual(decode(print(made)), made)
  })

  it("reach through elements with a prefix and through fragments within fragments", () => {
    const inner = xml`<p:m xmlns:p="urn:p"><leaf/></p:m>`
    const made = xml`<top xmlns="${ns}">${xml`<mid>${inner}</mid>`}</top>`
    assert.strictEqual(
      Element.find(made, [
        [ns, "mid"],
        ["urn:p", "m"],
        [ns, "leaf"]
      ])?.namespace,
      ns
    )
    assert.strictEqual(print(made), '<top xmlns="urn:if"><mid><p:m xmlns:p="urn:p"><leaf/></p:m></mid></top>')
  })

  it('leave alone what says where it is: another namespace, xmlns="", a parsed document', () => {
    const made = xml`<top xmlns="${ns}">${xml`<a xmlns="urn:a"><b/></a>`}${xml`<c xmlns=""/>`}${decode("<d><e/></d>")}</top>`
    assert.strictEqual(
      print(made),
      '<top xmlns="urn:if"><a xmlns="urn:a"><b/></a><c xmlns=""/><d xmlns=""><e/></d></top>'
    )
  })

  it("keep the prefixes of a fragment right, also when they mean something else around it", () => {
    const made = xml`<top xmlns="${ns}" xmlns:p="urn:outer">${xml`<p:a xmlns:p="urn:inner" p:x="1">p:y</p:a>`}<p:b/></top>`
    assert.strictEqual(
      print(made),
      '<top xmlns="urn:if" xmlns:p="urn:outer"><p:a xmlns:p="urn:inner" p:x="1">p:y</p:a><p:b/></top>'
    )
  })

  it("are refused as values where XML could not declare them", () => {
    assert.match(refusal(() => xml`<a xmlns:p="${""}"/>`).message, /value 1 .*prefix p/)
    assert.match(refusal(() => xml`<a xmlns="${null}"/>`).message, /value 1 .*missing/)
    refusal(() => xml`<a xmlns="${"http://www.w3.org/2000/xmlns/"}"/>`)
    refusal(() => xml`<a xmlns:p="${ns}" xmlns:q="${ns}" p:x="" q:x=""/>`)
    assert.strictEqual(xml`<a xmlns="${""}"/>`.scope[""], "")
  })
})

describe("a wrong xml template", () => {
  const v = "x"
  for (const [what, make, place] of [
    ["an element's name", () => xml`<${v}/>`, "value 1 (line 1, column 2)"],
    ["part of an element's name", () => xml`<a${v}/>`, "value 1 (line 1, column 3)"],
    ["an end tag", () => xml`<a></${v}>`, "value 1 (line 1, column 6)"],
    ["a tag", () => xml`<a ${v}/>`, "value 1 (line 1, column 4)"],
    ["an attribute's name", () => xml`<a ${v}="1"/>`, "value 1 (line 1, column 4)"],
    ["a tag, behind an attribute", () => xml`<a b="1"${v}/>`, "value 1 (line 1, column 9)"],
    ["a tag, behind another value", () => xml`<a b=${v}${v}/>`, "value 2 (line 1, column 11)"],
    ["an unquoted attribute value, behind something", () => xml`<a b=1${v}/>`, "value 1 (line 1, column 7)"],
    ["a comment", () => xml`<a>\n <!-- > ${v} --></a>`, "value 1 (line 2, column 9)"],
    ["CDATA", () => xml`<a><![CDATA[<${v}]]></a>`, "value 1 (line 1, column 14)"],
    ["an instruction", () => xml`<a><?p > ${v}?></a>`, "value 1 (line 1, column 10)"],
    ["a declaration", () => xml`<!DOCTYPE ${v}><a/>`, "value 1 (line 1, column 11)"]
  ] as const) {
    it(`is one with a value in ${what}`, () => {
      const error = refusal(make)
      assert.deepInclude(error, { what: "xml template", where: place })
    })
  }

  for (const [what, make] of [
    ["not well-formed", () => xml`<a><b></a>`],
    ["empty", () => xml``],
    ["more than one element", () => xml`<a/><b/>`],
    ["text beside the root", () => xml`<a/>${v}`],
    ["text before the root", () => xml`${v}<a/>`],
    ["a value alone", () => xml`${decode("<a/>")}`],
    ["a value within a reference", () => xml`<a>&${v};</a>`],
    ["a value within a character reference", () => xml`<a>&#${65};</a>`],
    ["something behind an unquoted value", () => xml`<a b=${v}c/>`],
    ["an unbound prefix", () => xml`<a p:b="1"/>`],
    ["a DOCTYPE", () => xml`<!DOCTYPE a><a/>`],
    ["a bad escape", () => xml`<a>\u</a>`]
  ] as const) {
    it(`is ${what}`, () => assert.strictEqual(refusal(make).what, "xml template"))
  }

  it("is one with a value that is neither text nor an element", () => {
    const wrong = (value: unknown): string => refusal(() => xml`<a>${value as string}</a>`).message
    assert.match(wrong({}), /value 1 \(line 1, column 4\): a value of type object cannot stand here/)
    assert.match(
      wrong(() => 1),
      /a function/
    )
    assert.match(wrong(Symbol("x")), /symbol/)
    assert.match(refusal(() => xml`<a b="${xml`<c/>`}"/>`).message, /an element cannot stand here/)
    assert.match(refusal(() => xml`<a b="${["x"]}"/>`).message, /an array cannot stand here/)
  })
})
