/**
 * An element tree to text, the exact inverse of Parse.decode: the one place where text and attribute values are escaped
 * and where namespaces are declared (XML 1.0 §2.4, §3.3.3; Namespaces in XML 1.0 §2). Names are checked, so that
 * nothing put into a tree can become markup.
 */
import type { Attribute, Element, Node, Scope } from "./Element.ts"
import { Bindings, tooLong, usedPrefixes } from "./Declarations.ts"
import { bindings, isName, lookup, qualified, xmlNamespace, xmlnsNamespace } from "./Names.ts"
import { XmlError } from "./XmlError.ts"

const textReferences: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;" }
const attributeReferences: Record<string, string> = {
  ...textReferences,
  '"': "&quot;",
  "\t": "&#9;",
  "\n": "&#10;"
}

/** Text between tags. `>` is escaped too, so that neither `]]>` nor the end-of-message mark can appear. */
export const escapeText = (text: string): string =>
  /[&<>\r]/.test(text) ? text.replace(/[&<>\r]/g, (character) => textReferences[character]!) : text

/** An attribute value to stand between double quotes. TAB, LF and CR survive as references. */
export const escapeAttribute = (value: string): string =>
  /[&<>"\r\n\t]/.test(value) ? value.replace(/[&<>"\r\n\t]/g, (character) => attributeReferences[character]!) : value

// oxlint-disable-next-line no-control-regex -- these are the characters that XML 1.0 cannot carry
const illegal = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\p{Surrogate}]/u

/** The first character that XML 1.0 cannot carry even as a reference, or a lone surrogate; to be called before sending. */
export const findIllegal = (text: string): { readonly index: number; readonly codePoint: number } | undefined => {
  const index = text.search(illegal)
  return index === -1 ? undefined : { index, codePoint: text.codePointAt(index)! }
}

export interface PrintOptions {
  /** Spaces per level. Only white space between elements changes, so text stays what it is. Default: exact. */
  readonly indent?: number
  /** Starts with the XML declaration. */
  readonly declaration?: boolean
  /**
   * Which namespaces in scope are declared. `used`: those of names, and those whose prefix stands before a colon in text
   * or an attribute value. Default `all`.
   */
  readonly namespaces?: "all" | "used"
  /** Throws XmlError instead of printing much more characters than this. */
  readonly limit?: number
}

/**
 * The element as text that stands alone: every namespace in its scope is declared, unless `namespaces` says otherwise.
 *
 * Throws XmlError for a tree made by hand that XML cannot express: a name that is no name, `--` in a comment, the same
 * attribute twice. Characters that XML cannot carry are not refused here, see {@link findIllegal}.
 */
export const print = (e: Element, options: PrintOptions = {}): string => {
  const limit = options.limit ?? Infinity
  const used = options.namespaces === "used" ? usedPrefixes(e, limit) : undefined
  const printer = new Printer(options.indent ?? 0, limit, used)
  printer.element(e, undefined, 0)
  const declaration = options.declaration === true ? '<?xml version="1.0" encoding="UTF-8"?>' : ""
  return declaration + (declaration !== "" && (options.indent ?? 0) > 0 ? "\n" : "") + printer.out
}

class Printer {
  out = ""
  private readonly indent: number
  private readonly limit: number
  private readonly used: ReadonlySet<string> | undefined
  private readonly bindings = new Bindings()

  constructor(indent: number, limit: number, used: ReadonlySet<string> | undefined) {
    this.indent = indent
    this.limit = limit
    this.used = used
  }

  /** `outer` is the scope around, where the text so far binds all of it. */
  element(e: Element, outer: Scope | undefined, level: number): void {
    const mark = this.bindings.mark
    const tag = new StartTag(e, this.bindings, outer, this.used)
    this.out += `<${tag.name}`
    for (const [prefix, namespace] of tag.declared) this.declaration(prefix, namespace)
    this.out += tag.attributes
    if (this.out.length > this.limit) throw tooLong(this.limit)
    if (e.children.length === 0) this.out += "/>"
    else this.content(e, tag, level)
    this.bindings.restore(mark)
  }

  private declaration(prefix: string, namespace: string): void {
    if (this.out.length + namespace.length > this.limit) throw tooLong(this.limit)
    this.out += ` ${prefix === "" ? "xmlns" : `xmlns:${prefix}`}="${escapeAttribute(namespace)}"`
  }

  private content(e: Element, tag: StartTag, level: number): void {
    this.out += ">"
    if (this.indent > 0 && isIndentable(e)) this.indented(e, tag.scope, level + 1)
    else for (const node of e.children) this.node(node, tag.scope, level)
    this.out += `</${tag.name}>`
  }

  private node(node: Node, scope: Scope | undefined, level: number): void {
    if (typeof node === "string") this.out += escapeText(node)
    else if (node._tag === "Element") this.element(node, scope, level)
    else if (node._tag === "CData") this.out += printCData(node.text)
    else if (node._tag === "Comment") this.out += printComment(node.text)
    else this.out += printInstruction(node.target, node.body)
  }

  private indented(e: Element, scope: Scope | undefined, level: number): void {
    for (const node of e.children) {
      if (typeof node === "string") continue
      this.out += `\n${" ".repeat(this.indent * level)}`
      this.node(node, scope, level)
    }
    this.out += `\n${" ".repeat(this.indent * (level - 1))}`
  }
}

/** Only white space between elements, and nobody asked to keep it. */
const isIndentable = (e: Element): boolean =>
  e.children.some((node) => typeof node !== "string") &&
  e.children.every((node) => (typeof node === "string" ? /^[ \t\r\n]*$/.test(node) : node._tag !== "CData")) &&
  !e.attributes.some((a) => a.name === "space" && a.namespace === xmlNamespace && a.value === "preserve")

