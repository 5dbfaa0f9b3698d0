/** The states of a connection that comes back, for plain async code: dates, and an async iterable. */
import * as Stream from "effect/Stream"
import { InputError } from "../../errors.ts"
import type { ConnectionState } from "../reconnecting/ConnectionState.ts"
import type { ReconnectingSession } from "../Reconnecting.ts"
import type { Session } from "../Session.ts"

type Up = Extract<ConnectionState, { readonly _tag: "Up" }>

/** As `ConnectionState`, with a `Date`. */
export type ClientState = Exclude<ConnectionState, Up> | (Omit<Up, "since"> & { readonly since: Date })

export const toClientState = (state: ConnectionState): ClientState =>
  state._tag === "Up" ? { ...state, since: new Date(state.since.epochMilliseconds) } : state

/** Every state from the present one on. */
export const statesOf = (session: ReconnectingSession): AsyncIterable<ClientState> =>
  Stream.toAsyncIterable(Stream.map(session.states, toClientState))

/** The session as one that comes back; throws an `InputError` where that was not asked for. */
export const asReconnecting = (session: Session): ReconnectingSession => {
  if ("states" in session) return session as ReconnectingSession
  throw notReconnecting(session.label, session.peer)
}

/** For whoever asks for the states of a client that has none. */
export const notReconnecting = (label: string | undefined, peer: string): InputError =>
  new InputError({ label, peer, what: "reconnect", why: "the client was made without this option" })
