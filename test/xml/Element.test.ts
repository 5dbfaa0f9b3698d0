import { assert, describe, it } from "@effect/vitest"
import {
  adopt,
  attribute,
  bind,
  bindings,
  child,
  children,
  elements,
  equals,
  find,
  findAll,
  isElement,
  make,
  text
} from "../../src/xml/Element.ts"
import { xmlNamespace } from "../../src/xml/Names.ts"
import { decode, XmlError } from "../../src/xml/Parse.ts"
import { print } from "../../src/xml/Print.ts"
import { Choices, tape, treeFrom } from "./Trees.ts"

describe("make", () => {
  it("binds what the element and its attributes use", () => {
    const made = make("a", "urn:a", {
      prefix: "p",
      attributes: [{ name: "b", prefix: "q", namespace: "urn:b", value: "1" }],
      children: ["x"]
    })
    assert.deepStrictEqual({ ...made.scope }, { p: "urn:a", q: "urn:b" })
    assert.strictEqual(print(made), '<p:a xmlns:p="urn:a" xmlns:q="urn:b" q:b="1">x</p:a>')
  })

  it("reads attribute names with prefixes, and declarations among them", () => {
    const made = make("a", "urn:a", {
      attributes: { b: "1", "nc:operation": "delete", "xmlns:nc": "urn:nc", "xml:lang": "en", "s:c": "" },
      scope: { s: "urn:s" }
    })
    assert.deepStrictEqual(
      made.attributes.map((a) => [a.prefix, a.name, a.namespace, a.value]),
      [
        ["", "b", "", "1"],
        ["nc", "operation", "urn:nc", "delete"],
        ["xml", "lang", xmlNamespace, "en"],
        ["s", "c", "urn:s", ""]
      ]
    )
    assert.strictEqual(make("a", undefined, { attributes: { xmlns: "urn:x" } }).namespace, "urn:x")
    assert.throws(() => make("a", "", { attributes: { "p:b": "" } }), XmlError, /prefix of attribute p:b/)
    assert.throws(() => make("a", "", { attributes: { "constructor:b": "" } }), XmlError)
  })

  it("gives children that say nothing about their namespace its own, at any depth", () => {
    const made = make("a", "urn:a", {
      children: [make("p", "urn:p", { prefix: "p", children: [make("b"), make("c", "")] })]
    })
    assert.strictEqual(find(made, ["p", "b"])?.namespace, "urn:a")
    assert.strictEqual(find(made, ["p", "c"])?.namespace, "")
    assert.strictEqual(make("a").namespace, "")
  })

  it("binds prefixes that are called like members of an object", () => {
    const made = make("a", "urn:a", { prefix: "__proto__", attributes: { "xmlns:constructor": "urn:c" } })
    assert.strictEqual(print(made), '<__proto__:a xmlns:__proto__="urn:a" xmlns:constructor="urn:c"/>')
  })
})

describe("bind", () => {
  it("adds to a scope without copying or changing it", () => {
    const outer = decode(`<a xmlns:p="u"/>`).scope
    const inner = bind(outer, { q: "v", p: "u", xml: "w" })
    assert.deepStrictEqual(Object.keys(inner), ["q"])
    assert.deepStrictEqual({ ...bindings(inner) }, { "": "", p: "u", q: "v" })
    assert.isUndefined(outer["q"])
    assert.strictEqual(bind(outer, { p: "u" }), outer)
    assert.strictEqual(bind(outer, { q: "v" }), inner)
    assert.notStrictEqual(bind(outer, { q: "v", r: "w" }), inner)
    assert.strictEqual(bind(outer, { p: "x" })["p"], "x")
  })

  it("takes scopes written by hand, frozen ones, and prefixes called like members of an object", () => {
    const scope = bind(Object.freeze({ p: "u" }), { "": "", constructor: "c", ["__proto__"]: "d" })
    assert.deepStrictEqual(Object.entries(scope).sort(), [
      ["", ""],
      ["__proto__", "d"],
      ["constructor", "c"],
      ["p", "u"]
    ])
    const inner = bind(Object.freeze(scope), { p: "v", __proto__: null } as never)
    assert.strictEqual(inner["p"], "v")
    assert.strictEqual(inner["__proto__"], "d")
    assert.isUndefined(bind(scope, {})["toString"])
  })
})

