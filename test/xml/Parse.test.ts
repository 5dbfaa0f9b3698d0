import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { InputError } from "../../src/errors.ts"
import * as Element from "../../src/xml/Element.ts"
import { decode, defaultLimits, parse, XmlError } from "../../src/xml/Parse.ts"
import type { ParseOptions } from "../../src/xml/Parse.ts"
import { print } from "../../src/xml/Print.ts"
import { Choices, damage, seededTape, treeFrom } from "./Trees.ts"

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

const refusal = (input: string | Uint8Array, options?: ParseOptions): XmlError => {
  try {
    return assert.fail(`parsed as ${print(decode(input, options))}`)
  } catch (error) {
    assert.instanceOf(error, XmlError)
    return error
  }
}

describe("decode", () => {
  it("reads the reply of RFC 6241 §4.2", () => {
    const reply = decode(`<rpc-reply message-id="101"
        xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"
        xmlns:ex="http://example.net/content/1.0"
        ex:user-id="fred">
     <data>
       <!-- contents here... -->
     </data>
   </rpc-reply>`)
    assert.deepStrictEqual(
      [reply.name, reply.prefix, reply.namespace],
      ["rpc-reply", "", "urn:ietf:params:xml:ns:netconf:base:1.0"]
    )
    assert.deepStrictEqual(reply.attributes, [
      { name: "message-id", prefix: "", namespace: "", value: "101" },
      { name: "user-id", prefix: "ex", namespace: "http://example.net/content/1.0", value: "fred" }
    ])
    assert.deepInclude(Element.child(reply, "data")!.children[1], { _tag: "Comment", text: " contents here... " })
    assert.strictEqual(Element.child(reply, "data")!.scope, reply.scope)
  })

  it("keeps white space, CDATA, comments and instructions where they stand", () => {
    assert.deepStrictEqual(decode("<a> x<![CDATA[<]]><!--c--><?p b ?>\n</a>").children, [
      " x",
      { _tag: "CData", text: "<" },
      { _tag: "Comment", text: "c" },
      { _tag: "ProcessingInstruction", target: "p", body: "b " },
      "\n"
    ])
  })

  it("resolves references and normalises line ends as XML says", () => {
    const a = decode(`<a b="x\r\ny\tz&#10;&quot;">1\r\n2\r3&#13;&#x1F600;&amp;amp;</a>`)
    assert.strictEqual(Element.attribute(a, "b"), 'x y z\n"')
    assert.strictEqual(Element.text(a), "1\n2\n3\r\u{1f600}&amp;")
  })

  it("takes the prefix xml as bound everywhere, declared or not", () => {
    const declared = decode('<a xmlns:xml="http://www.w3.org/XML/1998/namespace" xml:lang="en"/>')
    assert.deepStrictEqual(declared, decode('<a xml:lang="en"/>'))
  })

  it("tells no namespace from an open one: a document's root has none", () => {
    assert.strictEqual(decode("<a/>").scope[""], "")
    assert.strictEqual(
      decode('<a xmlns="urn:a"><b xmlns=""/></a>').children.filter(Element.isElement)[0]!.namespace,
      ""
    )
  })

  for (const [what, text] of [
    ["white space", " \r\n\t<a/> \n"],
    ["NUL and BEL", "\0\u0007<a/>\u0007\0\n"],
    ["a byte order mark", "\ufeff<a/>"],
    ["junk before the XML declaration", '\n\0<?xml version="1.0" encoding="UTF-8"?>\n<a/>'],
    ["a banner comment before the XML declaration", '<!-- hi > "there --><?xml version="1.0"?><!-- x --><a/>'],
    ["comments and instructions behind the root", "<a/><!-- x --><?y?>\n"],
    ["XML 1.1, read as 1.0", '<?xml version="1.1"?><a/>'],
    ["another encoding's name", '<?xml version="1.0" encoding="ISO-8859-1"?><a/>']
  ] as const) {
    it(`skips ${what}`, () => {
      assert.strictEqual(print(decode(text)), "<a/>")
      assert.strictEqual(print(decode(bytes(text))), "<a/>")
    })
  }

  for (const [text, detail, line, column] of [
    ["", /no root element/, 1, 1],
    ["  \n", /no root element/, 2, 1],
    ["<!-- x", /no root element/, 1, 7],
    ["<", /no root element/, 1, 2],
    ["hello", /text before the root/, 1, 1],
    ["\n <a>\n<b></a>", /unexpected close tag, expected <\/b>/, 3, 7],
    ["<a>", /unclosed tag: a/, 1, 3],
    ["<a", /ends inside the start tag/, 1, 2],
    ["<a/><b/>", /only one root/, 1, 7],
    ["<a/>x", /outside of root/, 1, 5],
    ["<a>&nbsp;</a>", /undefined entity/, 1, 9],
    ["<a>&#0;</a>", /malformed character entity/, 1, 7],
    ["<a>&#xD800;</a>", /malformed character entity/, 1, 11],
    ["<a>\0</a>", /disallowed character/, 1, 4],
    ["<p:a/>", /unbound namespace prefix: "p"/, 1, 6],
    ["<a p:b=''/>", /unbound namespace prefix: "p"/, 1, 11],
    ["<constructor:a/>", /unbound namespace prefix: "constructor"/, 1, 16],
    ["<p:-a xmlns:p='u'/>", /malformed name: p:-a/, 1, 19],
    ["<a xmlns:1='u'/>", /malformed name: xmlns:1/, 1, 16],
    ["<a:b:c/>", /malformed name: a:b:c/, 1, 8],
    ["<xmlns:a/>", /xmlns/, 1, 10],
    ["<a b='' b=''/>", /duplicate attribute: b/, 1, 14],
    ["<a xmlns:p='u' xmlns:q='u' p:b='' q:b=''/>", /duplicate attribute/, 1, 42],
    ["<a xmlns:p=''/>", /undefine prefix/, 1, 13],
    ["<a xmlns:xml='urn:x'/>", /xml prefix/, 1, 20],
    ["<a b=1/>", /unquoted/, 1, 6],
    ["<a b='<'/>", /disallowed/, 1, 7],
    ["<a>]]></a>", /\]\]>/, 1, 6],
    ["<a><!-- -- --></a>", /comment/, 1, 11]
  ] as const) {
    it(`refuses ${JSON.stringify(text)}, saying where`, () => {
      const error = refusal(text)
      assert.match(error.detail, detail)
      assert.deepStrictEqual([error.line, error.column], [line, column])
      assert.include(error.message, `line ${line}, column ${column}`)
      assert.strictEqual(refusal(bytes(text)).message, error.message)
    })
  }

  it("refuses a DOCTYPE wherever it stands, entity declarations with it", () => {
    const laughs = `<!DOCTYPE lolz [<!ENTITY lol "lol">${Array.from(
      { length: 9 },
      (_, n) => `<!ENTITY lol${n + 1} "${`&lol${n === 0 ? "" : n};`.repeat(10)}">`
    ).join("")}]><lolz>&lol9;</lolz>`
    assert.match(refusal(laughs).detail, /DOCTYPE/)
    assert.match(refusal(`<?xml version="1.0"?>\n<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>`).detail, /DOCTYPE/)
    assert.deepInclude(refusal(`<?xml version="1.0"?>\n <!DOCTYPE a>`), { line: 2, column: 2 })
    refusal("<a><!DOCTYPE a></a>")
    refusal("<a/><!DOCTYPE a>")
    refusal('<!ENTITY x "y"><a>&x;</a>')
    refusal('<a><!ENTITY x "y"></a>')
  })

  it("gives the position in the whole input, whatever was skipped", () => {
    assert.deepInclude(refusal('\n<?xml version="1.0"?>\n  <a>&x;</a>'), { line: 3, column: 8 })
  })
})

