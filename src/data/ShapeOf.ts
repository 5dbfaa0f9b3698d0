/**
 * The shape of a schema, made once (RFC 7950 §7): a struct is an element with child elements, an array its repetition,
 * everything else the text of a leaf.
 *
 * Plain values only: numbers, checks and transformations are the schema's own, errors Decode's.
 */
import type * as SchemaAST from "effect/SchemaAST"
import { InputError } from "../errors.ts"
import * as Element from "../xml/Element.ts"
import { lookup } from "../xml/Names.ts"
import { Misfit, misfit } from "./Misfit.ts"
import { type Shape, single } from "./Shape.ts"
import { isNumeric, Struct } from "./Struct.ts"

/** Marks the declaration whose value is the element itself. */
export const anyXml = "effect-netconf/anyxml"

const shapes = new WeakMap<SchemaAST.AST, Shape>()

/**
 * The shape of a schema whose leaves are all text (`Schema.toCodecStringTree`). `isNumber` says that the text becomes
 * one, where the schema itself is already taken apart.
 */
export const of = (ast: SchemaAST.AST, isNumber = false): Shape => {
  const steps = [ast]
  for (let last = ast; last.encoding !== undefined; steps.push(last)) last = last.encoding.at(-1)!.to
  if (isNumber || steps.some(isNumeric)) return number
  const known = shapes.get(ast)
  if (known !== undefined) return known
  const shape = make(steps)
  shapes.set(ast, shape)
  return shape
}

const make = (steps: ReadonlyArray<SchemaAST.AST>): Shape => {
  const wire = steps.at(-1)!
  switch (wire._tag) {
    case "String":
    case "TemplateLiteral":
      return leaf((text) => text)
    case "Literal":
    case "Enum":
      return leaf(oneOf(literals([wire])!))
    case "Union": {
      const texts = literals(wire.types)
      return texts === undefined ? union(wire.types.map((type) => of(type))) : leaf(oneOf(texts))
    }
    case "Objects":
      return new Struct(steps, wire, of)
    case "Arrays":
      return list(wire)
    case "Suspend":
      return suspended(() => of(wire.thunk()))
    case "Declaration":
      return wire.annotations?.[anyXml] === true ? element : refuse(wire)
    case "Undefined":
      return nothing
    default:
      return refuse(wire)
  }
}

const refuse = (ast: SchemaAST.AST): never => {
  throw new InputError({
    what: "schema",
    why: `${ast._tag} says nothing about XML; AnyXml is for elements of any kind`
  })
}

const noStep = (): undefined => undefined
const isMissing = (value: unknown): value is Misfit => value instanceof Misfit

/** Text, and nothing but text. */
const leaf = (accept: (text: string, scope: Element.Scope) => string | Misfit): Shape => ({
  read: (elements) => {
    const only = single(elements)
    if (isMissing(only)) return only
    if (only.children.some(Element.isElement)) return misfit("text, found elements")
    return accept(Element.text(only), only.scope)
  },
  readText: accept,
  write: (value, make) =>
    typeof value === "string" && !isMissing(accept(value, {}))
      ? [make({ children: value === "" ? [] : [value] })]
      : misfit("a text"),
  repeats: false,
  step: noStep
})

/** White space around it does not count. No digits are no number: JavaScript would take them for 0. */
const number = leaf((text) => {
  const trimmed = text.trim()
  return trimmed === "" ? misfit("a number") : trimmed.replace(/^\+/, "")
})

/** The texts of a union that has nothing else. */
const literals = (types: ReadonlyArray<SchemaAST.AST>): ReadonlySet<string> | undefined => {
  const texts = new Set<string>()
  for (const type of types) {
    let wire = type
    while (wire.encoding !== undefined) wire = wire.encoding.at(-1)!.to
    if (wire._tag === "Literal") texts.add(String(wire.literal))
    else if (wire._tag === "Enum") for (const [, value] of wire.enums) texts.add(String(value))
    else return undefined
  }
  return texts
}

/**
 * White space around it does not count, nor does the prefix of an identity. An empty element is `true` where that is
 * one of the texts: it is there.
 */
