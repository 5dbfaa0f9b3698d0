/**
 * Subscriptions of RFC 5277: create-subscription with filter, replay and stopTime (§2.1.1, §2.2), one per session, ended
 * by its stopTime or with the session alone (§2.3); and what a session without :interleave may still do (§6).
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Element from "../xml/Element.ts"
import type { Core } from "./Core.ts"
import { Delivery } from "./Delivery.ts"
import * as EventFilter from "./EventFilter.ts"
import type { EventRecord, EventStream } from "./EventStreams.ts"
import * as EventStreams from "./EventStreams.ts"
import * as EventTime from "./EventTime.ts"
import { needs, refused } from "./Parameters.ts"
import * as Refusal from "./Refusal.ts"

interface Parameters {
  readonly stream: EventStream
  readonly filter: EventFilter.EventFilter
  readonly start: bigint | undefined
  readonly stop: bigint | undefined
}

const known: ReadonlySet<string> = new Set(["stream", "filter", "startTime", "stopTime"])

const parameter = (request: Element.Element, name: string): Element.Element | undefined =>
  Element.child(request, name, EventStreams.notification)

const time = (request: Element.Element, name: string): bigint | undefined => {
  const element = parameter(request, name)
  if (element === undefined) return undefined
  const at = EventTime.parse(Element.text(element).trim())
  if (at === undefined) throw refused(Refusal.badElementValue(name, `${name} is no date-and-time`))
  return at
}

const findStream = (core: Core, request: Element.Element): EventStream => {
  const element = parameter(request, "stream")
  const name = element === undefined ? "NETCONF" : Element.text(element).trim()
  const stream = core.streams.all.get(name)
  if (stream === undefined) throw refused(Refusal.invalidParameter(`this device has no stream ${name}`))
  return stream
}

/** §2.1.1, Negative Response. */
const read = (core: Core, request: Element.Element): Parameters => {
  for (const { name, namespace } of Element.elements(request)) {
    if (known.has(name) && namespace === EventStreams.notification) continue
    throw refused(Refusal.unknownParameter(name, `create-subscription has no ${name} in the namespace ${namespace}`))
  }
  const stream = findStream(core, request)
  const start = time(request, "startTime")
  const stop = time(request, "stopTime")
  if (start === undefined && stop !== undefined) {
    throw refused(Refusal.missingParameter("startTime", "stopTime needs startTime"))
  }
  if (start !== undefined && !stream.replay) {
    throw refused(Refusal.operationFailed(`the stream ${stream.name} has no replay`))
  }
  if (start !== undefined && stop !== undefined && stop < start) {
    throw refused(Refusal.badElementValue("stopTime", "stopTime is earlier than startTime"))
  }
  if (start !== undefined && start > EventTime.fromMillis(core.now())) {
    throw refused(Refusal.badElementValue("startTime", "startTime is later than now"))
  }
  return { stream, start, stop, filter: EventFilter.fromFilter(core, request, parameter(request, "filter")) }
}

const mark = (name: string): Element.Element => Element.make(name, EventStreams.netmod)

class Subscription {
  readonly #core: Core
  readonly #parameters: Parameters
  readonly #delivery: Delivery
  isCompleted = false
  #timer: Fiber.Fiber<void> | undefined

  constructor(core: Core, session: number, parameters: Parameters) {
    this.#core = core
    this.#parameters = parameters
    this.#delivery = new Delivery(core.receiver(session), core.settings.runFork)
    this.#replay()
    parameters.stream.listeners.add(this.#listener)
    this.#watchStop()
  }

  readonly start = (): void => this.#delivery.start()

  #replay(): void {
    const { filter, start, stop, stream } = this.#parameters
    if (start === undefined) return
    const pace = Duration.toMillis(Duration.fromInputUnsafe(this.#core.dialect.replayPace))
    for (const record of stream.between(start, stop)) {
      if (filter(record)) this.#delivery.push(record.message, pace)
    }
    this.#delivery.push(this.#core.streams.record(mark("replayComplete")).message)
  }

  readonly #listener = (record: EventRecord): void => {
    const { filter, stop } = this.#parameters
    if (stop !== undefined && record.at > stop) return
    if (filter(record)) this.#delivery.push(record.message)
  }

  #watchStop(): void {
    const { stop } = this.#parameters
    if (stop === undefined) return
    const left = EventTime.millisBetween(EventTime.fromMillis(this.#core.now()), stop)
    if (left <= 0) return this.#complete()
    this.#timer = this.#core.settings.runFork(
      Effect.andThen(
        Effect.sleep(left),
        Effect.sync(() => this.#complete())
      )
    )
  }

  #complete(): void {
    this.#parameters.stream.listeners.delete(this.#listener)
    this.#delivery.push(this.#core.streams.record(mark("notificationComplete")).message)
    this.isCompleted = true
  }

  end(): void {
    this.#parameters.stream.listeners.delete(this.#listener)
    this.#timer?.interruptUnsafe()
    this.#delivery.end()
  }
}

/** The subscriptions of one device, by session; those that are completed may still have something to send. */
export class Subscriptions {
  readonly #made = new Map<number, ReadonlyArray<Subscription>>()

  has(session: number): boolean {
    return this.#made.get(session)?.some(({ isCompleted }) => !isCompleted) ?? false
  }

  create(core: Core, session: number, request: Element.Element): void {
    needs(core, ":notification", request)
    // RFC 8640 §3: never both kinds on one session.
    if (core.dynamic.has(session)) {
      throw refused(Refusal.notSupported("this session has a subscription made by establish-subscription"))
    }
    if (this.has(session)) throw refused(Refusal.operationFailed("this session has a subscription already"))
    const subscription = new Subscription(core, session, read(core, request))
    this.#made.set(session, [...(this.#made.get(session) ?? []), subscription])
    core.afterReply(session, subscription.start)
  }

  /** Refuses what a session may not do while it is subscribed: without :interleave, all but closing it. */
  mayRun(core: Core, session: number, request: Element.Element): void {
    if (!this.has(session) || request.name === "close-session" || core.capabilities.has(":interleave")) return
    throw refused(
      Refusal.notSupported(`${request.name} on a subscribed session needs :interleave, which this device does not have`)
    )
  }

  release(session: number): void {
    for (const subscription of this.#made.get(session) ?? []) subscription.end()
    this.#made.delete(session)
  }
}