describe("UTF-8", () => {
  const latin1 = new Uint8Array([...bytes("<?xml version='1.0' encoding='ISO-8859-1'?>\n<a>"), 0xe9, ...bytes("</a>")])

  it("is refused where it is invalid, naming the declaration that is wrong", () => {
    const error = refusal(latin1)
    assert.match(error.detail, /not UTF-8 at byte 47, although the declaration says ISO-8859-1/)
    assert.deepInclude(error, { line: 2, column: 4 })
  })

  it("is replaced where it is invalid, when asked for", () => {
    assert.strictEqual(Element.text(decode(latin1, { invalidUtf8: "replace" })), "\ufffd")
    assert.strictEqual(Element.text(decode("<a>\ud800</a>", { invalidUtf8: "replace" })), "\ufffd")
  })

  it("is found invalid anywhere: overlong, surrogates, cut short", () => {
    for (const bad of [[0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0x80], [0xe2, 0x82], [0xff]]) {
      assert.match(refusal(new Uint8Array([...bytes("<a>é"), ...bad, ...bytes("</a>")])).detail, /byte 5/)
    }
    assert.match(refusal(new Uint8Array([...bytes("<a/>"), 0xe2])).detail, /not UTF-8/)
  })

  it("has no lone surrogates: a string with one is refused, never misread", () => {
    assert.match(refusal("<a>\ud800</a>").detail, /surrogate/)
    assert.match(refusal("<a>\udc00</a>").detail, /surrogate/)
  })

  it("reads a view into a larger buffer as the view only", () => {
    const whole = bytes("xx<a>é</a>yy")
    assert.strictEqual(print(decode(whole.subarray(2, whole.length - 2))), "<a>é</a>")
  })
})

