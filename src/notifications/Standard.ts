/**
 * The events that a NETCONF server reports of itself (RFC 6470, ietf-netconf-notifications): changes of configuration and
 * capabilities, sessions, confirmed commits.
 *
 * Told by name and namespace; a device that strips namespaces is understood too. What is none of the five stays the
 * notification that it is.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Empty, InstanceIdentifier } from "../data/Values.ts"
import type { DataError, ProtocolError } from "../errors.ts"
import type { Notification } from "./Notification.ts"

export const namespace = "urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"

const UnsignedInt = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4_294_967_295 }))

const session = {
  username: Schema.String,
  /** 0 for a session that is not NETCONF. */
  sessionId: UnsignedInt,
  sourceHost: Schema.optionalKey(Schema.String)
}
const sessionKeys = { sessionId: "session-id", sourceHost: "source-host" } as const

/** Whose session it is. */
export const SessionParameters = Schema.Struct(session).pipe(Schema.encodeKeys(sessionKeys))

/** The server itself, or a session. */
export const ChangedBy = Schema.Union([Schema.Struct({ server: Empty }), SessionParameters])

/** netconf-config-change: running or startup has changed. */
export const ConfigChange = Schema.Struct({
  changedBy: ChangedBy,
  datastore: Schema.Literals(["running", "startup"]).pipe(
    Schema.withDecodingDefaultKey(Effect.succeed("running" as const))
  ),
  /** What was changed, as far as the server tells. */
  edit: Schema.Array(
    Schema.Struct({
      target: Schema.optionalKey(InstanceIdentifier),
      operation: Schema.optionalKey(Schema.Literals(["merge", "replace", "create", "delete", "remove"]))
    })
  )
}).pipe(Schema.encodeKeys({ changedBy: "changed-by" }))

/** netconf-capability-change: what the hello said is no longer so. */
export const CapabilityChange = Schema.Struct({
  changedBy: ChangedBy,
  addedCapability: Schema.Array(Schema.String),
  deletedCapability: Schema.Array(Schema.String),
  /** With their new parameters. */
  modifiedCapability: Schema.Array(Schema.String)
}).pipe(
  Schema.encodeKeys({
    changedBy: "changed-by",
    addedCapability: "added-capability",
    deletedCapability: "deleted-capability",
    modifiedCapability: "modified-capability"
  })
)

/** netconf-session-start. */
export const SessionStart = SessionParameters

/** netconf-session-end. */
export const SessionEnd = Schema.Struct({
  ...session,
  /** The session that killed it, where that was a NETCONF session. */
  killedBy: Schema.optionalKey(UnsignedInt),
  terminationReason: Schema.Literals(["closed", "killed", "dropped", "timeout", "bad-hello", "other"])
}).pipe(Schema.encodeKeys({ ...sessionKeys, killedBy: "killed-by", terminationReason: "termination-reason" }))

/** netconf-confirmed-commit. Nobody's session is named when it timed out. */
export const ConfirmedCommit = Schema.Struct({
  username: Schema.optionalKey(Schema.String),
  sessionId: Schema.optionalKey(UnsignedInt),
  sourceHost: Schema.optionalKey(Schema.String),
  confirmEvent: Schema.Literals(["start", "cancel", "timeout", "extend", "complete"]),
  /** Seconds from the event to the rollback; of `start` and `extend`. */
  timeout: Schema.optionalKey(UnsignedInt)
}).pipe(Schema.encodeKeys({ ...sessionKeys, confirmEvent: "confirm-event" }))

const standard = {
  "netconf-config-change": { _tag: "ConfigChange", schema: ConfigChange },
  "netconf-capability-change": { _tag: "CapabilityChange", schema: CapabilityChange },
  "netconf-session-start": { _tag: "SessionStart", schema: SessionStart },
  "netconf-session-end": { _tag: "SessionEnd", schema: SessionEnd },
  "netconf-confirmed-commit": { _tag: "ConfirmedCommit", schema: ConfirmedCommit }
} as const

type Standard = typeof standard
type Name = keyof Standard

/** One of the five, its fields beside its `_tag`, and the notification that it was. */
export type StandardEvent = {
  readonly [N in Name]: Standard[N]["schema"]["Type"] & {
    readonly _tag: Standard[N]["_tag"]
    readonly notification: Notification
  }
}[Name]

/** Whether a notification is one of the five, by its name and namespace. */
export const isStandard = (notification: Notification): boolean =>
  Object.hasOwn(standard, notification.name) && (notification.namespace === namespace || notification.namespace === "")

/**
 * A notification as the event of RFC 6470 that it is; any other as it came.
 *
 * Fails with a `DataError` when it has the name of one of the five and not its fields.
 */
export const decode = (
  notification: Notification
): Effect.Effect<StandardEvent | Notification, ProtocolError | DataError> => {
  if (!isStandard(notification)) return Effect.succeed(notification)
  const { _tag, schema } = standard[notification.name as Name]
  const fields = notification.decode(schema as Schema.ConstraintDecoder<object>)
  return Effect.map(fields, (fields) => ({ _tag, ...fields, notification }) as StandardEvent)
}
