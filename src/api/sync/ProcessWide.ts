/**
 * The functions that act for all blocking clients of the thread: they are called in the working one, if there is one. A further
 * function is a line of the table there (WholeProcess.ts), and one here.
 */
import type { HealthEvent } from "../../notifications/Health.ts"
import { resetCredentials as resetOwn } from "../../transport/CredentialGuard.ts"
import { Line } from "./Line.ts"
import type { WaitSyncOptions } from "./SubscriptionSync.ts"
import type { processWide } from "./WholeProcess.ts"

const there = (name: keyof typeof processWide, ...args: ReadonlyArray<unknown>): unknown =>
  Line.toProcess()?.call(name, args, { operation: name, kind: "control", permit: false })

/** Forgets every refusal that is known, in both threads: credentials that were barred are offered again. */
export const resetCredentials = (): void => {
  resetOwn()
  there("resetCredentials")
}

/**
 * The oldest health event of the blocking clients' subscriptions that nobody has taken, as soon as there is one; undefined when
 * `timeout` (default: none) passes first, and at once where there is no client yet.
 */
export const nextNotificationEvent = (options: WaitSyncOptions = {}): HealthEvent | undefined =>
  there("nextNotificationEvent", options) as HealthEvent | undefined

/** How many events `nextNotificationEvent` would give at once. */
export const pendingNotificationEventCount = (): number => (there("pendingNotificationEventCount") ?? 0) as number

/** Throws away what waits for `nextNotificationEvent`. Returns how many events there were. */
export const clearNotificationEvents = (): number => (there("clearNotificationEvents") ?? 0) as number
