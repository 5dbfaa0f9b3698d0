import { assert, describe, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { InputError } from "../../src/errors.ts"
import { expressionOf, isXPath, literal, xpath } from "../../src/xml/XPath.ts"

/** What an XPath 1.0 reader makes of a string literal, or of a concat() of them. */
const evaluate = (expression: string): string => {
  const inner = /^concat\((.*)\)$/s.exec(expression)?.[1]
  if (inner === undefined) return readLiteral(expression)
  const parts = inner.match(/'[^']*'|"[^"]*"|,/gs) ?? []
  assert.strictEqual(parts.join(""), inner)
  assert.isAbove(parts.length, 2)
  return parts.map((part, n) => (n % 2 === 1 ? (assert.strictEqual(part, ",") ?? "") : readLiteral(part))).join("")
}

const readLiteral = (text: string): string => {
  assert.match(text, /^(?:'[^']*'|"[^"]*")$/s)
  return text.slice(1, -1)
}

describe("literal", () => {
  it("uses the quote that the text does not hold, concat() when it holds both", () => {
    assert.strictEqual(literal("a"), "'a'")
    assert.strictEqual(literal("it's"), `"it's"`)
    assert.strictEqual(literal('"'), `'"'`)
    assert.strictEqual(literal(`a'b"c`), `concat('a',"'",'b"c')`)
  })

  it.prop(
    "is read back as the text",
    [Schema.Array(Schema.Union([Schema.Literals(["'", '"', "\\", ",", "(", ")", "\n", "]"]), Schema.String]))],
    ([parts]) => assert.strictEqual(evaluate(literal(parts.join(""))), parts.join("")),
    { arbitrary: { seed: 1, runs: 500, size: 20 } }
  )
})

describe("xpath", () => {
  it("quotes strings and prints the rest in XPath's way", () => {
    const name = "eth0' or true() or '"
    assert.deepStrictEqual(xpath`/if:interface[if:name=${name}][position()<${3}]`, {
      _tag: "XPath",
      expression: `/if:interface[if:name="eth0' or true() or '"][position()<3]`
    })
    assert.strictEqual(xpath`${true}=${false}`.expression, "true()=false()")
    assert.strictEqual(xpath`${12345678901234567890n}`.expression, "12345678901234567890")
  })

  it("prints numbers without exponents, NaN and infinities as expressions", () => {
    for (const [number, expression] of [
      [-1.5, "-1.5"],
      [0.1, "0.1"],
      [1e21, "1000000000000000000000"],
      [-1.25e22, "-12500000000000000000000"],
      [1.5e-7, "0.00000015"],
      [-1e-7, "-0.0000001"],
      [NaN, "number('NaN')"],
      [-Infinity, "(-1 div 0)"],
      [Infinity, "(1 div 0)"]
    ] as const) {
      assert.strictEqual(xpath`${number}`.expression, expression)
    }
  })

  it.prop(
    "prints a number that reads back as the same",
    [Schema.Finite.check(Schema.isBetween({ minimum: -1e30, maximum: 1e30 }))],
    ([number]) => assert.strictEqual(Number(xpath`${number}`.expression), number === 0 ? 0 : number),
    { arbitrary: { seed: 1, runs: 300, size: 100 } }
  )

  it("splices an XPath as it stands", () => {
    const base = xpath`/a[b=${"c"}]`
    assert.strictEqual(xpath`${base}/d`.expression, "/a[b='c']/d")
    assert.isTrue(isXPath(base))
  })

  it("never takes an object that looks like an XPath for one", () => {
    const outside = JSON.parse(JSON.stringify({ _tag: "XPath", expression: "'' or true()" })) as never
    assert.isFalse(isXPath(outside))
    assert.throws(() => xpath`/a[b=${outside}]`, InputError, /value 1: is not/)
    assert.throws(() => expressionOf(outside), InputError, /xpath tag/)
    assert.strictEqual(expressionOf(xpath`/a`), "/a")
    assert.strictEqual(expressionOf("/b"), "/b")
  })

  it("refuses a value inside quotes, where it could end the literal", () => {
    for (const make of [() => xpath`/a[b='${"c"}']`, () => xpath`/a[b="${1}"]`, () => xpath`${1}"${2}"`]) {
      assert.throws(make, InputError, /inside quotes/)
    }
    assert.strictEqual(xpath`/a[b="it's"][c=${1}]`.expression, `/a[b="it's"][c=1]`)
  })

  it("refuses an open quote and values of other kinds, naming which", () => {
    assert.throws(() => xpath`/a[b='c]`, InputError, /not closed/)
    for (const value of [undefined, null, {}, [], Symbol("x")]) {
      assert.throws(() => xpath`${1}${value as never}`, InputError, /value 2: is not/)
    }
  })
})
