/**
 * The operations of dynamic subscriptions: establish-, modify-, delete- and kill-subscription (RFC 8639 §2.4),
 * resync-subscription (RFC 8641 §4.4.4). Whether a device offers them is in its YANG library, not in its hello, so they
 * are sent to whoever is asked.
 */
import * as Effect from "effect/Effect"
import { InputError, ProtocolError } from "../../errors.ts"
import { idIn } from "../../notifications/push/SubscriptionId.ts"
import type { Operation } from "../../rpc/Operation.ts"
import type { Reply } from "../../rpc/Reply.ts"
import * as Element from "../../xml/Element.ts"
import { datastores, push, subscribed } from "../../xml/Namespaces.ts"
import * as Parse from "../../xml/Parse.ts"
import { shown } from "../Checks.ts"
import { timeText } from "./CreateSubscription.ts"
import { defaultStream } from "./EventStreams.ts"
import * as Filter from "./Filter.ts"
import * as Options from "./SubscriptionOptions.ts"

const leaf = (namespace: string, name: string, text: string | number): Element.Element =>
  Element.make(name, namespace, { children: [String(text)] })

/** What a filter is called, which depends on what it is for. */
const names = {
  stream: { namespace: subscribed, named: "stream-filter-name" },
  datastore: { namespace: push, named: "selection-filter-ref" }
} as const

/** No element where everything is selected: an empty filter would select nothing. */
const filterOf = (
  target: "stream" | "datastore",
  filter: Filter.Filter | Options.NamedFilter | undefined
): ReadonlyArray<Element.Element> => {
  const { named, namespace } = names[target]
  if (Options.isNamed(filter)) return [leaf(namespace, named, filter.named)]
  return Filter.encode(filter).map((element) => {
    const select = Element.attribute(element, "select")
    if (select === undefined) {
      return Element.make(`${target}-subtree-filter`, namespace, { children: element.children })
    }
    const scope = Element.bind(element.scope, { "": namespace })
    return Element.make(`${target}-xpath-filter`, namespace, { scope, children: [select] })
  })
}

const datastoreOf = (datastore: Options.DatastoreName): Element.Element => {
  const identity = typeof datastore === "string" ? { namespace: datastores, name: datastore } : datastore
  const scope = { ds: identity.namespace, "": push }
  return Element.make("datastore", push, { scope, children: [`ds:${identity.name}`] })
}

const inPush = (name: string, children: ReadonlyArray<Element.Element>): Element.Element =>
  Element.make(name, push, { children })

const periodicOf = ({ anchorTime, period }: Options.Periodic): Element.Element =>
  inPush("periodic", [
    leaf(push, "period", Options.centiseconds("periodic.period", period, 1)),
    ...(anchorTime === undefined ? [] : [leaf(push, "anchor-time", timeText("periodic.anchorTime", anchorTime))])
  ])

/** `whole` is false where it is modified: sync-on-start and excluded-change cannot be (RFC 8641, update-policy-modifiable). */
const onChangeOf = (
  { dampeningPeriod, excludedChange = [], syncOnStart }: Options.OnChange,
  whole: boolean
): Element.Element =>
  inPush("on-change", [
    ...(dampeningPeriod === undefined
      ? []
      : [leaf(push, "dampening-period", Options.centiseconds("onChange.dampeningPeriod", dampeningPeriod, 0))]),
    ...(whole && syncOnStart !== undefined ? [leaf(push, "sync-on-start", String(syncOnStart))] : []),
    ...(whole ? excludedChange.map((type) => leaf(push, "excluded-change", type)) : [])
  ])

/** Last of all, because RFC 8641 augments the input with it, and input is in the order of the modules (RFC 7950 §7.14.4). */
const triggerOf = (options: Options.EstablishOptions, whole: boolean): ReadonlyArray<Element.Element> => {
  if (!Options.isDatastore(options)) return []
  const { onChange, periodic } = options
  if (periodic !== undefined) return [periodicOf(periodic)]
  return onChange === undefined ? [] : [onChangeOf(onChange, whole)]
}

const stopOf = ({ stopTime }: Options.EstablishOptions): ReadonlyArray<Element.Element> =>
  stopTime === undefined ? [] : [leaf(subscribed, "stop-time", timeText("stopTime", stopTime))]

