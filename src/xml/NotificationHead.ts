/**
 * The head of a notification (RFC 5277 §4): the text of its eventTime, and name and namespace of its event, the one
 * other element inside. One pass of saxes, stopped there (6 µs).
 *
 * A device's heads are the same bytes time and again, but for the time: what saxes has read once is recognised by
 * comparing bytes (0.5 µs), and whatever differs is read by saxes again. The root and eventTime go by their local names:
 * there are devices that send them without the namespace, or in that of base. Whether the rest is well-formed is not
 * known here.
 */
import { SaxesParser } from "saxes"
import type { SaxesTagNS } from "saxes"
import { checkNames, enough, type HeadOptions, isMismatch, placed, readPart, tooLong } from "./Head.ts"
import { defaultLimits, saxesOptions } from "./Parse.ts"
import { rootStart } from "./Prolog.ts"
import { XmlError } from "./XmlError.ts"

export interface NotificationHead {
  /** As sent, without white space around it; undefined when there is none, or none within the limit of a head. */
  readonly eventTime: string | undefined
  /** Local name of the event; empty for a notification that holds none. */
  readonly name: string
  /** Namespace of the event. */
  readonly namespace: string
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
    remember(bytes, found)
    return found.head()
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

/** Heads that saxes has read: the bytes before the time, and those from its end to the end of the event's start tag. */
interface Layout {
  readonly before: string
  readonly events: Array<{ readonly after: string; readonly name: string; readonly namespace: string }>
}

const layouts: Array<Layout> = []
const mostLayouts = 16
const mostEvents = 32
/** Bytes of a head that is worth remembering, the time aside, and of a time. */
const longest = 2048
const longestTime = 64

/** How much of a message the heads that are known can need. */
let reach = 0

/**
 * The head of a message that begins with bytes like one that was {@link read} before; undefined for all others,
 * whatever they are. Compares bytes and parses nothing.
 */
export const recall = (bytes: Buffer): NotificationHead | undefined => {
  const text = bytes.toString("latin1", 0, Math.min(bytes.length, reach))
  for (let i = 0; i < layouts.length; i++) {
    const { before, events } = layouts[i]!
    if (!text.startsWith(before)) continue
    const end = text.indexOf("<", before.length)
    if (end === -1 || !isPlain(text, before.length, end)) return undefined
    for (let j = 0; j < events.length; j++) {
      const { after, name, namespace } = events[j]!
      if (!text.startsWith(after, end)) continue
      forward(layouts, i)
      forward(events, j)
      // A text of its own: a slice would keep the whole beginning of the message as long as it lives.
      return { eventTime: bytes.toString("latin1", before.length, end), name, namespace }
    }
  }
  return undefined
}

/** What is met often moves forward, one place at a time: what is met once does not displace it. */
const forward = <A>(list: Array<A>, at: number): void => {
  if (at === 0) return
  const item = list[at]!
  list[at] = list[at - 1]!
  list[at - 1] = item
}

/** Characters that are themselves, wherever they stand in text: neither markup nor a line end, and all ASCII. */
const isPlain = (text: string, from: number, to: number): boolean => {
  if (to === from || to - from > longestTime) return false
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at)
    if (code <= 0x20 || code >= 0x7f || code === 0x26 || code === 0x3e || code === 0x5d) return false
  }
  return true
}

const remember = (bytes: Buffer, parser: NotificationParser): void => {
  const { event, eventEnd, timeStart } = parser
  if (event === undefined || timeStart === -1 || eventEnd < timeStart || eventEnd > longest) return
  const text = bytes.toString("latin1", 0, eventEnd)
  const end = text.indexOf("<", timeStart)
  // Beyond ASCII, characters and bytes are not counted alike.
  if (!isAscii(text) || !isPlain(text, timeStart, end)) return
  if (text.slice(timeStart, end) !== parser.head()?.eventTime) return
  const { events } = layoutOf(text.slice(0, timeStart))
  const after = text.slice(end)
  if (events.some((known) => known.after === after)) return
  if (events.length === mostEvents) events.pop()
  events.push({ after, name: event.local, namespace: event.uri })
  reach = Math.max(reach, eventEnd + longestTime)
}

const layoutOf = (before: string): Layout => {
  const known = layouts.find((layout) => layout.before === before)
  if (known !== undefined) return known
  const layout: Layout = { before, events: [] }
  if (layouts.length === mostLayouts) layouts.pop()
  layouts.push(layout)
  return layout
}

const isAscii = (text: string): boolean => {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) >= 0x7f) return false
  return true
}
