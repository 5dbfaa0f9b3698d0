/**
 * XML names and namespace bindings (XML 1.0 5th edition §2.3, Namespaces in XML 1.0 §3): which strings are names, which
 * prefixes and namespaces are reserved, what a prefix stands for in a scope. Parsing and printing are elsewhere.
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

/** The scope without any binding: nothing is said about the default namespace either. */
export const noBindings: Scope = Object.freeze(Object.create(null) as Record<string, string>)

/**
 * The namespace that a prefix (`""` for the default) stands for, or undefined. The only safe way to look into a scope:
 * a prefix may be called `constructor`.
 */
export const lookup = (scope: Scope, prefix: string): string | undefined => {
  if (Object.hasOwn(scope, prefix)) return scope[prefix]
  return prefix === "xml" ? xmlNamespace : undefined
}

/** The bindings of `outer` with those of `inner` in front. */
export const extend = (outer: Scope, inner: Scope): Record<string, string> =>
  Object.assign(Object.create(null) as Record<string, string>, outer, inner)

/** `p:name`, or `name` without a prefix. */
export const qualified = (prefix: string, name: string): string => (prefix === "" ? name : `${prefix}:${name}`)
