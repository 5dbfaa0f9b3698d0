/**
 * The functions of the working thread that act for all of its clients, as they are called from the blocked one (ProcessWide.ts).
 */
import { resetCredentials } from "../../transport/CredentialGuard.ts"
import {
  clearNotificationEvents,
  nextNotificationEvent,
  pendingNotificationEventCount
} from "../promise/NotificationEvents.ts"

export const processWide = {
  resetCredentials,
  nextNotificationEvent,
  pendingNotificationEventCount,
  clearNotificationEvents
} as const
