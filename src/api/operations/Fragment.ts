/**
 * XML that a caller hands in, as text or as elements: checked and turned into elements before anything is sent, so
 * that no text can close the element that it is put into.
 */
import { InputError } from "../../errors.ts"
import * as Element from "../../xml/Element.ts"
import * as Namespaces from "../../xml/Namespaces.ts"
import * as Parse from "../../xml/Parse.ts"
import { isRecord, shown } from "../Checks.ts"

/** XML text, one element made with `xml`, or several. */
export type Fragment = string | Element.Element | ReadonlyArray<Element.Element>

const wrapper = "fragment"

const textOf = (node: Element.Node): string =>
  typeof node === "string" ? node : node._tag === "CData" ? node.text : ""

const hintFor = (source: string): string =>
  /^\s*\//.test(source) ? "; an XPath goes into Filter.xpath(xpath`...`, { prefix: namespace })" : ""

/** A template leaves its namespace open; as a root of its own it has none, as the same text has. */
const closed = (root: Element.Element): Element.Element =>
  root.namespace === "" && root.scope[""] === undefined
    ? { ...root, scope: Element.bind(root.scope, { "": "" }) }
    : root

const parse = (text: string, what: string): ReadonlyArray<Element.Element> => {
  const source = text.replace(/^[\s\ufeff]*<\?xml[^>]*\?>/, "")
  try {
    const root = Parse.decode(`<${wrapper}>${source}</${wrapper}>`)
    if (root.children.some((node) => textOf(node).trim() !== "")) {
      throw new InputError({ what, why: `text stands outside of an element${hintFor(source)}` })
    }
    return Element.elements(root)
  } catch (error) {
    if (!(error instanceof Parse.XmlError)) throw error
    const column = error.line === 1 ? Math.max(0, error.column - wrapper.length - 2) : error.column
    throw new InputError({ what, where: `line ${error.line}, column ${column}`, why: error.kind })
  }
}

const isElement = (value: unknown): boolean => isRecord(value) && value["_tag"] === "Element"

/** The elements of a fragment; throws an `InputError` that names `what` when it is not well-formed. */
export const elements = (fragment: Fragment, what: string): ReadonlyArray<Element.Element> => {
  if (typeof fragment === "string") return parse(fragment, what)
  const given: unknown = fragment
  const found: ReadonlyArray<unknown> = Array.isArray(given) ? given : [given]
  const wrong = found.findIndex((each) => !isElement(each))
  if (wrong === -1) return (found as ReadonlyArray<Element.Element>).map(closed)
  throw new InputError({ what, why: `expected XML text or elements, got ${shown(found[wrong])}` })
}

const isText = (node: Element.Node): boolean => textOf(node).trim() !== ""

/** What stands in a wrapper of the caller; what would be lost with it is refused. */
const contentOf = (wrapper: Element.Element): ReadonlyArray<Element.Element> => {
  const what = wrapper.name
  if (wrapper.children.some(isText))
    throw new InputError({ what, why: `text stands in <${what}> outside of an element` })
  const [attribute] = wrapper.attributes
  if (attribute !== undefined)
    throw new InputError({ what, why: `an attribute of <${what}> itself is not sent: ${attribute.name}` })
  return Element.elements(wrapper)
}

/** The same for what the caller may have wrapped already: `<config>…</config>` gives its children. */
export const unwrapped = (fragment: Fragment, name: string): ReadonlyArray<Element.Element> => {
  const roots = elements(fragment, name)
  const [only] = roots
  const isWrapper = roots.length === 1 && only!.name === name && Namespaces.isBaseOrNone(only!.namespace)
  return isWrapper ? contentOf(only!) : roots
}

/** A configuration, which must not be empty: in the place of another it would delete everything. */
export const configuration = (fragment: Fragment): ReadonlyArray<Element.Element> => {
  const content = unwrapped(fragment, "config")
  if (content.length > 0) return content
  throw new InputError({
    what: "config",
    why: "it holds no element; what is meant to delete everything is sent with rpc()"
  })
}
