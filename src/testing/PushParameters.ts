/**
 * The parameters of a subscription to a datastore (RFC 8641 §4.2, §4.4): what is asked for, and what this device refuses
 * of it, each with the identity and the hints that the RFC has for it.
 */
import * as Element from "../xml/Element.ts"
import type { Core } from "./Core.ts"
import * as EventTime from "./EventTime.ts"
import type { ChangeType } from "./NotificationOptions.ts"
import { refused as refusedBy } from "./Parameters.ts"
import * as Refusal from "./Refusal.ts"
import { push, refused } from "./SubscriptionErrors.ts"
import type { Hints, Identity } from "./SubscriptionErrors.ts"

export type DatastoreName = "running" | "candidate" | "startup" | "operational"

export interface Periodic {
  readonly kind: "periodic"
  /** Hundredths of a second. */
  readonly period: number
  readonly anchor: { readonly at: bigint; readonly text: string } | undefined
}

export interface OnChange {
  readonly kind: "on-change"
  /** Hundredths of a second. */
  readonly dampening: number
  readonly syncOnStart: boolean
  readonly excluded: ReadonlySet<ChangeType>
}

export type Trigger = Periodic | OnChange
type Operation = "establish" | "modify"

const datastores = "urn:ietf:params:xml:ns:yang:ietf-datastores"
const changeTypes: ReadonlySet<string> = new Set(["create", "delete", "insert", "move", "replace"])

export const refuse = (
  core: Core,
  operation: Operation,
  identity: Identity,
  message: string,
  hints: Hints = {}
): Refusal.Refused => refused(core, identity, message, { operation, target: "datastore", hints })

const child = (element: Element.Element, name: string): Element.Element | undefined =>
  Element.child(element, name, push)

const text = (element: Element.Element, name: string): string | undefined => {
  const found = child(element, name)
  return found === undefined ? undefined : Element.text(found).trim()
}

const centiseconds = (element: Element.Element, name: string): number | undefined => {
  const given = text(element, name)
  if (given === undefined) return undefined
  if (/^\d{1,10}$/.test(given) && Number(given) <= 4_294_967_295) return Number(given)
  throw refusedBy(Refusal.invalidValue(`${name} is not a number of hundredths of a second`))
}

/** The datastore that the request names; undefined when it names none. */
export const datastore = (core: Core, request: Element.Element): DatastoreName | undefined => {
  const element = child(request, "datastore")
  if (element === undefined) return undefined
  const given = Element.text(element).trim()
  const colon = given.indexOf(":")
  const namespace = element.scope[given.slice(0, Math.max(colon, 0))]
  const name = given.slice(colon + 1)
  const offered: ReadonlyArray<string> = core.settings.notifications.push?.datastores ?? ["running", "operational"]
  if (namespace === datastores && offered.includes(name)) return name as DatastoreName
  throw refuse(core, "establish", "datastore-not-subscribable", `${given} cannot be subscribed to`)
}

const periodic = (core: Core, operation: Operation, element: Element.Element): Periodic => {
  const period = centiseconds(element, "period")
  if (period === undefined) throw refusedBy(Refusal.missingParameter("period", "periodic needs a period"))
  const minimum = Math.max(1, core.settings.notifications.push?.minimumPeriod ?? 1)
  if (period < minimum) {
    const hints = { "period-hint": minimum }
    throw refuse(core, operation, "period-unsupported", `the shortest period is ${minimum}`, hints)
  }
  const anchor = text(element, "anchor-time")
  if (anchor === undefined) return { kind: "periodic", period, anchor: undefined }
  const at = EventTime.parse(anchor)
  if (at === undefined) throw refusedBy(Refusal.invalidValue("anchor-time is no date-and-time"))
  return { kind: "periodic", period, anchor: { at, text: anchor } }
}

const excludedChanges = (core: Core, operation: Operation, element: Element.Element): ReadonlySet<ChangeType> => {
  const given = Element.children(element, "excluded-change", push).map((one) => Element.text(one).trim())
  const excludable: ReadonlyArray<string> | undefined = core.settings.notifications.push?.excludable
  for (const one of given) {
    if (!changeTypes.has(one)) throw refusedBy(Refusal.invalidValue(`${one} is not a type of change`))
    if (excludable?.includes(one) === false) throw refuse(core, operation, "cant-exclude", `cannot exclude ${one}`)
  }
  return new Set(given as ReadonlyArray<ChangeType>)
}

const onChange = (core: Core, operation: Operation, element: Element.Element): OnChange => {
  const { minimumDampening = 0, onChange: offered = true } = core.settings.notifications.push ?? {}
  if (!offered) throw refuse(core, operation, "on-change-unsupported", "this device pushes no changes")
  const dampening = centiseconds(element, "dampening-period") ?? 0
  if (dampening < minimumDampening) {
    const hints = { "period-hint": minimumDampening }
    throw refuse(core, operation, "period-unsupported", `the shortest dampening-period is ${minimumDampening}`, hints)
  }
  const sync = text(element, "sync-on-start") ?? "true"
  if (sync !== "true" && sync !== "false") throw refusedBy(Refusal.invalidValue("sync-on-start is not true or false"))
  const excluded = excludedChanges(core, operation, element)
  return { kind: "on-change", dampening, syncOnStart: sync === "true", excluded }
}

/** When updates are sent; undefined where the request does not say. */
export const trigger = (core: Core, operation: Operation, request: Element.Element): Trigger | undefined => {
  const every = child(request, "periodic")
  const changed = child(request, "on-change")
  if (every !== undefined && changed !== undefined) {
    throw refusedBy(Refusal.badElementValue("on-change", "a subscription is periodic or on-change"))
  }
  if (every !== undefined) return periodic(core, operation, every)
  return changed === undefined ? undefined : onChange(core, operation, changed)
}

const leaf = (name: string, value: string): Element.Element => Element.make(name, push, { children: [value] })

/** A trigger as it is shown. */
export const describe = (given: Trigger): Element.Element => {
  if (given.kind === "periodic") {
    const anchor = given.anchor === undefined ? [] : [leaf("anchor-time", given.anchor.text)]
    return Element.make("periodic", push, { children: [leaf("period", String(given.period)), ...anchor] })
  }
  return Element.make("on-change", push, {
    children: [
      leaf("dampening-period", String(given.dampening)),
      leaf("sync-on-start", String(given.syncOnStart)),
      ...[...given.excluded].map((one) => leaf("excluded-change", one))
    ]
  })
}

export const describeDatastore = (name: DatastoreName): Element.Element =>
  Element.make("datastore", push, { scope: { ds: datastores, "": push }, children: [`ds:${name}`] })
