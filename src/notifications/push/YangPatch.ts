/**
 * Applies a YANG patch (RFC 8072 §2) to a tree: its edits in the order of the list, to a copy, all of them or none.
 *
 * As push-change-update uses it (RFC 8641 §3.5.2), creating what exists sets it and deleting what is gone changes nothing:
 * they tell of changes that came and went. What has no parent, or no point to be inserted at, says that the tree is
 * not the one that the patch was made for.
 */
import * as Element from "../../xml/Element.ts"
import { ModuleNamespaces } from "./ModuleNamespaces.ts"
import * as ResourcePath from "./ResourcePath.ts"
import type { Edit } from "./OwnEvent.ts"

/** An edit that does not fit the tree, and why; nothing of its patch was applied. */
export class Inapplicable {
  readonly _tag = "Inapplicable"
  /** Of the edit: `edit1`. */
  readonly editId: string | undefined
  /** The edit's target, or its point. */
  readonly path: string
  readonly why: string
  /** Whether it might fit if it were known which namespaces the device's modules have. */
  readonly needsModules: boolean

  constructor(editId: string | undefined, path: string, why: string, needsModules = false) {
    this.editId = editId
    this.path = path
    this.why = why
    this.needsModules = needsModules
  }
}

/** What an edit does where its target is. */
interface Place {
  readonly edit: Edit
  readonly step: ResourcePath.Step
  readonly modules: ModuleNamespaces
}

const fail = ({ editId, target }: Edit, why: string, path = target): Inapplicable => new Inapplicable(editId, path, why)

const unsure = ({ editId, target }: Edit, path = target): Inapplicable =>
  new Inapplicable(editId, path, "which node that is cannot be told without knowing the device's modules", true)

const withChildren = (element: Element.Element, children: ReadonlyArray<Element.Node>): Element.Element => ({
  ...element,
  children
})

/** The value, which is the target itself in `<value>`; undefined where the operation takes none. */
const valueOf = (edit: Edit, { name }: ResourcePath.Step): Element.Element | Inapplicable | undefined => {
  if (edit.operation === "delete" || edit.operation === "remove" || edit.operation === "move") return undefined
  const inside = edit.value === undefined ? [] : Element.elements(edit.value)
  const [value] = inside
  if (value === undefined || inside.length > 1) return fail(edit, `${edit.operation} needs one value`)
  return value.name === name ? value : fail(edit, `the value is <${value.name}>, not the target`)
}

const replaced = (parent: Element.Element, at: number, nodes: ReadonlyArray<Element.Node>): Element.Element =>
  withChildren(parent, [...parent.children.slice(0, at), ...nodes, ...parent.children.slice(at + 1)])

const inserted = (parent: Element.Element, at: number, node: Element.Element): Element.Element =>
  withChildren(parent, [...parent.children.slice(0, at), node, ...parent.children.slice(at)])

/** Behind the last of its kind, at the end where there is none. */
const endOf = (parent: Element.Element, { name, namespace }: Element.Element): number => {
  const last = parent.children.findLastIndex(
    (node) => Element.isElement(node) && node.name === name && node.namespace === namespace
  )
  return last === -1 ? parent.children.length : last + 1
}

const startOf = (parent: Element.Element, { name, namespace }: Element.Element): number => {
  const first = parent.children.findIndex(
    (node) => Element.isElement(node) && node.name === name && node.namespace === namespace
  )
  return first === -1 ? parent.children.length : first
}

/** Puts an entry of a list that the user orders where `where` and `point` say. */
const order = (
  place: Place,
  parent: Element.Element,
  outer: string | undefined,
  entry: Element.Element
): Element.Element | Inapplicable => {
  const { point, where = "last" } = place.edit
  if (where === "first") return inserted(parent, startOf(parent, entry), entry)
  if (where === "last") return inserted(parent, endOf(parent, entry), entry)
  const last = point === undefined ? undefined : ResourcePath.parse(point)?.at(-1)
  if (point === undefined || last === undefined) return fail(place.edit, `${where} needs a point`, point ?? "")
  // The point is an entry of the same list, so of the same parent; a relative one gives its last step alone.
  const step = { ...last, module: place.step.module ?? last.module }
  const found = ResourcePath.find(parent, step, outer, { modules: place.modules })
  if (found === "unsure") return unsure(place.edit, point)
  const [at, another] = found
  if (at === undefined || another !== undefined) return fail(place.edit, "the point is not there", point)
  return inserted(parent, where === "before" ? at : at + 1, entry)
}

const isLeaf = (element: Element.Element): boolean => Element.elements(element).length === 0

/** A leaf that has another value may be another entry of a leaf-list, or the key of another entry. */
const mergedLeaf = (edit: Edit, old: Element.Element, value: Element.Element): Element.Element | Inapplicable => {
  const [was, is] = [Element.text(old).trim(), Element.text(value).trim()]
  // An empty container has nothing to merge.
  if (is === "" && (was === "" || !isLeaf(old))) return old
  if (isLeaf(old) && was === is) return old
  return fail(edit, `merging another <${value.name}> needs the keys of what may be a list`)
}

