/**
 * The head of a notification (RFC 5277 §4): the text of its eventTime, and name and namespace of its event, the one
 * other element inside. One pass of saxes, stopped there (6 µs).
 *
 * What saxes has read once is recognised by comparing bytes (KnownHeads), and whatever differs is read by saxes again. The
 * root and eventTime go by their local names: there are devices that send them without the namespace, or in that of base.
 * Whether the rest is well-formed is not known here.
 */
import { SaxesParser } from "saxes"
import type { SaxesTagNS } from "saxes"
import { checkNames, enough, type HeadOptions, isMismatch, placed, readPart, tooLong } from "./Head.ts"
import { defaultLimits, saxesOptions } from "./Parse.ts"
import { remember } from "./KnownHeads.ts"
import { rootStart } from "./Prolog.ts"
import { XmlError } from "./XmlError.ts"

export { recall, recallWhole } from "./KnownHeads.ts"

export interface NotificationHead {
  /** As sent, without white space around it; undefined when there is none, or none within the limit of a head. */
  readonly eventTime: string | undefined
  /** Local name of the event; empty for a notification that holds none. */
  readonly name: string
  /** Namespace of the event. */
  readonly namespace: string
  /** The message is one whole notification, as far as bytes show (KnownHeads.recallWhole); absent: nobody has looked. */
  readonly isWhole?: true
}

/**
 * The head of a whole message, undefined for one whose root is no `notification`.
 *
 * Throws XmlError for what is not XML up to there, as `Head.readHead` does.
 */
export const read = (bytes: Buffer, options: HeadOptions = {}): NotificationHead | undefined => {
  let last: NotificationParser | undefined
  const found = readPart(bytes, options, (text) => {
    last = scan(text, options.attributes ?? defaultLimits.attributes)
    return last?.done === true ? last : "incomplete"
  })
  if (typeof found !== "string") {
    const head = found.head()
    const { event, eventEnd, timeStart } = found
    if (head !== undefined && event !== undefined) remember(bytes, { head, event, timeStart, eventEnd })
    return head
  }
  // An eventTime that should have come before it is not looked for any further.
  if (last?.event !== undefined) return last.head()
  throw found === "too-long" ? tooLong(options) : new XmlError("the message ends inside its head")
}

const scan = (text: string, attributeLimit: number): NotificationParser | undefined => {
  const offset = rootStart(text)
  if (offset === -1) return undefined
  const parser = new NotificationParser(attributeLimit, offset)
  try {
    parser.write(text.slice(offset))
  } catch (error) {
    const isOver = error === enough || (parser.done && !isMismatch(error))
    // What breaks behind the event is for whoever reads its content.
    if (!isOver && parser.event === undefined) throw placed(error, parser, text, offset)
    parser.done = true
  }
  return parser
}

class NotificationParser extends SaxesParser<typeof saxesOptions> {
  /** As in Parse: keeps V8 from forgetting the shape between messages. */
  static readonly shape: unknown = new NotificationParser(0, 0)

  done = false
  event: SaxesTagNS | undefined
  /** Where the content of eventTime begins, and where the start tag of the event ends: characters from the text's start. */
  timeStart = -1
  eventEnd = -1
  private readonly offset: number
  private isNotification = true
  private time: string | undefined
  private depth = 0
  private inTime = false
  private attributes = 0

  constructor(attributeLimit: number, offset: number) {
    super(saxesOptions)
    this.offset = offset
    this.on("opentagstart", () => void (this.attributes = 0))
    this.on("attribute", () => {
      if (++this.attributes > attributeLimit) {
        this.fail(`more attributes on one element than the limit of ${attributeLimit}`)
      }
    })
    this.on("opentag", (tag) => this.open(tag))
    this.on("closetag", (tag) => this.leave(tag))
    this.on("text", (text) => this.add(text))
    this.on("cdata", (text) => this.add(text))
    this.on("doctype", () => this.fail("a DOCTYPE is refused"))
  }

  private open(tag: SaxesTagNS): void {
    checkNames(this, tag)
    const depth = this.depth++
    if (depth >= defaultLimits.depth) this.fail(`nested deeper than the limit of ${defaultLimits.depth} elements`)
    if (depth === 0 && tag.local !== "notification") this.stop(false)
    if (depth !== 1) return
    if (tag.local !== "eventTime") this.openEvent(tag)
    else if (this.time === undefined) {
      this.time = ""
      this.inTime = true
      this.timeStart = this.offset + this.position
    }
  }

  private openEvent(tag: SaxesTagNS): void {
    if (this.event !== undefined) return
    this.event = tag
    this.eventEnd = this.offset + this.position
    if (this.time !== undefined) this.stop(true)
  }

  private add(text: string): void {
    if (this.inTime && this.depth === 2) this.time += text
  }

  /** saxes reports an end tag before it compares it with the start tag. */
  private leave(tag: SaxesTagNS): void {
    if (--this.depth === 1 && this.inTime) {
      this.inTime = false
      if (this.event !== undefined) this.stop(true)
    }
    if (this.depth > 0) return
    if (tag.isSelfClosing) this.stop(true)
    this.done = true
  }

  private stop(isNotification: boolean): never {
    this.isNotification = isNotification
    this.done = true
    throw enough
  }

  head(): NotificationHead | undefined {
    if (!this.isNotification) return undefined
    return { eventTime: this.time?.trim(), name: this.event?.local ?? "", namespace: this.event?.uri ?? "" }
  }
}
