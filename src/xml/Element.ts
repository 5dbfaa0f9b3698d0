/**
 * The namespaced element tree: immutable, without parent pointers, built once by the parser or by hand.
 *
 * Text is a plain string. Namespace declarations are not attributes: every element carries the bindings in scope
 * (shared with its parent where they are the same), so that a prefix inside text (an identityref, an XPath) can be
 * resolved wherever the element goes. What the library made carries a mark that data from outside cannot.
 */
import { bind, bindOne, isMarked, lookup, made, noBindings } from "./Names.ts"
import { XmlError } from "./XmlError.ts"

export { bind, bindings } from "./Names.ts"

export interface Attribute {
  /** Local name. */
  readonly name: string
  readonly prefix: string
  /** Empty for an attribute without a prefix. */
  readonly namespace: string
  readonly value: string
}

/**
 * Prefix to namespace; the default namespace under `""`. Read it as `scope[prefix]`: a scope inherits what is bound
 * around it, so `{ ...scope }` and Object.keys see only what it adds. {@link bindings} lists all, {@link bind} adds some.
 */
export type Scope = Readonly<Record<string, string>>

export interface Element {
  readonly _tag: "Element"
  /** Local name. */
  readonly name: string
  readonly prefix: string
  /** Empty for an element in no namespace. */
  readonly namespace: string
  readonly attributes: ReadonlyArray<Attribute>
  readonly scope: Scope
  readonly children: ReadonlyArray<Node>
}

export interface CData {
  readonly _tag: "CData"
  readonly text: string
}

export interface Comment {
  readonly _tag: "Comment"
  readonly text: string
}

export interface ProcessingInstruction {
  readonly _tag: "ProcessingInstruction"
  readonly target: string
  readonly body: string
}

export type Node = Element | string | CData | Comment | ProcessingInstruction

/** What nodes without a scope inherit their mark from. */
const leaf: object = Object.create(Object.prototype, { [made]: { value: true } })
const makeLeaf = <A extends object>(fields: A): A => Object.assign(Object.create(leaf) as object, fields)

/** Text to be written as a CDATA section. */
export const cdata = (text: string): CData => makeLeaf({ _tag: "CData", text })

/** A comment. Printing refuses one that holds `--` or ends in `-`. */
export const comment = (text: string): Comment => makeLeaf({ _tag: "Comment", text })

/** A processing instruction `<?target body?>`. Printing refuses a body that holds `?>`. */
export const instruction = (target: string, body = ""): ProcessingInstruction =>
  makeLeaf({ _tag: "ProcessingInstruction", target, body })

/**
 * Whether a value is a node that the library made: by {@link make}, {@link cdata}, {@link comment},
 * {@link instruction}, the `xml` tag or the parser. False for one that came out of JSON, whatever it looks like. A copy
 * with the spread of an element is made too, its scope tells.
 */
export const isMade = (value: unknown): value is Exclude<Node, string> =>
  typeof value === "object" &&
  value !== null &&
  "_tag" in value &&
  (value._tag === "Element" ? "scope" in value && isMarked(value.scope) : leaves.has(value._tag) && isMarked(value))

const leaves = new Set<unknown>(["CData", "Comment", "ProcessingInstruction"])

/** What {@link make} takes besides name and namespace. */
export interface MakeOptions {
  readonly prefix?: string
  /**
   * As a record: a key may carry a prefix that `scope` binds (`"nc:operation"`), and `xmlns` or `xmlns:nc` binds one.
   */
  readonly attributes?: Readonly<Record<string, string>> | ReadonlyArray<Attribute>
  readonly children?: ReadonlyArray<Node>
  readonly scope?: Scope
}

/**
 * An element made by hand.
 *
 * A namespace that is left out is left open: the element takes the default namespace of what it is put into, as text
 * would; `""` means no namespace, wherever it goes. The scope binds at least what the element and its attributes use.
 * Throws XmlError when an attribute's prefix is not bound, and for a child that is neither text nor made by this library
 * (an object out of JSON). Names and values are checked when printed.
 *
 * @example
 * ```ts
 * make("interfaces", "urn:ietf:params:xml:ns:yang:ietf-interfaces", {
 *   children: [make("interface", undefined, { children: [make("name", undefined, { children: ["eth0"] })] })]
 * })
 * ```
 */
