/**
 * What to make of a message that is not one whole notification: two of them whose mark between is missing, one that broke
 * off before the next began, bytes of nobody in front (RFC 6242 §4.2, §4.3). What is whole is told from what is lost.
 *
 * An element that is itself called `notification` never splits a message: what is well-formed as a whole is whole. Behind
 * something broken, notifications and replies count only if all that follows, to the end of the message, is whole notifications with an
 * eventTime, so that a piece of one is not taken for one. Reporting what is lost is the subscription's.
 */
import { isUtf8 } from "node:buffer"
import * as ClosingTag from "../xml/ClosingTag.ts"
import * as Namespaces from "../xml/Namespaces.ts"
import * as NotificationHead from "../xml/NotificationHead.ts"
import { headLimit } from "../xml/Head.ts"
import { defaultLimits, type Limits, XmlError } from "../xml/Parse.ts"
import { contentEnd, isJunk } from "../xml/Prolog.ts"
import * as RootEnd from "../xml/RootEnd.ts"
import { toText } from "../xml/Utf8.ts"

/** A notification: well-formed and within the limits, whatever it holds. */
export interface Whole {
  readonly _tag: "Whole"
  readonly bytes: Buffer
  readonly head: NotificationHead.NotificationHead
}
/** A whole message of another kind, in the same frame: an rpc-reply, say. */
export interface Other {
  readonly _tag: "Other"
  readonly bytes: Buffer
  /** Local name of its root. */
  readonly name: string
}
/** A notification of which the end is missing, because the next one began. */
export interface Incomplete {
  readonly _tag: "Incomplete"
  readonly bytes: number
  readonly guard: "next-notification"
}
/** A notification that cannot be read. */
export interface Malformed {
  readonly _tag: "Malformed"
  readonly bytes: number
  /** What is wrong with it; quotes nothing of its content. */
  readonly detail: string
}
/** Bytes that begin no notification, or none at all. */
export interface Orphan {
  readonly _tag: "Orphan"
  readonly bytes: number
}

export type Piece = Whole | Other | Incomplete | Malformed | Orphan

/** Places behind something broken where a notification is looked for. */
export const mostStarts = 64
/** Messages that are told apart in one frame; what follows them is lost. */
export const mostMessages = 1000
/** Larger messages are not taken apart: what ends with the closing tag of its root is whole until its content is read. */
export const mostExamined = 4 * 1024 * 1024
/** Characters that are parsed for that: three times the message, and never more than this. */
export const mostParsed = 16 * 1024 * 1024

const plainName = "notification"
const plainStart = Buffer.from("<notification")

/**
 * The look at every notification that arrives (0.2 µs): whether it may be something else than one whole message. It does
 * not end with the closing tag of its root, or there is another start tag of that name inside.
 */
export const looksSuspicious = (bytes: Buffer): boolean => {
  const name = ClosingTag.nameAtEnd(bytes)
  if (name === undefined || !isNotification(name)) return true
  const start = name === plainName ? plainStart : Buffer.from(`<${name}`)
  const root = bytes.indexOf(start)
  if (root === -1 || (root > 0 && !isPlainProlog(bytes, root))) return true
  for (let at = root; at !== -1; at = bytes.indexOf(start, at + start.length)) {
    if (at !== root && isNameEnd(bytes[at + start.length]!)) return true
  }
  return false
}

const isNotification = (name: string): boolean => name === plainName || name.endsWith(":notification")

/** `<notificationComplete/>` is another element. */
const isNameEnd = (byte: number): boolean => byte === 0x3e || byte === 0x2f || byte <= 0x20

const declaration = /^[^<]{0,64}(?:<\?xml\s[^<]{0,256}\?>\s{0,64})?$/

/** Nothing but an XML declaration, as far as it takes no parser to see. */
const isPlainProlog = (bytes: Buffer, end: number): boolean =>
  end < 512 && declaration.test(bytes.toString("latin1", 0, end))

/** The pieces of one message, in order. */
export const recover = (bytes: Buffer, limits: Limits = defaultLimits): ReadonlyArray<Piece> =>
  bytes.length > mostExamined ? [unexamined(bytes)] : new Recovery(bytes, limits).run()

