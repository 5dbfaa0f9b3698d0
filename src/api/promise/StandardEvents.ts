/** A server's own events (RFC 6470) for plain code, typed: config-change, session-start and the others. */
import * as Effect from "effect/Effect"
import { InputError } from "../../errors.ts"
import { behind, type PlainNotification } from "../../notifications/PlainNotification.ts"
import * as Standard from "../../notifications/Standard.ts"
import { unwrap } from "./Run.ts"

/** One of the five, its fields beside its `_tag`, and the notification that it was. */
export type PlainStandardEvent = Plain<Standard.StandardEvent>

type Plain<Event> = Event extends { readonly notification: unknown }
  ? Omit<Event, "notification"> & { readonly notification: PlainNotification }
  : never

/**
 * The event of RFC 6470 that a notification is; undefined for any other. Throws a `DataError` when it has the name of one of
 * the five and not its fields.
 *
 * @example
 * for await (const notification of new NetconfClient({ hostname: "192.0.2.1", username: "admin" }).notifications()) {
 *   const event = standardEvent(notification)
 *   if (event?._tag === "ConfigChange") console.log(event.datastore, event.edit.length)
 * }
 */
export const standardEvent = (notification: PlainNotification): PlainStandardEvent | undefined => {
  const known = behind(notification)
  if (known === undefined) {
    throw new InputError({ what: "notification", why: "expected one that a client has handed out" })
  }
  const event = unwrap(Effect.runSyncExit(Standard.decode(known)), undefined)
  return event._tag === "Notification" ? undefined : { ...event, notification }
}
