/**
 * The head of a message: its root's start tag and the name of its first child, read without parsing the rest, so that a
 * message can be dispatched before anyone asks for its content (RFC 6241 §4.1, §4.2; RFC 5277 §4).
 *
 * PlainHead reads nearly all of them. Any other is read by saxes, which is stopped at the first child (3 to 4 µs); whether
 * the rest of the message is well-formed is not known here.
 */
import { isUtf8 } from "node:buffer"
import { SaxesParser } from "saxes"
import type { SaxesAttributeNS, SaxesTagNS } from "saxes"
import type { Attribute } from "./Element.ts"
import { asXmlError, defaultLimits, saxesOptions } from "./Parse.ts"
import { isQualified } from "./Names.ts"
import { readPlain } from "./PlainHead.ts"
import { positionOf, rootStart } from "./Prolog.ts"
import { completeLength } from "./Utf8.ts"
import { XmlError } from "./XmlError.ts"

export interface Head {
  /** Local name of the root. */
  readonly name: string
  readonly namespace: string
  readonly prefix: string
  /** Without namespace declarations. */
  readonly attributes: ReadonlyArray<Attribute>
  /** The root is written `<root/>`. */
  readonly empty: boolean
  /** The first child element; undefined when the root ends without one. */
  readonly first: { readonly name: string; readonly namespace: string } | undefined
  /** Characters before the root's `<`. */
  readonly offset: number
}

export interface HeadOptions {
  /** Bytes within which the head must end, what stands before the root included. Default 64 KiB. */
  readonly limit?: number
  /** Attributes of one element. Default 1024. */
  readonly attributes?: number
  readonly invalidUtf8?: "refuse" | "replace"
}

/**
 * The head of the message that these bytes begin, or `"incomplete"` when they end before it does.
 *
 * Reads from the start each time: call it when a message is complete, or when it has grown by a good part.
 * Throws XmlError for what is not XML up to there, a DOCTYPE, or a head longer than the limit.
 */
export const readHead = (bytes: Uint8Array, options: HeadOptions = {}): Head | "incomplete" => {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const attributes = options.attributes ?? defaultLimits.attributes
  const head = readPart(buffer, options, (text) => scan(text, attributes))
  if (head === "too-long") throw tooLong(options)
  return head
}

export const headLimit = 65_536

export const tooLong = ({ limit }: HeadOptions): XmlError =>
  new XmlError(`the head of the message is longer than the limit of ${limit ?? headLimit} bytes`)

/** What `read` finds in the beginning of a message, given ever more of it until it has enough. */
export const readPart = <A>(
  bytes: Buffer,
  options: HeadOptions,
  read: (text: string) => A | "incomplete"
): A | "incomplete" | "too-long" => {
  const limit = options.limit ?? headLimit
  // Nearly every head fits the first part; eight times as much each time keeps the rest linear.
  for (let size = 1024; ; size *= 8) {
    const end = Math.min(size, limit, bytes.length)
    const found = read(headText(bytes, end, options))
    if (found !== "incomplete") return found
    if (end === bytes.length && end < limit) return "incomplete"
    if (end === limit) return "too-long"
  }
}

const headText = (bytes: Buffer, end: number, options: HeadOptions): string => {
  const part = bytes.subarray(0, completeLength(bytes, end))
  if (options.invalidUtf8 !== "replace" && !isUtf8(part)) throw new XmlError("the message is not UTF-8")
  return part.toString("utf8")
}

const scan = (text: string, attributeLimit: number): Head | "incomplete" => {
  const offset = rootStart(text)
  if (offset === -1) return "incomplete"
  return readPlain(text, offset, attributeLimit) ?? scanBySaxes(text, offset, attributeLimit)
}

/** For a root that begins at `offset`. Exported for PlainHead's test, whose judge it is. */
export const scanBySaxes = (text: string, offset: number, attributeLimit: number): Head | "incomplete" => {
  const parser = new HeadParser(attributeLimit)
  try {
    parser.write(text.slice(offset))
  } catch (error) {
    // Behind the root's end there may be anything, but the end tag itself must fit.
    const isOver = error === enough || (parser.done && !isMismatch(error))
    if (!isOver) throw placed(error, parser, text, offset)
  }
  return parser.head(offset)
}

/** What saxes threw while it read a text from `offset` on, with its place in the whole text. */
export const placed = (
  error: unknown,
  parser: { readonly line: number; readonly column: number },
  text: string,
  offset: number
): XmlError => {
  const { column, line } = positionOf(text, offset)
  return asXmlError(error, {
    line: line + parser.line - 1,
    column: parser.line === 1 ? parser.column + column - 1 : parser.column
  })
}

/** Whether saxes stopped at an end tag that is not the one it expected. */
export const isMismatch = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith("unexpected close tag")

/** Thrown to stop saxes; made once, so that it costs no stack trace. */
export const enough = new Error("the head is complete")

class HeadParser extends SaxesParser<typeof saxesOptions> {
  /** As in Parse: keeps V8 from forgetting the shape between messages. */
  static readonly shape: unknown = new HeadParser(0)

  private rootTag: SaxesTagNS | undefined
  private first: Head["first"]
  /** The head is complete. */
  done = false
  private count = 0

  constructor(attributeLimit: number) {
    super(saxesOptions)
    this.on("opentagstart", () => void (this.count = 0))
    this.on("attribute", () => {
      if (++this.count > attributeLimit) {
        this.fail(`more attributes on one element than the limit of ${attributeLimit}`)
      }
    })
    this.on("opentag", (tag) => this.open(tag))
    this.on("closetag", (tag) => this.closeRoot(tag))
    this.on("doctype", () => this.fail("a DOCTYPE is refused"))
  }

  private open(tag: SaxesTagNS): void {
    checkNames(this, tag)
    if (this.rootTag === undefined) {
      this.rootTag = tag
      return
    }
    this.first = { name: tag.local, namespace: tag.uri }
    this.stop()
  }

  /** saxes reports an end tag before it compares it with the start tag. */
  private closeRoot(tag: SaxesTagNS): void {
    if (tag.isSelfClosing) this.stop()
    this.done = true
  }

  private stop(): never {
    this.done = true
    throw enough
  }

  head(offset: number): Head | "incomplete" {
    const root = this.rootTag
    if (!this.done || root === undefined) return "incomplete"
    return {
      name: root.local,
      namespace: root.uri,
      prefix: root.prefix,
      attributes: Object.values(root.attributes).filter(isAttribute).map(toAttribute),
      empty: root.isSelfClosing,
      first: this.first,
      offset
    }
  }
}

/** saxes lets some names pass that are none. */
export const checkNames = (parser: SaxesParser<typeof saxesOptions>, tag: SaxesTagNS): void => {
  for (const { local, name, prefix } of [tag, ...Object.values(tag.attributes)]) {
    if (!isQualified(prefix, local)) parser.fail(`malformed name: ${name}`)
  }
}

const isAttribute = ({ name, prefix }: SaxesAttributeNS): boolean => prefix !== "xmlns" && name !== "xmlns"

const toAttribute = ({ local, prefix, uri, value }: SaxesAttributeNS): Attribute => ({
  name: local,
  prefix,
  namespace: uri,
  value
})
