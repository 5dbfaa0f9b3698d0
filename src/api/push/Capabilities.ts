/**
 * What a device says that it is able to push (RFC 9196), read from its operational state by get. What that means for a node
 * is `notifications/push/NotificationCapabilities.ts`.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { DataError, OperationError } from "../../errors.ts"
import { NotificationCapabilities, unknown } from "../../notifications/push/NotificationCapabilities.ts"
import * as Element from "../../xml/Element.ts"
import * as Namespaces from "../../xml/Namespaces.ts"
import * as Filter from "../operations/Filter.ts"
import type { Session } from "../Session.ts"

const key = `{${Namespaces.systemCapabilities}}system-capabilities` as const

const Data = Schema.Struct({ [key]: Schema.optionalKey(NotificationCapabilities) })

const filter = Filter.subtree(Element.make("system-capabilities", Namespaces.systemCapabilities))

/**
 * What the device says that it is able to push, for the whole system and for its datastores; empty where it does not say.
 * `onChangeSupport` tells what of it is about a node.
 *
 * Fails as `get` does, and with a `DataError` when what it says is not RFC 9196.
 *
 * @example
 * const said = yield* Push.capabilities(session)
 * Push.supportsOnChange(said, "operational", ["interfaces"])
 */
export const capabilities = (
  session: Pick<Session, "get">
): Effect.Effect<NotificationCapabilities, OperationError | DataError> =>
  session.get({ filter }).pipe(
    Effect.flatMap((reply) => reply.decode(Data)),
    Effect.map((data) => data[key] ?? unknown)
  )