/** Containers and leafs that were not there; a list has keys that nobody here knows. */
const merged = (edit: Edit, old: Element.Element, value: Element.Element): Element.Element | Inapplicable => {
  const inside = Element.elements(value)
  if (inside.length === 0 || isLeaf(old)) {
    return Element.text(old).trim() === "" && inside.length > 0 ? value : mergedLeaf(edit, old, value)
  }
  let result = old
  for (const child of inside) {
    const [same, another] = Element.children(result, child.name, child.namespace)
    if (another !== undefined || Element.children(value, child.name, child.namespace).length > 1) {
      return fail(edit, `merging the list <${child.name}> needs its keys`)
    }
    const next = same === undefined ? child : merged(edit, same, child)
    if (next instanceof Inapplicable) return next
    const at = same === undefined ? -1 : result.children.indexOf(same)
    result = at === -1 ? inserted(result, endOf(result, next), next) : replaced(result, at, [next])
  }
  return result
}

/** The target itself is the one that is meant: where it is a leaf, it takes the value. */
const mergedInto = (edit: Edit, old: Element.Element, value: Element.Element): Element.Element | Inapplicable =>
  isLeaf(old) && isLeaf(value) ? value : merged(edit, old, value)

const put = (
  place: Place,
  parent: Element.Element,
  outer: string | undefined,
  at: number | undefined,
  value: Element.Element
): Element.Element | Inapplicable => {
  const { edit } = place
  if (edit.operation === "insert") {
    return order(place, at === undefined ? parent : replaced(parent, at, []), outer, value)
  }
  if (at === undefined) return inserted(parent, endOf(parent, value), value)
  const next = edit.operation === "merge" ? mergedInto(edit, parent.children[at] as Element.Element, value) : value
  return next instanceof Inapplicable ? next : replaced(parent, at, [next])
}

/** The edit, where its parent is found. */
const change = (place: Place, parent: Element.Element, outer: string | undefined): Element.Element | Inapplicable => {
  const { edit, modules, step } = place
  const value = valueOf(edit, step)
  if (value instanceof Inapplicable) return value
  const found = ResourcePath.find(parent, step, outer, { modules, value })
  if (found === "unsure") return unsure(edit)
  const [at, another] = found
  if (another !== undefined) return fail(edit, "the target is several nodes")
  switch (edit.operation) {
    case "delete":
    case "remove":
      return at === undefined ? parent : replaced(parent, at, [])
    case "move":
      if (at === undefined) return fail(edit, "what is moved is not there")
      return order(place, replaced(parent, at, []), outer, parent.children[at] as Element.Element)
    default:
      return put(place, parent, outer, at, value!)
  }
}

const descend = (
  edit: Edit,
  steps: ReadonlyArray<ResourcePath.Step>,
  modules: ModuleNamespaces,
  parent: Element.Element,
  outer: string | undefined
): Element.Element | Inapplicable => {
  const [step, ...rest] = steps
  if (rest.length === 0) return change({ edit, step: step!, modules }, parent, outer)
  const found = ResourcePath.find(parent, step!, outer, { modules })
  if (found === "unsure") return unsure(edit)
  const [at, another] = found
  if (at === undefined || another !== undefined) {
    const keys = step!.keys === undefined ? "" : `=${step!.keys.join(",")}`
    return fail(edit, `its parent ${step!.name}${keys} is ${at === undefined ? "not there" : "several nodes"}`)
  }
  const child = parent.children[at] as Element.Element
  const next = descend(edit, rest, modules, child, child.namespace)
  return next instanceof Inapplicable ? next : replaced(parent, at, [next])
}

/** The whole of it: what a target of `/` stands for. */
const applyToAll = (root: Element.Element, edit: Edit): Element.Element | Inapplicable => {
  switch (edit.operation) {
    case "delete":
    case "remove":
      return withChildren(root, [])
    case "create":
    case "replace":
      return edit.value === undefined
        ? fail(edit, `${edit.operation} needs a value`)
        : withChildren(root, edit.value.children)
    default:
      return fail(edit, `${edit.operation} has no meaning for the whole tree`)
  }
}

/**
 * A value shows the namespace of its target's module, which stands at the target or at the nearest step above; unless the
 * namespace is another module's, as where a device leaves modules out.
 */
const learn = (edit: Edit, steps: ReadonlyArray<ResourcePath.Step>, modules: ModuleNamespaces): void => {
  const value = valueOf(edit, steps.at(-1)!)
  const module = steps.findLast((step) => step.module !== undefined)?.module
  if (value === undefined || value instanceof Inapplicable || module === undefined) return
  const belonging = modules.belongs(module, value.namespace)
  if (belonging === "unknown" || belonging === "likely") modules.learn(module, value.namespace)
}

const applyOne = (root: Element.Element, edit: Edit, modules: ModuleNamespaces): Element.Element | Inapplicable => {
  const steps = ResourcePath.parse(edit.target)
  if (steps === undefined) return fail(edit, "the target is no RESTCONF path")
  if (steps.length === 0) return applyToAll(root, edit)
  learn(edit, steps, modules)
  return descend(edit, steps, modules, root, undefined)
}

/** The tree after all edits; `root` holds the top-level nodes, and is left as it is. */
export const apply = (
  root: Element.Element,
  edits: ReadonlyArray<Edit>,
  modules = new ModuleNamespaces()
): Element.Element | Inapplicable => {
  let tree = root
  for (const edit of edits) {
    const next = applyOne(tree, edit, modules)
    if (next instanceof Inapplicable) return next
    tree = next
  }
  return tree
}
