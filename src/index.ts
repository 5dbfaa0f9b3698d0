/**
 * effect-netconf: a NETCONF client in which every operation is an Effect and every session a Scope.
 *
 * One namespace per concept; the errors, the `xml` and `xpath` tags and the service stand by themselves.
 */
import * as Socket from "./transport/Socket.ts"
import type { Transport as Shape } from "./transport/Transport.ts"

// Connecting, and a session
export * as Netconf from "./api/Netconf.ts"
export { type ConnectOptions, NetconfSession } from "./api/Netconf.ts"
export type { ReconnectingOptions, ReconnectingSession } from "./api/Reconnecting.ts"
export type { ConnectionState, DownReason } from "./api/reconnecting/ConnectionState.ts"
export type { KeepaliveOptions } from "./api/session/Keepalive.ts"
export type { Session, Statistics } from "./api/Session.ts"
export type { CloseReason } from "./rpc/Session.ts"
export type { WireLogEntry } from "./rpc/WireLogEntry.ts"
export * as Redaction from "./telemetry/Redaction.ts"
export type { Framing } from "./rpc/Hello.ts"
export type { Capabilities, Capability, Module } from "./rpc/Capabilities.ts"
export * as Profile from "./profiles/Profile.ts"
export * as OperationPool from "./sessions/OperationPool.ts"
export * as Reactors from "./sessions/Reactors.ts"
export * as Audit from "./api/Audit.ts"

// Eyes on all of it
export * as Metrics from "./telemetry/Metrics.ts"
export type { OperationOutcome } from "./telemetry/OperationOutcome.ts"
export { TraceState } from "./telemetry/TraceContext.ts"

// Many devices
export { Fleet } from "./api/Fleet.ts"
export type {
  Device,
  DeviceResult,
  DeviceSummary,
  FleetOptions,
  FleetRun,
  FleetService,
  FleetStatistics,
  Outcome as FleetOutcome,
  Program as FleetProgram,
  Progress as FleetProgress,
  Retry as FleetRetry,
  RunOptions,
  StopAfter,
  Stopped as FleetStopped,
  Summary as FleetSummary
} from "./api/Fleet.ts"
export * as Inventory from "./api/Inventory.ts"

// Notifications
export type { SubscribeOptions, Subscription, SubscriptionStatistics } from "./api/Subscribe.ts"
export type { Gap, ReplayComplete, SubscriptionEvent } from "./notifications/SubscriptionEvent.ts"
export type { Notification } from "./notifications/Notification.ts"
export type { Policy } from "./notifications/SubscriptionQueue.ts"
export * as NotificationHealth from "./api/NotificationHealth.ts"
export * as Push from "./api/Push.ts"
export * as StandardEvents from "./notifications/Standard.ts"
export type { EventStream } from "./api/operations/EventStreams.ts"
export type { CreateSubscriptionOptions, Moment } from "./api/operations/CreateSubscription.ts"

// Operations, and what they are given and give back
export { operations as Operations } from "./api/operations/Operations.ts"
export type { CallOptions, Kind, LeaseChange, Needs, Operation } from "./rpc/Operation.ts"
export type { Reply } from "./rpc/Reply.ts"
export * as Filter from "./api/operations/Filter.ts"
export type { Fragment } from "./api/operations/Fragment.ts"
export type { Datastore, Url } from "./api/operations/Datastore.ts"
export type { GetConfigOptions, GetOptions } from "./api/operations/Retrieve.ts"
export type {
  CopyConfigOptions,
  DeleteConfigOptions,
  EditConfigOptions,
  Source,
  ValidateOptions
} from "./api/operations/Edit.ts"
export type { LockOptions } from "./api/operations/Lock.ts"
export type { CancelCommitOptions, CommitOptions, CommitReply } from "./api/operations/Commit.ts"
export type { KillSessionOptions } from "./api/operations/SessionControl.ts"
export type { RpcOptions } from "./api/operations/Rpc.ts"
export type { EditOptions, EditReport } from "./api/changes/Change.ts"
export type { ConfirmedCommitOptions } from "./api/changes/ConfirmedCommit.ts"
export type { LockedOptions } from "./api/changes/Locks.ts"
export type { BreakStale, LockHolder } from "./api/changes/StaleLocks.ts"

// Transports, ready-made and one's own
export * as Ssh from "./transport/Ssh.ts"
export * as CredentialGuard from "./transport/CredentialGuard.ts"
export * as Memory from "./transport/Memory.ts"
export * as Inbox from "./transport/Inbox.ts"
export type { Connection, EndReason, Handler, OpenContext } from "./transport/Transport.ts"
export type { DeadlineMillis, Deadlines } from "./transport/Deadlines.ts"
/** A way to reach one device; `Transport.fromSocket` makes one of any Effect Socket. */
export type Transport = Shape
export const Transport = { fromSocket: Socket.fromSocket } as const

// XML
export * as Element from "./xml/Element.ts"
export * as Xml from "./xml/Xml.ts"
export { xml, type XmlScalar, type XmlValue } from "./xml/Template.ts"
export { xpath, type XPath, type XPathValue } from "./xml/XPath.ts"
export * as Data from "./data/Data.ts"

// Errors
export * from "./api/errors.ts"
