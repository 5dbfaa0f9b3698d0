/**
 * What a simulated device says of its streams, filters, subscriptions (RFC 5277 §3.4, RFC 8639 §3) and of what it is able to
 * push (RFC 9196) among its state data.
 */
import * as Element from "../xml/Element.ts"
import type { Core } from "./Core.ts"
import type { DynamicSubscription } from "./DynamicSubscription.ts"
import type { EventStream } from "./EventStreams.ts"
import * as EventStreams from "./EventStreams.ts"
import * as Selected from "./Selected.ts"
import { push, subscribed } from "./SubscriptionErrors.ts"
import * as SubscriptionFilter from "./SubscriptionFilter.ts"
import * as Tree from "./Tree.ts"

/** RFC 9196. */
const system = "urn:ietf:params:xml:ns:yang:ietf-system-capabilities"
const notification = "urn:ietf:params:xml:ns:yang:ietf-notification-capabilities"
const datastores = "urn:ietf:params:xml:ns:yang:ietf-datastores"

/** RFC 8525. */
const yangLibrary = "urn:ietf:params:xml:ns:yang:ietf-yang-library"

type Children = ReadonlyArray<Element.Node>

const inner = (name: string, namespace: string, children: Children): Element.Element =>
  Element.make(name, namespace, { children })

const stream = (one: EventStream): Element.Element => {
  const leaf = (name: string, text: string) => inner(name, subscribed, text === "" ? [] : [text])
  const aged = one.agedTime === undefined ? [] : [leaf("replay-log-aged-time", one.agedTime)]
  const log = [leaf("replay-support", ""), leaf("replay-log-creation-time", one.creationTime), ...aged]
  const children = [leaf("name", one.name), leaf("description", one.description), ...(one.replay ? log : [])]
  return inner("stream", subscribed, children)
}

const filters = (core: Core): ReadonlyArray<Element.Element> => {
  const lists = [...core.filters.keys()].flatMap((name) => {
    const described = (target: SubscriptionFilter.Target) => SubscriptionFilter.named(core, target, name)!.described
    return [
      inner("stream-filter", subscribed, [inner("name", subscribed, [name]), ...described("stream")]),
      inner("selection-filter", push, [inner("filter-id", push, [name]), ...described("datastore")])
    ]
  })
  return lists.length === 0 ? [] : [inner("filters", subscribed, lists)]
}

const subscription = (one: DynamicSubscription): Element.Element => {
  const leaf = (name: string, text: string) => inner(name, subscribed, [text])
  const receiver = [leaf("name", `session ${one.session}`), leaf("state", one.state)]
  return inner("subscription", subscribed, [
    leaf("id", String(one.id)),
    ...one.described(),
    leaf("encoding", "encode-xml"),
    inner("receivers", subscribed, [inner("receiver", subscribed, receiver)])
  ])
}

const subscriptions = (core: Core): ReadonlyArray<Element.Element> => {
  const all = [...core.dynamic.all.values()].map(subscription)
  return all.length === 0 ? [] : [inner("subscriptions", subscribed, all)]
}

const capable = (children: ReadonlyArray<readonly [name: string, text: string]>): Element.Element =>
  inner(
    "subscription-capabilities",
    notification,
    children.map(([name, text]) => inner(name, notification, text === "" ? [] : [text]))
  )

/** What cannot be pushed on change, node by node, in each datastore that can be subscribed to. */
const perNode = (core: Core): ReadonlyArray<Element.Element> => {
  const { datastores: offered = ["running", "operational"] } = core.settings.notifications.push ?? {}
  const nodes = Selected.onChangeUnsupported(core).flatMap((path) => {
    const selector = Selected.selector(core, path)
    if (selector === undefined) return []
    const { scope, text } = selector
    const node = Element.make("node-selector", system, { scope: { ...scope, "": system }, children: [text] })
    return [inner("per-node-capabilities", system, [node, capable([["on-change-supported", ""]])])]
  })
  return offered.map((name) => {
    const scope = { ds: datastores, "": system }
    const datastore = Element.make("datastore", system, { scope, children: [`ds:${name}`] })
    return inner("datastore-capabilities", system, [datastore, ...nodes])
  })
}

const both = "config-changes state-changes"

const capabilities = (core: Core): Element.Element => {
  const {
    excludable,
    maxNodes,
    minimumDampening = 0,
    minimumPeriod = 1,
    onChange = true
  } = core.settings.notifications.push ?? {}
  const excluded = excludable === undefined ? ["all"] : excludable.length === 0 ? ["none"] : excludable
  const overall = capable([
    ...(maxNodes === undefined ? [] : ([["max-nodes-per-update", String(maxNodes)]] as const)),
    ["periodic-notifications-supported", both],
    ["minimum-update-period", String(minimumPeriod)],
    ["on-change-supported", onChange ? both : ""],
    ["minimum-dampening-period", String(minimumDampening)],
    ...excluded.map((type) => ["supported-excluded-change-type", type] as const)
  ])
  return inner("system-capabilities", system, [...(onChange ? perNode(core) : []), overall])
}

/** The modules that the device implements (RFC 8525 §3), those of YANG 1.1 among them. */
const library = (core: Core): Element.Element => {
  const leaf = (name: string, text: string) => inner(name, yangLibrary, [text])
  const modules = core.capabilities.modules.map(({ features, name, namespace, revision }) =>
    inner("module", yangLibrary, [
      leaf("name", name),
      ...(revision === undefined ? [] : [leaf("revision", revision)]),
      leaf("namespace", namespace),
      ...features.map((feature) => leaf("feature", feature))
    ])
  )
  const set = inner("module-set", yangLibrary, [leaf("name", "all"), ...modules])
  return inner("yang-library", yangLibrary, [set, leaf("content-id", "1")])
}

const dynamic = (core: Core): ReadonlyArray<Element.Element> =>
  core.capabilities.has(subscribed)
    ? [
        inner("streams", subscribed, [...core.streams.all.values()].map(stream)),
        ...filters(core),
        ...subscriptions(core),
        ...(core.capabilities.has(push) ? [capabilities(core)] : [])
      ]
    : []

/** The data, and besides it what the device offers. */
export const add = (core: Core, data: Element.Element): Element.Element => {
  const classic = core.capabilities.has(":notification") ? [EventStreams.list(core.streams)] : []
  const modules = core.dialect.yang11Modules === "in-library" ? [library(core)] : []
  return Tree.withChildren(data, [...data.children, ...classic, ...dynamic(core), ...modules])
}
