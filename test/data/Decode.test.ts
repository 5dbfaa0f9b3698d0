import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { decode, encode } from "../../src/data/Decode.ts"
import type { DecodeOptions } from "../../src/data/Decode.ts"
import { AnyXml, Empty, Identityref, InstanceIdentifier } from "../../src/data/Values.ts"
import { DataError, InputError } from "../../src/errors.ts"
import * as Element from "../../src/xml/Element.ts"
import * as Parse from "../../src/xml/Parse.ts"
import { print } from "../../src/xml/Print.ts"
import { Choices, seededTape, treeFrom } from "../xml/Trees.ts"

const read = <S extends Schema.ConstraintDecoder<unknown>>(
  schema: S,
  text: string,
  options?: DecodeOptions
): Effect.Effect<S["Type"], DataError> => decode(schema, options)(Parse.decode(text))

const value = <S extends Schema.ConstraintDecoder<unknown>>(schema: S, text: string, options?: DecodeOptions) =>
  Effect.runSync(read(schema, text, options))

/** `path: expected`. */
const problem = (schema: Schema.ConstraintDecoder<unknown>, text: string, options?: DecodeOptions): string => {
  const error = Effect.runSync(Effect.flip(read(schema, text, options)))
  assert.instanceOf(error, DataError)
  return error.summary
}

const one = <S extends Schema.Constraint>(leaf: S) => Schema.Struct({ a: leaf })
const leaf = (text: string) => `<x>${text === "absent" ? "" : `<a>${text}</a>`}</x>`

