/**
 * Which events a subscription lets through: a filter is evaluated on one event at a time, and an event of which it
 * selects anything is sent whole (RFC 5277 §3.6, RFC 8639 §2.2).
 */
import * as Element from "../xml/Element.ts"
import type { Core } from "./Core.ts"
import type { EventRecord } from "./EventStreams.ts"
import { needs, refused } from "./Parameters.ts"
import * as Refusal from "./Refusal.ts"
import * as SubtreeFilter from "./SubtreeFilter.ts"
import * as Tree from "./Tree.ts"
import * as XPathFilter from "./XPathFilter.ts"

export type EventFilter = (record: EventRecord) => boolean

export const everything: EventFilter = () => true

const selects = (apply: (event: Element.Element) => Element.Element): EventFilter => {
  return (record) => !Tree.isEmpty(apply(Tree.root([record.content])))
}

/** By the children of this element. */
export const subtree = (core: Core, filter: Element.Element): EventFilter =>
  selects((event) => SubtreeFilter.apply(core.model, event, filter))

/** By an expression with the prefixes in scope on this element; throws `Refused` for one that cannot be evaluated. */
export const xpath = (core: Core, expression: string, scope: Element.Scope): EventFilter => {
  XPathFilter.apply(core.model, Tree.root(), expression, scope)
  return selects((event) => XPathFilter.apply(core.model, event, expression, scope))
}

/** The `<filter>` of create-subscription, which is that of get (RFC 6241 §6, §8.9.5). */
export const fromFilter = (core: Core, request: Element.Element, filter: Element.Element | undefined): EventFilter => {
  if (filter === undefined) return everything
  const attribute = (name: string) => filter.attributes.find((given) => given.name === name)?.value
  const type = attribute("type") ?? "subtree"
  if (type === "subtree") return subtree(core, filter)
  if (type !== "xpath") throw refused(Refusal.badAttribute("protocol", "type", "filter"))
  needs(core, ":xpath", request)
  const expression = attribute("select")
  if (expression === undefined) throw refused(Refusal.missingAttribute("protocol", "select", "filter"))
  return xpath(core, expression, filter.scope)
}
