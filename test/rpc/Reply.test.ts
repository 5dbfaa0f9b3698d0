import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Message from "../../src/rpc/Message.ts"
import * as Reply from "../../src/rpc/Reply.ts"
import * as Parse from "../../src/xml/Parse.ts"
import { base, replyOf, rpcError } from "./peer.ts"

const judge = (text: string, expected: Reply.Expected = "ok"): Reply.Judgement =>
  Reply.judge(Message.read(Buffer.from(text), "refuse"), expected, {})

const nc = (content: string) => `<nc:rpc-reply xmlns:nc="${base}" message-id="1">${content}</nc:rpc-reply>`
const expectations: ReadonlyArray<Reply.Expected> = ["ok", "data", "output"]

describe("Reply.judge", () => {
  const successes: ReadonlyArray<readonly [string, Reply.Expected, string]> = [
    ["<ok/>", "ok", replyOf("1")],
    ["<ok></ok>", "ok", replyOf("1", "<ok></ok>")],
    ["ok with white space around", "ok", replyOf("1", "\n  <ok/>\n")],
    ["ok behind a comment", "ok", replyOf("1", "<!-- a --><ok/>")],
    ["a prefixed ok", "ok", nc("<nc:ok/>")],
    ["ok without any namespace", "ok", `<rpc-reply message-id="1"><ok/></rpc-reply>`],
    ["a closing tag with a space", "ok", replyOf("1").replace("</rpc-reply>", "</rpc-reply >")],
    ["an XML declaration", "ok", `<?xml version="1.0"?>\n${replyOf("1")}`],
    ["NUL and BEL behind the end", "ok", `${replyOf("1")}\u0000\u0007\n`],
    ["data", "data", replyOf("1", "<data><a/></data>")],
    ["empty data", "data", replyOf("1", "<data/>")],
    ["data behind a warning", "data", replyOf("1", `${rpcError("a", "", "warning")}<data/>`)],
    ["output", "output", replyOf("1", `<x xmlns="urn:x"/>`)],
    ["ok as output", "output", replyOf("1")],
    ["data as output", "output", replyOf("1", "<data/>")],
    [
      "ok in Junos' containers",
      "ok",
      replyOf(
        "1",
        `<commit-results xmlns="urn:junos"><routing-engine><name>re0</name><ok/></routing-engine></commit-results>`
      )
    ],
    ["data that speaks of rpc-errors", "data", replyOf("1", "<data><a>no rpc-error here</a></data>")],
    [
      "data with a model's own rpc-error",
      "data",
      replyOf("1", `<data><rpc-error xmlns="urn:model">1</rpc-error></data>`)
    ]
  ]
  for (const [what, expected, text] of successes) {
    it(`takes ${what} for a success`, () =>
      assert.strictEqual(judge(text, expected)._tag, "Success", JSON.stringify(judge(text, expected))))
  }

  const junos = `<commit-results><rpc-error><error-severity>error</error-severity><error-message>bad</error-message></rpc-error></commit-results>`
  const refusals: ReadonlyArray<readonly [string, string]> = [
    ["an rpc-error", replyOf("1", rpcError("in-use"))],
    ["an rpc-error behind ok", replyOf("1", `<ok/>${rpcError("in-use")}`)],
    ["an rpc-error behind data", replyOf("1", `<data/>${rpcError("in-use")}`)],
    ["an rpc-error among warnings", replyOf("1", rpcError("a", "", "warning") + rpcError("in-use") + "<ok/>")],
    ["a prefixed rpc-error", nc(`<nc:ok/><nc:rpc-error><nc:error-tag>in-use</nc:error-tag></nc:rpc-error>`)],
    [
      "an rpc-error in a foreign namespace",
      replyOf("1", `<ok/><rpc-error xmlns="urn:x"><error-tag>in-use</error-tag></rpc-error>`)
    ],
    ["an rpc-error without severity", replyOf("1", "<ok/><rpc-error/>")],
    ["an rpc-error with an empty severity", replyOf("1", "<ok/><rpc-error><error-severity/></rpc-error>")],
    [
      "an rpc-error with an unknown severity",
      replyOf("1", "<ok/><rpc-error><error-severity>Warning</error-severity></rpc-error>")
    ],
    ["an rpc-error in commit-results", replyOf("1", `${junos}<ok/>`)],
    [
      "an rpc-error in multi-routing-engine-results",
      replyOf(
        "1",
        `<multi-routing-engine-results><multi-routing-engine-item>${junos}</multi-routing-engine-item></multi-routing-engine-results><ok/>`
      )
    ],
    ["an rpc-error in a vendor's container", replyOf("1", `<x xmlns="urn:x"><y>${rpcError("in-use")}</y></x><ok/>`)],
    [
      "an rpc-error of the base namespace inside data",
      replyOf("1", `<data><a xmlns="urn:a"><rpc-error xmlns="${base}"/></a></data>`)
    ]
  ]
  for (const [what, text] of refusals) {
    for (const expected of expectations) {
      it(`takes ${what} for a refusal where ${expected} was expected`, () =>
        assert.strictEqual(judge(text, expected)._tag, "Refused"))
    }
  }

  const unclear: ReadonlyArray<readonly [string, Reply.Expected, string]> = [
    ["nothing", "output", replyOf("1", "")],
    ["nothing, self-closed", "ok", `<rpc-reply xmlns="${base}" message-id="1"/>`],
    ["text alone", "output", replyOf("1", "ok")],
    ["a comment alone", "output", replyOf("1", "<!-- ok -->")],
    ["warnings alone", "ok", replyOf("1", rpcError("a", "", "warning"))],
    ["warnings alone, as output", "output", replyOf("1", rpcError("a", "", "warning"))],
    ["ok for data", "data", replyOf("1")],
    ["data for ok", "ok", replyOf("1", "<data/>")],
    ["ok in a foreign namespace", "ok", replyOf("1", `<ok xmlns="urn:x"/>`)],
    ["ok in a foreign namespace as output", "output", replyOf("1", `<ok xmlns="urn:x"/>`)],
    ["ok in no namespace inside the base namespace", "ok", replyOf("1", `<ok xmlns=""/>`)],
    ["ok inside something else", "ok", replyOf("1", `<x><ok/></x>`)],
    ["OK in capitals", "ok", replyOf("1", "<OK/>")],
    ["data in a foreign namespace", "data", replyOf("1", `<data xmlns="urn:x"/>`)],
    ["a reply in a foreign namespace", "ok", replyOf("1").replace(base, "urn:x")],
    ["a truncated reply", "ok", replyOf("1").slice(0, -1)],
    ["a reply cut behind ok", "ok", replyOf("1").slice(0, -12)],
    ["trailing junk", "ok", `${replyOf("1")}junk`],
    ["a closing tag inside a comment", "ok", `${replyOf("1").slice(0, -12)}<!-- </rpc-reply>`],
    ["a closing tag of another prefix", "ok", `<nc:rpc-reply xmlns:nc="${base}"><nc:ok/></rpc-reply>`],
    ["an rpc-error in CDATA that does not end", "ok", replyOf("1", "<ok/><![CDATA[ rpc-error")]
  ]
  for (const [what, expected, text] of unclear) {
    it(`never takes ${what} for a success`, () => assert.strictEqual(judge(text, expected)._tag, "Unclear"))
  }

  it("says what it saw and what it expected", () => {
    const judgement = judge(replyOf("1", `<a/><b xmlns="urn:b"/>`), "ok")
    assert.include(judgement, {
      layer: "message",
      detail: `the reply holds <a>, <b> in namespace "urn:b" where <ok/> was expected`
    })
  })

  const warning = rpcError("w", "", "warning")
  const parts = Arbitrary.schema(
    Schema.Literals([
      "<ok/>",
      "<ok></ok>",
      '<ok xmlns="urn:x"/>',
      "<data/>",
      "<data><a/></data>",
      '<data xmlns=""/>',
      "<data>rpc-error</data>",
      '<x xmlns="urn:x"/>',
      "<commit-results><ok/></commit-results>",
      warning,
      rpcError("in-use"),
      '<rpc-error xmlns="urn:x"/>',
      `<x><y>${rpcError("in-use")}</y></x>`,
      `<data>${rpcError("in-use")}</data>`,
      "text",
      " ",
      "\n",
      "<!-- rpc-error -->",
      "<!-- a -->",
      "<![CDATA[<ok/>]]>",
      "<?pi a?>",
      "</rpc-reply>",
      "<rpc-reply>",
      "<a>",
      "</a>",
      "&amp;",
      "&x;",
      "<",
      "]]>"
    ])
  )
  const wrapper = Arbitrary.schema(Schema.Literals(["", "nc", "none", "foreign", "spaced"]))
  const wrap = (kind: string, content: string): string =>
    kind === "nc"
      ? nc(content).replace(" message-id", ` xmlns="${base}" message-id`)
      : kind === "none"
        ? `<rpc-reply message-id="1">${content}</rpc-reply>`
        : kind === "foreign"
          ? `<rpc-reply xmlns="urn:x" message-id="1">${content}</rpc-reply>`
          : kind === "spaced"
            ? `\n<rpc-reply\nxmlns='${base}'\n>${content}</rpc-reply\n>\n`
            : replyOf("1", content)

  it.prop(
    "agrees with a full parse, and never succeeds where the tree holds an error",
    [Arbitrary.array(parts, { maxLength: 5 }), wrapper, Arbitrary.schema(Schema.Literals(expectations))],
    ([pieces, kind, expected]) => {
      const text = wrap(kind, pieces.join(""))
      let message: Message.Message
      try {
        message = Message.read(Buffer.from(text), "refuse")
      } catch (error) {
        assert.instanceOf(error, Message.MessageError)
        return true
      }
      const cheap = Reply.judge(message, expected, {})
      let tree
      try {
        tree = Parse.decode(text)
      } catch {
        return true
      }
      // A mark inside makes it parse everything.
      const close = text.lastIndexOf("</")
      const whole = judge(`${text.slice(0, close)}<!-- rpc-error -->${text.slice(close)}`, expected)
      assert.strictEqual(cheap._tag, whole._tag, text)
      if (cheap._tag === "Success") {
        assert.notInclude(JSON.stringify(tree).replaceAll(/"severity".*/g, ""), `"in-use"`, text)
      }
      return true
    },
    { arbitrary: { seed: 1, runs: 1500, size: 20 } }
  )
})

