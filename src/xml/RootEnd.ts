/**
 * Where the root element of a message ends, in a text in which more may follow: for frames that hold more than one message.
 * The same rules as Parse, and no tree: what is found here is well-formed and within the limits.
 */
import { SaxesParser } from "saxes"
import type { SaxesTagNS } from "saxes"
import { checkNames, enough, placed } from "./Head.ts"
import { defaultLimits, type Limits, saxesOptions } from "./Parse.ts"

export interface Root {
  /** Local name. */
  readonly name: string
  readonly namespace: string
  /** Index behind its closing tag. */
  readonly end: number
}

export interface Found {
  readonly root: Root | undefined
  /** Characters that were parsed. */
  readonly parsed: number
  /** Why there is no root, as an XmlError says it. */
  readonly detail: () => string
}

/** The root that begins at `start`, where its `<` is. Reads no further than `most` characters. */
export const find = (text: string, start: number, limits: Limits, most = Infinity): Found => {
  const part = text.slice(start, start + most)
  const parser = new RootParser(limits, part)
  let refusal: unknown
  try {
    parser.write(part)
  } catch (error) {
    refusal = error
  }
  const parsed = refusal === undefined ? part.length : parser.position
  if (refusal === enough) {
    const { local: name, uri: namespace } = parser.rootTag!
    return { root: { name, namespace, end: start + parsed }, parsed, detail: () => "" }
  }
  const error = refusal ?? new Error("the message ends inside of its root element")
  return { root: undefined, parsed, detail: () => placed(error, parser, text, start).placed }
}

class RootParser extends SaxesParser<typeof saxesOptions> {
  /** As in Parse: keeps V8 from forgetting the shape between messages. */
  static readonly shape: unknown = new RootParser(defaultLimits, "")

  rootTag: SaxesTagNS | undefined
  private readonly limits: Limits
  private readonly source: string
  private depth = 0
  private attributeCount = 0

  constructor(limits: Limits, source: string) {
    super(saxesOptions)
    this.limits = limits
    this.source = source
    this.on("opentagstart", () => this.begin())
    this.on("attribute", () => this.count())
    this.on("opentag", (tag) => this.open(tag))
    this.on("closetag", (tag) => this.leave(tag))
    this.on("doctype", () => this.fail("a DOCTYPE is refused"))
  }

  private begin(): void {
    const { depth } = this.limits
    if (this.depth >= depth) this.fail(`nested deeper than the limit of ${depth} elements`)
    this.attributeCount = 0
  }

  private count(): void {
    const { attributes } = this.limits
    if (++this.attributeCount > attributes) {
      this.fail(`more attributes on one element than the limit of ${attributes}`)
    }
  }

  private open(tag: SaxesTagNS): void {
    checkNames(this, tag)
    this.rootTag ??= tag
    this.depth++
  }

  /** saxes reports an end tag before it compares it with the start tag, and what follows the root is not its business here. */
  private leave(tag: SaxesTagNS): void {
    if (--this.depth > 0) return
    if (tag.isSelfClosing || this.closingName() === tag.name) throw enough
  }

  private closingName(): string {
    const end = this.position - 1
    return this.source.slice(this.source.lastIndexOf("<", end) + 2, end).trimEnd()
  }
}
