/**
 * The data trees of a simulated device: identities of nodes (what makes two elements the same node), clean copies for
 * storing, and instance paths for error-path. Pure; the rules of editing are in `EditConfig.ts`.
 */
import * as Element from "../xml/Element.ts"
import * as Namespaces from "../xml/Namespaces.ts"
import * as Parse from "../xml/Parse.ts"
import * as LeafType from "./LeafType.ts"
import * as Model from "./Model.ts"
import type { Path } from "./Refusal.ts"

/** The root of a datastore: `<data>` with the top-level nodes as children. */
export const root = (children: ReadonlyArray<Element.Node> = []): Element.Element =>
  Element.make("data", Namespaces.base, { children })

/** The same element with other children. */
export const withChildren = (element: Element.Element, children: ReadonlyArray<Element.Node>): Element.Element => ({
  ...element,
  children
})

/** Whether an element exists without holding anything: a container without presence that became empty is removed. */
export const isEmpty = (element: Element.Element): boolean => !element.children.some(Element.isElement)

const name = (element: Element.Element): string => `${element.namespace}\u0000${element.name}`

/** What makes an element the same node as another among its siblings: its name, and its keys or its value. */
export const identity = (schema: Model.SchemaNode | undefined, element: Element.Element): string => {
  if (schema?.kind === "leaf-list") return `${name(element)}\u0000${Element.text(element).trim()}`
  const keys = Model.keysOf(schema)
  if (keys.length === 0) return name(element)
  return [name(element), ...keys.map((key) => keyValue(element, key))].join("\u0000")
}

/** The value of a key leaf; undefined when the entry lacks it. */
export const keyValue = (entry: Element.Element, key: string): string | undefined => {
  const leaf = Element.child(entry, key, entry.namespace)
  return leaf === undefined ? undefined : Element.text(leaf).trim()
}

// A prefix inside a value (an identityref, an instance-identifier) stays bound to what it was bound to.
const bindings = (element: Element.Element, text: string): Element.Scope => {
  const used = Object.entries(Element.bindings(element.scope)).filter(
    ([prefix]) => prefix !== "" && text.includes(`${prefix}:`)
  )
  return { ...Object.fromEntries(used), "": element.namespace }
}

/** A leaf as the device stores it: no attributes, no prefixes but those that its value needs. */
export const storedLeaf = (element: Element.Element, text: string): Element.Element =>
  Element.make(element.name, element.namespace, {
    scope: bindings(element, text),
    children: text === "" ? [] : [text]
  })

/** A container or list entry as the device stores it. */
export const storedInner = (element: Element.Element, children: ReadonlyArray<Element.Node>): Element.Element =>
  Element.make(element.name, element.namespace, { scope: { "": element.namespace }, children })

/** Where a node stands: the path of its ancestors, and the prefixes that the path uses. */
export const rootPath: Path = { text: "", scope: {} }

const quote = (value: string): string => (value.includes("'") ? `"${value}"` : `'${value}'`)

/** The path of a child: `/if:interfaces/if:interface[if:name='eth0']`. */
export const pathOf = (
  model: Model.Model,
  parent: Path,
  schema: Model.SchemaNode | undefined,
  element: Element.Element
): Path => {
  const prefix = Model.moduleOf(model, element.namespace)?.prefix ?? "ns"
  const qualify = (local: string) => (element.namespace === "" ? local : `${prefix}:${local}`)
  const predicates = Model.keysOf(schema).map((key) => {
    const value = keyValue(element, key)
    return value === undefined ? "" : `[${qualify(key)}=${quote(value)}]`
  })
  const value = schema?.kind === "leaf-list" ? `[.=${quote(Element.text(element).trim())}]` : ""
  return {
    text: `${parent.text}/${qualify(element.name)}${predicates.join("")}${value}`,
    scope: element.namespace === "" ? parent.scope : { ...parent.scope, [prefix]: element.namespace }
  }
}

/** The schema of a child of this node; `undefined` as the parent's schema is the root. */
export const childSchema = (
  model: Model.Model,
  parent: Model.SchemaNode | undefined,
  parentNamespace: string,
  element: Element.Element
): Model.SchemaNode | undefined =>
  parent === undefined
    ? Model.root(model, element.name, element.namespace)
    : Model.child(parent, parentNamespace, element.name, element.namespace)

/** The value of a leaf in its stored form. */
export const leafText = (schema: Model.SchemaNode, element: Element.Element): string =>
  schema.kind === "leaf" || schema.kind === "leaf-list"
    ? LeafType.canonical(schema.type, Element.text(element))
    : Element.text(element)

/**
 * What a test or a file gives as a configuration: text with any number of top-level elements, or an element that holds
 * them (`<data>` or `<config>`), or one of them. Throws XmlError.
 */
export const fromXml = (config: string | Element.Element): Element.Element => {
  const given =
    typeof config === "string"
      ? Parse.decode(`<data>${config.replace(/^\s*<\?xml[^>]*\?>/, "")}</data>`)
      : root([config])
  const [only, another] = Element.elements(given)
  if (only === undefined || another !== undefined) return given
  const holds = (only.name === "data" || only.name === "config") && ["", Namespaces.base].includes(only.namespace)
  return holds ? only : given
}
