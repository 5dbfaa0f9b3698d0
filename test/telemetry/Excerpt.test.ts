import { assert, describe, it } from "@effect/vitest"
import { excerpt } from "../../src/telemetry/Excerpt.ts"
import { isElement } from "../../src/xml/Element.ts"
import type { Element, Node } from "../../src/xml/Element.ts"
import { print } from "../../src/xml/Print.ts"
import { Choices, damage, seededTape, treeFrom } from "../xml/Trees.ts"

describe("excerpt", () => {
  for (const [text, shown] of [
    [`<a b="xyz">hello world!</a>`, `<a b="[3]">[12]</a>`],
    ["<a><b/> <c></c></a>", "<a><b/>[1]<c></c></a>"],
    [`<nc:a xmlns:nc='urn:x' b=""/>`, `<nc:a xmlns:nc="[5]" b="[0]"/>`],
    ["<?xml version='1.0'?><!-- x --><a><![CDATA[y]]></a>", "<?[17]?><!--[3]--><a><![CDATA[[1]]]></a>"],
    ["Password: <a>", "[10]<a>"],
    ["no markup", "[9]"],
    ["", ""],
    ["<a><b>secr", "<a><b>[4]"],
    ["<a><b c='se", "<a>[8]"],
    [`<a b="x>secret</a><c d="y">z`, "[28]"],
    ["<a b=secret>", "[12]"],
    ["<a><!-- secret", "<a>[11]"],
    ["<p>se<cr>et</p><q>", "<p>[2][13]"],
    ["<p>se<cret</p>", "<p>[2][9]"],
    ["<p><cr>et</p><q>", "<p>[13]"],
    ["<o><p><cr><x/>et</p>", "<o><p>[14]"],
    ["<p><cr>et</zz>", "<p>[11]"],
    ["<p><cr--></p>", "<p>[10]"],
    ["<p><secret-->", "<p>[10]"],
    ["<p>x<q/>", "<p>[1][4]"],
    ["<p>\n <q/>y<r>z", "<p>[2]<q/>[1][4]"],
    ["<!--secret--><![CDATA[", "<!--[6]-->[9]"],
    ["<a b='1'c='2'/>", "[15]"],
    ["<p>a</p ><q>b", "<p>[1]</p><q>[1]"],
    ["<é>x</é>", "[8]"]
  ] as const) {
    it(`shows ${JSON.stringify(text)} as ${shown}`, () => {
      assert.strictEqual(excerpt(text), shown)
      assert.strictEqual(excerpt(new TextEncoder().encode(text)), shown)
    })
  }

  it("is never longer than its limit", () => {
    const long = `<a>${"<b>x</b>".repeat(1000)}</a>`
    assert.isTrue(excerpt(long).startsWith("<a><b>[1]</b>"))
    assert.strictEqual(excerpt(long).length, 200)
    assert.isTrue(excerpt(long).endsWith("..."))
    for (const max of [0, 1, 3, 10, 200]) assert.isAtMost(excerpt(long, max).length, Math.max(3, max))
  })

  it("reads a bounded part of a long input, and says so", () => {
    assert.strictEqual(excerpt(`<a>${"x".repeat(1e6)}`), "<a>[65533+]")
    assert.strictEqual(excerpt(new Uint8Array(1e7)), "[65536+]")
  })

  it("takes bytes that are no text at all", () => {
    assert.strictEqual(excerpt(new Uint8Array([0xff, 0xfe, 0x3c, 0x61, 0x3e])), "[2]<a>")
  })

  it("never shows a secret, wherever it is and however the markup is broken", () => {
    let shownMarkup = 0
    for (let seed = 0; seed < 20_000; seed++) {
      const choices = new Choices(seededTape(seed, 150))
      const document = print(planted(treeFrom(choices), choices)).replace(/[^\0-\x7f]/gu, "n")
      const text = seed % 4 === 0 ? document : damage(document, choices, 4)
      const shown = excerpt(seed % 2 === 0 ? text : new TextEncoder().encode(text), 2000)
      assert.notInclude(shown, "hunter2", `seed ${seed}: ${JSON.stringify(text)}`)
      if (shown.includes("<")) shownMarkup++
    }
    assert.isAbove(shownMarkup, 10_000)
  })
})

const secret = "hunter2"

/** The tree with the secret in all its texts, attribute values, CDATA, comments and instructions. */
const planted = (e: Element, choices: Choices): Element => ({
  ...e,
  attributes: e.attributes.map((a) => ({ ...a, value: mixed(a.value, choices) })),
  children: plantedChildren(e, choices)
})

/** Mostly as YANG data is: text or elements, not both. */
const plantedChildren = (e: Element, choices: Choices): ReadonlyArray<Node> => {
  const nodes = e.children.map((node) => plantedNode(node, choices))
  const isMixed = choices.upTo(4) === 0 || !nodes.some(isElement)
  return isMixed ? [mixed("", choices), ...nodes] : nodes.filter((node) => typeof node !== "string")
}

const plantedNode = (node: Node, choices: Choices): Node => {
  if (typeof node === "string") return mixed(node, choices)
  switch (node._tag) {
    case "Element":
      return planted(node, choices)
    case "ProcessingInstruction":
      return { ...node, body: secret }
    default:
      return { ...node, text: mixed(node.text, choices) }
  }
}

const mixed = (text: string, choices: Choices): string =>
  choices.pick([secret, `${text}${secret}`, `${secret} ${text}`, `a ${secret} b`])