const unexamined = (bytes: Buffer): Piece => {
  const name = ClosingTag.nameAtEnd(bytes)
  if (name !== undefined && isNotification(name) && headOf(bytes) !== undefined) return whole(bytes)
  return { _tag: "Malformed", bytes: bytes.length, detail: "the message does not end with the closing tag of its root" }
}

/** A start tag as it stands in text, a declaration in front of it included. */
const startTag = /(?:<\?xml\s[^<>]*\?>\s*)?<(?:[\w.-]+:)?(?:notification|rpc-reply)(?=[\s/>])/g
const startsHere = new RegExp(startTag.source, "y")

/** Of a notification that follows something broken; one of another namespace belongs to somebody's data. */
const namespaces = new Set([Namespaces.notification, Namespaces.base, ""])

class Recovery {
  readonly #bytes: Buffer
  readonly #limits: Limits
  readonly #text: string
  /** Bytes that are not UTF-8 are read one by one, so that those around them are found. */
  readonly #isUtf8: boolean
  readonly #pieces: Array<Piece> = []
  /** How much of the message is in pieces, or blank: characters, and the bytes that they are. */
  #at = 0
  #bytesAt = 0
  /** Characters that may still be parsed. */
  #budget: number
  #detail = (): string => ""

  constructor(bytes: Buffer, limits: Limits) {
    this.#bytes = bytes
    this.#limits = limits
    this.#isUtf8 = isUtf8(bytes)
    this.#text = bytes.toString(this.#isUtf8 ? "utf8" : "latin1")
    this.#budget = Math.min(3 * this.#text.length, mostParsed)
  }

  run(): ReadonlyArray<Piece> {
    const { length } = this.#text
    this.#skipTo(blankEnd(this.#text, 0))
    if (this.#at === length) return [{ _tag: "Orphan", bytes: this.#bytes.length }]
    while (this.#at < length) {
      if (this.#pieces.length === mostMessages) {
        this.#rest()
        break
      }
      const root = this.#root(this.#at, Infinity)
      if (root === undefined) {
        this.#broken()
        break
      }
      this.#message(root)
      this.#skipTo(blankEnd(this.#text, root.end))
    }
    return this.#pieces
  }

  #rest(): void {
    const bytes = this.#skipTo(this.#text.length)
    this.#pieces.push({ _tag: "Malformed", bytes, detail: `more than ${mostMessages} messages came in one frame` })
  }

  #root(at: number, most: number): RootEnd.Root | undefined {
    if (this.#text[at] !== "<") {
      this.#detail = () => "text before the root element"
      return undefined
    }
    const found = RootEnd.find(this.#text, at, this.#limits, most)
    if (most !== Infinity) this.#budget -= found.parsed
    this.#detail = found.detail
    return found.root
  }

