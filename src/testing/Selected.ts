/**
 * The part of a datastore that a subscription has selected, as it is now, without what may not be seen, and for changes
 * without what does not support them (RFC 8641 §3.6, §3.10).
 */
import * as Element from "../xml/Element.ts"
import type { Core } from "./Core.ts"
import * as Model from "./Model.ts"
import type { DatastoreName } from "./PushParameters.ts"
import type * as Refusal from "./Refusal.ts"
import * as Selection from "./Selection.ts"
import type { SubscriptionFilter } from "./SubscriptionFilter.ts"
import * as Tree from "./Tree.ts"

/** What does not change often enough to be told of; paths of local names. */
export const onChangeUnsupported = (core: Core): ReadonlyArray<string> =>
  core.settings.notifications.push?.onChangeUnsupported ?? ["interfaces/interface/statistics"]

const read = (core: Core, datastore: DatastoreName): Element.Element =>
  datastore === "operational" ? core.operational() : core.stores.read(datastore, 0)

export const select = (core: Core, datastore: DatastoreName, filter: SubscriptionFilter): Element.Element =>
  filter.select(Selection.hide(read(core, datastore), core.dialect.hidden))

/** The same, of nodes whose changes are pushed. */
export const selectNotifiable = (core: Core, datastore: DatastoreName, filter: SubscriptionFilter): Element.Element => {
  const left = new Set(onChangeUnsupported(core))
  return Selection.hide(select(core, datastore, filter), (path) => left.has(path.join("/")))
}

export const countNodes = (data: Element.Element): number =>
  Element.elements(data).reduce((count, child) => count + 1 + countNodes(child), 0)

/** Leafs that are not keys, which are there whenever something beside them is selected. */
const countValues = (
  model: Model.Model,
  parent: Model.SchemaNode | undefined,
  data: Element.Element,
  namespace: string
): number => {
  const keys = new Set(Model.keysOf(parent))
  return Element.elements(data).reduce((count, child) => {
    if (!Tree.isEmpty(child)) {
      return count + countValues(model, Tree.childSchema(model, parent, namespace, child), child, child.namespace)
    }
    return keys.has(child.name) ? count : count + 1
  }, 0)
}

/** Whether something was selected, and nothing of it but keys is left. */
export const isLost = (core: Core, whole: Element.Element, left: Element.Element): boolean =>
  countValues(core.model, undefined, whole, "") > 0 && countValues(core.model, undefined, left, "") === 0

/** A path of local names as a node-selector (RFC 8341 §3.4.4), with the prefixes that it uses; undefined outside the model. */
export const selector = (core: Core, path: string): Refusal.Path | undefined => {
  const [top = "", ...names] = path.split("/")
  for (const { namespace } of core.model.modules) {
    let schema = Model.root(core.model, top, namespace)
    let inherited = namespace
    let found: Refusal.Path = Tree.pathOf(core.model, Tree.rootPath, undefined, Element.make(top, namespace))
    for (const name of names) {
      const outer = schema
      const own: string | undefined = core.model.modules
        .map((module) => module.namespace)
        .find((other) => outer !== undefined && Model.child(outer, inherited, name, other) !== undefined)
      if (outer === undefined || own === undefined) break
      schema = Model.child(outer, inherited, name, own)
      inherited = own
      found = Tree.pathOf(core.model, found, undefined, Element.make(name, own))
    }
    if (schema !== undefined && found.text.split("/").length === names.length + 2) return found
  }
  return undefined
}
