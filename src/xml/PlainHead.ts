/**
 * The head of a message in the form that nearly all have: a root with namespaces and plain attributes, white space, the
 * start tag of the first child. Reading it so takes a tenth of what a saxes parser takes, in time and in garbage.
 *
 * It says exactly what saxes says, or declines: where there is anything but printable ASCII, a reference, a quote that is
 * not double, a prefix that is not bound here, whatever saxes refuses or might. Head then asks saxes.
 */
import type { Attribute } from "./Element.ts"
import type { Head } from "./Head.ts"

/** Beginning with a letter: any other is left to saxes. */
const name = "[A-Za-z][A-Za-z0-9_.-]*"
/** Without white space, quotes, `&`, `<` and `>`. */
const value = "[!#-%'-;=?-~]*"
const startTag = `<(?:(${name}):)?(${name})((?: (?:${name}:)?${name}="${value}")*) ?`

const rootTag = new RegExp(`${startTag}>[ \\n]*`, "y")
const childTag = new RegExp(`${startTag}/?>`, "y")
const attributePattern = new RegExp(` (?:(${name}):)?(${name})="(${value})"`, "y")

/** A match of any of these: a prefix, a name, and the attributes or the value. */
type Found = readonly [whole: string, prefix: string | undefined, name: string, rest: string]

/** With more of them saxes counts, and looks for one that is there twice. */
const most = 8

/** What a start tag binds and carries; undefined where saxes has to look. */
interface Attributes {
  readonly namespaces: ReadonlyArray<readonly [prefix: string, namespace: string]>
  readonly plain: ReadonlyArray<Attribute>
}

const none: Attributes = { namespaces: [], plain: [] }

const readAttributes = (text: string, limit: number): Attributes | undefined => {
  if (text === "") return none
  const namespaces: Array<readonly [string, string]> = []
  const plain: Array<Attribute> = []
  attributePattern.lastIndex = 0
  while (attributePattern.lastIndex < text.length) {
    const [, prefix, name, value] = attributePattern.exec(text) as unknown as Found
    if (namespaces.length + plain.length === limit) return undefined
    if (prefix === undefined && name !== "xmlns") {
      if (plain.some((other) => other.name === name)) return undefined
      plain.push({ name, prefix: "", namespace: "", value })
      continue
    }
    if (prefix !== undefined && prefix !== "xmlns") return undefined
    const bound = prefix === undefined ? "" : name
    if (!isPlainBinding(bound, value) || namespaces.some(([other]) => other === bound)) return undefined
    namespaces.push([bound, value])
  }
  return { namespaces, plain }
}

/** Reserved prefixes and namespaces have rules of their own, and only the default can be taken back. */
const isPlainBinding = (prefix: string, namespace: string): boolean =>
  prefix === "" ? !isReserved(namespace) : namespace !== "" && !isReserved(namespace) && !/^xml/i.test(prefix)

const isReserved = (namespace: string): boolean => namespace.startsWith("http://www.w3.org/")

/** The namespace of an element, whose innermost scope comes first; undefined where nothing is said of its prefix. */
const lookup = (prefix: string, ...scopes: ReadonlyArray<Attributes>): string | undefined => {
  for (const { namespaces } of scopes) {
    for (const [bound, namespace] of namespaces) if (bound === prefix) return namespace
  }
  return prefix === "" ? "" : undefined
}

/**
 * The head of the message whose root begins at `offset`, `"incomplete"` when the text ends behind the root's start tag, or
 * undefined where it is not as plain as that.
 */
export const readPlain = (text: string, offset: number, attributeLimit: number): Head | "incomplete" | undefined => {
  const limit = Math.min(most, attributeLimit)
  rootTag.lastIndex = offset
  const root = rootTag.exec(text) as Found | null
  if (root === null) return undefined
  const [, prefix = "", name, attributes] = root
  const outer = readAttributes(attributes, limit)
  const namespace = outer && lookup(prefix, outer)
  if (outer === undefined || namespace === undefined) return undefined
  if (rootTag.lastIndex === text.length) return "incomplete"
  const first = readChild(text, rootTag.lastIndex, outer, limit)
  return first && { name, namespace, prefix, attributes: outer.plain, empty: false, first, offset }
}

const readChild = (text: string, at: number, outer: Attributes, limit: number): Head["first"] => {
  childTag.lastIndex = at
  const child = childTag.exec(text) as Found | null
  if (child === null) return undefined
  const [, prefix = "", name, attributes] = child
  const inner = readAttributes(attributes, limit)
  const namespace = inner && lookup(prefix, inner, outer)
  return namespace === undefined ? undefined : { name, namespace }
}
