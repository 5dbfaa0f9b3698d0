/**
 * edit-config on a data tree (RFC 6241 §7.2, RFC 7950 §7.5.8 to §7.8.6 for what each operation means to which node).
 *
 * Pure: a tree and a `<config>` give a new tree and the errors met. Operations are applied in document order, so that
 * with stop-on-error what came before the error stays, as on a real device; rollback-on-error gives the tree back as
 * it was. Locks, targets and capabilities are the session's business.
 */
import * as Element from "../xml/Element.ts"
import * as Namespaces from "../xml/Namespaces.ts"
import * as LeafType from "./LeafType.ts"
import * as Model from "./Model.ts"
import * as Refusal from "./Refusal.ts"
import * as Tree from "./Tree.ts"

type Operation = "merge" | "replace" | "create" | "delete" | "remove" | "none"
export type ErrorOption = "stop-on-error" | "continue-on-error" | "rollback-on-error"

export interface Options {
  readonly model: Model.Model
  /** Default: merge. */
  readonly defaultOperation?: "merge" | "replace" | "none" | undefined
  /** Default: stop-on-error. */
  readonly errorOption?: ErrorOption | undefined
  /** What the device makes of a value, given the local names down to the leaf. */
  readonly normalise?: ((value: string, path: ReadonlyArray<string>) => string) | undefined
  /** Sub-trees that may not be written, by local names from the root. */
  readonly denied?: ((path: ReadonlyArray<string>) => boolean) | undefined
  /** Accepts state data as well; what `get` merges with running. */
  readonly state?: boolean | undefined
}

export interface Result {
  readonly data: Element.Element
  readonly refusals: ReadonlyArray<Refusal.Refusal>
}

/** Thrown inside to leave the whole edit at the first error. */
class Stop extends Error {}

interface Context extends Options {
  readonly refusals: Array<Refusal.Refusal>
}

interface Position {
  readonly schema: Model.SchemaNode | undefined
  readonly namespace: string
  readonly path: Refusal.Path
  readonly names: ReadonlyArray<string>
  readonly operation: Operation
}

const operations: ReadonlySet<string> = new Set(["merge", "replace", "create", "delete", "remove"])
const knownAttributes: ReadonlySet<string> = new Set([
  "urn:ietf:params:xml:ns:yang:1",
  "urn:ietf:params:xml:ns:netconf:default:1.0",
  "http://www.w3.org/XML/1998/namespace"
])

const refuse = (context: Context, refusal: Refusal.Refusal): void => {
  context.refusals.push(refusal)
  if (context.errorOption !== "continue-on-error") throw new Stop()
}

/** The children of one node while they are edited, found by identity. */
class Siblings {
  readonly #nodes: Array<Element.Node | undefined>
  readonly #index = new Map<string, number>()