const oneOf =
  (texts: ReadonlySet<string>) =>
  (text: string, scope: Element.Scope): string | Misfit => {
    if (texts.has(text)) return text
    const trimmed = text.trim()
    if (texts.has(trimmed)) return trimmed
    if (trimmed === "" && texts.has("true")) return "true"
    const colon = trimmed.indexOf(":")
    const local = trimmed.slice(colon + 1)
    if (colon > 0 && texts.has(local) && lookup(scope, trimmed.slice(0, colon)) !== undefined) return local
    return misfit([...texts].map((one) => JSON.stringify(one)).join(" or "))
  }

/** The first that fits. */
const union = (members: ReadonlyArray<Shape>): Shape => {
  const first = <A>(attempt: (member: Shape) => A | Misfit): A | Misfit => {
    let misfits: Misfit | undefined
    for (const member of members) {
      const found = attempt(member)
      if (!isMissing(found)) return found
      misfits = misfits === undefined || found.path.length > misfits.path.length ? found : misfits
    }
    return misfits ?? misfit("nothing")
  }
  return {
    read: (elements, namespace) => first((member) => member.read(elements, namespace)),
    readText: (text, scope) => first((member) => member.readText(text, scope)),
    write: (value, make) => first((member) => member.write(value, make)),
    repeats: members.some(({ repeats }) => repeats),
    step: (key) => {
      for (const member of members) {
        const found = member.step(key)
        if (found !== undefined) return found
      }
      return undefined
    }
  }
}

const list = (ast: SchemaAST.Arrays): Shape => {
  const [rest, ...tail] = ast.rest.map((type) => of(type))
  const fixed = ast.elements.map((type) => of(type))
  const all = rest === undefined ? fixed : [...fixed, rest]
  if (tail.length > 0 || all.some(({ repeats }) => repeats)) {
    throw new InputError({ what: "schema", why: "a list in a list has no place in XML: give the inner one a name" })
  }
  const shapeOf = (at: number): Shape | undefined => fixed[at] ?? rest
  const each = <A>(items: ReadonlyArray<A>, one: (shape: Shape, item: A) => unknown): Array<unknown> | Misfit => {
    const values: Array<unknown> = []
    for (const [at, item] of items.entries()) {
      const shape = shapeOf(at)
      if (shape === undefined) return misfit(`${fixed.length} elements, found ${items.length}`)
      const value = one(shape, item)
      if (isMissing(value)) return value.within(`[${at + 1}]`)
      values.push(value)
    }
    return values
  }
  return {
    read: (elements, namespace) => each(elements, (shape, element) => shape.read([element], namespace)),
    readText: () => misfit("text, the schema says a list"),
    write: (value, make) => {
      if (!Array.isArray(value)) return misfit("a list")
      const written = each(value, (shape, item) => shape.write(item, make))
      return isMissing(written) ? written : (written.flat() as Array<Element.Element>)
    },
    repeats: true,
    step: (key) => {
      const shape = shapeOf(Number(key))
      return shape && { step: `[${Number(key) + 1}]`, shape }
    }
  }
}

/** Of a schema that holds itself. */
const suspended = (make: () => Shape): Shape => {
  let made: Shape | undefined
  const shape = (): Shape => (made ??= make())
  return {
    read: (elements, namespace) => shape().read(elements, namespace),
    readText: (text, scope) => shape().readText(text, scope),
    write: (value, maker) => shape().write(value, maker),
    // What holds itself is named each time, so it is no list.
    repeats: false,
    step: (key) => shape().step(key)
  }
}

/** The element itself. */
const element: Shape = {
  read: single,
  readText: () => misfit("an element"),
  write: (value, make) =>
    typeof value === "object" && Element.isMade(value) && value._tag === "Element"
      ? [make({ from: value, children: value.children, attributes: value.attributes })]
      : misfit("an element"),
  repeats: false,
  step: noStep
}

const nothing: Shape = {
  read: () => misfit("nothing"),
  readText: () => misfit("nothing"),
  write: (value) => (value === undefined ? [] : misfit("nothing")),
  repeats: false,
  step: noStep
}
