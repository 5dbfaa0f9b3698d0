/**
 * The filters of dynamic subscriptions (RFC 8639 §2.2, RFC 8641 §3.6): given in the request or by name, as subtree or as
 * XPath, and what they make of a tree of data. One that cannot be evaluated is refused as filter-unsupported, with why.
 */
import * as Element from "../xml/Element.ts"
import * as Parse from "../xml/Parse.ts"
import type { Core } from "./Core.ts"
import type { NamedFilter } from "./NotificationOptions.ts"
import * as Refusal from "./Refusal.ts"
import { push, refused, subscribed } from "./SubscriptionErrors.ts"
import * as SubtreeFilter from "./SubtreeFilter.ts"
import * as Tree from "./Tree.ts"
import * as XPathFilter from "./XPathFilter.ts"

export type Target = "stream" | "datastore"

export interface SubscriptionFilter {
  /** Set where the filter was given by name. */
  readonly name: string | undefined
  /** The part of a tree that is selected. */
  readonly select: (data: Element.Element) => Element.Element
  /** The filter itself, as subscription-modified and the list of subscriptions show it. */
  readonly described: ReadonlyArray<Element.Element>
}

const everything: SubscriptionFilter = { name: undefined, select: (data) => data, described: [] }

const namespaceOf = (target: Target): string => (target === "stream" ? subscribed : push)

const subtree = (core: Core, element: Element.Element): SubscriptionFilter => ({
  name: undefined,
  select: (data) => SubtreeFilter.apply(core.model, data, element),
  described: [element]
})

/** Prefixes are those in scope, and else the names of the device's modules. */
const xpath = (core: Core, element: Element.Element): SubscriptionFilter => {
  const modules = Object.fromEntries(core.model.modules.map(({ name, namespace }) => [name, namespace]))
  const scope = { ...modules, ...Element.bindings(element.scope) }
  const select = (data: Element.Element) => XPathFilter.apply(core.model, data, Element.text(element).trim(), scope)
  select(Tree.root())
  return { name: undefined, select, described: [element] }
}

const element = (target: Target, filter: NamedFilter): Element.Element => {
  const namespace = namespaceOf(target)
  if ("xpath" in filter) {
    return Element.make(`${target}-xpath-filter`, namespace, {
      scope: { ...filter.prefixes, "": namespace },
      children: [filter.xpath]
    })
  }
  const { children } = Parse.decode(`<filter>${filter.subtree}</filter>`)
  return Element.make(`${target}-subtree-filter`, namespace, { children })
}

const make = (core: Core, given: Element.Element): SubscriptionFilter =>
  given.name.endsWith("-xpath-filter") ? xpath(core, given) : subtree(core, given)

/** The filter of this name as it is now; undefined when there is none. */
export const named = (core: Core, target: Target, name: string): SubscriptionFilter | undefined => {
  const filter = core.filters.get(name)
  return filter === undefined ? undefined : { ...make(core, element(target, filter)), name }
}

const reference = (core: Core, target: Target, given: Element.Element): SubscriptionFilter => {
  const name = Element.text(given).trim()
  const found = named(core, target, name)
  if (found !== undefined) return found
  // A leafref without its instance, RFC 7950 §15.5.
  const message = `there is no filter ${name}`
  throw new Refusal.Refused({ type: "application", tag: "data-missing", appTag: "instance-required", message })
}

/** The filter of a request; everything where it has none. */
export const read = (
  core: Core,
  operation: "establish" | "modify",
  target: Target,
  request: Element.Element
): SubscriptionFilter => {
  const byName = target === "stream" ? "stream-filter-name" : "selection-filter-ref"
  const names = [`${target}-subtree-filter`, `${target}-xpath-filter`, byName]
  const [given, another] = Element.elements(request).filter(
    ({ name, namespace }) => names.includes(name) && namespace === namespaceOf(target)
  )
  if (given === undefined) return everything
  if (another !== undefined)
    throw new Refusal.Refused(Refusal.badElementValue(another.name, "there is one filter only"))
  if (given.name === byName) return reference(core, target, given)
  try {
    return make(core, given)
  } catch (error) {
    if (!(error instanceof Refusal.Refused)) throw error
    const why = error.refusals[0]?.message ?? "cannot be evaluated"
    const hints = { "filter-failure-hint": why }
    throw refused(core, "filter-unsupported", why, { operation, target, hints })
  }
}