export const make = (name: string, namespace?: string, options: MakeOptions = {}): Element => {
  const prefix = options.prefix ?? ""
  const given = options.attributes ?? {}
  const scope =
    namespace !== undefined && options.scope === undefined && bindsNothing(given)
      ? bindOne(prefix, namespace)
      : scopeOf(prefix, namespace, given, options.scope ?? noBindings)
  return {
    _tag: "Element",
    name,
    prefix,
    namespace: namespace ?? lookup(scope, prefix) ?? "",
    attributes: isList(given) ? given : options.attributes === undefined ? [] : readAttributes(given, scope),
    scope,
    children: options.children?.map((node) => adoptNode(node, scope)) ?? []
  }
}

type Given = NonNullable<MakeOptions["attributes"]>

/** Nearly every element of an rpc: its scope is its own namespace. */
const bindsNothing = (given: Given): boolean => {
  if (isList(given)) return false
  for (const key in given) if (key.startsWith("xmlns")) return false
  return true
}

const scopeOf = (prefix: string, namespace: string | undefined, given: Given, outer: Scope): Scope => {
  const own = Object.create(null) as Record<string, string>
  if (namespace !== undefined) own[prefix] = namespace
  if (isList(given)) bindAttributes(given, outer, own)
  else readDeclarations(given, own)
  return within(outer, own)
}

const isList = (given: NonNullable<MakeOptions["attributes"]>): given is ReadonlyArray<Attribute> =>
  Array.isArray(given)

/** A scope written by hand becomes one object with what the element adds. */
const within = (scope: Scope, own: Scope): Scope =>
  isMarked(scope) ? bind(scope, own) : bind(noBindings, { ...scope, ...own })

const adoptNode = (node: Node, surrounding: Scope): Node => {
  if (typeof node === "string") return node
  if (!isMade(node))
    throw new XmlError("a child is neither text nor made by Element.make, Element.cdata or the xml tag")
  return isElement(node) ? adopt(node, surrounding) : node
}

const bindAttributes = (attributes: ReadonlyArray<Attribute>, outer: Scope, own: Record<string, string>): void => {
  for (const { namespace, prefix } of attributes) {
    if (prefix !== "" && lookup(own, prefix) === undefined && lookup(outer, prefix) === undefined)
      own[prefix] = namespace
  }
}

const readDeclarations = (record: Readonly<Record<string, string>>, own: Record<string, string>): void => {
  for (const [key, value] of Object.entries(record)) {
    if (key === "xmlns") own[""] = value
    if (key.startsWith("xmlns:")) own[key.slice(6)] = value
  }
}

const readAttributes = (record: Readonly<Record<string, string>>, scope: Scope): ReadonlyArray<Attribute> =>
  Object.entries(record)
    .filter(([key]) => key !== "xmlns" && !key.startsWith("xmlns:"))
    .map(([key, value]) => {
      const colon = key.indexOf(":")
      if (colon === -1) return { name: key, prefix: "", namespace: "", value }
      const prefix = key.slice(0, colon)
      const namespace = lookup(scope, prefix)
      if (namespace === undefined) throw new XmlError(`the prefix of attribute ${key} is not bound`)
      return { name: key.slice(colon + 1), prefix, namespace, value }
    })

/**
 * The element as if its text had been written where `surrounding` holds: whatever in it says nothing about the default
 * namespace takes the surrounding one. An element that has a default namespace of its own, `""` included, is returned as
 * it is; so is everything that was parsed from a whole document.
 */
export const adopt = (element: Element, surrounding: Scope): Element => {
  const around = lookup(surrounding, "")
  if (around === undefined || lookup(element.scope, "") !== undefined) return element
  const scopes = new Map<Scope, Scope>()
  const merged = (scope: Scope): Scope => {
    const known = scopes.get(scope) ?? bind(surrounding, scope)
    scopes.set(scope, known)
    return known
  }
  const walk = (e: Element): Element => {
    if (lookup(e.scope, "") !== undefined) return e
    const open = e.prefix === "" && e.namespace === ""
    return {
      ...e,
      namespace: open ? around : e.namespace,
      scope: merged(e.scope),
      children: e.children.map((node) => (isElement(node) ? walk(node) : node))
    }
  }
  return walk(element)
}

