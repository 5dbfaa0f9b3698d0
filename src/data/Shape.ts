/**
 * How a part of a schema lies in XML: both ways between elements and the plain values (text, lists, records) from which
 * Schema does the rest. Which shape a schema has is ShapeOf's.
 */
import * as Element from "../xml/Element.ts"
import type * as Key from "./Key.ts"
import { type Misfit, misfit } from "./Misfit.ts"

/** Where a value stands: makes its element. */
export type Maker = (content: {
  readonly children: ReadonlyArray<Element.Node>
  readonly attributes?: ReadonlyArray<Element.Attribute>
  readonly from?: Element.Element
}) => Element.Element

export interface Shape {
  /** The value of sibling elements of one name, of which there is at least one. */
  readonly read: (elements: ReadonlyArray<Element.Element>, namespace: string | undefined) => unknown
  /** The same for an attribute's value, or text beside attributes. */
  readonly readText: (text: string, scope: Element.Scope) => unknown
  /** The elements of a value. */
  readonly write: (value: unknown, make: Maker) => ReadonlyArray<Element.Element> | Misfit
  /** None at all is a value too: an empty list. */
  readonly repeats: boolean
  /** The step of an XPath for a key of the decoded value, and the shape behind it. */
  readonly step: (key: PropertyKey) => { readonly step: string; readonly shape: Shape } | undefined
}

export const single = (elements: ReadonlyArray<Element.Element>): Element.Element | Misfit =>
  elements.length === 1 ? elements[0]! : misfit(`one element, found ${elements.length}`)

/** Makes elements of one name. */
export const maker =
  (key: Key.Key): Maker =>
  ({ attributes = [], children, from }) => {
    if (from === undefined) return Element.make(key.name, key.namespace, { attributes, children })
    const namespace = key.namespace ?? (from.namespace === "" ? undefined : from.namespace)
    if (from.name === key.name && (namespace === undefined || from.namespace === namespace)) return from
    const prefix = from.namespace === namespace ? from.prefix : ""
    return Element.make(key.name, namespace, { prefix, attributes, children, scope: from.scope })
  }
