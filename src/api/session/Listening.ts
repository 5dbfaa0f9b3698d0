/**
 * Listening to a session for a subscription, and leaving it: one that is held back would never read the reply to its
 * close-session (RFC 6241 §7.8), so it is cut.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Feed, type Sink } from "../../notifications/Feed.ts"
import type * as Core from "../../rpc/Session.ts"

const left = { by: "us", detail: "the subscription was left while its session was held back" } as const

/**
 * Listens until the scope closes, or until the result is called: a session that is refused may be asked again. `cuts`: the
 * session is closed with the subscription.
 */
export const listening = (
  core: Core.Session,
  sink: Sink,
  { cuts }: { readonly cuts: boolean }
): Effect.Effect<() => void, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => core.listen(new Feed(sink, core))),
    (stop) =>
      Effect.sync(() => {
        stop()
        if (cuts && core.paused) core.end(left)
      })
  )