/** One start tag: what it must declare, given what is declared around it. */
class StartTag {
  readonly name: string
  attributes = ""
  /** The element's scope where the text binds all of it: then the elements inside need no comparing. */
  scope: Scope | undefined
  private own: Map<string, string> | undefined
  private readonly bindings: Bindings

  constructor(e: Element, bindings: Bindings, outer: Scope | undefined, used: ReadonlySet<string> | undefined) {
    this.bindings = bindings
    this.scope = e.scope
    if (e.scope !== outer) this.declareScope(e.scope, toDeclare(e.scope, outer, used))
    checkName(e.name, "element")
    if (e.prefix !== "" && e.namespace === "") throw new XmlError(`element ${e.name} has a prefix but no namespace`)
    if ((bindings.get(e.prefix) ?? "") !== e.namespace) this.overrule(e)
    this.name = qualified(e.prefix, e.name)
    if (e.attributes.length > 1) refuseDuplicates(e.attributes)
    for (const a of e.attributes) this.attributes += this.attribute(a)
  }

  /** What the tag declares: prefix and namespace. */
  get declared(): Iterable<readonly [prefix: string, namespace: string]> {
    return this.own ?? noDeclarations
  }

  private declareScope(scope: Scope, prefixes: Iterable<string>): void {
    for (const prefix of prefixes) {
      const namespace = lookup(scope, prefix)
      // XML 1.0 has no way to say that a prefix is not bound.
      if (namespace === undefined || prefix === "xml" || (namespace === "" && prefix !== "")) continue
      if ((this.bindings.get(prefix) ?? "") !== namespace) this.bind(prefix, namespace)
    }
  }

  /** A tree made by hand may say another namespace than its scope. */
  private overrule({ namespace, prefix, scope }: Element): void {
    this.bind(prefix, namespace)
    if (lookup(scope, prefix) !== undefined) this.scope = undefined
  }

  private bind(prefix: string, namespace: string): void {
    if (prefix !== "") checkName(prefix, "prefix")
    if (prefix === "xml" || prefix === "xmlns" || namespace === xmlNamespace || namespace === xmlnsNamespace) {
      throw new XmlError(`the prefix ${JSON.stringify(prefix)} cannot be bound to ${JSON.stringify(namespace)}`)
    }
    this.own ??= new Map()
    this.own.set(prefix, namespace)
    this.bindings.set(prefix, namespace)
  }

  private attribute(a: Attribute): string {
    checkName(a.name, "attribute")
    const prefix = a.namespace === "" ? withoutNamespace(a) : this.prefixFor(a)
    return ` ${qualified(prefix, a.name)}="${escapeAttribute(a.value)}"`
  }

  /** The attribute's own prefix where it stands for its namespace or is free, else another one. */
  private prefixFor(a: Attribute): string {
    if (a.namespace === xmlNamespace) return "xml"
    if (a.prefix !== "" && this.bindings.get(a.prefix) === a.namespace) return a.prefix
    const known = this.bindings.prefixOf(a.namespace)
    if (known !== undefined) return known
    let prefix = a.prefix
    for (let n = 1; prefix === "" || this.bindings.get(prefix) !== undefined; n++) prefix = `ns${n}`
    this.bind(prefix, a.namespace)
    return prefix
  }
}

const noDeclarations: ReadonlyArray<readonly [string, string]> = []

/** The prefixes whose binding may have to be declared: of a scope within the one around it, what it adds. */
const toDeclare = (scope: Scope, outer: Scope | undefined, used: ReadonlySet<string> | undefined): Iterable<string> => {
  if (outer !== undefined && Object.getPrototypeOf(scope) === outer) {
    const own = Object.keys(scope)
    return used === undefined ? own : own.filter((prefix) => used.has(prefix))
  }
  return used ?? Object.keys(bindings(scope))
}

const withoutNamespace = (a: Attribute): string => {
  if (a.prefix !== "") throw new XmlError(`attribute ${a.name} has a prefix but no namespace`)
  if (a.name === "xmlns") throw new XmlError("xmlns is a declaration, not an attribute: it belongs in the scope")
  return ""
}

const checkName = (name: string, what: string): void => {
  if (!isName(name)) throw new XmlError(`${JSON.stringify(name)} cannot be the name of an ${what}`)
}

const refuseDuplicates = (attributes: ReadonlyArray<Attribute>): void => {
  const seen = new Set<string>()
  for (const { name, namespace } of attributes) seen.add(`{${namespace}}${name}`)
  if (seen.size !== attributes.length) throw new XmlError("the same attribute twice on one element")
}

/** `]]>` is split over two sections, CR stands between them as a reference: neither can be inside one. */
const printCData = (text: string): string =>
  `<![CDATA[${text.replaceAll("]]>", "]]]]><![CDATA[>").replaceAll("\r", "]]>&#13;<![CDATA[")}]]>`

const printComment = (text: string): string => {
  if (text.includes("--") || text.endsWith("-")) throw new XmlError("a comment cannot contain -- or end in -")
  return `<!--${text}-->`
}

const printInstruction = (target: string, body: string): string => {
  checkName(target, "instruction")
  if (target.toLowerCase() === "xml") throw new XmlError("a processing instruction cannot be called xml")
  if (body.includes("?>")) throw new XmlError("a processing instruction cannot contain ?>")
  return body === "" ? `<?${target}?>` : `<?${target} ${body}?>`
}
