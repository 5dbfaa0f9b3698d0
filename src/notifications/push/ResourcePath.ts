/**
 * Where an edit of a YANG patch applies: a RESTCONF path (RFC 8040 §3.5.3) as steps, each found among the children of an
 * element.
 *
 * Such a path names modules, XML has namespaces: which belong together is known from the hello, from values that came, or
 * from namespaces that end in the module's name as the IETF's do. It gives the values of a list's keys without their
 * names; XML writes keys first and in their order (RFC 7950 §7.8.5), so they are compared with the first children.
 *
 * Devices on sysrepo send instance-identifiers in its place (`interface[name='eth0']`), which are read too.
 */
import * as Element from "../../xml/Element.ts"
import { lookup } from "../../xml/Names.ts"

export interface Step {
  /** As written; undefined where it is the module of the step before. */
  readonly module: string | undefined
  readonly name: string
  /** The values of a list's keys, or the value of a leaf-list's entry; undefined for what is neither. */
  readonly keys: ReadonlyArray<string> | undefined
  /** What an instance-identifier says of it: keys by their names, `.` for its own value, or which one it is, from 1. */
  readonly predicates?: ReadonlyArray<readonly [name: string, value: string] | number>
}

const stepOf = (raw: string): Step | undefined => {
  const equals = raw.indexOf("=")
  const identifier = decodeURIComponent(equals === -1 ? raw : raw.slice(0, equals))
  const keys =
    equals === -1
      ? undefined
      : raw
          .slice(equals + 1)
          .split(",")
          .map(decodeURIComponent)
  const colon = identifier.indexOf(":")
  const name = identifier.slice(colon + 1)
  return name === "" ? undefined : { module: colon === -1 ? undefined : identifier.slice(0, colon), name, keys }
}

const predicateOf = (text: string): readonly [string, string] | number | undefined => {
  const inside = text.slice(1, -1).trim()
  if (/^\d+$/.test(inside)) return Number(inside)
  const found = /^(?:[\w.-]+:)?([\w.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')$/.exec(inside)
  return found === null ? undefined : [found[1]!, found[2] ?? found[3]!]
}

const predicate = /\[(?:[^\]'"]|'[^']*'|"[^"]*")*\]/g

const identified = (step: string): Step | undefined => {
  const [identifier = ""] = step.split("[", 1)
  const [module, name = module] = identifier.includes(":") ? identifier.split(":") : [undefined, identifier]
  const predicates = (step.match(predicate) ?? []).map(predicateOf).filter((each) => each !== undefined)
  const isRead = predicates.length === (step.match(predicate) ?? []).length
  if (name === undefined || name === "" || !isRead) return undefined
  // sysrepo names a point by the target's own keys, and the point's behind them.
  const said = new Map(predicates.map((each) => [typeof each === "number" ? "" : each[0], each]))
  return { module, name, keys: undefined, predicates: [...said.values()] }
}

/** An instance-identifier (RFC 7950 §9.13) with names of modules for prefixes. */
const parseInstance = (path: string): ReadonlyArray<Step> | undefined => {
  const steps = path.match(/[^/[]+(?:\[(?:[^\]'"]|'[^']*'|"[^"]*")*\])*/g) ?? []
  if (`/${steps.join("/")}` !== path) return undefined
  const read = steps.map(identified)
  return read.every((step) => step !== undefined) ? read : undefined
}

/** The steps of a path, none for `/`; undefined for what is no path. */
export const parse = (path: string): ReadonlyArray<Step> | undefined => {
  // In a RESTCONF path brackets are percent-encoded.
  if (path.includes("[")) return parseInstance(path)
  const inner = path.replace(/^\//, "").replace(/\/$/, "")
  if (inner === "") return []
  try {
    const steps = inner.split("/").map(stepOf)
    return steps.every((step) => step !== undefined) ? steps : undefined
  } catch {
    // A percent sign that encodes nothing.
    return undefined
  }
}

/** Which namespace belongs to which module, as far as it is known. */
export class ModuleNamespaces {
  readonly #known = new Map<string, string>()

  constructor(modules: Iterable<{ readonly name: string; readonly namespace: string }> = []) {
    for (const { name, namespace } of modules) this.learn(name, namespace)
  }

  learn(module: string, namespace: string): void {
    this.#known.set(module, namespace)
  }

  /** Whether nodes of this namespace may be of this module. */
  matches(module: string, namespace: string): boolean {
    const known = this.#known.get(module)
    if (known !== undefined) return known === namespace
    if (namespace === module || namespace.endsWith(`:${module}`) || namespace.endsWith(`/${module}`)) return true
    for (const other of this.#known.values()) if (other === namespace) return false
    // It ends in the name of another module.
    return !namespace.startsWith("urn:ietf:params:xml:ns:yang:")
  }
}

/** `module:identity` in a path, with another prefix or none in XML (RFC 7951 §6.8). */
const isSameIdentity = (element: Element.Element, text: string, key: string, modules: ModuleNamespaces): boolean => {
  const inText = text.indexOf(":")
  const inKey = key.indexOf(":")
  if (inText === -1 && inKey === -1) return false
  if (text.slice(inText + 1) !== key.slice(inKey + 1)) return false
  const namespace = lookup(element.scope, inText === -1 ? "" : text.slice(0, inText))
  // Without a prefix that stands for something it is a value that happens to hold a colon.
  if (namespace === undefined) return false
  return inKey === -1 || modules.matches(key.slice(0, inKey), namespace)
}

const isValue = (element: Element.Element, key: string, modules: ModuleNamespaces): boolean => {
  const text = Element.text(element)
  return text === key || text.trim() === key || isSameIdentity(element, text.trim(), key, modules)
}

const hasKeys = (element: Element.Element, keys: ReadonlyArray<string>, modules: ModuleNamespaces): boolean => {
  const inside = Element.elements(element)
  if (inside.length === 0) return keys.length === 1 && isValue(element, keys[0]!, modules)
  return keys.every((key, at) => inside[at] !== undefined && isValue(inside[at], key, modules))
}

const isPredicate = (
  element: Element.Element,
  predicate: readonly [string, string] | number,
  modules: ModuleNamespaces
): boolean => {
  // Which one it is among its like is counted by whoever has all of them.
  if (typeof predicate === "number") return true
  const [name, value] = predicate
  const key = name === "." ? element : Element.child(element, name)
  return key !== undefined && isValue(key, value, modules)
}

/** Whether an element is what a step says; `namespace` is the one of its parent, undefined at the top. */
export const isStep = (
  element: Element.Element,
  { keys, module, name, predicates }: Step,
  namespace: string | undefined,
  modules: ModuleNamespaces
): boolean =>
  element.name === name &&
  (module === undefined
    ? namespace === undefined || element.namespace === namespace
    : modules.matches(module, element.namespace)) &&
  (keys === undefined || hasKeys(element, keys, modules)) &&
  (predicates === undefined || predicates.every((each) => isPredicate(element, each, modules)))
