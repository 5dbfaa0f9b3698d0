/**
 * The event streams of a simulated device (RFC 5277 §3, RFC 8639 §2.1): what happened, in order, to whoever listens, and
 * a bounded log of it for replay.
 *
 * An event is stamped once and printed once, however many sessions receive it. Who may subscribe, and what a subscription
 * lets through, is decided in `Subscriptions.ts` and `DynamicSubscriptions.ts`.
 */
import * as Element from "../xml/Element.ts"
import * as Parse from "../xml/Parse.ts"
import * as Print from "../xml/Print.ts"
import * as EventTime from "./EventTime.ts"

/** `<notification>`, `<eventTime>` and create-subscription (RFC 5277 §4). */
export const notification = "urn:ietf:params:xml:ns:netconf:notification:1.0"
/** The list of streams, replayComplete and notificationComplete (RFC 5277 §3.4). */
export const netmod = "urn:ietf:params:xml:ns:netmod:notification"

export interface StreamOptions {
  readonly name: string
  readonly description?: string
  /** Whether there is a log to replay. Default: true. */
  readonly replay?: boolean
  /** How many events the log keeps; the oldest are dropped. Default: 1000. */
  readonly logSize?: number
}

/** One event, as it was stamped. */
export class EventRecord {
  readonly eventTime: string
  /** The eventTime in nanoseconds. */
  readonly at: bigint
  readonly #given: string | Element.Element
  readonly #declaration: boolean
  #content: Element.Element | undefined
  #message: string | undefined

  constructor(eventTime: string, given: string | Element.Element, declaration: boolean) {
    const at = EventTime.parse(eventTime)
    if (at === undefined) throw new Error(`${eventTime} is no date-and-time, as an eventTime must be`)
    this.eventTime = eventTime
    this.at = at
    this.#given = given
    this.#declaration = declaration
  }

  /** What the event says: the element beside eventTime. */
  get content(): Element.Element {
    return (this.#content ??= typeof this.#given === "string" ? Parse.decode(this.#given) : this.#given)
  }

  /** The whole notification. Text that was given is sent as it is. */
  get message(): string {
    return (this.#message ??= this.#print())
  }

  #print(): string {
    const event = typeof this.#given === "string" ? this.#given : Print.print(this.#given)
    const declaration = this.#declaration ? `<?xml version="1.0" encoding="UTF-8"?>` : ""
    return `${declaration}<notification xmlns="${notification}"><eventTime>${this.eventTime}</eventTime>${event}</notification>`
  }
}

export class EventStream {
  readonly name: string
  readonly description: string
  readonly replay: boolean
  readonly listeners = new Set<(record: EventRecord) => void>()
  readonly #limit: number
  readonly #log: Array<EventRecord> = []
  creationTime: string
  /** The eventTime of the last event that was dropped from the log. */
  agedTime: string | undefined

  constructor(options: StreamOptions, creationTime: string) {
    this.name = options.name
    this.description = options.description ?? `events of ${options.name}`
    this.replay = options.replay ?? true
    this.#limit = options.logSize ?? 1000
    this.creationTime = creationTime
  }

  get log(): ReadonlyArray<EventRecord> {
    return this.#log
  }

  append(record: EventRecord): void {
    if (this.replay) {
      this.#log.push(record)
      this.age(this.#log.length - this.#limit)
    }
    for (const listener of this.listeners) listener(record)
  }

  /** Drops the oldest events of the log, as many. */
  age(count: number): void {
    if (count <= 0) return
    this.agedTime = this.#log.splice(0, count).at(-1)?.eventTime ?? this.agedTime
  }

  /** The log as replay sends it: from a point in time to another, both included. */
  between(start: bigint, stop: bigint | undefined): ReadonlyArray<EventRecord> {
    return this.#log.filter(({ at }) => at >= start && (stop === undefined || at <= stop))
  }

  /** The log is lost, and begins anew. */
  reset(creationTime: string): void {
    this.#log.length = 0
    this.agedTime = undefined
    this.creationTime = creationTime
  }
}

interface Settings {
  readonly streams: ReadonlyArray<StreamOptions>
  readonly stamp: () => string
  readonly declaration: boolean
}

/** All streams of one device. */
export class EventStreams {
  readonly all: ReadonlyMap<string, EventStream>
  readonly #settings: Settings

  constructor(settings: Settings) {
    const created = settings.stamp()
    this.all = new Map(settings.streams.map((options) => [options.name, new EventStream(options, created)]))
    this.#settings = settings
  }

  /** A notification that belongs to no stream: state changes, replayComplete. */
  record(content: string | Element.Element, eventTime: string = this.#settings.stamp()): EventRecord {
    return new EventRecord(eventTime, content, this.#settings.declaration)
  }

  /** Something happened. An unknown stream, or what is not XML, is a mistake in the test: thrown. */
  notify(content: string | Element.Element, stream = "NETCONF", eventTime?: string): EventRecord {
    const found = this.all.get(stream)
    if (found === undefined) throw new Error(`this device has no stream ${stream}`)
    const record = this.record(content, eventTime)
    found.append(record)
    return record
  }

  reset(): void {
    for (const stream of this.all.values()) stream.reset(this.#settings.stamp())
  }
}

const leaf = (name: string, text: string): Element.Element => Element.make(name, netmod, { children: [text] })

const described = (stream: EventStream): Element.Element =>
  Element.make("stream", netmod, {
    children: [
      leaf("name", stream.name),
      leaf("description", stream.description),
      leaf("replaySupport", String(stream.replay)),
      ...(stream.replay ? [leaf("replayLogCreationTime", stream.creationTime)] : []),
      ...(stream.agedTime === undefined ? [] : [leaf("replayLogAgedTime", stream.agedTime)])
    ]
  })

/** The streams as `get` lists them (RFC 5277 §3.2.5.1). */
export const list = (streams: EventStreams): Element.Element =>
  Element.make("netconf", netmod, {
    children: [Element.make("streams", netmod, { children: [...streams.all.values()].map(described) })]
  })
