/**
 * Random element trees as a parser would build them, and random damage to text: for the property tests. Both are drawn
 * from an array of numbers, so that a failure shrinks to a small one and replays.
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import type { Attribute, Element, Node, Scope } from "../../src/xml/Element.ts"
import { bind, bindings, xmlNamespace } from "../../src/xml/Names.ts"

/** A tape of choices; `length` is the most there can be. */
export const tape = (length: number): Arbitrary.Arbitrary<Array<number>> =>
  Arbitrary.array(Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 }))), {
    minLength: 4,
    maxLength: length
  })

export class Choices {
  private at = 0
  private readonly tape: ReadonlyArray<number>

  constructor(tape: ReadonlyArray<number>) {
    this.tape = tape
  }

  /** 0 to `below - 1`; 0 when the tape has run out. */
  upTo(below: number): number {
    return (this.tape[this.at++] ?? 0) % below
  }

  pick<A>(from: ReadonlyArray<A>): A {
    return from[this.upTo(from.length)]!
  }

  get isSpent(): boolean {
    return this.at >= this.tape.length
  }
}

/** A tape without a library: for loops that run as long as asked. */
export const seededTape = (seed: number, length: number): Array<number> => {
  let state = seed >>> 0
  return Array.from({ length }, () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) % 65_536
  })
}

const names = ["a", "interface", "_x-1.2", "constructor", "__proto__", "toString", "naïve", "要素", "\u{10400}b"]
const prefixes = ["p", "nc", "constructor", "__proto__", "ns1", "Ü"]
const namespaces = ["urn:a", "urn:b", "http://example.com/?a=1&b='2'", "urn:ü", "xml"]
const pieces = [
  "text",
  " ",
  "\n  ",
  "\t",
  "\r",
  "\r\n",
  "&",
  "<",
  ">",
  "]]>",
  "]]>]]>",
  '"',
  "'",
  "é",
  "\u{1f600}",
  "a:b",
  "&amp;",
  "\u0085",
  "\u2028",
  "\ufffd",
  "]",
  "--",
  "?>",
  "<!--"
]

/** The tree that a tape describes. */
export const treeFrom = (choices: Choices): Element =>
  element(choices, Object.assign(Object.create(null), { "": "" }), 0)

const element = (choices: Choices, outer: Scope, depth: number): Element => {
  const scope = declare(choices, outer)
  const prefix = choices.pick(["", ...Object.keys(bindings(scope))])
  return {
    _tag: "Element",
    name: choices.pick(names),
    prefix,
    namespace: scope[prefix]!,
    attributes: attributes(choices, scope),
    scope,
    children: depth > 6 ? [] : children(choices, scope, depth)
  }
}

const declare = (choices: Choices, outer: Scope): Scope => {
  if (choices.upTo(2) === 0) return outer
  const own: Record<string, string> = bindings(outer)
  for (let n = choices.upTo(3); n > 0; n--) own[choices.pick(prefixes)] = choices.pick(namespaces)
  if (choices.upTo(3) === 0) own[""] = choices.pick(["", ...namespaces])
  // As the parser makes it, or as by hand.
  return choices.upTo(2) === 0 ? own : bind(outer, own)
}

const attributes = (choices: Choices, scope: Scope): ReadonlyArray<Attribute> => {
  const found = new Map<string, Attribute>()
  for (let n = choices.upTo(4); n > 0; n--) {
    const prefix = choices.pick(["", "", "xml", ...Object.keys(bindings(scope))])
    const namespace = prefix === "" ? "" : prefix === "xml" ? xmlNamespace : scope[prefix]!
    const name = choices.pick(names)
    found.set(`{${namespace}}${name}`, { name, prefix, namespace, value: textFrom(choices) })
  }
  return [...found.values()]
}

const children = (choices: Choices, scope: Scope, depth: number): ReadonlyArray<Node> => {
  const nodes: Array<Node> = []
  for (let n = choices.upTo(5); n > 0 && !choices.isSpent; n--) {
    const node = child(choices, scope, depth)
    const follows = typeof node === "string" && typeof nodes.at(-1) === "string"
    if (node !== "" && !follows) nodes.push(node)
  }
  return nodes
}

const child = (choices: Choices, scope: Scope, depth: number): Node => {
  switch (choices.upTo(7)) {
    case 0:
      return { _tag: "CData", text: textFrom(choices).replaceAll("\r", "").replaceAll("]]>", "]] ") }
    case 1:
      return { _tag: "Comment", text: textFrom(choices).replaceAll(/[-\r]/g, "") }
    case 2:
      return {
        _tag: "ProcessingInstruction",
        target: choices.pick(names),
        body: textFrom(choices).replaceAll("\r", "").replaceAll("?>", "? ").trimStart()
      }
    case 3:
    case 4:
      return textFrom(choices)
    default:
      return element(choices, scope, depth + 1)
  }
}

export const textFrom = (choices: Choices): string => {
  let text = ""
  for (let n = choices.upTo(5); n > 0; n--) text += choices.pick(pieces)
  return text
}

const debris = [
  "<",
  ">",
  '"',
  "'",
  "=",
  "/",
  "&",
  ";",
  "!",
  "?",
  "-",
  "[",
  "]",
  " ",
  "\n",
  "\0",
  "x",
  "é",
  "<a>",
  "</a>",
  "<!--",
  "-->",
  "]]>",
  "<![CDATA[",
  "<!DOCTYPE a>",
  "&#0;",
  "&x;",
  ' xmlns=""'
]

/** A text with up to `most` pieces put in, taken out or doubled. */
export const damage = (text: string, choices: Choices, most: number): string => {
  let damaged = text
  for (let n = 1 + choices.upTo(most); n > 0; n--) {
    const at = choices.upTo(damaged.length + 1)
    const end = Math.min(damaged.length, at + choices.upTo(6))
    const kind = choices.upTo(4)
    if (kind === 0) damaged = damaged.slice(0, at) + damaged.slice(end)
    else if (kind === 1) damaged = damaged.slice(0, end) + damaged.slice(at)
    else if (kind === 2) damaged = damaged.slice(0, at) + choices.pick(debris) + damaged.slice(at)
    else damaged = damaged.slice(0, at) + choices.pick(debris) + damaged.slice(end)
  }
  return damaged
}