  /** Moves on, and says how many bytes that was. */
  #skipTo(at: number): number {
    const bytes = this.#isUtf8 ? Buffer.byteLength(this.#text.slice(this.#at, at)) : at - this.#at
    this.#at = at
    this.#bytesAt += bytes
    return bytes
  }

  #message({ end, name }: RootEnd.Root): void {
    const from = this.#bytesAt
    const isAll = this.#pieces.length === 0 && contentEnd(this.#text) === end
    this.#skipTo(end)
    // As it came where it is alone: with its declaration.
    const bytes = isAll ? this.#bytes : this.#bytes.subarray(from, this.#bytesAt)
    this.#pieces.push(name === plainName ? whole(bytes) : { _tag: "Other", bytes, name })
  }

  /** What begins here cannot be read: looks for notifications behind it. */
  #broken(): void {
    const detail = this.#detail()
    const isDoctype = this.#text.includes("<!DOCTYPE", this.#at)
    const found = isDoctype ? undefined : this.#search()
    this.#lost(found?.start ?? this.#text.length, isDoctype ? "a DOCTYPE is refused" : detail)
    for (const { at, root } of found?.messages ?? []) {
      this.#skipTo(at)
      this.#message(root)
    }
    this.#skipTo(this.#text.length)
  }

  #lost(end: number, detail: string): void {
    const text = this.#text.slice(this.#at, end)
    const bytes = this.#skipTo(end)
    const isLast = end === this.#text.length
    if (!beginsNotification(text) && !(isLast && detail.startsWith("a DOCTYPE"))) {
      this.#pieces.push({ _tag: "Orphan", bytes })
    } else if (isLast || isClosed(text)) this.#pieces.push({ _tag: "Malformed", bytes, detail })
    else this.#pieces.push({ _tag: "Incomplete", bytes, guard: "next-notification" })
  }

  /** The first place from which on there is nothing but whole notifications. */
  #search(): { readonly start: number; readonly messages: ReadonlyArray<Placed> } | undefined {
    startTag.lastIndex = this.#at + 1
    for (let starts = 0; starts < mostStarts && this.#budget > 0; starts++) {
      const found = startTag.exec(this.#text)
      if (found === null) return undefined
      const from = startTag.lastIndex
      const messages = this.#follow(found.index + found[0].lastIndexOf("<"))
      if (messages.end === this.#text.length) return { start: found.index, messages: messages.placed }
      // What begins inside of those that were whole is theirs, and behind them it would end as badly.
      startTag.lastIndex = Math.max(from, messages.end)
    }
    return undefined
  }

  /** The whole notifications from here on, and where that ends. */
  #follow(start: number): { readonly placed: ReadonlyArray<Placed>; readonly end: number } {
    const placed: Array<Placed> = []
    let at = start
    while (at < this.#text.length && this.#budget > 0 && startsAt(this.#text, at)) {
      const root = this.#root(at, this.#budget)
      if (root === undefined || !namespaces.has(root.namespace)) break
      const isReply = root.name === "rpc-reply"
      if (!isReply && !hasTime(this.#text.slice(at, Math.min(root.end, at + headLimit)))) break
      placed.push({ at, root })
      at = blankEnd(this.#text, root.end)
    }
    return { placed, end: at }
  }
}

interface Placed {
  readonly at: number
  readonly root: RootEnd.Root
}

const startsAt = (text: string, at: number): boolean => {
  startsHere.lastIndex = at
  return startsHere.test(text)
}

/** Also one that breaks off inside of its start tag, or of the declaration in front. */
const beginsNotification = (text: string): boolean =>
  startsAt(text, 0) || text.startsWith("<?xml") || (text.length > 1 && isCutBegin(text))

const isCutBegin = (text: string): boolean => "<notification".startsWith(text) || "<?xml".startsWith(text)

/** Whether a text ends with the closing tag of a notification, what stands before the next one aside. */
const isClosed = (text: string): boolean =>
  /<\/(?:[\w.-]+:)?notification\s*>$/.test(text.slice(0, contentEnd(text)).slice(-256))

const hasTime = (text: string): boolean => headOf(Buffer.from(text))?.eventTime !== undefined

const headOf = (bytes: Buffer): NotificationHead.NotificationHead | undefined => {
  try {
    return NotificationHead.read(bytes)
  } catch (error) {
    if (error instanceof XmlError) return undefined
    throw error
  }
}

const whole = (bytes: Buffer): Whole | Malformed => {
  try {
    toText(bytes, Infinity, "refuse")
    return { _tag: "Whole", bytes, head: NotificationHead.read(bytes)! }
  } catch (error) {
    if (!(error instanceof XmlError)) throw error
    return { _tag: "Malformed", bytes: bytes.length, detail: error.placed }
  }
}

/** Behind white space, comments and processing instructions: where the next message begins. */
const blankEnd = (text: string, from: number): number => {
  let at = from
  for (;;) {
    while (isJunk(text.charCodeAt(at))) at++
    const end = text.startsWith("<!--", at) ? past(text, at + 4, "-->") : instructionEnd(text, at)
    if (end === -1) return at
    at = end
  }
}

/** A declaration in which something begins has broken off. */
const instructionEnd = (text: string, at: number): number => {
  if (!text.startsWith("<?", at)) return -1
  const end = past(text, at + 2, "?>")
  return text.startsWith("<?xml", at) && text.lastIndexOf("<", end) > at ? -1 : end
}

const past = (text: string, from: number, mark: string): number => {
  const at = text.indexOf(mark, from)
  return at === -1 ? -1 : at + mark.length
}
