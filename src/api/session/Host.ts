/**
 * What a subscription needs of the session that it was asked of, whichever kind that is: how to come by sessions that can
 * carry it (RFC 5277 §2.1.1 and RFC 8639 leave which one to the client), and what is known of the device before.
 *
 * One object for each session: what its subscriptions have in common is kept under it.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ErrorContext, SubscribeError } from "../../errors.ts"
import type { Capabilities } from "../../rpc/Capabilities.ts"
import type { Session } from "../Session.ts"

/** Opens a session, or is the caller's, until the scope closes. */
export type Opening = Effect.Effect<Session, SubscribeError, Scope.Scope>

export interface Host {
  readonly context: ErrorContext
  /** What the device offers, as far as it is known. */
  readonly capabilities: () => Capabilities
  /** Another session with the device, on the same connection where that is possible. */
  readonly another: Opening
  /** Another session on a connection of its own. */
  readonly elsewhere: Opening
  /** The session that the caller holds, or the next one where it comes back. */
  readonly shared: Opening
  /** Whether the caller's session is opened anew when it is lost: then subscriptions go on too, unless told otherwise. */
  readonly returns: boolean
}
