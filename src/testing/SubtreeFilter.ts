/**
 * Subtree filtering (RFC 6241 §6): which nodes of a data tree the children of a `<filter>` select. Pure.
 *
 * A node of the filter is a content match (text), a selection (empty) or a containment (elements). Where a sibling set
 * holds only content matches, everything beside them is selected; otherwise only what the other nodes select.
 */
import * as Element from "../xml/Element.ts"
import type { Model } from "./Model.ts"
import * as Selection from "./Selection.ts"

type Kind = "content" | "selection" | "containment"

const kindOf = (filter: Element.Element): Kind => {
  if (filter.children.some(Element.isElement)) return "containment"
  return Element.text(filter).trim() === "" ? "selection" : "content"
}

/** An element of the filter in no namespace matches any (§6.2.1); every attribute must be there and equal (§6.2.2). */
const matchesName = (filter: Element.Element, element: Element.Element): boolean =>
  filter.name === element.name &&
  (filter.namespace === "" || filter.namespace === element.namespace) &&
  filter.attributes.every(({ name, namespace, value }) => Element.attribute(element, name, namespace) === value)

const matchesContent = (filter: Element.Element, element: Element.Element): boolean =>
  matchesName(filter, element) &&
  !element.children.some(Element.isElement) &&
  Element.text(element).trim() === Element.text(filter).trim()

const selectOne = (filter: Element.Element, element: Element.Element): Selection.Selection | undefined => {
  switch (kindOf(filter)) {
    case "content":
      return matchesContent(filter, element) ? "all" : undefined
    case "selection":
      return matchesName(filter, element) ? "all" : undefined
    case "containment":
      return matchesName(filter, element) ? selectSiblings(Element.elements(filter), element) : undefined
  }
}

const selectSiblings = (
  filters: ReadonlyArray<Element.Element>,
  parent: Element.Element
): Selection.Selection | undefined => {
  const data = Element.elements(parent)
  const contents = filters.filter((filter) => kindOf(filter) === "content")
  if (!contents.every((filter) => data.some((element) => matchesContent(filter, element)))) return undefined
  if (contents.length > 0 && contents.length === filters.length) return "all"
  const selected = new Map<Element.Element, Selection.Selection>()
  for (const element of data) {
    let selection: Selection.Selection | undefined
    for (const filter of filters) selection = Selection.union(selection, selectOne(filter, element))
    if (selection !== undefined) selected.set(element, selection)
  }
  return selected.size === 0 ? undefined : selected
}

/** The part of `data` that the children of `filter` select. */
export const apply = (model: Model, data: Element.Element, filter: Element.Element): Element.Element =>
  Selection.extract(model, data, selectSiblings(Element.elements(filter), data))
