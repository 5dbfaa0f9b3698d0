/**
 * What a device is able to push (RFC 9196, ietf-notification-capabilities): for the whole system, for a datastore, and for
 * nodes of it, where the first entry that selects a node and says something about it counts.
 */
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import { Identityref, InstanceIdentifier } from "../../data/Values.ts"
import type { Step } from "../../xml/Element.ts"
import { notificationCapabilities } from "../../xml/Namespaces.ts"

/** For which nodes of its scope something is offered. */
export interface Support {
  readonly configChanges: boolean
  readonly stateChanges: boolean
}

const Bits = Schema.String.pipe(
  Schema.decodeTo(Schema.Struct({ configChanges: Schema.Boolean, stateChanges: Schema.Boolean }), {
    decode: SchemaGetter.transform((text: string) => {
      const bits = text.split(/\s+/)
      return { configChanges: bits.includes("config-changes"), stateChanges: bits.includes("state-changes") }
    }),
    encode: SchemaGetter.transform(({ configChanges, stateChanges }: Support) =>
      [...(configChanges ? ["config-changes"] : []), ...(stateChanges ? ["state-changes"] : [])].join(" ")
    )
  })
)

const Centiseconds = Schema.Int.pipe(
  Schema.decodeTo(Schema.Duration, {
    decode: SchemaGetter.transform((centiseconds: number) => Duration.millis(centiseconds * 10)),
    encode: SchemaGetter.transform((duration: Duration.Duration) => Math.round(Duration.toMillis(duration) / 10))
  })
)

const optional = Schema.optionalKey

/** subscription-capabilities: each is there where the device says it in this place. */
export const SubscriptionCapabilities = Schema.Struct({
  maxNodesPerUpdate: optional(Schema.Int),
  periodicSupported: optional(Bits),
  minimumUpdatePeriod: optional(Centiseconds),
  /** These and no others; empty where the device does not say. */
  supportedUpdatePeriods: Schema.Array(Centiseconds),
  onChangeSupported: optional(Bits),
  /** Above zero: a dampening period is mandatory. */
  minimumDampeningPeriod: optional(Centiseconds),
  /** Types of change, `none` or `all`; empty where the device does not say. */
  supportedExcludedChanges: Schema.Array(Schema.Trim)
}).pipe(
  Schema.encodeKeys({
    maxNodesPerUpdate: "max-nodes-per-update",
    periodicSupported: "periodic-notifications-supported",
    minimumUpdatePeriod: "minimum-update-period",
    supportedUpdatePeriods: "supported-update-period",
    onChangeSupported: "on-change-supported",
    minimumDampeningPeriod: "minimum-dampening-period",
    supportedExcludedChanges: "supported-excluded-change-type"
  })
)
export type SubscriptionCapabilities = (typeof SubscriptionCapabilities)["Type"]

const own = { subscription: optional(SubscriptionCapabilities) }
const ownKey = { subscription: `{${notificationCapabilities}}subscription-capabilities` } as const

const PerNode = Schema.Struct({
  /** Undefined or `/`: all nodes of the datastore. */
  selector: optional(InstanceIdentifier),
  ...own
}).pipe(Schema.encodeKeys({ selector: "node-selector", ...ownKey }))

const PerDatastore = Schema.Struct({ datastore: Identityref, nodes: Schema.Array(PerNode) }).pipe(
  Schema.encodeKeys({ nodes: "per-node-capabilities" })
)

/** The element system-capabilities. */
export const NotificationCapabilities = Schema.Struct({ ...own, datastores: Schema.Array(PerDatastore) }).pipe(
  Schema.encodeKeys({ ...ownKey, datastores: "datastore-capabilities" })
)
export type NotificationCapabilities = (typeof NotificationCapabilities)["Type"]

/** A device that says nothing. */
export const unknown: NotificationCapabilities = { datastores: [] }

type Selector = (typeof InstanceIdentifier)["Type"]

interface SelectorStep {
  readonly namespace: string | undefined
  readonly name: string
}

/** The names of a selector's steps; what stands in brackets picks entries of them. */
const stepsOf = ({ namespaces, path }: Selector): ReadonlyArray<SelectorStep> =>
  path
    .replaceAll(/\[(?:[^\]'"]|'[^']*'|"[^"]*")*\]/g, "")
    .split("/")
    .filter((step) => step !== "")
    .map((step) => {
      const colon = step.indexOf(":")
      return { namespace: colon === -1 ? undefined : namespaces[step.slice(0, colon)], name: step.slice(colon + 1) }
    })

const isSame = (step: SelectorStep, wanted: Step): boolean => {
  const [namespace, name] = typeof wanted === "string" ? [undefined, wanted] : wanted
  if (step.name !== name) return false
  return namespace === undefined || step.namespace === undefined || step.namespace === namespace
}

/** How what a selector selects lies to a path: it holds all of it, some entries of it, something below it, or nothing. */
const relation = (selector: Selector | undefined, path: ReadonlyArray<Step>): "all" | "entries" | "below" | "none" => {
  const steps = selector === undefined ? [] : stepsOf(selector)
  const shared = Math.min(steps.length, path.length)
  if (!path.slice(0, shared).every((wanted, at) => isSame(steps[at]!, wanted))) return "none"
  if (steps.length > path.length) return "below"
  return selector?.path.includes("[") === true ? "entries" : "all"
}

/**
 * Whether changes of a node and of what is below it are pushed. `unknown`: the device does not say. `some`: not all of
 * them are, or not those of configuration and state alike.
 */
export type OnChangeSupport = "all" | "some" | "none" | "unknown"

const supportOf = (support: Support | undefined, datastore: string): OnChangeSupport => {
  if (support === undefined) return "unknown"
  // A configuration datastore holds no state.
  const state = datastore === "operational" ? support.stateChanges : support.configChanges
  return support.configChanges && state ? "all" : support.configChanges || support.stateChanges ? "some" : "none"
}

/** As RFC 9196 §2 says to look it up; `path` as `Element.find` takes one, none at all for the whole datastore. */
export const onChangeSupport = (
  capabilities: NotificationCapabilities,
  datastore: string,
  path: ReadonlyArray<Step> = []
): OnChangeSupport => {
  const nodes = capabilities.datastores.find(({ datastore: { name } }) => name === datastore)?.nodes ?? []
  const found: Array<OnChangeSupport> = []
  let decided = false
  for (const { selector, subscription } of nodes) {
    const related = subscription?.onChangeSupported === undefined ? "none" : relation(selector, path)
    if (related === "none") continue
    found.push(supportOf(subscription?.onChangeSupported, datastore))
    decided = related === "all"
    if (decided) break
  }
  if (!decided) found.push(supportOf(capabilities.subscription?.onChangeSupported, datastore))
  const [first = "unknown", ...rest] = found
  return rest.every((other) => other === first) ? first : "some"
}
