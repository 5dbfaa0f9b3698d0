/**
 * The health events of all subscriptions in this process, for plain async code. What an event says is in
 * `notifications/Health.ts`.
 */
import type { HealthEvent } from "../../notifications/Health.ts"
import { knownNames, signal as checkSignal } from "../Checks.ts"
import { bus } from "../NotificationHealth.ts"
import { Items, limitOf, Readers, type WaitOptions } from "./Readers.ts"

export type { HealthEvent } from "../../notifications/Health.ts"

const found = (event: HealthEvent | undefined): IteratorYieldResult<HealthEvent> | undefined =>
  event && { value: event }

const readers = new Readers((wake) => bus.wait(wake))

/**
 * The oldest health event that nobody has taken, as soon as there is one; undefined when `timeout` (default: none) passes
 * first. The last 10,000 are kept, each is given out once, and `healthEventsDropped` counts what was lost before it.
 * Waiting without a timeout does not keep the process alive.
 *
 * @example
 * const event = await nextNotificationEvent({ timeout: "1 second" })
 * if (event?._tag === "SubscriptionGap") console.warn(event.message)
 */
export const nextNotificationEvent = async (options: WaitOptions = {}): Promise<HealthEvent | undefined> => {
  const millis = limitOf(options, "none")
  return (await readers.read(() => found(bus.poll()), { millis, signal: options.signal }))?.value
}

/** How many events `nextNotificationEvent` would give at once. */
export const pendingNotificationEventCount = (): number => bus.pending

/** Throws away what waits for `nextNotificationEvent`. Returns how many events there were. */
export const clearNotificationEvents = (): number => bus.clear()

/**
 * Every health event from now on, without end; each loop sees all of them, whoever else takes events, and keeps the last
 * 10,000 that it has not read. To be left by `break`, or by its signal, with whose reason it fails.
 */
export const notificationEvents = (
  options: { readonly signal?: AbortSignal } = {}
): AsyncIterableIterator<HealthEvent, undefined> => {
  knownNames("", options, ["signal"])
  checkSignal(options.signal)
  const watch = bus.watch()
  return new Items(new Readers(watch.wait), () => found(watch.poll()), options.signal, watch.stop)
}