const targetOf = (options: Options.EstablishOptions): ReadonlyArray<Element.Element> => {
  if (Options.isDatastore(options)) {
    return [datastoreOf(options.datastore), ...filterOf("datastore", options.filter)]
  }
  const { filter, startTime, stream = defaultStream } = options
  return [
    leaf(subscribed, "stream", stream),
    ...filterOf("stream", filter),
    ...(startTime === undefined ? [] : [leaf(subscribed, "replay-start-time", timeText("startTime", startTime))])
  ]
}

const operation = (name: string, encode: () => Element.Element, more: Partial<Operation> = {}): Operation<Reply> => ({
  name,
  kind: "control",
  needs: [],
  expects: "ok",
  encode,
  decode: (reply) => reply,
  ...more
})

const subscriptionId = (id: number, namespace = subscribed): Element.Element => {
  if (Number.isInteger(id) && id >= 0 && id <= 4_294_967_295) return leaf(namespace, "id", id)
  throw new InputError({ what: "id", why: `expected the id of a subscription (0 to 4294967295), got ${shown(id)}` })
}

/** What a late reply has granted is deleted by its id; where that is not known, its session ends, and with it the rest. */
const undo = (reply: Uint8Array | undefined): Operation<Reply> | "close-session" => {
  if (reply === undefined) return "close-session"
  try {
    const id = idIn(Parse.decode(reply))
    return id === undefined ? "close-session" : deleteSubscription(id)
  } catch (error) {
    if (error instanceof Parse.XmlError) return "close-session"
    throw error
  }
}

/** Begins a subscription: its reply carries the id. */
export const establishSubscription = (options: Options.EstablishOptions): Operation<Reply> =>
  operation(
    "establish-subscription",
    () => {
      Options.check(options)
      const { dependency, dscp, weighting } = options
      const quality = Object.entries({ dscp, weighting, dependency }).flatMap(([name, value]) =>
        value === undefined ? [] : [leaf(subscribed, name, value)]
      )
      return Element.make("establish-subscription", subscribed, {
        children: [...targetOf(options), ...stopOf(options), ...quality, ...triggerOf(options, true)]
      })
    },
    { expects: "output", undo: (_capabilities, reply) => undo(reply) }
  )

/** Changes the terms of a subscription to these, all of them: a filter that is not restated would select everything. */
export const modifySubscription = (id: number, terms: Options.EstablishOptions): Operation<Reply> =>
  operation("modify-subscription", () => {
    Options.check(terms)
    const target = Options.isDatastore(terms)
      ? [datastoreOf(terms.datastore), ...filterOf("datastore", terms.filter)]
      : filterOf("stream", terms.filter)
    return Element.make("modify-subscription", subscribed, {
      children: [subscriptionId(id), ...target, ...stopOf(terms), ...triggerOf(terms, false)]
    })
  })

/** Ends a subscription of this session. */
export const deleteSubscription = (id: number): Operation<Reply> =>
  operation(
    "delete-subscription",
    () => Element.make("delete-subscription", subscribed, { children: [subscriptionId(id)] }),
    { release: true }
  )

/** Ends anybody's subscription; most devices allow it to administrators alone. */
export const killSubscription = (id: number): Operation<Reply> =>
  operation(
    "kill-subscription",
    () => Element.make("kill-subscription", subscribed, { children: [subscriptionId(id)] }),
    { release: true }
  )

/** Asks for the whole selection of an on-change subscription again. */
export const resyncSubscription = (id: number): Operation<Reply> =>
  operation("resync-subscription", () =>
    Element.make("resync-subscription", push, { children: [subscriptionId(id, push)] })
  )

/** What establish-subscription was answered. */
export interface Established {
  readonly id: number
  /** From when on the log reaches, where that is later than `startTime`: what came before is lost. */
  readonly replayStartTimeRevision: string | undefined
}

/** Reads the reply. */
export const established = (reply: Element.Element): Effect.Effect<Established, ProtocolError> => {
  const id = idIn(reply)
  if (id === undefined) {
    const detail = "the reply holds no id of a subscription"
    return Effect.fail(new ProtocolError({ layer: "message", operation: "establish-subscription", detail }))
  }
  const revision = Element.child(reply, "replay-start-time-revision")
  const replayStartTimeRevision = revision === undefined ? undefined : Element.text(revision).trim()
  return Effect.succeed({ id, replayStartTimeRevision })
}
