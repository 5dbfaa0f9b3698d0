/**
 * Text or bytes to an element tree, on saxes, within limits (RFC 6241 §3: UTF-8, well-formed, no document type).
 *
 * Comments and processing instructions inside the root are kept, those around it are not. The head of a message alone is
 * Head's; what may stand before the root is Prolog's. Nothing but XmlError is ever thrown.
 */
import * as Effect from "effect/Effect"
import { SaxesParser } from "saxes"
import type { SaxesAttributeNS, SaxesAttributeNSIncomplete, SaxesStartTagNS, SaxesTagNS } from "saxes"
import { InputError } from "../errors.ts"
import { cdata, comment, instruction } from "./Element.ts"
import type { Attribute, Element, Node, Scope } from "./Element.ts"
import { bind, bindings, isQualified, noBindings, xmlNamespace, xmlnsNamespace } from "./Names.ts"
import { contentEnd, positionOf, rootStart } from "./Prolog.ts"
import { toText } from "./Utf8.ts"
import { XmlError } from "./XmlError.ts"

export { XmlError } from "./XmlError.ts"

/** What a document may not exceed. */
export interface Limits {
  /** Nested elements, the root counting as 1. Functions on trees recurse: stay below 1,000. */
  readonly depth: number
  /** Attributes of one element, namespace declarations included. */
  readonly attributes: number
  /** Bytes of the whole document in UTF-8. */
  readonly bytes: number
}

/** Depth 256, 1024 attributes per element, 256 MiB. */
export const defaultLimits: Limits = { depth: 256, attributes: 1024, bytes: 256 * 1024 * 1024 }

export interface ParseOptions {
  readonly limits?: Partial<Limits>
  /** `replace` puts U+FFFD in place of each invalid sequence. Default `refuse`. */
  readonly invalidUtf8?: "refuse" | "replace"
}

/**
 * The root element of a document. White space, NUL, BEL and byte order marks around it are skipped; the XML declaration's
 * encoding is not used, the bytes must be UTF-8.
 *
 * Throws XmlError, and nothing else, for what is not well-formed, has a DOCTYPE, is not UTF-8 or exceeds a limit.
 */
export const decode = (input: string | Uint8Array, options?: ParseOptions): Element => {
  const limits = { ...defaultLimits, ...options?.limits }
  return parseTree(toText(input, limits.bytes, options?.invalidUtf8 ?? "refuse"), limits, documentScope)
}

/**
 * {@link decode} for the caller's own text, such as a file with a configuration.
 *
 * Fails with an InputError whose `where` reads `line 3, column 7`.
 */
export const parse = (
  input: string | Uint8Array,
  options?: ParseOptions & { readonly what?: string }
): Effect.Effect<Element, InputError> =>
  Effect.try({
    try: () => decode(input, options),
    catch: (error) => toInputError(error as XmlError, options?.what ?? "xml")
  })

/** An XmlError about the caller's own XML, as the typed error: the place, and no names, which may be a value unescaped. */
export const toInputError = (error: XmlError, what: string): InputError =>
  new InputError({
    what,
    why: error.kind,
    ...(error.line > 0 ? { where: `line ${error.line}, column ${error.column}` } : {})
  })

/** A whole document says what its default namespace is: none. A template's fragment leaves it open. */
const documentScope: Scope = bind(noBindings, { "": "" })

/** The saxes options of the project: namespaces, XML 1.0 whatever the declaration says. */
export const saxesOptions = {
  xmlns: true,
  position: false,
  defaultXMLVersion: "1.0",
  forceXMLVersion: true
} as const

/**
 * The root of a text, its scope on top of `outer`. For this layer: the `xml` tag parses fragments with an open scope.
 *
 * @internal
 */
export const parseTree = (text: string, limits: Limits, outer: Scope): Element => {
  const start = rootStart(text)
  if (start === -1) throw endOf(text, "no root element")
  const parser = new TreeParser(limits, outer)
  const { line, column } = positionOf(text, start)
  parser.line = line
  parser.column = column - 1
  try {
    parser.write(text.slice(start, contentEnd(text))).close()
  } catch (error) {
    throw asXmlError(explained(error, parser), parser)
  }
  if (parser.root === undefined) throw endOf(text, "no root element")
  return parser.root
}

/** What saxes knows but does not say. */
const explained = (error: unknown, parser: TreeParser): unknown => {
  if (!(error instanceof Error)) return error
  if (error.message.startsWith("unexpected close tag")) {
    return new Error(`unexpected close tag, expected </${parser.ended}>`)
  }
  if (error.message.startsWith("document must contain a root")) {
    return new Error("the text ends inside the start tag of the root element")
  }
  return error
}

const endOf = (text: string, detail: string): XmlError => {
  const { line, column } = positionOf(text, text.length)
  return new XmlError(detail, line, column)
}

/** Whatever came out of saxes, as an XmlError at the place where it stopped. */
export const asXmlError = (error: unknown, parser: { readonly line: number; readonly column: number }): XmlError => {
  if (error instanceof XmlError) return error
  const detail = error instanceof Error ? error.message.replace(/\.$/, "") : "not XML"
  return new XmlError(detail, parser.line, Math.max(1, parser.column))
}

