/**
 * Why a device refuses a subscription, and what it would accept (RFC 8640 §7, RFC 8639 §2.4.6, RFC 8641 appendix A.1): the
 * identity in error-app-tag, the hints in error-info. Devices differ in the error-tag, so that decides nothing.
 */
import * as Duration from "effect/Duration"
import { defined } from "../../data/Defined.ts"
import type { RpcError, RpcErrorItem } from "../../errors.ts"
import * as Element from "../../xml/Element.ts"
import * as Parse from "../../xml/Parse.ts"
import { localName } from "./Identity.ts"

/** The identities of the two RFCs; a device may add its own. */
export type RefusalReason =
  | "dscp-unavailable"
  | "encoding-unsupported"
  | "filter-unsupported"
  | "insufficient-resources"
  | "no-such-subscription"
  | "replay-unsupported"
  | "cant-exclude"
  | "datastore-not-subscribable"
  | "no-such-subscription-resync"
  | "on-change-unsupported"
  | "on-change-sync-unsupported"
  | "period-unsupported"
  | "update-too-big"
  | "sync-too-big"
  | "unchanging-selection"
  | (string & {})

const reasons: ReadonlySet<string> = new Set<RefusalReason>([
  "dscp-unavailable",
  "encoding-unsupported",
  "filter-unsupported",
  "insufficient-resources",
  "no-such-subscription",
  "replay-unsupported",
  "cant-exclude",
  "datastore-not-subscribable",
  "no-such-subscription-resync",
  "on-change-unsupported",
  "on-change-sync-unsupported",
  "period-unsupported",
  "update-too-big",
  "sync-too-big",
  "unchanging-selection",
  // Reasons of a termination that devices give here as well.
  "filter-unavailable",
  "stream-unavailable"
])

/** What the device would accept, as far as it says. */
export interface RefusalHints {
  /** A period, or a dampening period, that it can keep. */
  readonly period?: Duration.Duration
  /** Where or why the filter fails. */
  readonly filterFailure?: string
  /** The earliest moment that can be replayed, as sent. No RFC has it; devices built to the drafts do. */
  readonly replayStartTime?: string
  /** Objects that an update would have held, as the device guesses, and how many it can hold. */
  readonly objectCountEstimate?: number
  readonly objectCountLimit?: number
  /** The same in kilobytes. */
  readonly kilobytesEstimate?: number
  readonly kilobytesLimit?: number
}

export interface SubscriptionRefusal {
  /** The identity's local name: `period-unsupported`. */
  readonly reason: RefusalReason
  readonly hints: RefusalHints
  /** The rpc-error that says so. */
  readonly error: RpcErrorItem
}

const infoOf = ({ info }: RpcErrorItem): Element.Element | undefined => {
  if (info === undefined) return undefined
  try {
    return Element.elements(Parse.decode(info.xml)).find(({ name }) => /subscription.*error/.test(name))
  } catch (error) {
    if (error instanceof Parse.XmlError) return undefined
    throw error
  }
}

const textOf = (info: Element.Element, name: string): string | undefined => {
  const found = Element.child(info, name)
  const text = found === undefined ? "" : Element.text(found).trim()
  return text === "" ? undefined : text
}

const numberOf = (info: Element.Element, name: string): number | undefined => {
  const text = textOf(info, name)
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

const hintsOf = (info: Element.Element): RefusalHints => {
  const period = numberOf(info, "period-hint")
  return defined({
    period: period === undefined ? undefined : Duration.millis(period * 10),
    filterFailure: textOf(info, "filter-failure-hint"),
    replayStartTime: textOf(info, "replay-start-time-hint"),
    objectCountEstimate: numberOf(info, "object-count-estimate"),
    objectCountLimit: numberOf(info, "object-count-limit"),
    kilobytesEstimate: numberOf(info, "kilobytes-estimate"),
    kilobytesLimit: numberOf(info, "kilobytes-limit")
  })
}

const refusalIn = (error: RpcErrorItem): SubscriptionRefusal | undefined => {
  const info = infoOf(error)
  const tagged = error.appTag === undefined ? undefined : localName(error.appTag)
  const isOurs =
    tagged !== undefined && (reasons.has(tagged) || /^\s*ietf-(?:subscribed|yang-push)/.test(error.appTag!))
  const said = info === undefined ? undefined : textOf(info, "reason")
  const reason = isOurs ? tagged : said === undefined ? undefined : localName(said)
  return reason === undefined ? undefined : { reason, hints: info === undefined ? {} : hintsOf(info), error }
}

/** What a refusal of establish-, modify-, delete-, kill- or resync-subscription says; undefined where it is about something else. */
export const refusalOf = (error: RpcError): SubscriptionRefusal | undefined => {
  for (const item of error.errors) {
    const found = item.severity === "error" ? refusalIn(item) : undefined
    if (found !== undefined) return found
  }
  return undefined
}
