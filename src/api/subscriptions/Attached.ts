/**
 * A subscription on one session: the session is opened, or is the caller's; its feed listens before create-subscription is
 * sent, so that nothing is lost that comes with the `<ok/>` or before it.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { InputError, type SubscribeError, withContext } from "../../errors.ts"
import type { Sink } from "../../notifications/Feed.ts"
import type * as Core from "../../rpc/Session.ts"
import { createSubscription, type CreateSubscriptionOptions } from "../operations/CreateSubscription.ts"
import type { Carrier } from "../session/Carrier.ts"
import { needCore } from "../session/CoreOf.ts"
import { listening } from "../session/Listening.ts"
import type { Session } from "../Session.ts"

export interface Attached {
  readonly session: Session
  readonly core: Core.Session
}

/** RFC 5277 §2.1.1 knows one subscription per session, and its notifications do not say whose they are. */
const free = (session: Session): Effect.Effect<Core.Session, InputError> =>
  Effect.suspend(() => {
    const core = needCore(session)
    if (!core.notifications.heard) return Effect.succeed(core)
    const why = "it carries a subscription already, and RFC 5277 knows one per session"
    return Effect.fail(withContext(new InputError({ what: "session", why }), core.context))
  })

/** Opens the session, and whatever has to be asked on it before the subscription. */
export const prepare = ({ open }: Pick<Carrier, "open">): Effect.Effect<Session, SubscribeError, Scope.Scope> =>
  Effect.tap(open, free)

/** Subscribes a session that is prepared. The feed brings what comes from before the request on. */
export const subscribe = (
  session: Session,
  { isOwn }: Carrier,
  sink: Sink,
  options: CreateSubscriptionOptions
): Effect.Effect<Attached, SubscribeError, Scope.Scope> =>
  Effect.gen(function* () {
    const core = yield* free(session)
    const stop = yield* listening(core, sink, { cuts: isOwn })
    const operation = createSubscription(options)
    const needs = isOwn ? operation.needs : [...operation.needs, [":interleave"]]
    yield* Effect.tapError(session.run({ ...operation, needs }), () => Effect.sync(stop))
    // From here on the device serves nothing but close-session (RFC 5277 §6): it is not asked whether it lives.
    if (isOwn && !session.capabilities.has(":interleave")) core.unwatch()
    return { session, core }
  })
