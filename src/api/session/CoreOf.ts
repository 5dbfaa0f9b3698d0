/**
 * What is under a session as users hold it, for what is built on it: its messages layer, and the way to another one. A session
 * has both under symbols, so that a mock, or one that wraps another, has neither and is told apart.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type ConnectError, InputError } from "../../errors.ts"
import type * as Core from "../../rpc/Session.ts"
import type { Session } from "../Session.ts"

export const core: unique symbol = Symbol("effect-netconf/core")

/** Opens another session with the same device, on the same connection where that is possible. */
export const another: unique symbol = Symbol("effect-netconf/another")

/** Undefined for one that the library has not made: a mock, or one that wraps another. */
export const coreOf = (session: object): Core.Session | undefined =>
  (session as { readonly [core]?: Core.Session })[core]

/** The same; throws an `InputError` where there is none. */
export const needCore = (session: object): Core.Session => {
  const found = coreOf(session)
  if (found !== undefined) return found
  throw new InputError({ what: "session", why: "expected one that Netconf.connect has opened" })
}

/** The way to another session beside this one; undefined for one that the library has not made. */
export const anotherOf = (session: object): Effect.Effect<Session, ConnectError, Scope.Scope> | undefined =>
  (session as { readonly [another]?: Effect.Effect<Session, ConnectError, Scope.Scope> })[another]