describe("decode", () => {
  const Interface = Schema.Struct({
    name: Schema.String,
    enabled: Schema.Boolean,
    mtu: Schema.optionalKey(Schema.Int),
    adminStatus: Schema.Literals(["up", "down"]),
    address: Schema.Array(Schema.String)
  }).pipe(Schema.encodeKeys({ adminStatus: "admin-status" }))
  const Interfaces = Schema.Struct({ interface: Schema.Array(Interface) })

  it("reads structs, lists and leaves by name, in any order, and skips what the schema does not name", () => {
    const text = `<interfaces xmlns="urn:if">
      <!-- c --><interface><admin-status>up</admin-status><name>eth0</name><vendor:x xmlns:vendor="urn:v"><a/></vendor:x>
        <address>10.0.0.1</address><enabled>true</enabled><mtu>1500</mtu><address>10.0.0.2</address></interface>
      <?p?><interface><name/><enabled>false</enabled><admin-status> down </admin-status></interface>
    </interfaces>`
    assert.deepStrictEqual(value(Interfaces, text), {
      interface: [
        { name: "eth0", enabled: true, mtu: 1500, adminStatus: "up", address: ["10.0.0.1", "10.0.0.2"] },
        { name: "", enabled: false, adminStatus: "down", address: [] }
      ]
    })
  })

  const leaves: ReadonlyArray<readonly [Schema.ConstraintDecoder<unknown>, string, unknown]> = [
    [Schema.String, "  kept \n", "  kept \n"],
    [Schema.String, "a<!-- c -->b<![CDATA[<c>]]>&amp;", "ab<c>&"],
    [Schema.Int, " +007\n", 7],
    [Schema.Number, "-1.5", -1.5],
    [Schema.Finite, "0.0", 0],
    [Schema.BigInt, "+18446744073709551615", 18446744073709551615n],
    [Schema.FiniteFromString, " 5 ", 5],
    [Schema.Boolean, "true", true],
    [Schema.Boolean, " false ", false],
    [Schema.Boolean, "", true],
    [Schema.optionalKey(Schema.Boolean), "absent", "absent"],
    [Schema.optional(Schema.Int), "5", 5],
    [Schema.Literals(["a", "b"]), "\n b ", "b"],
    [Schema.Literals([1, 2]), "2", 2],
    [Schema.Union([Schema.Int, Schema.Literal("unbounded")]), "unbounded", "unbounded"],
    [Schema.Union([Schema.Int, Schema.Literal("unbounded")]), "3", 3],
    [Schema.Array(Schema.Int), "absent", []],
    [Schema.Array(Schema.Int), "1</a><a>2", [1, 2]],
    [Schema.NonEmptyArray(Schema.String), "x", ["x"]],
    [Schema.Tuple([Schema.String, Schema.Int]), "x</a><a>2", ["x", 2]],
    [Schema.Struct({}), "", {}],
    [Empty, "", true],
    [Schema.optionalKey(Empty), "absent", "absent"],
    [Schema.Record(Schema.String, Schema.Int), "<b>1</b><c>2</c>", { b: 1, c: 2 }],
    [Schema.Record(Schema.String, Schema.Array(Schema.Int)), "<b>1</b><c>2</c><b>3</b>", { b: [1, 3], c: [2] }],
    [Schema.Int.pipe(Schema.withDecodingDefaultKey(Effect.succeed(9))), "absent", 9]
  ]
  for (const [schema, text, expected] of leaves) {
    it(`reads ${JSON.stringify(text)} as ${typeof expected === "bigint" ? expected : JSON.stringify(expected)}`, () => {
      assert.deepStrictEqual(value(one(schema), leaf(text)) as unknown, expected === "absent" ? {} : { a: expected })
    })
  }

  const problems: ReadonlyArray<readonly [Schema.ConstraintDecoder<unknown>, string, string]> = [
    [Schema.Int, "secret", "/x/a: expected a string representing a finite number"],
    [Schema.Int, "1.5", "/x/a: expected an integer"],
    [Schema.Int, "", "/x/a: expected a number"],
    [Schema.FiniteFromString, " ", "/x/a: expected a number"],
    [Schema.Int, "<b/>", "/x/a: expected text, found elements"],
    [Schema.String, "absent", "/x/a: expected an element, found none"],
    [Schema.String, "1</a><a>2", "/x/a: expected one element, found 2"],
    [Schema.Boolean, "secret", `/x/a: expected "true" or "false"`],
    [Schema.Literals(["p", "q"]), "secret", `/x/a: expected "p" or "q"`],
    [Schema.String.check(Schema.isMaxLength(3)), "secret", "/x/a: expected a value with a length of at most 3"],
    [Schema.Struct({ b: Schema.Int }), "secret<b>1</b>", "/x/a: expected elements, found text"],
    [Schema.Struct({ b: Schema.Int }), "<![CDATA[secret]]><b>1</b>", "/x/a: expected elements, found text"],
    [Schema.Struct({ b: Schema.Int }), "<b>secret</b>", "/x/a/b: expected a string representing a finite number"],
    [
      Schema.Array(one(Schema.Int)),
      "<a>1</a></a><a><a>secret</a>",
      "/x/a[2]/a: expected a string representing a finite number"
    ],
    [Schema.Array(one(Schema.Int)), "<a>1</a></a><a>", "/x/a[2]/a: expected an element, found none"],
    [Schema.Tuple([Schema.String]), "1</a><a>2", "/x/a: expected 1 elements, found 2"],
    [Empty, "secret", `/x/a: expected ""`]
  ]
  for (const [schema, text, expected] of problems) {
    it(`says ${expected}`, () => assert.strictEqual(problem(one(schema), leaf(text)), expected))
  }

  it("says where in the words of XML, whatever the keys are called in the value", () => {
    const schema = Schema.Struct({
      sessionId: Schema.FiniteFromString,
      editList: Schema.Array(
        Schema.Struct({ targetName: Schema.Int }).pipe(Schema.encodeKeys({ targetName: "target-name" }))
      )
    }).pipe(Schema.encodeKeys({ sessionId: "session-id", editList: "edit" }))
    const edit = (text: string) =>
      `<e><session-id>4</session-id><edit><target-name>1</target-name></edit><edit><target-name>${text}</target-name></edit></e>`
    assert.deepStrictEqual(value(schema, edit("2")), { sessionId: 4, editList: [{ targetName: 1 }, { targetName: 2 }] })
    assert.match(problem(schema, edit("secret")), /^\/e\/edit\[2\]\/target-name: /)
    assert.match(problem(schema, `<e><session-id>secret</session-id></e>`), /^\/e\/session-id: /)
    assert.match(problem(schema, `<e><session-id/></e>`), /^\/e\/session-id: expected a number/)
  })

  it("gives the error the context of its caller", () => {
    const error = Effect.runSync(
      Effect.flip(read(one(Schema.Int), "<x/>", { context: { label: "leaf-01", operation: "get" } }))
    )
    assert.strictEqual(error.message, "get on leaf-01: /x/a: expected an element, found none")
  })

  describe("namespaces", () => {
    const both = `<x xmlns="urn:a"><a>1</a><b:a xmlns:b="urn:b">2</b:a></x>`

    it("does not matter unless two children of one name differ in it", () => {
      assert.deepStrictEqual(value(one(Schema.Int), `<x><b:a xmlns:b="urn:b">2</b:a></x>`), { a: 2 })
      assert.strictEqual(
        problem(one(Schema.Int), both),
        `/x/a: expected a schema that says which namespace is meant: "urn:a" or "urn:b"`
      )
      assert.match(problem(one(Schema.Array(Schema.Int)), both), /which namespace is meant/)
      assert.match(problem(Schema.Record(Schema.String, Schema.Array(Schema.Int)), both), /which namespace is meant/)
      assert.deepStrictEqual(value(Schema.Struct({}), both), {})
    })

    it("is said by the caller, or by a key for itself", () => {
      assert.deepStrictEqual(value(one(Schema.Int), both, { namespace: "urn:b" }), { a: 2 })
      assert.deepStrictEqual(value(Schema.Struct({ "{urn:a}a": Schema.Int, "{urn:b}a": Schema.Int }), both), {
        "{urn:a}a": 1,
        "{urn:b}a": 2
      })
      assert.match(problem(one(Schema.Int), both, { namespace: "urn:c" }), /found none/)
    })

    it("of a key goes for what is inside of it", () => {
      const schema = Schema.Struct({ "{urn:b}c": one(Schema.Int) })
      const text = (inner: string) => `<x xmlns="urn:a"><c xmlns="urn:b"><a xmlns="${inner}">1</a></c></x>`
      assert.deepStrictEqual(value(schema, text("urn:b"), { namespace: "urn:a" }), { "{urn:b}c": { a: 1 } })
      assert.match(problem(schema, text("urn:a"), { namespace: "urn:a" }), /^\/x\/c\/a: .*found none/)
    })
  })

  it("reaches attributes, and text beside them", () => {
    const schema = Schema.Struct({
      a: Schema.Struct({ "@unit": Schema.String, "@{urn:n}n": Schema.optionalKey(Schema.Int), "#text": Schema.Int })
    })
    assert.deepStrictEqual(value(schema, `<x><a unit="ms" n:n="4" xmlns:n="urn:n">5</a></x>`), {
      a: { "@unit": "ms", "@{urn:n}n": 4, "#text": 5 }
    })
    assert.strictEqual(problem(schema, `<x><a>5</a></x>`), "/x/a/@unit: expected an attribute, found none")
    assert.strictEqual(problem(schema, `<x><a unit="">5<b/></a></x>`), "/x/a: expected text, found elements")
    assert.match(problem(schema, `<x><a unit="" n:n="secret" xmlns:n="urn:n">5</a></x>`), /^\/x\/a\/@n: /)
  })

  it("reads identities by what their prefix stands for", () => {
    const type = (text: string) => `<x xmlns="urn:d" xmlns:ianaift="urn:iana"><a>${text}</a></x>`
    const ethernet = { namespace: "urn:iana", name: "ethernetCsmacd" }
    assert.deepStrictEqual(value(one(Identityref), type("ianaift:ethernetCsmacd")), { a: ethernet })
    assert.deepStrictEqual(value(one(Identityref), type(" other ")), { a: { namespace: "urn:d", name: "other" } })
    assert.match(problem(one(Identityref), type("p:other")), /^\/x\/a: expected an identity whose prefix is bound/)
    assert.match(problem(one(Identityref), type("")), /identity/)
    const Kind = Schema.Literals(["ethernetCsmacd", "tunnel"])
    assert.deepStrictEqual(value(one(Kind), type("ianaift:ethernetCsmacd")), { a: "ethernetCsmacd" })
    assert.match(problem(one(Kind), type("p:tunnel")), /"ethernetCsmacd" or "tunnel"/)
  })

  it("reads paths with what their prefixes stand for", () => {
    const text = `<x xmlns:if="urn:if" xmlns:other="urn:o"><a>/if:interfaces/if:interface[if:name='eth0']</a></x>`
    assert.deepStrictEqual(value(one(InstanceIdentifier), text), {
      a: { path: "/if:interfaces/if:interface[if:name='eth0']", namespaces: { if: "urn:if" } }
    })
  })

  it("hands over the element itself", () => {
    const text = `<x><a b="1">mixed <c/></a></x>`
    const { a } = value(one(AnyXml), text)
    assert.isTrue(Element.equals(a, Element.child(Parse.decode(text), "a")!))
    assert.lengthOf(value(one(Schema.Array(AnyXml)), `<x><a/><a/></x>`).a, 2)
  })

  it("takes of a choice the first that fits", () => {
    const choice = Schema.Union([
      Schema.Struct({ server: Empty }),
      Schema.Struct({ username: Schema.String, groups: Schema.Array(Schema.String) })
    ])
    assert.deepStrictEqual(value(one(choice), "<x><a><server/></a></x>"), { a: { server: true } })
    assert.deepStrictEqual(value(one(choice), "<x><a><username>u</username><groups>g</groups></a></x>"), {
      a: { username: "u", groups: ["g"] }
    })
    assert.match(problem(one(choice), "<x><a/></x>"), /^\/x\/a\/.*found none/)
  })

  it("reads classes and schemas that hold themselves", () => {
    class Port extends Schema.Class<Port>("Port")({ number: Schema.Int }) {}
    assert.instanceOf(value(one(Port), "<x><a><number>4</number></a></x>").a, Port)
    interface Tree {
      readonly name: string
      readonly child: ReadonlyArray<Tree>
    }
    const Tree: Schema.Codec<Tree> = Schema.Struct({
      name: Schema.String,
      child: Schema.Array(Schema.suspend((): Schema.Codec<Tree> => Tree))
    })
    const text = "<x><name>a</name><child><name>b</name></child></x>"
    assert.deepStrictEqual(value(Tree, text), { name: "a", child: [{ name: "b", child: [] }] })
  })

  it("keeps names that JavaScript knows apart from its own", () => {
    const text = "<x><constructor>1</constructor><__proto__>2</__proto__></x>"
    const found = value(Schema.Record(Schema.String, Schema.Int), text)
    assert.deepStrictEqual(Object.entries(found), [
      ["constructor", 1],
      ["__proto__", 2]
    ])
    assert.match(problem(Schema.Struct({ toString: Schema.String }), "<x/>"), /found none/)
  })

  for (const [what, schema] of [
    ["a list in a list", one(Schema.Array(Schema.Array(Schema.String)))],
    [
      "a value without a form in text",
      one(Schema.declare((value: unknown): value is () => void => typeof value === "function"))
    ],
    ["a key that is no name", Schema.Struct({ "a b": Schema.String })]
  ] as const) {
    it(`refuses a schema with ${what}`, () => assert.throws(() => decode(schema), InputError))
  }
})

