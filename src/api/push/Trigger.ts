/**
 * How a mirror is told of its datastore (RFC 8641 §3.1): on change where the device pushes changes of all that is wanted, as far
 * as it says (RFC 9196), else periodically. What becomes of the updates is `Mirror.ts`.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { SubscribeError } from "../../errors.ts"
import * as NotificationCapabilities from "../../notifications/push/NotificationCapabilities.ts"
import { refusalOf } from "../../notifications/push/SubscriptionRefusal.ts"
import * as Element from "../../xml/Element.ts"
import * as Filter from "../operations/Filter.ts"
import type { DatastoreOptions } from "../operations/SubscriptionOptions.ts"
import type { Session } from "../Session.ts"
import { capabilities } from "./Capabilities.ts"
import type { DynamicSubscription } from "./Established.ts"
import type { Settings } from "./MirrorOptions.ts"

export interface Triggered {
  readonly subscription: DynamicSubscription
  readonly trigger: "on-change" | "periodic"
}

/** The nodes that a part of a subtree filter selects (RFC 6241 §6.2); one with text picks entries, and selects what is beside it. */
const selected = (element: Element.Element): ReadonlyArray<ReadonlyArray<Element.Step>> => {
  const step: Element.Step = [element.namespace, element.name]
  const inside = Element.elements(element).filter((child) => Element.text(child).trim() === "")
  return inside.length === 0 ? [[step]] : inside.flatMap(selected).map((path) => [step, ...path])
}

/** The nodes that are wanted; the whole datastore where a filter does not show them. */
const pathsOf = (filter: DatastoreOptions["filter"]): ReadonlyArray<ReadonlyArray<Element.Step>> => {
  if (filter === undefined || (typeof filter === "object" && "named" in filter)) return [[]]
  const inside = Filter.encode(filter).flatMap((element) => Element.elements(element))
  return inside.length === 0 ? [[]] : inside.flatMap(selected)
}

const pushesAll = (session: Session, { datastore, filter }: DatastoreOptions): Effect.Effect<boolean> => {
  const name = typeof datastore === "string" ? datastore : datastore.name
  const said = Effect.catch(capabilities(session), () => Effect.succeed(NotificationCapabilities.unknown))
  return Effect.map(said, (all) =>
    pathsOf(filter).every((path) => {
      const support = NotificationCapabilities.onChangeSupport(all, name, path)
      return support === "all" || support === "unknown"
    })
  )
}

const noChanges = new Set(["on-change-unsupported", "on-change-sync-unsupported"])

/** The subscription, with the first of the triggers that are wanted which the device offers. */
export const triggerOf = (
  session: Session,
  { onChange, periodic }: Settings
): Effect.Effect<Triggered, SubscribeError, Scope.Scope> => {
  const establish = (options: NonNullable<Settings["onChange"]>, trigger: Triggered["trigger"]) =>
    Effect.map(session.establishSubscription(options), (subscription): Triggered => ({ subscription, trigger }))
  if (onChange === undefined) return establish(periodic!, "periodic")
  // Where nothing else would do, the device says itself what it does not offer.
  if (periodic === undefined) return establish(onChange, "on-change")
  const changes = Effect.catchTag(establish(onChange, "on-change"), "RpcError", (error) =>
    noChanges.has(refusalOf(error)?.reason ?? "") ? establish(periodic, "periodic") : Effect.fail(error)
  )
  return Effect.flatMap(pushesAll(session, onChange), (all) => (all ? changes : establish(periodic, "periodic")))
}
