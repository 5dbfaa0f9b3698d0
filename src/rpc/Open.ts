/**
 * Opening a session of the messages layer (RFC 6241 §8.1) in a scope: it is up when that returns, and whatever goes wrong on
 * the way leaves nothing behind.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type * as Errors from "../errors.ts"
import * as SessionLife from "../telemetry/SessionLife.ts"
import { type Options, Session } from "./Session.ts"

/** A session that counts among the live ones, on a transport that is not opened yet. */
const make = Effect.fnUntraced(function* (options: Options) {
  const clock = yield* Clock.Clock
  const fork = Effect.runForkWith(yield* Effect.context<never>())
  const life = yield* SessionLife.make(options.transport.peer, options.label)
  const wire = Scope.makeUnsafe()
  const session = new Session({ options, clock, fork, wire, life })
  if (session.wireLog !== undefined) yield* Scope.addFinalizer(wire, session.wireLog.close)
  life.begin(() => session.seen)
  return session
})

/** Connects, and waits as long as the profile wants before the first rpc. */
const bringUp = (session: Session): Effect.Effect<void, Errors.ConnectError> =>
  Effect.flatMap(
    Effect.suspend(() => session.connect()),
    () => {
      const { firstRpcDelay } = session.profile
      session.life.opened(session.facts)
      return firstRpcDelay > 0 ? Effect.sleep(firstRpcDelay) : Effect.void
    }
  )

/**
 * Opens the transport, exchanges hellos and waits as long as the profile wants before the first rpc. The session ends
 * with the scope; when opening fails or is interrupted, nothing is left behind, also in a scope that lives on.
 */
export const open = (options: Options): Effect.Effect<Session, Errors.ConnectError, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const session = yield* make(options)
      yield* Effect.onError(restore(bringUp(session)), (cause) => {
        session.life.failed(cause)
        return session.close
      })
      yield* Effect.addFinalizer(() => session.close)
      session.watch()
      return session
    })
  )
