/**
 * A selection of nodes of a data tree, and the tree that is left of it: what both kinds of filter produce. Keys of the
 * list entries on the way are added, as RFC 6241 §8.9.5.1 demands and §6.2.5 allows.
 */
import * as Element from "../xml/Element.ts"
import * as Model from "./Model.ts"
import * as Tree from "./Tree.ts"

/** The whole subtree, or some of its children. */
export type Selection = "all" | ReadonlyMap<Element.Element, Selection>

/** Both together. */
export const union = (one: Selection | undefined, other: Selection | undefined): Selection | undefined => {
  if (one === undefined) return other
  if (other === undefined) return one
  if (one === "all" || other === "all") return "all"
  const both = new Map(one)
  for (const [element, selection] of other) both.set(element, union(both.get(element), selection) ?? "all")
  return both
}

const extractChildren = (
  model: Model.Model,
  parent: Element.Element,
  schema: Model.SchemaNode | undefined,
  selection: ReadonlyMap<Element.Element, Selection>
): ReadonlyArray<Element.Node> => {
  const keys = new Set(Model.keysOf(schema))
  return Element.elements(parent).flatMap((child) => {
    const selected = selection.get(child)
    if (selected === "all" || (selected === undefined && keys.has(child.name))) return [child]
    if (selected === undefined) return []
    const below = Tree.childSchema(model, schema, parent.namespace, child)
    return [Tree.withChildren(child, extractChildren(model, child, below, selected))]
  })
}

/** The part of a datastore's tree that was selected, in the order of the data. */
export const extract = (
  model: Model.Model,
  data: Element.Element,
  selection: Selection | undefined
): Element.Element => {
  if (selection === "all") return data
  return Tree.withChildren(data, selection === undefined ? [] : extractChildren(model, data, undefined, selection))
}

const pruneChildren = (
  parent: Element.Element,
  path: ReadonlyArray<string>,
  hidden: (path: ReadonlyArray<string>) => boolean
): Element.Element => {
  const children = parent.children.flatMap((node): ReadonlyArray<Element.Node> => {
    if (!Element.isElement(node)) return [node]
    const here = [...path, node.name]
    return hidden(here) ? [] : [pruneChildren(node, here, hidden)]
  })
  return Tree.withChildren(parent, children)
}

/** The tree without the sub-trees that the predicate hides, by local names from the root. */
export const hide = (data: Element.Element, hidden: (path: ReadonlyArray<string>) => boolean): Element.Element =>
  pruneChildren(data, [], hidden)
