/**
 * What a simulated device knows about its data: which nodes there are, which lists have which keys, which leafs have
 * which type. As much of YANG (RFC 7950 §4.2.2) as a server needs to merge, refuse and find things, and no more.
 *
 * A model is made of modules, one per namespace. A module with nodes refuses what it does not know; one made with
 * `lists` alone accepts anything in its namespace and needs only the keys. The sample model is in `SampleModel.ts`.
 */
import type { Element } from "../xml/Element.ts"
import { isElement } from "../xml/Element.ts"
import type { LeafType } from "./LeafType.ts"

export interface Leaf {
  readonly kind: "leaf" | "leaf-list"
  readonly type: LeafType
  readonly mandatory?: boolean
  readonly config?: boolean
  /** Another module's namespace, for a node that augments its parent. */
  readonly namespace?: string
}

export interface Inner {
  readonly kind: "container" | "list"
  /** Leafs that tell the entries of a list apart; empty for a container. */
  readonly keys: ReadonlyArray<string>
  /** A container whose being there means something, so that it may be missing. */
  readonly presence?: boolean
  readonly config?: boolean
  readonly namespace?: string
  readonly nodes: Nodes
}

/** A node of a module that was declared by its lists alone: what it is shows in the data. */
export interface Open {
  readonly kind: "open"
  readonly keys: ReadonlyArray<string>
  readonly path: string
  readonly lists: Readonly<Record<string, ReadonlyArray<string>>>
  readonly config?: boolean
  readonly namespace: string
}

export type SchemaNode = Leaf | Inner | Open
export type Nodes = Readonly<Record<string, SchemaNode>>

export interface Module {
  readonly name: string
  readonly namespace: string
  /** For error-path. */
  readonly prefix: string
  readonly revision?: string
  readonly nodes?: Nodes
  readonly lists?: Readonly<Record<string, ReadonlyArray<string>>>
}

export interface Model {
  readonly modules: ReadonlyArray<Module>
}

export const leaf = (type: LeafType = "string", options: Omit<Leaf, "kind" | "type"> = {}): Leaf => ({
  kind: "leaf",
  type,
  ...options
})

export const leafList = (type: LeafType = "string", options: Omit<Leaf, "kind" | "type"> = {}): Leaf => ({
  kind: "leaf-list",
  type,
  ...options
})

export const container = (nodes: Nodes, options: Pick<Inner, "presence" | "config" | "namespace"> = {}): Inner => ({
  kind: "container",
  keys: [],
  nodes,
  ...options
})

export const list = (
  keys: string | ReadonlyArray<string>,
  nodes: Nodes,
  options: Pick<Inner, "config" | "namespace"> = {}
): Inner => ({ kind: "list", keys: typeof keys === "string" ? [keys] : keys, nodes, ...options })

/**
 * A module that accepts any data in its namespace and knows nothing but the keys of its lists, by path from the root:
 * `Model.open("http://example.com/schema", { "top/interface": ["name"] })`.
 */
export const open = (
  namespace: string,
  lists: Readonly<Record<string, ReadonlyArray<string>>> = {},
  options: { readonly name?: string; readonly prefix?: string } = {}
): Module => ({ name: options.name ?? "open", namespace, prefix: options.prefix ?? "t", lists })

export const make = (...modules: ReadonlyArray<Module>): Model => ({ modules })

const openNode = (lists: Open["lists"], namespace: string, path: string): Open => ({
  kind: "open",
  namespace,
  path,
  lists,
  keys: lists[path] ?? []
})

export const moduleOf = (model: Model, namespace: string): Module | undefined =>
  model.modules.find((module) => module.namespace === namespace)

/** The schema of a top-level node. */
export const root = (model: Model, name: string, namespace: string): SchemaNode | undefined => {
  const module = moduleOf(model, namespace)
  if (module?.lists !== undefined) return openNode(module.lists, namespace, name)
  return module?.nodes === undefined ? undefined : own(module.nodes, name)
}

/** The schema of a child; `inherited` is the namespace of the parent. */
export const child = (
  parent: SchemaNode,
  inherited: string,
  name: string,
  namespace: string
): SchemaNode | undefined => {
  switch (parent.kind) {
    case "open":
      return namespace === parent.namespace ? openNode(parent.lists, namespace, `${parent.path}/${name}`) : undefined
    case "container":
    case "list": {
      const node = own(parent.nodes, name)
      return node !== undefined && (node.namespace ?? inherited) === namespace ? node : undefined
    }
    default:
      return undefined
  }
}

// A device's model is asked for names that come from the wire: `constructor` must not be found.
const own = (nodes: Nodes, name: string): SchemaNode | undefined =>
  Object.hasOwn(nodes, name) ? nodes[name] : undefined

/** Whether this instance holds a value rather than nodes. */
export const isLeaf = (schema: SchemaNode, element: Element): boolean =>
  schema.kind === "leaf" ||
  schema.kind === "leaf-list" ||
  (schema.kind === "open" && schema.keys.length === 0 && !element.children.some(isElement))

/** Whether it may be left out when it is empty: a container that means nothing by being there. */
export const isTransparent = (schema: SchemaNode): boolean => schema.kind === "container" && schema.presence !== true

/** The key leafs of a list; empty for anything else. */
export const keysOf = (schema: SchemaNode | undefined): ReadonlyArray<string> =>
  schema !== undefined && "keys" in schema ? schema.keys : []
