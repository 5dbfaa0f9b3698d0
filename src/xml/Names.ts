/**
 * XML names and namespace bindings (XML 1.0 5th edition §2.3, Namespaces in XML 1.0 §3): which strings are names, which
 * prefixes and namespaces are reserved, what a prefix stands for in a scope. Parsing and printing are elsewhere.
 *
 * A scope holds what it adds to the one around it and inherits the rest: declarations cost what they take to write,
 * however many there are already. The root of every scope carries the mark by which what the library made is known.
 */
import type { Scope } from "./Element.ts"

/** What the prefix `xml` always stands for. */
export const xmlNamespace = "http://www.w3.org/XML/1998/namespace"

/** What `xmlns` stands for; no document may bind it. */
export const xmlnsNamespace = "http://www.w3.org/2000/xmlns/"

const start =
  "A-Z_a-z\\xc0-\\xd6\\xd8-\\xf6\\xf8-\\u02ff\\u0370-\\u037d\\u037f-\\u1fff\\u200c\\u200d\\u2070-\\u218f\\u2c00-\\u2fef" +
  "\\u3001-\\ud7ff\\uf900-\\ufdcf\\ufdf0-\\ufffd\\u{10000}-\\u{effff}"
const ncName = new RegExp(`^[${start}][${start}\\-.0-9\\xb7\\u0300-\\u036f\\u203f\\u2040]*$`, "u")

/** Whether this can be the local name or the prefix of an element or attribute. */
export const isName = (text: string): boolean => ncName.test(text)

/**
 * Whether a qualified name that saxes accepted is one: it does not look at the first character behind the colon.
 */
export const isQualified = (prefix: string, local: string): boolean => {
  if (prefix === "") return true
  const first = local.charCodeAt(0) | 0x20
  return (first >= 0x61 && first <= 0x7a) || isName(local)
}

/**
 * Marks what the library made. JSON cannot carry a symbol: data from outside never passes for an element or an XPath.
 *
 * @internal
 */
export const made: unique symbol = Symbol.for("effect-netconf/made")

/** Whether a value, or what it inherits from, carries the mark. */
export const isMarked = (value: unknown): boolean =>
  typeof value === "object" && value !== null && (value as { readonly [made]?: unknown })[made] === true

/** The scope without any binding: nothing is said about the default namespace either. */
export const noBindings: Scope = Object.freeze(
  Object.create(null, { [made]: { value: true } }) as Record<string, string>
)

/**
 * The namespace that a prefix (`""` for the default) stands for, or undefined. The only safe way to look into a scope:
 * a prefix may be called `constructor`.
 */
export const lookup = (scope: Scope, prefix: string): string | undefined => {
  // A scope made elsewhere may inherit the members of an object, none of which is text.
  const namespace: unknown = scope[prefix]
  if (typeof namespace === "string") return namespace
  return prefix === "xml" ? xmlNamespace : undefined
}

/** Every binding in scope, inherited ones too, as a copy without prototype. */
export const bindings = (scope: Scope): Record<string, string> => {
  const all = Object.create(null) as Record<string, string>
  for (const prefix in scope) if (typeof scope[prefix] === "string") all[prefix] = scope[prefix]
  return all
}

/** The last scope made within each: lists repeat the same declarations, which are then one object. */
const lastWithin = new WeakMap<Scope, Scope>()

/**
 * The scope within `outer` that binds `inner` too: `outer` itself when it says the same. Both may have been made by hand.
 * The prefix `xml` is always bound and left out.
 */
export const bind = (outer: Scope, inner: Scope): Scope => {
  if (!isMarked(outer)) return bind(noBindings, { ...bindings(outer), ...bindings(inner) })
  const added: Array<readonly [prefix: string, namespace: string]> = []
  for (const prefix in inner) {
    const namespace: unknown = inner[prefix]
    if (typeof namespace !== "string" || prefix === "xml" || lookup(outer, prefix) === namespace) continue
    added.push([prefix, namespace])
  }
  if (added.length === 0) return outer
  const last = lastWithin.get(outer)
  if (last !== undefined && adds(last, added)) return last
  const scope = create(outer, added)
  lastWithin.set(outer, scope)
  return scope
}

let lastOne: readonly [prefix: string, namespace: string, scope: Scope] = ["", "", noBindings]

/** The scope that binds one prefix: all elements of an rpc have the same. */
export const bindOne = (prefix: string, namespace: string): Scope => {
  const [lastPrefix, lastNamespace, last] = lastOne
  if (last !== noBindings && prefix === lastPrefix && namespace === lastNamespace) return last
  const scope = bind(noBindings, Object.assign(Object.create(null) as Scope, { [prefix]: namespace }))
  lastOne = [prefix, namespace, scope]
  return scope
}

const adds = (scope: Scope, added: ReadonlyArray<readonly [string, string]>): boolean =>
  added.every(([prefix, namespace]) => scope[prefix] === namespace) && Object.keys(scope).length === added.length

/** Defined and not assigned: `outer` may have been frozen. */
const create = (outer: Scope, added: ReadonlyArray<readonly [string, string]>): Scope => {
  const scope = Object.create(outer) as Record<string, string>
  for (const [prefix, value] of added) {
    Object.defineProperty(scope, prefix, { value, enumerable: true, configurable: true, writable: true })
  }
  return scope
}

/** `p:name`, or `name` without a prefix. */
export const qualified = (prefix: string, name: string): string => (prefix === "" ? name : `${prefix}:${name}`)
