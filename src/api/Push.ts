/**
 * Dynamic subscriptions (RFC 8639, 8640) and what devices push of their datastores (RFC 8641): subscriptions that can be
 * modified, several on one session, and on top of them a live mirror of a part of a datastore.
 *
 * What carries them is in `push/`, what they say in `notifications/push/`.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { CallOptions } from "../rpc/Operation.ts"
import type { OperationError, SubscribeError } from "../errors.ts"
import * as Subscriptions from "./operations/Subscriptions.ts"
import type { DynamicSubscription } from "./push/Established.ts"
import * as Mirroring from "./push/Mirror.ts"
import type { MirrorOptions } from "./push/MirrorOptions.ts"
import type { DynamicOptions } from "./push/Options.ts"
import {
  type NotificationCapabilities,
  onChangeSupport as supportOf,
  type OnChangeSupport
} from "../notifications/push/NotificationCapabilities.ts"
import type { Step } from "../xml/Element.ts"
import type { Session } from "./Session.ts"

export { refusalOf } from "../notifications/push/SubscriptionRefusal.ts"
export type { RefusalHints, RefusalReason, SubscriptionRefusal } from "../notifications/push/SubscriptionRefusal.ts"
export type { DynamicEvent, DynamicStatistics } from "../notifications/push/DynamicSubscription.ts"
export type { Edit, YangPatch } from "../notifications/push/OwnEvent.ts"
export type {
  NotificationCapabilities,
  OnChangeSupport,
  SubscriptionCapabilities,
  Support
} from "../notifications/push/NotificationCapabilities.ts"
export type { DynamicSubscription } from "./push/Established.ts"
export type { Mirror } from "./push/Mirror.ts"
export type { MirrorState, MirrorStatistics } from "./push/MirrorState.ts"
export type { MirrorOptions } from "./push/MirrorOptions.ts"
export type { DynamicOptions, QueueOptions } from "./push/Options.ts"
export type {
  ChangeType,
  DatastoreName,
  DatastoreOptions,
  EstablishOptions,
  ModifyOptions,
  NamedFilter,
  OnChange,
  Periodic,
  StreamOptions
} from "./operations/SubscriptionOptions.ts"
export type { Moment } from "./operations/CreateSubscription.ts"

/**
 * Establishes a dynamic subscription, as `session.establishSubscription` does: established when it returns, over with the
 * scope. Fails with the `RpcError` of a device that refuses; {@link refusalOf} says why, and what it would accept.
 *
 * @example
 * const subscription = yield* Push.establish(session, { datastore: "running", filter, onChange: {} })
 * yield* Stream.runForEach(subscription.events, (event) => Effect.log(event._tag))
 */
export const establish = (
  session: Pick<Session, "establishSubscription">,
  options: DynamicOptions
): Effect.Effect<DynamicSubscription, SubscribeError, Scope.Scope> => session.establishSubscription(options)

/**
 * Ends anybody's dynamic subscription by its id (RFC 8639 §2.4.5). Most devices allow it to administrators alone.
 *
 * Fails with an `RpcError`; {@link refusalOf} says `no-such-subscription` where there is none.
 */
export const kill = (
  session: Pick<Session, "run">,
  id: number,
  options?: CallOptions
): Effect.Effect<void, OperationError> => Effect.asVoid(session.run(Subscriptions.killSubscription(id), options))

export { capabilities } from "./push/Capabilities.ts"

/**
 * Whether the changes of a node and of what is below it are pushed: `all`, `some`, `none`, or `unknown` where the device does
 * not say. `path` is one as `Element.find` takes it; without one it is about the whole datastore.
 *
 * @example
 * const said = yield* Push.capabilities(session)
 * Push.onChangeSupport(said, "operational", ["interfaces", "interface", "statistics"]) // "none"
 */
export const onChangeSupport = (
  capabilities: NotificationCapabilities,
  datastore: string,
  path?: ReadonlyArray<Step>
): OnChangeSupport => supportOf(capabilities, datastore, path)

/** Whether it is worth asking for changes of a node: false only where the device says that it pushes none of them. */
export const supportsOnChange = (
  capabilities: NotificationCapabilities,
  datastore: string,
  path?: ReadonlyArray<Step>
): boolean => supportOf(capabilities, datastore, path) !== "none"

/**
 * A part of a datastore as a tree that follows the device, until the scope closes: on change where nothing else is asked for.
 * Returns when it is established; `first` waits for the first tree. What was missed is asked for again, and a lost session
 * is followed by another one.
 *
 * Fails as {@link establish} does.
 *
 * @example
 * const mirror = yield* Push.mirror(session, { datastore: "operational", filter })
 * yield* Stream.runForEach(mirror.changes, (tree) => Effect.log(Element.find(tree, ["interfaces", "interface"])))
 */
export const mirror = (
  session: Session,
  options: MirrorOptions
): Effect.Effect<Mirroring.Mirror, SubscribeError, Scope.Scope> => Mirroring.make(session, options)