describe("decode of what nobody expected", () => {
  const Any = Schema.Union([Schema.Int, Schema.Boolean, Empty, Identityref, InstanceIdentifier, AnyXml])
  const schemas: ReadonlyArray<Schema.ConstraintDecoder<unknown>> = [
    one(Any),
    Schema.Record(Schema.String, Schema.Array(AnyXml)),
    Schema.Record(Schema.String, Schema.Array(Schema.Union([Identityref, InstanceIdentifier, Schema.String]))),
    Schema.Struct({ __proto__x: Schema.optionalKey(Schema.String), constructor: Schema.optionalKey(Schema.Int) }),
    Schema.Struct({ "@a": Schema.optionalKey(Schema.Int), "#text": Schema.Literals(["text", "a"]) }),
    Schema.Array(Any)
  ]

  it("fails with a DataError or succeeds, and never dies", () => {
    let succeeded = 0
    let failed = 0
    for (let seed = 0; seed < 800; seed++) {
      const element = treeFrom(new Choices(seededTape(seed, 80)))
      for (const schema of schemas) {
        const exit = Effect.runSyncExit(decode(schema)(element))
        if (Exit.isSuccess(exit)) succeeded++
        else {
          failed++
          assert.isFalse(Exit.hasDies(exit), JSON.stringify(element))
        }
      }
    }
    assert.isAbove(succeeded, 500)
    assert.isAbove(failed, 500)
  })
})

