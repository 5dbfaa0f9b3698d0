/**
 * Where an edit of a YANG patch applies: a RESTCONF path (RFC 8040 §3.5.3) as steps, each found among the children of an
 * element.
 *
 * Such a path names modules, XML has namespaces: which belong together is known from the hello, from values that came, or
 * from namespaces that end in the module's name as the IETF's do. It gives the values of a list's keys without their
 * names; XML writes keys first and in their order (RFC 7950 §7.8.5), so they are compared with the first children.
 */
import * as Element from "../../xml/Element.ts"
import { lookup } from "../../xml/Names.ts"

export interface Step {
  /** As written; undefined where it is the module of the step before. */
  readonly module: string | undefined
  readonly name: string
  /** The values of a list's keys, or the value of a leaf-list's entry; undefined for what is neither. */
  readonly keys: ReadonlyArray<string> | undefined
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

/** The steps of a path, none for `/`; undefined for what is no path. */
export const parse = (path: string): ReadonlyArray<Step> | undefined => {
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

/** Whether an element is what a step says; `namespace` is the one of its parent, undefined at the top. */
export const isStep = (
  element: Element.Element,
  { keys, module, name }: Step,
  namespace: string | undefined,
  modules: ModuleNamespaces
): boolean =>
  element.name === name &&
  (module === undefined
    ? namespace === undefined || element.namespace === namespace
    : modules.matches(module, element.namespace)) &&
  (keys === undefined || hasKeys(element, keys, modules))
