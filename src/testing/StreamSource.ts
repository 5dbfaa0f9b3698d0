/**
 * Subscriptions to an event stream (RFC 8639 §2.1, §2.4.2): the stream, replay from its log, and the filter that each
 * event must pass.
 */
import * as Duration from "effect/Duration"
import * as Element from "../xml/Element.ts"
import type { Core } from "./Core.ts"
import type { Outlet, Source } from "./DynamicSubscription.ts"
import { leaf } from "./DynamicSubscription.ts"
import type { EventRecord, EventStream } from "./EventStreams.ts"
import * as EventTime from "./EventTime.ts"
import { refused as refusedBy } from "./Parameters.ts"
import * as Refusal from "./Refusal.ts"
import { refused, subscribed } from "./SubscriptionErrors.ts"
import type { SubscriptionFilter } from "./SubscriptionFilter.ts"
import * as Tree from "./Tree.ts"

const parameter = (request: Element.Element, name: string): string | undefined => {
  const element = Element.child(request, name, subscribed)
  return element === undefined ? undefined : Element.text(element).trim()
}

/** A parameter that is a point in time. */
export const time = (request: Element.Element, name: string): bigint | undefined => {
  const text = parameter(request, name)
  if (text === undefined) return undefined
  const at = EventTime.parse(text)
  if (at === undefined) throw refusedBy(Refusal.invalidValue(`${name} is no date-and-time`))
  return at
}

const findStream = (core: Core, request: Element.Element): EventStream => {
  const name = parameter(request, "stream")
  if (name === undefined) throw refusedBy(Refusal.missingParameter("stream", "establish-subscription needs a target"))
  const stream = core.streams.all.get(name)
  if (stream === undefined) throw refusedBy(Refusal.invalidValue(`this device has no stream ${name}`))
  return stream
}

const where = { operation: "establish", target: "stream" } as const

export class StreamSource implements Source {
  readonly target = "stream"
  filter: SubscriptionFilter
  readonly #core: Core
  readonly #stream: EventStream
  readonly #start: bigint | undefined
  readonly #stop: bigint | undefined
  #outlet: Outlet | undefined

  /** Reads the parameters; throws `Refused`. */
  constructor(core: Core, request: Element.Element, filter: SubscriptionFilter) {
    this.#core = core
    this.filter = filter
    this.#stream = findStream(core, request)
    this.#start = time(request, "replay-start-time")
    this.#stop = time(request, "stop-time")
    if (this.#start === undefined) return
    if (!this.#stream.replay) {
      throw refused(core, "replay-unsupported", `the stream ${this.#stream.name} has no replay`, where)
    }
    if (this.#start >= EventTime.fromMillis(core.now())) {
      throw refusedBy(Refusal.invalidValue("replay-start-time is not in the past"))
    }
    if (this.#stop !== undefined && this.#stop <= this.#start) {
      throw refusedBy(Refusal.invalidValue("stop-time is not later than replay-start-time"))
    }
  }

  /** The earliest time that the log covers, where the replay was asked to begin before it. */
  get revision(): ReadonlyArray<Element.Element> {
    if (this.#start === undefined) return []
    const earliest = this.#stream.agedTime ?? this.#stream.creationTime
    return this.#start < EventTime.parse(earliest)! ? [leaf("replay-start-time-revision", earliest)] : []
  }

  readonly open = (outlet: Outlet): void => {
    this.#outlet = outlet
    if (this.#start !== undefined) this.#replay(outlet, this.#start)
    this.#stream.listeners.add(this.#listener)
  }

  #replay(outlet: Outlet, start: bigint): void {
    const pace = Duration.toMillis(Duration.fromInputUnsafe(this.#core.dialect.replayPace))
    for (const record of this.#stream.between(start, this.#stop)) {
      if (this.#passes(record)) outlet.event(record, pace)
    }
    outlet.own(Element.make("replay-completed", subscribed, { children: [leaf("id", String(outlet.id))] }))
  }

  #passes(record: EventRecord): boolean {
    return !Tree.isEmpty(this.filter.select(Tree.root([record.content])))
  }

  readonly #listener = (record: EventRecord): void => {
    if (this.#passes(record)) this.#outlet?.event(record)
  }

  readonly refilter = (filter: SubscriptionFilter): void => {
    this.filter = filter
  }
  readonly modify = (_request: Element.Element, filter: SubscriptionFilter) => () => this.refilter(filter)
  // Events of a suspension are lost (RFC 8639 §2.7.4).
  readonly resume = (): void => {}
  readonly observe = (): void => {}
  readonly close = (): void => void this.#stream.listeners.delete(this.#listener)
  readonly described = (): ReadonlyArray<Element.Element> => [leaf("stream", this.#stream.name)]
}