describe("encode", () => {
  const written = <S extends Schema.ConstraintEncoder<unknown>>(
    schema: S,
    value: S["Type"],
    namespace?: string
  ): string =>
    print(Effect.runSync(encode(schema, { name: "x", ...(namespace === undefined ? {} : { namespace }) })(value)))

  it("writes what decode reads", () => {
    const schema = Schema.Struct({
      sessionId: Schema.Int,
      up: Schema.Boolean,
      server: Schema.optionalKey(Empty),
      "{urn:b}list": Schema.Array(Schema.Struct({ "@a": Schema.String, "#text": Schema.Int })),
      none: Schema.optional(Schema.String)
    }).pipe(Schema.encodeKeys({ sessionId: "session-id" }))
    const value = {
      sessionId: 4,
      up: true,
      server: true,
      "{urn:b}list": [{ "@a": "<", "#text": 1 }],
      none: undefined
    } as const
    assert.strictEqual(
      written(schema, value, "urn:a"),
      `<x xmlns="urn:a"><session-id>4</session-id><up>true</up><server/><list xmlns="urn:b" a="&lt;">1</list></x>`
    )
    assert.strictEqual(
      written(one(Identityref), { a: { namespace: "urn:iana", name: "tunnel" } }),
      `<x><a xmlns:id="urn:iana">id:tunnel</a></x>`
    )
  })

  it("fails for a value that does not fit, and says where without it", () => {
    const encoder = encode(one(Schema.Array(one(Schema.Int))), { name: "x" })
    const error = Effect.runSync(Effect.flip(encoder({ a: [{ a: 1 }, { a: 1.5 }] })))
    assert.strictEqual(error.summary, "/x/a[2]/a: expected an integer")
  })

  const schemas: ReadonlyArray<readonly [string, Schema.Codec<unknown, unknown>]> = [
    [
      "leaves",
      Schema.Struct({
        s: Schema.String,
        n: Schema.Finite,
        i: Schema.Int,
        b: Schema.Boolean,
        g: Schema.BigInt,
        l: Schema.Literals(["a", "b c"])
      })
    ],
    [
      "optional leaves",
      Schema.Struct({
        s: Schema.optionalKey(Schema.String),
        b: Schema.optionalKey(Schema.Boolean),
        e: Schema.optionalKey(Empty)
      })
    ],
    [
      "lists",
      Schema.Struct({
        l: Schema.Array(Schema.Struct({ s: Schema.String, n: Schema.Array(Schema.Int) })),
        m: Schema.NonEmptyArray(Schema.String)
      })
    ],
    ["codecs of text", Schema.Struct({ n: Schema.FiniteFromString, d: Schema.Array(Schema.FiniteFromString) })],
    [
      "unions",
      Schema.Struct({
        u: Schema.Union([Schema.Int, Schema.Literal("unbounded")]),
        t: Schema.Union([
          Schema.Struct({ a: Schema.Int }),
          Schema.Struct({ b: Schema.Array(Schema.String), c: Schema.String })
        ])
      })
    ],
    [
      "attributes",
      Schema.Struct({
        a: Schema.Array(
          Schema.Struct({
            "@a": Schema.String,
            "@{urn:n}b": Schema.optionalKey(Schema.Boolean),
            "#text": Schema.String
          })
        )
      })
    ],
    [
      "namespaces",
      Schema.Struct({ "{urn:a}a": Schema.Int, "{urn:b}a": Schema.Array(Schema.Struct({ c: Schema.String })) })
    ],
    [
      "renamed keys",
      Schema.Struct({ aB: Schema.Int, cD: Schema.optionalKey(Schema.Array(Schema.NonEmptyString)) }).pipe(
        Schema.encodeKeys({ aB: "a-b", cD: "c-d" })
      )
    ]
  ]
  // XML 1.0 has no place for most control characters, and reads \r as \n.
  const isText = (value: unknown): boolean =>
    // oxlint-disable-next-line no-control-regex -- these are the characters
    typeof value !== "string" || (value.isWellFormed() && !/[\u0000-\u0008\u000b-\u001f\ufffe\uffff]/.test(value))
  const isPrintable = (value: unknown): boolean =>
    typeof value === "object" && value !== null ? Object.values(value).every(isPrintable) : isText(value)
  /** Of an optional list that is empty XML says nothing. */
  const said = (value: unknown): unknown =>
    JSON.parse(
      JSON.stringify(value, (key, one: unknown) =>
        key === "cD" && Array.isArray(one) && one.length === 0
          ? undefined
          : typeof one === "bigint"
            ? `${one}n`
            : Object.is(one, -0)
              ? 0
              : one
      )
    )

  for (const [what, schema] of schemas) {
    it.effect.prop(
      `is undone by decode, through text too: ${what}`,
      [Arbitrary.schema(schema)],
      ([value]) =>
        Effect.gen(function* () {
          if (!isPrintable(value)) return
          const element = yield* encode(schema, { name: "x", namespace: "urn:x" })(value)
          assert.deepStrictEqual(said(yield* decode(schema, { namespace: "urn:x" })(element)), said(value))
          const parsed = Parse.decode(print(element))
          assert.deepStrictEqual(said(yield* decode(schema)(parsed)), said(value))
        }),
      { arbitrary: { seed: 1, runs: 200 } }
    )
  }
})
