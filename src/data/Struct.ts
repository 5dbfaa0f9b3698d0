/**
 * A struct or a record in XML: an element whose children, attributes or text are its fields.
 *
 * Children are found by local name, in one pass. In which namespace is said by the key, else by the caller, else it does
 * not matter; but two of one name in different namespaces are never taken for one another.
 */
import type * as SchemaAST from "effect/SchemaAST"
import { printable } from "../errors.ts"
import * as Element from "../xml/Element.ts"
import * as Key from "./Key.ts"
import { Misfit, misfit } from "./Misfit.ts"
import { type Maker, maker, type Shape, single } from "./Shape.ts"

interface Field {
  /** In the plain value. */
  readonly property: string
  readonly key: Key.Key
  readonly shape: Shape
  readonly isOptional: boolean
}

type Make = (ast: SchemaAST.AST, isNumber?: boolean) => Shape

export class Struct implements Shape {
  readonly repeats = false
  readonly #fields: ReadonlyArray<Field>
  /** Keys of the decoded value, where they are others than those of the plain one. */
  readonly #renamed = new Map<PropertyKey, Field>()
  /** Of all other child elements, in a record. */
  readonly #rest: Shape | undefined
  readonly #hasText: boolean

  constructor(steps: ReadonlyArray<SchemaAST.AST>, wire: SchemaAST.Objects, make: Make) {
    const decoded = steps.find(
      (step): step is SchemaAST.Objects =>
        step._tag === "Objects" && step.propertySignatures.length === wire.propertySignatures.length
    )!
    this.#fields = wire.propertySignatures.map(({ name, type }, at) => {
      // Schema.encodeKeys takes a struct apart: what its texts become is known on the other side.
      const partner = decoded.propertySignatures[at]!
      const shape = make(type, isNumeric(partner.type))
      const field = { property: String(name), key: Key.parse(name), shape, isOptional: isOptional(type) }
      this.#renamed.set(partner.name, field)
      return field
    })
    const index = wire.indexSignatures.at(0)
    this.#rest = index && make(index.type)
    this.#hasText = this.#fields.some(({ key }) => key.kind === "text")
  }

  read(elements: ReadonlyArray<Element.Element>, namespace: string | undefined): unknown {
    const element = single(elements)
    if (element instanceof Misfit) return element
    const children = byName(element)
    if (!this.#hasText && hasText(element)) return misfit("elements, found text")
    if (this.#hasText && children.size > 0) return misfit("text, found elements")
    const value: Record<string, unknown> = {}
    for (const field of this.#fields) {
      const found = readField(field, element, children, namespace)
      if (found instanceof Misfit) return found.within(Key.step(field.key))
      if (found !== undefined) define(value, field.property, found)
    }
    return this.#rest === undefined ? value : this.#readRest(this.#rest, value, children, namespace)
  }

  #readRest(
    rest: Shape,
    value: Record<string, unknown>,
    children: Children,
    namespace: string | undefined
  ): Record<string, unknown> | Misfit {
    for (const [name, group] of children) {
      if (this.#fields.some(({ key }) => key.kind === "element" && key.name === name)) continue
      const found = ambiguity(group) ?? rest.read(group, namespace)
      if (found instanceof Misfit) return found.within(`/${name}`)
      define(value, name, found)
    }
    return value
  }

  readText(): Misfit {
    return misfit("text, the schema says elements")
  }

  write(value: unknown, make: Maker): ReadonlyArray<Element.Element> | Misfit {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return misfit("a record")
    const children: Array<Element.Node> = []
    const attributes: Array<Element.Attribute> = []
    const record = value as Readonly<Record<string, unknown>>
    for (const field of this.#fields) {
      const own = Object.hasOwn(record, field.property) ? record[field.property] : undefined
      const problem = writeField(field, own, children, attributes)
      if (problem !== undefined) return problem.within(Key.step(field.key))
    }
    const known = new Set(this.#fields.map(({ property }) => property))
    for (const name of this.#rest === undefined ? [] : Object.keys(record)) {
      if (known.has(name)) continue
      const written = this.#rest!.write(record[name], maker(Key.parse(name)))
      if (written instanceof Misfit) return written.within(`/${name}`)
      children.push(...written)
    }
    return [make({ children, attributes })]
  }

  step(key: PropertyKey): { readonly step: string; readonly shape: Shape } | undefined {
    const field = this.#renamed.get(key) ?? this.#fields.find(({ property }) => property === key)
    if (field !== undefined) return { step: Key.step(field.key), shape: field.shape }
    return this.#rest && { step: `/${String(key)}`, shape: this.#rest }
  }
}

/** Whether a schema's value is a number, on whatever way it comes out of text. */
export const isNumeric = ({ _tag }: SchemaAST.AST): boolean => _tag === "Number" || _tag === "BigInt"

type Children = ReadonlyMap<string, ReadonlyArray<Element.Element>>

/** The encoded side of a field, and not its decoded one, says whether its element may be absent. */
const isOptional = (ast: SchemaAST.AST): boolean => {
  let wire = ast
  while (wire.encoding !== undefined) wire = wire.encoding.at(-1)!.to
  return wire.context?.isOptional === true
}

const byName = (element: Element.Element): Children => {
  const groups = new Map<string, Array<Element.Element>>()
  for (const node of element.children) {
    if (!Element.isElement(node)) continue
    const group = groups.get(node.name)
    if (group === undefined) groups.set(node.name, [node])
    else group.push(node)
  }
  return groups
}

const hasText = (element: Element.Element): boolean =>
  element.children.some((node) =>
    typeof node === "string" ? node.trim() !== "" : node._tag === "CData" && node.text.trim() !== ""
  )

/** Two of one name are the same thing only in the same namespace. */
const ambiguity = (group: ReadonlyArray<Element.Element>): Misfit | undefined => {
  const first = group[0]!.namespace
  const other = group.find(({ namespace }) => namespace !== first)
  if (other === undefined) return undefined
  const both = `"${printable(first)}" or "${printable(other.namespace)}"`
  return misfit(`a schema that says which namespace is meant: ${both}`)
}

const readField = (
  { isOptional, key, shape }: Field,
  element: Element.Element,
  children: Children,
  inherited: string | undefined
): unknown => {
  const missing = (what: string): Misfit | undefined => (isOptional ? undefined : misfit(`${what}, found none`))
  if (key.kind === "text") return shape.readText(Element.text(element), element.scope)
  if (key.kind === "attribute") {
    const value = Element.attribute(element, key.name, key.namespace)
    return value === undefined ? missing("an attribute") : shape.readText(value, element.scope)
  }
  const namespace = key.namespace ?? inherited
  const named = children.get(key.name) ?? []
  const group = namespace === undefined ? named : named.filter((child) => child.namespace === namespace)
  if (group.length === 0) return shape.repeats && !isOptional ? [] : missing("an element")
  return (namespace === undefined ? ambiguity(group) : undefined) ?? shape.read(group, namespace)
}

const writeField = (
  { isOptional, key, shape }: Field,
  value: unknown,
  children: Array<Element.Node>,
  attributes: Array<Element.Attribute>
): Misfit | undefined => {
  if (value === undefined) return isOptional ? undefined : misfit("a value, found none")
  if (key.kind === "element") {
    const written = shape.write(value, maker(key))
    if (written instanceof Misfit) return written
    children.push(...written)
    return undefined
  }
  if (typeof value !== "string") return misfit("a text")
  if (key.kind === "text") children.push(...(value === "" ? [] : [value]))
  else {
    const { name, namespace = "" } = key
    attributes.push({ name, namespace, value, prefix: namespace === "" ? "" : `a${attributes.length}` })
  }
  return undefined
}

/** A key may be called `__proto__`. */
const define = (record: Record<string, unknown>, key: string, value: unknown): void => {
  if (key !== "__proto__") record[key] = value
  else Object.defineProperty(record, key, { value, enumerable: true, configurable: true, writable: true })
}
