/**
 * Subscribing without a session to begin with: the subscription's own is the only one. RFC 5277 §3.1.1 has the device say in its
 * hello that it can be subscribed to; here nobody has heard it yet.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ConnectError, ErrorContext, SubscribeError } from "../../errors.ts"
import * as Capabilities from "../../rpc/Capabilities.ts"
import type { Session } from "../Session.ts"
import * as Subscribe from "../Subscribe.ts"

/** Nothing says yet what the device lacks; create-subscription asks the session that it is sent on. */
const unknown = Capabilities.make(["urn:ietf:params:netconf:capability:notification:1.0"])

/** `connect` opens the session that it is on, and further ones when it resumes. */
export const subscribe = (
  connect: Effect.Effect<Session, ConnectError, Scope.Scope>,
  context: ErrorContext,
  options: Subscribe.SubscribeOptions
): Effect.Effect<Subscribe.Subscription, SubscribeError, Scope.Scope> =>
  Subscribe.open(
    { context, capabilities: () => unknown, another: connect, elsewhere: connect, shared: connect, returns: false },
    options
  )