describe("limits", () => {
  const nested = (depth: number): string => "<a>".repeat(depth) + "</a>".repeat(depth)
  const many = (count: number): string =>
    `<a xmlns:p="urn:p"${Array.from({ length: count - 1 }, (_, n) => ` a${n}=""`).join("")}/>`

  it("holds the depth: below, at, above", () => {
    for (const depth of [1, 9, 10]) decode(nested(depth), { limits: { depth: 10 } })
    const error = refusal(nested(11), { limits: { depth: 10 } })
    assert.match(error.detail, /deeper than the limit of 10/)
    assert.strictEqual(error.column, 33)
    decode(nested(defaultLimits.depth))
    refusal(nested(defaultLimits.depth + 1))
  })

  it("counts depth, not elements", () => {
    const tree = decode(`<a>${"<b><c/></b>".repeat(1000)}</a>`, { limits: { depth: 3 } })
    assert.strictEqual(tree.children.length, 1000)
  })

  it("holds the attributes of one element, declarations included: below, at, above", () => {
    for (const count of [9, 10]) decode(many(count), { limits: { attributes: 10 } })
    assert.match(refusal(many(11), { limits: { attributes: 10 } }).detail, /attributes on one element .* limit of 10/)
    decode(`<a>${many(10).repeat(5)}</a>`, { limits: { attributes: 10 } })
    decode(many(defaultLimits.attributes))
    refusal(many(defaultLimits.attributes + 1))
  })

  it("holds the size in bytes, also of a string: below, at, above", () => {
    for (const input of ["<a>éé</a>", bytes("<a>éé</a>")]) {
      for (const limit of [11, 12]) decode(input, { limits: { bytes: limit } })
      assert.match(refusal(input, { limits: { bytes: 10 } }).detail, /longer than the limit of 10 bytes/)
    }
  })

  it("refuses 20,000 nested elements at the limit, having read no further", () => {
    assert.strictEqual(refusal("<a>".repeat(20_000)).column, 257 * 3)
  })

  it("reads deep trees in linear work when the limit allows them", () => {
    // saxes alone looks up a prefix in every open element: this would be 200 million look-ups.
    const tree = decode(`<p:a xmlns:p="u">${"<p:a>".repeat(3000)}${"<p:b/>".repeat(60_000)}${"</p:a>".repeat(3001)}`, {
      limits: { depth: 4000 }
    })
    assert.strictEqual(tree.namespace, "u")
  })
})