describe("Reply.make", () => {
  const make = (text: string, expected: Reply.Expected = "output") => {
    const message = Message.read(Buffer.from(text), "refuse")
    const judgement = Reply.judge(message, expected, {})
    if (judgement._tag !== "Success") throw new Error(JSON.stringify(judgement))
    return Reply.make({ message, judgement, context: { operation: "x" }, limits: {}, elapsed: 1, receivedAt: 2 })
  }

  it.effect("gives data, or the first output element, or says that there is none", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* make(replyOf("1", "<a/><data><b/></data>")).data).name, "data")
      assert.strictEqual((yield* make(replyOf("1", `<x xmlns="urn:x"/><y/>`)).data).name, "x")
      assert.strictEqual((yield* make(replyOf("1", `${rpcError("w", "", "warning")}<x/>`)).data).name, "x")
      const none = yield* Effect.flip(make(replyOf("1")).data)
      assert.deepInclude({ ...none }, { layer: "message", detail: "the reply holds no data", operation: "x" })
    })
  )

  it.effect("decodes what is in its data, with the operation's context in the error", () =>
    Effect.gen(function* () {
      const reply = make(replyOf("1", `<data><top xmlns="urn:x"><a>1</a></top></data>`), "data")
      const schema = (a: Schema.Codec<unknown, string>) => Schema.Struct({ top: Schema.Struct({ a }) })
      const Int = Schema.FiniteFromString
      assert.deepStrictEqual(yield* reply.decode(schema(Int)), { top: { a: 1 } })
      assert.deepStrictEqual(yield* reply.decode(schema(Int), { namespace: "urn:x" }), { top: { a: 1 } })
      const error = yield* Effect.flip(reply.decode(schema(Int), { namespace: "urn:y" }))
      assert.strictEqual(error.message, "x: /data/top: expected an element, found none")
      assert.strictEqual((yield* Effect.flip(make(replyOf("1")).decode(schema(Int))))._tag, "ProtocolError")
    })
  )

  it("shows the text exactly as received, with its size in bytes", () => {
    const text = `<?xml version="1.0"?>\n${replyOf("1", "<data>\u00e9\u{1f600}</data>")}\n`
    const reply = make(text)
    assert.deepStrictEqual([reply.xml, reply.bytes, reply.messageId], [text, Buffer.byteLength(text), "1"])
  })
})