/** Whether a node is an element. */
export const isElement = (node: Node): node is Element => typeof node !== "string" && node._tag === "Element"

/** The children that are elements. */
export const elements = (e: Element): ReadonlyArray<Element> => e.children.filter(isElement)

const matches = (e: Element, name: string, namespace: string | undefined): boolean =>
  e.name === name && (namespace === undefined || e.namespace === namespace)

/** The first child element of this local name; of any namespace when none is given. */
export const child = (e: Element, name: string, namespace?: string): Element | undefined => {
  for (const node of e.children) if (isElement(node) && matches(node, name, namespace)) return node
  return undefined
}

/** All child elements of this local name; of any namespace when none is given. */
export const children = (e: Element, name: string, namespace?: string): ReadonlyArray<Element> =>
  elements(e).filter((node) => matches(node, name, namespace))

/** One step down: a local name of any namespace, or namespace and local name. */
export type Step = string | readonly [namespace: string, name: string]

/** Every element at the end of a path of child steps, in document order. */
export const findAll = (e: Element, path: ReadonlyArray<Step>): ReadonlyArray<Element> => {
  let found: ReadonlyArray<Element> = [e]
  for (const step of path) {
    const [namespace, name] = typeof step === "string" ? [undefined, step] : step
    found = found.flatMap((parent) => children(parent, name, namespace))
  }
  return found
}

/**
 * The first element at the end of a path of child steps.
 *
 * @example
 * ```ts
 * find(reply, ["data", [interfaces, "interfaces"], "interface", "name"])
 * ```
 */
export const find = (e: Element, path: ReadonlyArray<Step>): Element | undefined => {
  const [step, ...rest] = path
  if (step === undefined) return e
  const [namespace, name] = typeof step === "string" ? [undefined, step] : step
  for (const node of e.children) {
    if (!isElement(node) || !matches(node, name, namespace)) continue
    const found = find(node, rest)
    if (found !== undefined) return found
  }
  return undefined
}

/** The value of an attribute; without a namespace, of one written without a prefix. */
export const attribute = (e: Element, name: string, namespace = ""): string | undefined =>
  e.attributes.find((a) => a.name === name && a.namespace === namespace)?.value

/** The text and CDATA directly inside the element, joined. */
export const text = (e: Element): string => {
  let joined = ""
  for (const node of e.children) {
    if (typeof node === "string") joined += node
    else if (node._tag === "CData") joined += node.text
  }
  return joined
}

/**
 * Whether two elements mean the same: namespace, name, attributes in any order, children in order. Prefixes, comments
 * and processing instructions do not count, CDATA is text; white space counts.
 */
export const equals = (a: Element, b: Element): boolean => {
  if (a === b) return true
  if (a.name !== b.name || a.namespace !== b.namespace || a.attributes.length !== b.attributes.length) return false
  if (!a.attributes.every((own) => attribute(b, own.name, own.namespace) === own.value)) return false
  const left = content(a)
  const right = content(b)
  return left.length === right.length && left.every((node, index) => sameNode(node, right[index]!))
}

const sameNode = (a: Element | string, b: Element | string): boolean =>
  typeof a === "string" || typeof b === "string" ? a === b : equals(a, b)

/** Children without comments and processing instructions, neighbouring text joined, empty text left out. */
const content = (e: Element): ReadonlyArray<Element | string> => {
  const nodes: Array<Element | string> = []
  for (const node of e.children) {
    if (isElement(node)) nodes.push(node)
    const piece = typeof node === "string" ? node : node._tag === "CData" ? node.text : ""
    if (piece === "") continue
    const last = nodes.at(-1)
    if (typeof last === "string") nodes[nodes.length - 1] = last + piece
    else nodes.push(piece)
  }
  return nodes
}