describe("scopes", () => {
  const many = (count: number, from = 0): string =>
    Array.from({ length: count }, (_, n) => `xmlns:p${n + from}="u"`).join(" ")
  const owned = (e: Element.Element): number => {
    const scopes = new Set<Element.Scope>()
    const walk = (inner: Element.Element): void => {
      scopes.add(inner.scope)
      for (const node of Element.elements(inner)) walk(node)
    }
    walk(e)
    return [...scopes].reduce((sum, scope) => sum + Object.keys(scope).length, 0)
  }

  it("hold what each declares, however many are in scope", () => {
    const varied = Array.from({ length: 5000 }, (_, n) => `<a xmlns:q="v${n}"/>`).join("")
    assert.strictEqual(owned(decode(`<r ${many(1000)}>${varied}</r>`)), 6000)
    const opens = Array.from({ length: 100 }, (_, n) => `<a ${many(100, n * 100)}>`).join("")
    const deep = decode(opens + "</a>".repeat(100))
    assert.strictEqual(owned(deep), 10_000)
    assert.strictEqual(print(deep), opens.slice(0, -1) + "/>" + "</a>".repeat(99))
  })

  it("are one object where they say the same", () => {
    const [a, b, c] = Element.elements(decode(`<r xmlns:p="u"><a xmlns:q="v"/><b xmlns:q="v"/><c xmlns:p="u"/></r>`))
    assert.strictEqual(a!.scope, b!.scope)
    assert.strictEqual(Object.getPrototypeOf(a!.scope), c!.scope)
  })

  it("are read with what they inherit, and end with their element", () => {
    const text = `<r xmlns:p="u"><a xmlns:p="v" xmlns:q="w"><p:b/></a><p:c/></r>`
    const [a, c] = Element.elements(decode(text))
    assert.deepStrictEqual([a!.scope["p"], a!.scope["q"], a!.scope[""]], ["v", "w", ""])
    assert.deepStrictEqual({ ...Element.bindings(a!.scope) }, { "": "", p: "v", q: "w" })
    assert.deepStrictEqual([Element.elements(a!)[0]!.namespace, c!.namespace], ["v", "u"])
    assert.match(refusal(`<r><a xmlns:q="w"/><q:b/></r>`).detail, /unbound namespace prefix/)
    assert.match(refusal(`<r><a xmlns:q="w"></a><q:b/></r>`).detail, /unbound namespace prefix/)
  })
})

describe("whatever the input", () => {
  it("throws nothing but XmlError, and what it accepts prints and reads back", () => {
    let accepted = 0
    for (let seed = 0; seed < 4000; seed++) {
      const choices = new Choices(seededTape(seed, 300))
      const text = damage(print(treeFrom(choices)), choices, 3)
      const input = seed % 2 === 0 ? text : bytes(text)
      try {
        const tree = decode(input, { invalidUtf8: seed % 3 === 0 ? "replace" : "refuse" })
        assert.deepStrictEqual(decode(print(tree)), tree)
        accepted++
      } catch (error) {
        if (!(error instanceof XmlError)) throw error
        assert.isAbove(error.line, 0, `${error.message} ${JSON.stringify(text)}`)
      }
    }
    assert.isAbove(accepted, 400)
    assert.isBelow(accepted, 3600)
  })

  it("throws nothing but XmlError for random bytes", () => {
    for (let seed = 0; seed < 2000; seed++) {
      const noise = seededTape(seed, 60).map((number) => (number % 3 === 0 ? 0x3c : number % 256))
      try {
        decode(new Uint8Array(noise), { invalidUtf8: seed % 2 === 0 ? "replace" : "refuse" })
      } catch (error) {
        assert.instanceOf(error, XmlError)
      }
    }
  })
})

describe("parse", () => {
  it.effect("succeeds with the element", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* parse("<a/>")).name, "a")
    })
  )

  it.effect("fails with an InputError that says where", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(parse("<a>\n\n  <b></a>", { what: "config" }))
      assert.instanceOf(error, InputError)
      assert.deepInclude(error, { what: "config", where: "line 3, column 9" })
      assert.strictEqual(error.why, "unexpected close tag")
    })
  )

  it.effect("says the place and the kind, never a name that may be part of an unescaped value", () =>
    Effect.gen(function* () {
      const secret = "S3cr3tPw"
      for (const text of [
        `<p>a<${secret}:b/></p>`,
        `<p a="x"${secret}:b=""/>`,
        `<p>a<b ${secret}="" ${secret}=""/></p>`,
        `<p>a<b xmlns:x='u' xmlns:y='u' x:${secret}="" y:${secret}=""/></p>`,
        `<p>a<${secret}</p>`,
        `<p>a<${secret}></p>`,
        `<p>a<${secret}>`,
        `<${secret}>`,
        `<p></${secret}></p>`,
        `<p><x:-${secret} xmlns:x="u"/></p>`,
        `<p a:b:${secret}=""/>`,
        `<p>&${secret};</p>`,
        `<p><?${secret}</p>`,
        `<p><!${secret}></p>`
      ]) {
        const error = yield* Effect.flip(parse(text))
        assert.notInclude(`${error.message} ${JSON.stringify(error)} ${error.stack}`, secret, text)
        assert.match(error.where ?? "", /^line 1, column \d+$/)
        assert.isNotEmpty(error.why)
      }
    })
  )
})