  constructor(children: ReadonlyArray<Element.Node>, identify: (element: Element.Element) => string) {
    this.#nodes = children.slice()
    for (const [at, node] of children.entries()) {
      if (Element.isElement(node)) this.#index.set(identify(node), at)
    }
  }
  get(identity: string): Element.Element | undefined {
    const at = this.#index.get(identity)
    return at === undefined ? undefined : (this.#nodes[at] as Element.Element)
  }
  set(identity: string, element: Element.Element | undefined): void {
    const at = this.#index.get(identity)
    if (at !== undefined) this.#nodes[at] = element
    else if (element !== undefined) this.#index.set(identity, this.#nodes.push(element) - 1)
    if (element === undefined) this.#index.delete(identity)
  }
  toArray(): ReadonlyArray<Element.Node> {
    return this.#nodes.filter((node) => node !== undefined)
  }
}

/** The operation that an element carries, or inherits; refuses attributes that are none of ours. */
const operationOf = (context: Context, element: Element.Element, position: Position): Operation => {
  let operation = position.operation
  for (const attribute of element.attributes) {
    const path = Tree.pathOf(context.model, position.path, undefined, element)
    if (attribute.namespace !== Namespaces.base || attribute.name !== "operation") {
      if (knownAttributes.has(attribute.namespace)) continue
      refuse(context, Refusal.unknownAttribute("application", attribute.name, element.name, { path }))
    } else if (operations.has(attribute.value)) {
      operation = attribute.value as Operation
    } else {
      const message = `${attribute.value} is not an edit operation`
      refuse(context, Refusal.badAttribute("application", "operation", element.name, { path, message }))
    }
  }
  return operation
}

const schemaOf = (context: Context, element: Element.Element, position: Position): Model.SchemaNode | undefined => {
  const { model } = context
  const schema = Tree.childSchema(model, position.schema, position.namespace, element)
  const path = Tree.pathOf(model, position.path, undefined, element)
  if (schema !== undefined && (schema.config !== false || context.state === true)) return schema
  if (schema === undefined && Model.moduleOf(model, element.namespace) === undefined) {
    refuse(context, Refusal.unknownNamespace(element.name, element.namespace, path))
  } else {
    const message = schema === undefined ? "is not in the model" : "is state data, which cannot be configured"
    refuse(context, Refusal.unknownElement(element.name, `${element.name} ${message}`, path))
  }
  return undefined
}

const missingKey = (schema: Model.SchemaNode, element: Element.Element): string | undefined =>
  Model.keysOf(schema).find((key) => Tree.keyValue(element, key) === undefined)

/** What one element of the edit makes of the node that is there; undefined removes it. */
const editNode = (
  context: Context,
  existing: Element.Element | undefined,
  edit: Element.Element,
  here: Position & { readonly schema: Model.SchemaNode }
): Element.Element | undefined => {
  switch (here.operation) {
    case "delete":
      if (existing === undefined) {
        refuse(context, Refusal.dataMissing(`${edit.name} does not exist`, here.path))
      }
      return undefined
    case "remove":
      return undefined
    case "create":
      if (existing !== undefined) {
        refuse(context, Refusal.dataExists(`${edit.name} exists already`, here.path))
        return existing
      }
      return write(context, undefined, edit, { ...here, operation: "merge" })
    case "replace":
      return write(context, undefined, edit, { ...here, operation: "merge" })
    case "none":
      return none(context, existing, edit, here)
    case "merge":
      return write(context, existing, edit, here)
  }
}

const none = (
  context: Context,
  existing: Element.Element | undefined,
  edit: Element.Element,
  here: Position & { readonly schema: Model.SchemaNode }
): Element.Element | undefined => {
  // A container without presence is always there (RFC 7950 §7.5.1), so that one can be created inside it.
  if (existing === undefined && !Model.isTransparent(here.schema)) {
    refuse(context, Refusal.dataMissing(`${edit.name} does not exist`, here.path))
    return undefined
  }
  return Model.isLeaf(here.schema, edit) ? existing : write(context, existing, edit, here)
}

const write = (
  context: Context,
  existing: Element.Element | undefined,
  edit: Element.Element,
  here: Position & { readonly schema: Model.SchemaNode }
): Element.Element | undefined =>
  Model.isLeaf(here.schema, edit) && (existing === undefined || Tree.isEmpty(existing))
    ? writeLeaf(context, existing, edit, here)
    : writeInner(context, existing, edit, here)

const writeLeaf = (
  context: Context,
  existing: Element.Element | undefined,
  edit: Element.Element,
  here: Position & { readonly schema: Model.SchemaNode }
): Element.Element | undefined => {
  const { schema } = here
  const nested = edit.children.find(Element.isElement)
  if (nested !== undefined) {
    refuse(context, Refusal.unknownElement(nested.name, `${edit.name} is a leaf`, here.path))
    return existing
  }
  const text = Tree.leafText(schema, edit)
  const wrong = schema.kind === "leaf" || schema.kind === "leaf-list" ? LeafType.refuse(schema.type, text) : undefined
  if (wrong !== undefined) {
    refuse(context, Refusal.invalidValue(`"${text}" ${wrong}`, here.path))
    return existing
  }
  return Tree.storedLeaf(edit, context.normalise?.(text, here.names) ?? text)
}

const writeInner = (
  context: Context,
  existing: Element.Element | undefined,
  edit: Element.Element,
  here: Position & { readonly schema: Model.SchemaNode }
): Element.Element | undefined => {
  if (edit.children.some((node) => typeof node === "string" && node.trim() !== "")) {
    refuse(context, Refusal.invalidValue(`${edit.name} holds text, and should hold elements`, here.path))
    return existing
  }
  const children = editChildren(context, existing?.children ?? [], edit, { ...here, namespace: edit.namespace })
  const written = Tree.storedInner(edit, children)
  return Model.isTransparent(here.schema) && Tree.isEmpty(written) ? undefined : written
}

/** Edits the children of one node; what was done before an error that stops the edit stays done. */
const editChildren = (
  context: Context,
  existing: ReadonlyArray<Element.Node>,
  edit: Element.Element,
  position: Position
): ReadonlyArray<Element.Node> => {
  const identify = (element: Element.Element) =>
    Tree.identity(Tree.childSchema(context.model, position.schema, position.namespace, element), element)
  const siblings = new Siblings(existing, identify)
  const keys = new Set(Model.keysOf(position.schema))
  for (const child of Element.elements(edit)) {
    if (stopped(context)) break
    attempt(() =>
      editChild(context, siblings, child, position, keys.has(child.name) && child.namespace === position.namespace)
    )
  }
  return siblings.toArray()
}

const stopped = (context: Context): boolean =>
  context.refusals.length > 0 && context.errorOption !== "continue-on-error"

// A stop is caught at every level, so that each ancestor keeps what its earlier children became.
const attempt = (step: () => void): void => {
  try {
    step()
  } catch (error) {
    if (!(error instanceof Stop)) throw error
  }
}

const editChild = (
  context: Context,
  siblings: Siblings,
  child: Element.Element,
  position: Position,
  isKey: boolean
): void => {
  const refusedBefore = context.refusals.length
  const schema = schemaOf(context, child, position)
  if (schema === undefined) return
  const operation = isKey ? "merge" : operationOf(context, child, position)
  const path = Tree.pathOf(context.model, position.path, schema, child)
  const names = [...position.names, child.name]
  const key = missingKey(schema, child)
  if (key !== undefined) refuse(context, Refusal.missingElement(key, `${child.name} lacks its key ${key}`, path))
  if (context.denied?.(names) === true) refuse(context, Refusal.accessDenied(`${child.name} may not be written`, path))
  if (context.refusals.length > refusedBefore) return
  const identity = Tree.identity(schema, child)
  const here = { schema, namespace: position.namespace, path, names, operation }
  siblings.set(identity, editNode(context, siblings.get(identity), child, here))
}

/** Applies `config` (its children are top-level nodes) to `data`. */
export const apply = (data: Element.Element, config: Element.Element, options: Options): Result => {
  const context: Context = { ...options, refusals: [] }
  const replace = options.defaultOperation === "replace"
  const operation = replace ? "merge" : (options.defaultOperation ?? "merge")
  const position: Position = { schema: undefined, namespace: "", path: Tree.rootPath, names: [], operation }
  const children = editChildren(context, replace ? [] : data.children, config, position)
  const failed = context.refusals.length > 0
  return {
    data: failed && options.errorOption === "rollback-on-error" ? data : Tree.withChildren(data, children),
    refusals: context.refusals
  }
}
