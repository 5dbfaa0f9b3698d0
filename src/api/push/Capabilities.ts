/** What a device says that it is able to push (RFC 9196), read from its operational state. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { DataError, OperationError } from "../../errors.ts"
import { systemCapabilities } from "../../notifications/push/Names.ts"
import { NotificationCapabilities, unknown } from "../../notifications/push/NotificationCapabilities.ts"
import * as Element from "../../xml/Element.ts"
import * as Filter from "../operations/Filter.ts"
import type { Session } from "../Session.ts"

const key = `{${systemCapabilities}}system-capabilities` as const

const Data = Schema.Struct({ [key]: Schema.optionalKey(NotificationCapabilities) })

const filter = Filter.subtree(Element.make("system-capabilities", systemCapabilities))

/** Nothing is known of a device that does not say. */
export const capabilities = (
  session: Pick<Session, "get">
): Effect.Effect<NotificationCapabilities, OperationError | DataError> =>
  session.get({ filter }).pipe(
    Effect.flatMap((reply) => reply.decode(Data)),
    Effect.map((data) => data[key] ?? unknown)
  )
