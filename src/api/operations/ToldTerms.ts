/**
 * The terms of a subscription as the device tells them when it has modified it (RFC 8639 §2.7.2), which are those that the next
 * modification of the client's restates.
 */
import * as Duration from "effect/Duration"
import { defined } from "../../data/Defined.ts"
import type * as OwnEvent from "../../notifications/push/OwnEvent.ts"
import * as Element from "../../xml/Element.ts"
import * as Filter from "./Filter.ts"
import * as Options from "./SubscriptionOptions.ts"

type Told = OwnEvent.Of<"SubscriptionModified">

/** The filter that the device tells; undefined where it tells none. */
const toldFilter = (event: Told): Filter.Filter | Options.NamedFilter | undefined => {
  const name = event.streamFilterName ?? event.selectionFilterRef
  if (name !== undefined) return { named: name }
  const subtree = event.streamSubtreeFilter ?? event.datastoreSubtreeFilter
  if (subtree !== undefined) return Filter.subtree(...Element.elements(subtree))
  const xpath = event.streamXpathFilter ?? event.datastoreXpathFilter
  if (xpath === undefined) return undefined
  const { "": _default, ...prefixes } = Element.bindings(xpath.scope)
  return Filter.xpath(Element.text(xpath).trim(), prefixes)
}

const inMillis = (centiseconds: number | undefined): Duration.Duration | undefined =>
  centiseconds === undefined ? undefined : Duration.millis(centiseconds * 10)

/**
 * The terms of a subscription that the device has modified (RFC 8639 §2.7.2): what it tells, and what it leaves out as it
 * was. A filter that is known by its name stays so, whatever it holds now.
 */
export const told = (terms: Options.EstablishOptions, event: Told): Options.EstablishOptions => {
  const isByName = Options.isNamed(terms.filter)
  const { stopTime } = event
  const shared = defined({ filter: isByName ? undefined : toldFilter(event), stopTime })
  if (!Options.isDatastore(terms)) return { ...terms, ...shared }
  const anchorTime = event.periodic?.anchorTime
  const period = inMillis(event.periodic?.period)
  const dampeningPeriod = inMillis(event.onChange?.dampeningPeriod)
  return {
    ...terms,
    ...shared,
    ...(terms.periodic === undefined ? {} : { periodic: { ...terms.periodic, ...defined({ period, anchorTime }) } }),
    ...(terms.onChange === undefined ? {} : { onChange: { ...terms.onChange, ...defined({ dampeningPeriod }) } })
  }
}
