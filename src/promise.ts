/** The Promise API: `NetconfClient`, and what its callers need beside it. */
export * from "./api/promise.ts"
export * from "./api/promise/FleetClient.ts"
export type {
  Device,
  DeviceSummary,
  FleetOptions,
  FleetStatistics,
  Outcome as FleetOutcome,
  Progress as FleetProgress,
  StopAfter,
  Stopped as FleetStopped,
  Summary as FleetSummary
} from "./api/Fleet.ts"
export * as Inventory from "./api/Inventory.ts"
export { operationPoolSize, setOperationPoolSize } from "./sessions/OperationPool.ts"
export { notificationReactorCount, setNotificationReactorCount } from "./sessions/Reactors.ts"
export {
  clearNotificationEvents,
  type HealthEvent,
  nextNotificationEvent,
  notificationEvents,
  pendingNotificationEventCount
} from "./api/promise/NotificationEvents.ts"
export { type PlainStandardEvent, standardEvent } from "./api/promise/StandardEvents.ts"
export type { PlainNotification } from "./notifications/PlainNotification.ts"
export type { Gap, ReplayComplete } from "./notifications/SubscriptionEvent.ts"
export type { Policy } from "./notifications/SubscriptionQueue.ts"
export type { SubscriptionStatistics } from "./api/Subscribe.ts"
export type { EventStream } from "./api/operations/EventStreams.ts"
export type { Moment } from "./api/operations/CreateSubscription.ts"
export { resetCredentials } from "./transport/CredentialGuard.ts"
export * as Redaction from "./telemetry/Redaction.ts"
export type { WireLogEntry } from "./rpc/WireLogEntry.ts"
export * as Filter from "./api/operations/Filter.ts"
export * as Element from "./xml/Element.ts"
export * as Xml from "./xml/Xml.ts"
export { xml } from "./xml/Template.ts"
export { xpath, type XPath } from "./xml/XPath.ts"
export * from "./api/errors.ts"
