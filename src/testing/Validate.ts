/**
 * What validate and commit check of a whole configuration (RFC 6241 §8.6.4.1): that what the model calls mandatory is
 * there. Values and keys were checked when they were written.
 */
import * as Element from "../xml/Element.ts"
import * as Model from "./Model.ts"
import * as Refusal from "./Refusal.ts"
import * as Tree from "./Tree.ts"

const checkMandatory = (
  model: Model.Model,
  element: Element.Element,
  schema: Model.SchemaNode,
  path: Refusal.Path
): ReadonlyArray<Refusal.Refusal> => {
  if (schema.kind !== "container" && schema.kind !== "list") return []
  return Object.entries(schema.nodes).flatMap(([name, node]) => {
    if (node.kind !== "leaf" || node.mandatory !== true) return []
    const namespace = node.namespace ?? element.namespace
    if (Element.child(element, name, namespace) !== undefined) return []
    const at = Tree.pathOf(model, path, node, Element.make(name, namespace))
    return [Refusal.missingElement(name, `${name} is mandatory in ${element.name}`, at)]
  })
}

const checkChildren = (
  model: Model.Model,
  parent: Element.Element,
  parentSchema: Model.SchemaNode | undefined,
  path: Refusal.Path
): ReadonlyArray<Refusal.Refusal> =>
  Element.elements(parent).flatMap((element) => {
    const schema = Tree.childSchema(model, parentSchema, parent.namespace, element)
    if (schema === undefined) return []
    const here = Tree.pathOf(model, path, schema, element)
    return [...checkMandatory(model, element, schema, here), ...checkChildren(model, element, schema, here)]
  })

/** What is wrong with a whole configuration. */
export const check = (model: Model.Model, data: Element.Element): ReadonlyArray<Refusal.Refusal> =>
  checkChildren(model, data, undefined, Tree.rootPath)
