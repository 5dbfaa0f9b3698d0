/**
 * The `xml` template tag: elements written as XML, with values that can never become markup.
 *
 * The template is scanned and parsed once, with a placeholder in each hole; making an element fills the placeholders in
 * the tree. No value is ever parsed, so there is nothing to inject into. Where a hole may stand is Holes' part. Characters
 * that XML cannot carry pass through; they are refused when sent (Print.findIllegal).
 */
import * as Redacted from "effect/Redacted"
import { InputError } from "../errors.ts"
import { adopt, isElement, isMade } from "./Element.ts"
import type { Attribute, CData, Comment, Element, Node, ProcessingInstruction, Scope } from "./Element.ts"
import { readSkeleton } from "./Holes.ts"
import type { Hole, Skeleton } from "./Holes.ts"
import { bind, noBindings, xmlNamespace, xmlnsNamespace } from "./Names.ts"
import { isXPath } from "./XPath.ts"
import type { XPath } from "./XPath.ts"

/** What may stand in an attribute value. */
export type XmlScalar = string | number | bigint | boolean | null | XPath | Redacted.Redacted<string>

/** What may stand between tags; arrays may be nested. */
export type XmlValue = XmlScalar | Element | CData | Comment | ProcessingInstruction | ReadonlyArray<XmlValue>

/**
 * An element written as XML. Values are escaped, elements spliced in, arrays of either too; null is nothing,
 * an XPath is its expression, a Redacted is unwrapped because it goes to the device. A value may stand between
 * tags or as an attribute's value, with quotes or without. Only what this library made is spliced in as markup: an
 * object that looks like an element, such as one out of JSON, is refused.
 *
 * An element written without a default namespace takes the one around it when it is spliced in, as its text would; one
 * that was parsed from a document keeps its own.
 *
 * Throws InputError for a template that is not one well-formed element, or a value anywhere else, naming the place.
 *
 * @example
 * ```ts
 * xml`<interfaces xmlns="${ns}">${names.map((name) => xml`<interface><name>${name}</name></interface>`)}</interfaces>`
 * ```
 */
export const xml = (strings: TemplateStringsArray, ...values: ReadonlyArray<XmlValue>): Element => {
  const skeleton = skeletons.get(strings) ?? readSkeleton(strings)
  skeletons.set(strings, skeleton)
  return values.length === 0 ? skeleton.root : new Filling(skeleton, values).element(skeleton.root)
}

/** A template's strings are the same object each time it is evaluated. */
const skeletons = new WeakMap<TemplateStringsArray, Skeleton>()

/** One evaluation: the values for the holes of a skeleton. */
class Filling {
  private readonly skeleton: Skeleton
  private readonly values: ReadonlyArray<XmlValue>
  private readonly scopes = new Map<Scope, Scope>()

  constructor(skeleton: Skeleton, values: ReadonlyArray<XmlValue>) {
    this.skeleton = skeleton
    this.values = values
  }

  element(e: Element): Element {
    const scope = this.scope(e.scope)
    const filled: Element = {
      ...e,
      namespace: this.namespace(e.namespace),
      scope,
      attributes: e.attributes.map((attribute) => this.attribute(attribute)),
      children: this.children(e.children, scope)
    }
    if (this.skeleton.bindsNamespace) refuseDuplicates(filled)
    return filled
  }

  private attribute(attribute: Attribute): Attribute {
    return { ...attribute, namespace: this.namespace(attribute.namespace), value: this.scalars(attribute.value) }
  }

  private children(nodes: ReadonlyArray<Node>, scope: Scope): ReadonlyArray<Node> {
    const into: Array<Node> = []
    for (const node of nodes) {
      if (typeof node === "string") {
        for (const piece of this.skeleton.split(node)) {
          if (typeof piece === "string") append(into, piece)
          else splice(into, this.values[piece.index]!, piece, scope)
        }
      } else into.push(isElement(node) ? this.element(node) : node)
    }
    return into
  }

  private scalars(text: string): string {
    const pieces = this.skeleton.split(text)
    return pieces.map((piece) => (typeof piece === "string" ? piece : scalar(this.values[piece.index], piece))).join("")
  }

  private namespace(text: string): string {
    return this.skeleton.bindsNamespace ? this.scalars(text).trim() : text
  }

  private scope(scope: Scope): Scope {
    if (!this.skeleton.bindsNamespace || scope === noBindings) return scope
    const known = this.scopes.get(scope)
    if (known !== undefined) return known
    const own = Object.entries(scope).map(([prefix, text]) => [prefix, this.binding(prefix, text)])
    const filled = bind(this.scope(Object.getPrototypeOf(scope) as Scope), Object.fromEntries(own) as Scope)
    this.scopes.set(scope, filled)
    return filled
  }

  private binding(prefix: string, text: string): string {
    const hole = this.skeleton.split(text).find((piece) => typeof piece !== "string")
    if (hole === undefined) return text
    const value = this.values[hole.index]
    const namespace = this.namespace(text)
    if (value === undefined || value === null) refuse(hole, "a namespace is missing")
    if (namespace === "" && prefix !== "") refuse(hole, `the prefix ${prefix} cannot be bound to no namespace`)
    if (namespace === xmlNamespace || namespace === xmlnsNamespace) refuse(hole, `${namespace} cannot be bound`)
    return namespace
  }
}

const refuse = (hole: Hole, why: string): never => {
  throw new InputError({ what: "xml template", where: hole.where, why })
}

/** Two prefixes may have been given the same namespace. */
const refuseDuplicates = (e: Element): void => {
  const seen = new Set(e.attributes.map(({ name, namespace }) => `{${namespace}}${name}`))
  if (seen.size === e.attributes.length) return
  throw new InputError({ what: "xml template", why: `the same attribute twice on element ${e.name}` })
}

/** Neighbouring text is one node, as it would be when parsed. */
const append = (nodes: Array<Node>, text: string): void => {
  if (text === "") return
  const last = nodes.at(-1)
  if (typeof last === "string") nodes[nodes.length - 1] = last + text
  else nodes.push(text)
}

const splice = (into: Array<Node>, value: XmlValue, hole: Hole, scope: Scope): void => {
  if (Array.isArray(value)) {
    for (const item of value as ReadonlyArray<XmlValue>) splice(into, item, hole, scope)
  } else if (isMade(value)) {
    into.push(isElement(value) ? adopt(value, scope) : value)
  } else append(into, scalar(value, hole))
}

const scalar = (value: unknown, hole: Hole): string => {
  if (value === null) return ""
  // An unset variable must not select everything, or empty a leaf.
  if (value === undefined) return refuse(hole, "a value is undefined; null is what stands for nothing")
  if (isXPath(value)) return value.expression
  if (Redacted.isRedacted(value)) return scalar(reveal(value, hole), hole)
  switch (typeof value) {
    case "string":
      return value
    case "number":
    case "bigint":
    case "boolean":
      return String(value)
    default:
      return refuse(hole, `${describe(value)} cannot stand here`)
  }
}

const reveal = (value: Redacted.Redacted<unknown>, hole: Hole): unknown => {
  try {
    return Redacted.value(value)
  } catch {
    return refuse(hole, "a Redacted holds nothing: it was wiped, or not made by Redacted.make")
  }
}

const describe = (value: unknown): string => {
  if (Array.isArray(value)) return "an array"
  if (typeof value === "function") return "a function"
  if (isMade(value)) return value._tag === "Element" ? "an element" : "a node"
  if (typeof value !== "object" || value === null || !("_tag" in value)) return `a value of type ${typeof value}`
  return "an object that this library did not make (an element comes from Element.make, xml or parse)"
}
