/**
 * What changed from one data tree to another: nodes created and deleted, and leafs with another value, each with the
 * nodes on the way to it. Pure. Trees that share their unchanged parts, as edits leave them, are compared by what changed.
 */
import * as Element from "../xml/Element.ts"
import * as Model from "./Model.ts"
import * as Tree from "./Tree.ts"

/** One node on the way to a change, with its schema. */
export interface Step {
  readonly element: Element.Element
  readonly schema: Model.SchemaNode | undefined
}

export interface Change {
  readonly kind: "create" | "delete" | "replace"
  /** From the top-level node to the node that changed: as it is now, or was before it was deleted. */
  readonly steps: ReadonlyArray<Step>
}

type Parent = Step | undefined

const childrenByIdentity = (model: Model.Model, parent: Parent, element: Element.Element): Map<string, Step> => {
  const namespace = parent?.element.namespace ?? ""
  return new Map(
    Element.elements(element).map((child) => {
      const schema = Tree.childSchema(model, parent?.schema, namespace, child)
      return [Tree.identity(schema, child), { element: child, schema }]
    })
  )
}

const isInner = ({ element, schema }: Step): boolean =>
  schema === undefined ? !Tree.isEmpty(element) : !Model.isLeaf(schema, element)

const between = (
  model: Model.Model,
  way: ReadonlyArray<Step>,
  before: Element.Element,
  after: Element.Element
): ReadonlyArray<Change> => {
  if (before === after) return []
  const changes: Array<Change> = []
  const old = childrenByIdentity(model, way.at(-1), before)
  for (const [identity, step] of childrenByIdentity(model, way.at(-1), after)) {
    const steps = [...way, step]
    const was = old.get(identity)
    old.delete(identity)
    if (was === undefined) changes.push({ kind: "create", steps })
    else if (was.element === step.element) continue
    else if (isInner(step) && isInner(was)) changes.push(...between(model, steps, was.element, step.element))
    else if (!Element.equals(was.element, step.element)) changes.push({ kind: "replace", steps })
  }
  for (const step of old.values()) changes.push({ kind: "delete", steps: [...way, step] })
  return changes
}

/** The changes from one datastore's tree to another, in the order of the data, deleted nodes last in their place. */
export const changes = (model: Model.Model, before: Element.Element, after: Element.Element): ReadonlyArray<Change> =>
  between(model, [], before, after)
