/**
 * Filters of get and get-config: subtree (RFC 6241 §6) and XPath (§8.9).
 */
import { expressionOf, type XPath } from "../../xml/XPath.ts"
import type { Needs } from "../../rpc/Operation.ts"
import * as Element from "../../xml/Element.ts"
import * as Namespaces from "../../xml/Namespaces.ts"
import { isRecord } from "../Checks.ts"
import * as Fragment from "./Fragment.ts"

export interface Subtree {
  readonly _tag: "Subtree"
  readonly content: ReadonlyArray<Fragment.Fragment>
}

export interface Select {
  readonly _tag: "Select"
  readonly expression: string
  readonly namespaces: Readonly<Record<string, string>>
}

/** A filter, or what makes a subtree filter: an element, XML text. Empty text means no filter. */
export type Filter = Subtree | Select | Fragment.Fragment

/**
 * Selects the given subtrees, all of them in one request.
 *
 * @example
 * Filter.subtree(xml`<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"/>`)
 */
export const subtree = (...content: ReadonlyArray<Fragment.Fragment>): Subtree => ({ _tag: "Subtree", content })

/**
 * Selects nodes by an XPath expression; `namespaces` binds the prefixes that it uses. Needs `:xpath`. Values belong into
 * the `xpath` tag, which quotes them.
 *
 * @example
 * Filter.xpath(xpath`/if:interfaces/if:interface[if:name=${name}]`, { if: "urn:ietf:params:xml:ns:yang:ietf-interfaces" })
 */
export const xpath = (expression: string | XPath, namespaces: Readonly<Record<string, string>> = {}): Select => ({
  _tag: "Select",
  expression: expressionOf(expression),
  namespaces
})

const isFilter = (filter: Filter): filter is Subtree | Select =>
  isRecord(filter) && "_tag" in filter && (filter._tag === "Subtree" || filter._tag === "Select")

/** The `<filter>` element, or none; throws an `InputError` for text that is not well-formed. */
export const encode = (filter: Filter | undefined): ReadonlyArray<Element.Element> => {
  if (filter === undefined || (typeof filter === "string" && filter.trim() === "")) return []
  if (!isFilter(filter)) return encode(subtree(filter))
  if (filter._tag === "Select") {
    return [
      Element.make("filter", Namespaces.base, {
        attributes: { type: "xpath", select: filter.expression },
        scope: Element.bind(filter.namespaces, { "": Namespaces.base })
      })
    ]
  }
  const children = filter.content.flatMap((fragment) => Fragment.elements(fragment, "filter"))
  return [
    wholeFilter(children) ?? Element.make("filter", Namespaces.base, { attributes: { type: "subtree" }, children })
  ]
}

/** A `<filter>` that the caller wrote whole, attributes included, into the base namespace. */
const wholeFilter = (children: ReadonlyArray<Element.Element>): Element.Element | undefined => {
  const [only] = children
  if (children.length !== 1 || only!.name !== "filter" || !Namespaces.isBaseOrNone(only!.namespace)) return undefined
  const { attributes, scope } = only!
  return Element.make("filter", Namespaces.base, {
    attributes,
    children: only!.children,
    scope: Element.bind(scope, { "": Namespaces.base })
  })
}

const isXPath = (filter: Filter): boolean => {
  if (typeof filter === "string") return /^\s*<(?:[\w.-]+:)?filter\s[^>]*\btype\s*=\s*["']xpath["']/.test(filter)
  if (isFilter(filter)) return filter._tag === "Select"
  return (
    isRecord(filter) &&
    "_tag" in filter &&
    filter["name"] === "filter" &&
    Element.attribute(filter as Element.Element, "type") === "xpath"
  )
}

/** What the filter needs of the peer. */
export const needs = (filter: Filter | undefined): Needs =>
  filter !== undefined && isXPath(filter) ? [[":xpath"]] : []
