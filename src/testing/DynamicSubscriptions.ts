/**
 * The dynamic subscriptions of a device and the operations on them (RFC 8639 §2.4, RFC 8641 §4.4): establish, modify,
 * delete, kill, resync. Several per session; each belongs to the session that established it, and ends with it.
 *
 * modify-subscription restates the whole filter: one that is left out widens the subscription to everything.
 */
import * as Element from "../xml/Element.ts"
import type { Core } from "./Core.ts"
import { DynamicSubscription, leaf } from "./DynamicSubscription.ts"
import type { Source } from "./DynamicSubscription.ts"
import * as EventTime from "./EventTime.ts"
import { refused as refusedBy } from "./Parameters.ts"
import * as PushParameters from "./PushParameters.ts"
import { DatastoreSource } from "./PushSubscriptions.ts"
import * as Refusal from "./Refusal.ts"
import { push, refused, subscribed } from "./SubscriptionErrors.ts"
import * as SubscriptionFilter from "./SubscriptionFilter.ts"
import { StreamSource, time } from "./StreamSource.ts"

export const namespace = subscribed

type Operation = (core: Core, session: number, request: Element.Element) => "ok" | ReadonlyArray<Element.Element>

export class DynamicSubscriptions {
  readonly #core: Core
  readonly #all = new Map<number, DynamicSubscription>()
  /** Those that are over, and may still have something to send. */
  readonly #over = new Map<number, Array<DynamicSubscription>>()
  #last = 0

  constructor(core: Core) {
    this.#core = core
  }

  /** Those that are active or suspended, by id. */
  get all(): ReadonlyMap<number, DynamicSubscription> {
    return this.#all
  }