describe("adopt", () => {
  it("returns the element itself when it has a default namespace, or there is none around", () => {
    const parsed = decode("<a><b/></a>")
    assert.strictEqual(adopt(parsed, { "": "urn:x" }), parsed)
    const open = make("a")
    assert.strictEqual(adopt(open, { p: "urn:p" }), open)
    assert.strictEqual(adopt(open, { "": "urn:x" }).namespace, "urn:x")
  })
})

describe("finding", () => {
  const tree = decode(`<r xmlns="urn:1" xmlns:o="urn:2" a="1" o:a="2">
    <x><y>1</y></x><o:x><z/></o:x><x><z>2</z><o:z>3</o:z></x>t<![CDATA[u]]><!-- c --></r>`)

  it("goes by local name, and by namespace when one is given", () => {
    assert.strictEqual(elements(tree).length, 3)
    assert.strictEqual(children(tree, "x").length, 3)
    assert.strictEqual(children(tree, "x", "urn:1").length, 2)
    assert.strictEqual(child(tree, "x", "urn:2")?.prefix, "o")
    assert.isUndefined(child(tree, "x", ""))
    assert.isUndefined(child(tree, "nothing"))
  })

  it("walks down all branches of a path", () => {
    assert.strictEqual(find(tree, ["x", "z"])?.children.length, 0)
    assert.strictEqual(text(find(tree, [["urn:1", "x"], "z"])!), "2")
    assert.deepStrictEqual(findAll(tree, ["x", "z"]).map(text), ["", "2", "3"])
    assert.deepStrictEqual(
      findAll(tree, [
        ["urn:1", "x"],
        ["urn:2", "z"]
      ]).map(text),
      ["3"]
    )
    assert.isUndefined(find(tree, ["x", "z", "w"]))
    assert.strictEqual(find(tree, []), tree)
  })

  it.prop(
    "gives find as the first of findAll",
    [tape(200)],
    ([numbers]) => {
      const root = treeFrom(new Choices(numbers))
      for (const path of [
        ["a"],
        ["a", "a"],
        ["interface", ["", "a"]],
        [["urn:a", "interface"], "constructor"]
      ] as const) {
        assert.strictEqual(find(root, path), findAll(root, path)[0])
      }
    },
    { arbitrary: { seed: 1, runs: 200, size: 200 } }
  )

  it("reads attributes by namespace and the text directly inside", () => {
    assert.strictEqual(attribute(tree, "a"), "1")
    assert.strictEqual(attribute(tree, "a", "urn:2"), "2")
    assert.isUndefined(attribute(tree, "a", "urn:1"))
    assert.strictEqual(text(tree).trim(), "tu")
    assert.isFalse(isElement("a"))
  })
})

describe("equals", () => {
  const same = (a: string, b: string): boolean => equals(decode(a), decode(b))

  it("holds for what means the same", () => {
    assert.isTrue(same('<a xmlns="u" b="1" c="2"/>', '<p:a xmlns:p="u" c="2" b="1"></p:a>'))
    assert.isTrue(same("<a>x<!-- c -->y<?p i?></a>", "<a><![CDATA[xy]]></a>"))
    assert.isTrue(same("<a><![CDATA[]]></a>", "<a/>"))
  })

  for (const [a, b] of [
    ["<a/>", "<b/>"],
    ["<a/>", '<a xmlns="u"/>'],
    ['<a b="1"/>', '<a b="2"/>'],
    ['<a b="1"/>', "<a/>"],
    ['<a xmlns:p="u" p:b="1"/>', '<a b="1"/>'],
    ["<a><b/><c/></a>", "<a><c/><b/></a>"],
    ["<a><b/></a>", "<a><b/><b/></a>"],
    ["<a>x</a>", "<a>y</a>"],
    ["<a> </a>", "<a/>"],
    ["<a>x<b/></a>", "<a><b/>x</a>"]
  ] as const) {
    it(`tells ${a} from ${b}`, () => {
      assert.isFalse(same(a, b))
      assert.isFalse(same(b, a))
    })
  }
})
