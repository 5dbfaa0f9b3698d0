/**
 * Refused subscriptions (RFC 8639 §2.4.6, RFC 8641 appendix A.1): an identity each, as RFC 8640 §7 puts it into an
 * rpc-error: its error-tag, the identity as error-app-tag, and hints in the structure that belongs to the operation.
 */
import * as Element from "../xml/Element.ts"
import type { Core } from "./Core.ts"
import * as Refusal from "./Refusal.ts"

/** RFC 8639. */
export const subscribed = "urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications"
/** RFC 8641. */
export const push = "urn:ietf:params:xml:ns:yang:ietf-yang-push"

const identities = {
  "dscp-unavailable": [subscribed, "invalid-value"],
  "encoding-unsupported": [subscribed, "invalid-value"],
  "filter-unsupported": [subscribed, "invalid-value"],
  "insufficient-resources": [subscribed, "resource-denied"],
  "no-such-subscription": [subscribed, "invalid-value"],
  "replay-unsupported": [subscribed, "operation-not-supported"],
  "cant-exclude": [push, "operation-not-supported"],
  "datastore-not-subscribable": [push, "invalid-value"],
  "no-such-subscription-resync": [push, "invalid-value"],
  "on-change-unsupported": [push, "operation-not-supported"],
  "on-change-sync-unsupported": [push, "operation-not-supported"],
  "period-unsupported": [push, "invalid-value"],
  "update-too-big": [push, "too-big"],
  "sync-too-big": [push, "too-big"],
  "unchanging-selection": [push, "operation-failed"],
  // Reasons of a state change alone.
  "filter-unavailable": [subscribed, "operation-failed"],
  "stream-unavailable": [subscribed, "operation-failed"],
  "suspension-timeout": [subscribed, "operation-failed"],
  "unsupportable-volume": [subscribed, "operation-failed"]
} as const satisfies Readonly<Record<string, readonly [namespace: string, tag: string]>>

export type Identity = keyof typeof identities

export type Hints = Readonly<
  Partial<
    Record<
      | "period-hint"
      | "filter-failure-hint"
      | "object-count-estimate"
      | "object-count-limit"
      | "kilobytes-estimate"
      | "kilobytes-limit",
      string | number
    >
  >
>

const prefixOf = (namespace: string): string => (namespace === push ? "yp" : "sn")

/** A leaf that holds an identity, with the prefix that it needs. */
export const identityLeaf = (name: string, namespace: string, identity: Identity): Element.Element => {
  const [module] = identities[identity]
  const prefix = prefixOf(module)
  const [scope, text] = module === namespace ? [{}, identity] : [{ [prefix]: module }, `${prefix}:${identity}`]
  return Element.make(name, namespace, { scope: { ...scope, "": namespace }, children: [text] })
}

/** The structure for what an operation on a target refuses. */
const structure = (operation: "establish" | "modify", target: "stream" | "datastore") => ({
  name: `${operation}-subscription-${target}-error-info`,
  namespace: target === "stream" ? subscribed : push
})

interface Where {
  readonly operation: "establish" | "modify"
  readonly target: "stream" | "datastore"
  readonly hints?: Hints
}

/** The rpc-error; `where` adds the structure, which delete, kill and resync go without. */
export const refused = (core: Core, identity: Identity, message: string, where?: Where): Refusal.Refused => {
  const [module, tag] = identities[identity]
  const named = module === push ? "ietf-yang-push" : "ietf-subscribed-notifications"
  const plain: Refusal.Refusal = {
    type: "application",
    tag: core.dialect.subscriptionErrorTag === "by-identity" ? tag : "operation-failed",
    appTag: `${named}:${identity}`,
    message
  }
  if (where === undefined) return new Refusal.Refused(plain)
  const { name, namespace } = structure(where.operation, where.target)
  const hints = Object.entries(where.hints ?? {}).map(([hint, value]) =>
    Element.make(hint, namespace, { children: [String(value)] })
  )
  const children = [identityLeaf("reason", namespace, identity), ...hints]
  return new Refusal.Refused({ ...plain, info: [Element.make(name, namespace, { children })] })
}
