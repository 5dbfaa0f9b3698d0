/**
 * The notifications of a subscription's own (RFC 8639 §2.7, RFC 8641 §3.7) as values: what becomes of it, and the updates of
 * a datastore. Each carries the subscription's id; the records of an event stream do not, and are what they are.
 *
 * Told by name and namespace; a device that strips namespaces is understood too.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { AnyXml, Empty, Identityref } from "../../data/Values.ts"
import type { DataError, ProtocolError } from "../../errors.ts"
import type { Notification } from "../Notification.ts"
import { push, subscribed } from "../../xml/Namespaces.ts"
import { Identity } from "./Identity.ts"

const UnsignedInt = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4_294_967_295 }))
const optional = Schema.optionalKey

/** Text whose white space around is the layout of the message. */
const Trimmed = Schema.Trim

/** The terms of a subscription, as far as the device tells them. Filters are elements: an XPath with its prefixes. */
const terms = {
  id: UnsignedInt,
  stream: optional(Trimmed),
  streamFilterName: optional(Trimmed),
  streamSubtreeFilter: optional(AnyXml),
  streamXpathFilter: optional(AnyXml),
  replayStartTime: optional(Trimmed),
  replayPreviousEventTime: optional(Trimmed),
  stopTime: optional(Trimmed),
  encoding: optional(Identity),
  dscp: optional(UnsignedInt),
  weighting: optional(UnsignedInt),
  dependency: optional(UnsignedInt),
  datastore: optional(Identityref),
  selectionFilterRef: optional(Trimmed),
  datastoreSubtreeFilter: optional(AnyXml),
  datastoreXpathFilter: optional(AnyXml),
  /** Hundredths of a second. */
  periodic: optional(
    Schema.Struct({ period: UnsignedInt, anchorTime: optional(Trimmed) }).pipe(
      Schema.encodeKeys({ anchorTime: "anchor-time" })
    )
  ),
  /** Hundredths of a second. */
  onChange: optional(
    Schema.Struct({
      dampeningPeriod: Schema.optionalKey(UnsignedInt),
      syncOnStart: Schema.optionalKey(Schema.Boolean),
      excludedChange: Schema.Array(Trimmed)
    }).pipe(
      Schema.encodeKeys({
        dampeningPeriod: "dampening-period",
        syncOnStart: "sync-on-start",
        excludedChange: "excluded-change"
      })
    )
  )
}

const Terms = Schema.Struct(terms).pipe(
  Schema.encodeKeys({
    streamFilterName: "stream-filter-name",
    streamSubtreeFilter: "stream-subtree-filter",
    streamXpathFilter: "stream-xpath-filter",
    replayStartTime: "replay-start-time",
    replayPreviousEventTime: "replay-previous-event-time",
    stopTime: "stop-time",
    selectionFilterRef: "selection-filter-ref",
    datastoreSubtreeFilter: "datastore-subtree-filter",
    datastoreXpathFilter: "datastore-xpath-filter",
    onChange: "on-change"
  })
)

/** subscription-started: of configured subscriptions alone, and of devices that say it of all. */
export const SubscriptionStarted = Terms

/** subscription-modified: by the device, with all of its terms as they are now. */
export const SubscriptionModified = Terms

const Reason = Schema.Struct({
  id: UnsignedInt,
  /** The identity's local name: `insufficient-resources`. */
  reason: Identity
})

/** subscription-suspended: nothing more comes until it resumes. */
export const SubscriptionSuspended = Reason

/** subscription-terminated: the device has ended it. */
export const SubscriptionTerminated = Reason

const Id = Schema.Struct({ id: UnsignedInt })

/** subscription-resumed. */
export const SubscriptionResumed = Id

/** subscription-completed: stop-time is reached. */
export const SubscriptionCompleted = Id

/** replay-completed: what follows is happening now. */
export const ReplayCompleted = Id

const isIncomplete = Schema.optionalKey(Empty)

/** push-update: the whole selection, below `contents`. */
export const PushUpdate = Schema.Struct({
  id: Schema.optionalKey(UnsignedInt),
  contents: Schema.optionalKey(AnyXml),
  /** True where the device could not gather all of it. */
  incomplete: isIncomplete
}).pipe(Schema.encodeKeys({ contents: "datastore-contents", incomplete: "incomplete-update" }))