  has(session: number): boolean {
    return [...this.#all.values()].some((subscription) => subscription.session === session)
  }

  /** The subscription of this id if it is the session's own. */
  own(session: number, id: number): DynamicSubscription | undefined {
    const found = this.#all.get(id)
    return found?.session === session ? found : undefined
  }

  add(session: number, source: Source, stop: string | undefined): DynamicSubscription {
    const id = ++this.#last
    const over = () => {
      this.#all.delete(id)
      this.#over.set(session, [...(this.#over.get(session) ?? []), subscription])
    }
    const subscription: DynamicSubscription = new DynamicSubscription(this.#core, session, id, source, over)
    this.#all.set(id, subscription)
    subscription.stopAt(stop)
    source.open(subscription)
    subscription.watchStop()
    this.#core.afterReply(session, subscription.start)
    return subscription
  }

  observe(): void {
    for (const { source } of this.#all.values()) source.observe()
  }

  release(session: number): void {
    for (const subscription of this.#all.values()) if (subscription.session === session) subscription.end()
    for (const subscription of this.#over.get(session) ?? []) subscription.halt()
    this.#over.delete(session)
  }

  /** A filter has another content from now on, or is gone: who refers to it is told (RFC 8639 §2.7.2, §2.7.3). */
  refilter(name: string): void {
    for (const subscription of this.#all.values()) {
      const { source } = subscription
      if (source.filter.name !== name) continue
      const filter = SubscriptionFilter.named(this.#core, source.target, name)
      if (filter === undefined) {
        subscription.terminate("filter-unavailable")
        continue
      }
      subscription.changeFilter(filter)
    }
  }
}

const idOf = (request: Element.Element): number => {
  const element = Element.child(request, "id", request.namespace)
  if (element === undefined) throw refusedBy(Refusal.missingParameter("id", `${request.name} needs an id`))
  const text = Element.text(element).trim()
  if (!/^\d{1,10}$/.test(text)) throw refusedBy(Refusal.invalidValue("id is not a number"))
  return Number(text)
}

const stopTime = (request: Element.Element): string | undefined => {
  time(request, "stop-time")
  const element = Element.child(request, "stop-time", subscribed)
  return element === undefined ? undefined : Element.text(element).trim()
}

/** A stop-time without a replay is a time to come. */
const futureStop = (core: Core, request: Element.Element, replayed: boolean): string | undefined => {
  const text = stopTime(request)
  const at = text === undefined ? undefined : EventTime.parse(text)
  if (at !== undefined && !replayed && at <= EventTime.fromMillis(core.now())) {
    throw refusedBy(Refusal.invalidValue("stop-time is not in the future"))
  }
  return text
}

const known: ReadonlySet<string> = new Set([
  "stream",
  "stream-subtree-filter",
  "stream-xpath-filter",
  "stream-filter-name",
  "replay-start-time",
  "stop-time",
  "encoding",
  "dscp",
  "datastore",
  "datastore-subtree-filter",
  "datastore-xpath-filter",
  "selection-filter-ref",
  "periodic",
  "on-change"
])

/** What every establish-subscription may hold, whatever its target. */
const mayEstablish = (core: Core, session: number, request: Element.Element): void => {
  // RFC 8640 §3: never both kinds on one session.
  if (core.subscriptions.has(session)) {
    throw refusedBy(Refusal.notSupported("this session has a subscription made by create-subscription"))
  }
  const unknown = Element.elements(request).find(({ name }) => !known.has(name))
  if (unknown !== undefined) throw refusedBy(Refusal.unknownParameter(unknown.name, `there is no ${unknown.name}`))
}

const text = (request: Element.Element, name: string): string | undefined => {
  const element = Element.child(request, name, subscribed)
  return element === undefined ? undefined : Element.text(element).trim()
}

const mayServe = (core: Core, request: Element.Element, target: "stream" | "datastore"): void => {
  const where = { operation: "establish", target } as const
  const encoding = text(request, "encoding") ?? "encode-xml"
  if (encoding.slice(encoding.indexOf(":") + 1) !== "encode-xml") {
    throw refused(core, "encoding-unsupported", `${encoding} is not offered, encode-xml is`, where)
  }
  if ((text(request, "dscp") ?? "0") !== "0") throw refused(core, "dscp-unavailable", "packets are not marked", where)
  if (core.dynamic.all.size >= (core.settings.notifications.maxSubscriptions ?? Infinity)) {
    throw refused(core, "insufficient-resources", "no more subscriptions can be served", where)
  }
}

const establish: Operation = (core, session, request) => {
  mayEstablish(core, session, request)
  const datastore = core.capabilities.has(push) ? PushParameters.datastore(core, request) : undefined
  const target = datastore === undefined ? "stream" : "datastore"
  mayServe(core, request, target)
  const filter = SubscriptionFilter.read(core, "establish", target, request)
  if (datastore !== undefined) {
    const stop = futureStop(core, request, false)
    const source = new DatastoreSource(core, session, request, datastore, filter)
    return [leaf("id", String(core.dynamic.add(session, source, stop).id))]
  }
  const source = new StreamSource(core, request, filter)
  const stop = futureStop(core, request, Element.child(request, "replay-start-time", subscribed) !== undefined)
  const { revision } = source
  return [leaf("id", String(core.dynamic.add(session, source, stop).id)), ...revision]
}

const missing = (core: Core, id: number): Refusal.Refused =>
  refused(core, "no-such-subscription", `there is no subscription ${id} of this session`)

const modify: Operation = (core, session, request) => {
  const id = idOf(request)
  const subscription = core.dynamic.own(session, id)
  if (subscription === undefined) throw missing(core, id)
  const { source } = subscription
  const stop = futureStop(core, request, false)
  const apply = source.modify(request, SubscriptionFilter.read(core, "modify", source.target, request))
  if (stop !== undefined) {
    subscription.stopAt(stop)
    subscription.watchStop()
  }
  core.afterReply(session, () => subscription.modified(apply))
  return "ok"
}

const deleteSubscription: Operation = (core, session, request) => {
  const id = idOf(request)
  const subscription = core.dynamic.own(session, id)
  if (subscription === undefined) throw missing(core, id)
  if (core.dialect.deletedSubscription === "terminated") subscription.terminate("no-such-subscription")
  else subscription.end()
  return "ok"
}

const killSubscription: Operation = (core, _session, request) => {
  const id = idOf(request)
  const subscription = core.dynamic.all.get(id)
  if (subscription === undefined) throw refused(core, "no-such-subscription", `there is no subscription ${id}`)
  subscription.terminate("no-such-subscription")
  return "ok"
}

const resync: Operation = (core, session, request) => {
  const id = idOf(request)
  const source = core.dynamic.own(session, id)?.source
  if (source === undefined) throw refused(core, "no-such-subscription-resync", `there is no subscription ${id}`)
  if (!(source instanceof DatastoreSource)) {
    throw refused(core, "on-change-sync-unsupported", "a stream is not resynchronized")
  }
  source.resync()
  return "ok"
}

const table: ReadonlyMap<string, Operation> = new Map([
  ["establish-subscription", establish],
  ["modify-subscription", modify],
  ["delete-subscription", deleteSubscription],
  ["kill-subscription", killSubscription]
])

/** The operation of this name, where the device offers it. */
export const find = (core: Core, request: Element.Element): Operation | undefined => {
  if (!core.capabilities.has(request.namespace)) return undefined
  if (request.namespace === subscribed) return table.get(request.name)
  return request.namespace === push && request.name === "resync-subscription" ? resync : undefined
}