const none: ReadonlyArray<never> = Object.freeze([])

/**
 * Builds the tree while saxes reads. Elements share their scope with their parent unless they declare something, and the
 * limits are enforced as soon as a tag or an attribute is seen.
 */
class TreeParser extends SaxesParser<typeof saxesOptions> {
  /**
   * V8 forgets the shape of an object of which none is left after a full collection, and then slows its code down for
   * good (28 to 75 ms/MB): one parser is always there.
   */
  static readonly shape: unknown = new TreeParser(defaultLimits, noBindings)

  root: Element | undefined
  private readonly limits: Limits
  /** The scopes and children of the open elements; the innermost is in `scope` and `siblings`. */
  private readonly outerScopes: Array<Scope> = []
  private readonly outerSiblings: Array<Array<Node>> = []
  private scope: Scope
  private siblings: Array<Node> = []
  /** Attributes and declarations of the tag being read. */
  private pending: Array<SaxesAttributeNSIncomplete> = []
  private declared: Record<string, string> = {}
  /** What each prefix stands for here, and what it stood for outside: however deep, one look. */
  private readonly bound: Map<string, string | undefined>
  private readonly shadowed: Array<string | undefined> = []
  /** The tag that was closed last: what saxes expected when it meets another one. */
  ended = ""

  constructor(limits: Limits, outer: Scope) {
    super(saxesOptions)
    this.limits = limits
    this.scope = outer
    this.bound = new Map(Object.entries({ xml: xmlNamespace, ...bindings(outer) }))
    this.on("opentagstart", (tag) => this.beginTag(tag))
    this.on("attribute", (attribute) => this.addAttribute(attribute))
    this.on("opentag", (tag) => this.openElement(tag))
    this.on("closetag", (tag) => this.closeElement(tag))
    this.on("text", (text) => this.add(text))
    this.on("cdata", (text) => this.add(cdata(text)))
    this.on("comment", (text) => this.add(comment(text)))
    this.on("processinginstruction", ({ body, target }) => this.add(instruction(target, body)))
    this.on("doctype", () => this.refuse("a DOCTYPE is refused"))
  }

  /** saxes walks up the open tags for each prefix, which is quadratic in depth; the scope at hand knows already. */
  override resolve(prefix: string): string | undefined {
    return this.declared[prefix] ?? (prefix === "xmlns" ? xmlnsNamespace : this.bound.get(prefix))
  }

  private refuse(detail: string): never {
    throw new XmlError(detail, this.line, Math.max(1, this.column))
  }

  private beginTag(tag: SaxesStartTagNS): void {
    const { depth } = this.limits
    if (this.outerScopes.length >= depth) this.refuse(`nested deeper than the limit of ${depth} elements`)
    this.pending.length = 0
    this.declared = tag.ns
  }

  private addAttribute(attribute: SaxesAttributeNSIncomplete): void {
    const limit = this.limits.attributes
    if (this.pending.push(attribute) > limit) this.refuse(`more attributes on one element than the limit of ${limit}`)
  }

  private openElement(tag: SaxesTagNS): void {
    if (!isQualified(tag.prefix, tag.local)) this.refuse(`malformed name: ${tag.name}`)
    const outer = this.scope
    const attributes = this.pending.length === 0 ? none : this.takeAttributes()
    const children: Array<Node> = tag.isSelfClosing ? (none as unknown as Array<Node>) : []
    const element: Element = {
      _tag: "Element",
      name: tag.local,
      prefix: tag.prefix,
      namespace: tag.uri,
      attributes,
      scope: this.scope,
      children
    }
    if (this.outerScopes.length === 0) this.root = element
    else this.siblings.push(element)
    this.outerScopes.push(outer)
    this.outerSiblings.push(this.siblings)
    this.siblings = children
  }

  /** The tag's attributes; its declarations become the scope. */
  private takeAttributes(): ReadonlyArray<Attribute> {
    const attributes: Array<Attribute> = []
    let declares = false
    for (const { local, name, prefix, uri, value } of this.pending as Array<SaxesAttributeNS>) {
      if (!isQualified(prefix, local)) this.refuse(`malformed name: ${name}`)
      if (prefix === "xmlns" || name === "xmlns") declares = true
      else attributes.push({ name: local, prefix, namespace: uri, value })
    }
    if (declares) this.enter(bind(this.scope, this.declared))
    return attributes.length === 0 ? none : attributes
  }

  private enter(scope: Scope): void {
    if (scope === this.scope) return
    this.scope = scope
    for (const prefix of Object.keys(scope)) {
      this.shadowed.push(this.bound.get(prefix))
      this.bound.set(prefix, scope[prefix])
    }
  }

  private leave(): void {
    for (const prefix of Object.keys(this.scope).toReversed()) this.bound.set(prefix, this.shadowed.pop())
  }

  private closeElement(tag: SaxesTagNS): void {
    this.ended = tag.name
    const outer = this.outerScopes.pop()!
    if (outer !== this.scope) this.leave()
    this.scope = outer
    this.siblings = this.outerSiblings.pop()!
  }

  /** What stands behind the root lands in a list that nobody reads. */
  private add(node: Node): void {
    this.siblings.push(node)
  }
}