const edit = {
  editId: Schema.optionalKey(Trimmed),
  operation: Schema.Trim.pipe(
    Schema.decodeTo(Schema.Literals(["create", "delete", "insert", "merge", "move", "replace", "remove"]))
  ),
  target: Trimmed,
  point: optional(Trimmed),
  where: optional(Schema.Trim.pipe(Schema.decodeTo(Schema.Literals(["before", "after", "first", "last"])))),
  /** Holds the target as it is now. */
  value: optional(AnyXml)
}

/** One edit of a YANG patch (RFC 8072 §2.3). */
export const Edit = Schema.Struct(edit).pipe(Schema.encodeKeys({ editId: "edit-id" }))
export type Edit = (typeof Edit)["Type"]

/** A YANG patch. */
export const YangPatch = Schema.Struct({
  /** Counts from 0 after each push-update, where the device keeps to the RFC's advice. */
  patchId: Trimmed,
  comment: optional(Schema.String),
  edit: Schema.Array(Edit)
}).pipe(Schema.encodeKeys({ patchId: "patch-id" }))
export type YangPatch = (typeof YangPatch)["Type"]

/** push-change-update: what has changed since the last update. */
export const PushChangeUpdate = Schema.Struct({
  id: Schema.optionalKey(UnsignedInt),
  changes: Schema.optionalKey(
    Schema.Struct({ patch: Schema.optionalKey(YangPatch) }).pipe(Schema.encodeKeys({ patch: "yang-patch" }))
  ),
  /** True where changes are missing. */
  incomplete: isIncomplete
}).pipe(Schema.encodeKeys({ changes: "datastore-changes", incomplete: "incomplete-update" }))

const known = {
  "subscription-started": { _tag: "SubscriptionStarted", namespace: subscribed, schema: SubscriptionStarted },
  "subscription-modified": { _tag: "SubscriptionModified", namespace: subscribed, schema: SubscriptionModified },
  "subscription-suspended": { _tag: "SubscriptionSuspended", namespace: subscribed, schema: SubscriptionSuspended },
  "subscription-resumed": { _tag: "SubscriptionResumed", namespace: subscribed, schema: SubscriptionResumed },
  "subscription-completed": { _tag: "SubscriptionCompleted", namespace: subscribed, schema: SubscriptionCompleted },
  "subscription-terminated": { _tag: "SubscriptionTerminated", namespace: subscribed, schema: SubscriptionTerminated },
  "replay-completed": { _tag: "ReplayCompleted", namespace: subscribed, schema: ReplayCompleted },
  "push-update": { _tag: "PushUpdate", namespace: push, schema: PushUpdate },
  "push-change-update": { _tag: "PushChangeUpdate", namespace: push, schema: PushChangeUpdate }
} as const

type Known = typeof known
type Name = keyof Known

/** A notification of a subscription's own, its fields beside its `_tag`, and the notification that it was. */
export type OwnEvent = {
  readonly [N in Name]: Known[N]["schema"]["Type"] & {
    readonly _tag: Known[N]["_tag"]
    readonly notification: Notification
  }
}[Name]

export type Of<Tag extends OwnEvent["_tag"]> = Extract<OwnEvent, { readonly _tag: Tag }>

/** Whether a notification is one of a subscription's own, by its name and namespace. */
export const isOwn = ({ name, namespace }: Pick<Notification, "name" | "namespace">): boolean =>
  Object.hasOwn(known, name) && (namespace === known[name as Name].namespace || namespace === "")

/**
 * A notification as the event of a subscription that it is; undefined for an event record.
 *
 * Fails with a `DataError` when it has the name of one and not its fields.
 */
export const decode = (notification: Notification): Effect.Effect<OwnEvent | undefined, ProtocolError | DataError> => {
  if (!isOwn(notification)) return Effect.succeed(undefined)
  const { _tag, schema } = known[notification.name as Name]
  const fields = notification.decode(schema as Schema.ConstraintDecoder<object>)
  return Effect.map(fields, (fields) => ({ _tag, ...fields, notification }) as OwnEvent)
}
