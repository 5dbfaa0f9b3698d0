/**
 * Heads of notifications that saxes has read. A device's heads are the same bytes time and again, but for the time: they
 * are recognised by comparing bytes (0.4 µs), and whatever differs is for saxes (NotificationHead).
 *
 * The same look can tell whether a message is one whole notification as far as bytes show: what is not certain is for whoever
 * takes it apart.
 */
import type { NotificationHead } from "./NotificationHead.ts"

/** A head as saxes has read it. */
export interface ReadHead {
  readonly head: NotificationHead
  readonly event: { readonly local: string; readonly uri: string }
  /** Where the content of eventTime begins, and where the start tag of the event ends: characters from the text's start. */
  readonly timeStart: number
  readonly eventEnd: number
}

interface Event {
  /** The bytes from the end of the time to the end of the event's start tag. */
  readonly after: Buffer
  readonly name: string
  readonly namespace: string
  /** It begins as the root does. */
  readonly isLikeRoot: boolean
}

interface Layout {
  /** The bytes before the time. */
  readonly before: Buffer
  readonly events: Array<Event>
  /** Undefined when more than an XML declaration stands before it. */
  readonly root: Root | undefined
}

/** How a root begins, and how it is closed. */
interface Root {
  readonly start: Buffer
  readonly end: Buffer
  /** How far a search for `start` may go on from a byte that is not where its last one is (Horspool). */
  readonly skips: Uint8Array
}

const layouts: Array<Layout> = []
const mostLayouts = 16
const mostEvents = 32
/** Bytes of a head that is worth remembering, the time aside, and of a time. */
const longest = 2048
const longestTime = 64

/** What `find` has found: its layout, its event, and where its time ends. Read at once, so one of each is enough. */
let layout: Layout
let event: Event
let timeEnd = 0

/** Looks for a known head at the beginning of these bytes. Loops: a call of Node's costs more than a head has bytes. */
const find = (bytes: Buffer): boolean => {
  for (let i = 0; i < layouts.length; i++) {
    layout = layouts[i]!
    const { before, events } = layout
    if (!equal(bytes, 0, before)) continue
    timeEnd = plainEnd(bytes, before.length)
    if (timeEnd === before.length || bytes[timeEnd] !== 0x3c) return false
    for (let j = 0; j < events.length; j++) {
      event = events[j]!
      if (!equal(bytes, timeEnd, event.after)) continue
      forward(layouts, i)
      forward(events, j)
      return true
    }
  }
  return false
}

/** The time just found: a text of its own, which keeps nothing of the message alive. */
const foundTime = (bytes: Buffer): string => bytes.toString("latin1", layout.before.length, timeEnd)

const equal = (bytes: Buffer, at: number, known: Buffer): boolean => {
  if (bytes.length - at < known.length) return false
  for (let i = 0; i < known.length; i++) if (bytes[at + i] !== known[i]) return false
  return true
}

/** Where a time ends that is nothing but plain characters, and not too long. */
const plainEnd = (bytes: Buffer, from: number): number => {
  const most = Math.min(bytes.length, from + longestTime)
  let at = from
  while (at < most && isPlain(bytes[at]!)) at++
  return at
}

/** A character that is itself, wherever it stands in text: neither markup nor a line end, and ASCII. */
const isPlain = (code: number): boolean =>
  code > 0x20 && code < 0x7f && code !== 0x26 && code !== 0x3c && code !== 0x3e && code !== 0x5d

/**
 * The head of a message that begins with bytes like one that was read before; undefined for all others, whatever they
 * are. Compares bytes and parses nothing.
 */
export const recall = (bytes: Buffer): NotificationHead | undefined =>
  find(bytes) ? { eventTime: foundTime(bytes), name: event.name, namespace: event.namespace } : undefined

/**
 * The same, and only for a message that is one whole notification as far as bytes show: nothing but an XML declaration
 * before its root, the root's closing tag at its end, and nothing inside that begins as the root does.
 */
export const recallWhole = (bytes: Buffer): NotificationHead | undefined => {
  if (!find(bytes) || layout.root === undefined || event.isLikeRoot) return undefined
  const { root } = layout
  const end = contentLength(bytes) - root.end.length
  const content = timeEnd + event.after.length
  const isWhole = end >= content && equal(bytes, end, root.end) && !holds(bytes, content, end, root)
  if (!isWhole) return undefined
  return { eventTime: foundTime(bytes), name: event.name, namespace: event.namespace, isWhole }
}

/** Without the white space, NUL and BEL at the end. */
const contentLength = (bytes: Buffer): number => {
  let length = bytes.length
  while (length > 0 && bytes[length - 1]! <= 0x20) length--
  return length
}

/** Beyond this many bytes Node's search is worth its call. */
const short = 4096

const holds = (bytes: Buffer, from: number, to: number, { skips, start }: Root): boolean => {
  if (to - from > short) return bytes.includes(start, from)
  const last = start.length - 1
  for (let at = from + last; at < to; at += skips[bytes[at]!]!) {
    if (bytes[at] === start[last] && equal(bytes, at - last, start)) return true
  }
  return false
}

/** What is met often moves forward, one place at a time: what is met once does not displace it. */
const forward = <A>(list: Array<A>, at: number): void => {
  if (at === 0) return
  const item = list[at]!
  list[at] = list[at - 1]!
  list[at - 1] = item
}

/** Knows the head of these bytes from now on, where it is one that can be compared. */
export const remember = (bytes: Buffer, { event, eventEnd, head, timeStart }: ReadHead): void => {
  if (timeStart === -1 || eventEnd < timeStart || eventEnd > longest) return
  // Beyond ASCII, characters and bytes are not counted alike.
  if (!isAscii(bytes, eventEnd)) return
  const end = plainEnd(bytes, timeStart)
  if (end === timeStart || bytes[end] !== 0x3c) return
  if (bytes.toString("latin1", timeStart, end) !== head.eventTime) return
  const { events, root } = layoutOf(bytes.subarray(0, timeStart))
  const after = bytes.subarray(end, eventEnd)
  if (events.some((known) => known.after.equals(after))) return
  if (events.length === mostEvents) events.pop()
  const isLikeRoot = root !== undefined && after.includes(root.start)
  // A copy: a view would keep the message, and all that came with it.
  events.push({ after: Buffer.from(after), name: event.local, namespace: event.uri, isLikeRoot })
}

const layoutOf = (before: Buffer): Layout => {
  const known = layouts.find((layout) => layout.before.equals(before))
  if (known !== undefined) return known
  const layout: Layout = { before: Buffer.from(before), events: [], root: rootOf(before.toString("latin1")) }
  if (layouts.length === mostLayouts) layouts.pop()
  layouts.push(layout)
  return layout
}

const rootOf = (before: string): Root | undefined => {
  const name = /^\s*(?:<\?xml\s[^<>]*\?>\s*)?<((?:[\w.-]+:)?notification)[\s>]/.exec(before)?.[1]
  if (name === undefined) return undefined
  const start = Buffer.from(`<${name}`)
  if (before.indexOf(`<${name}`) !== before.lastIndexOf(`<${name}`) || start.length > 255) return undefined
  const skips = new Uint8Array(256).fill(start.length)
  for (let i = 0; i < start.length - 1; i++) skips[start[i]!] = start.length - 1 - i
  return { start, end: Buffer.from(`</${name}>`), skips }
}

const isAscii = (bytes: Buffer, length: number): boolean => {
  for (let at = 0; at < length; at++) if (bytes[at]! >= 0x7f) return false
  return true
}
