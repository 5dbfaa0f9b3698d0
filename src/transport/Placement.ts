/**
 * Where a connection is opened: in the caller's loop, or in a thread that owns its socket.
 *
 * A transport that can live elsewhere says what it is made of (Crossing) and asks the placement at each open, so it does
 * not matter what it was wrapped in on the way. Who decides, and what threads there are, is the business of sessions/.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ConnectError } from "../errors.ts"
import type { Answer } from "./AuthOptions.ts"
import type { RemoteDescription } from "./RemoteDescription.ts"
import type { Connection, Handler, OpenContext } from "./Transport.ts"

/** What a transport is made of, for a thread that is to open it. One object per transport. */
export interface Crossing {
  readonly peer: string
  /** Its sessions share what they are opened on, so they have to live together. */
  readonly shared: boolean
  /**
   * Plain, for the structured clone, with the secrets in the open: made when it crosses, and kept by nobody. Undefined:
   * its options cannot cross, or are wrong, and it stays in the caller's loop.
   */
  readonly describe: () => RemoteDescription | undefined
  /** The functions that answer prompts, which stay with the caller; the description has their places in this list. */
  readonly answers: ReadonlyArray<Answer>
  /** Log lines that are written once for this transport, wherever it is opened. */
  readonly warned: Set<string>
}

type Opening = Effect.Effect<Connection, ConnectError, Scope.Scope>

export interface Placement {
  /** `here` opens it in the caller's loop. */
  readonly open: (crossing: Crossing, handler: Handler, context: OpenContext, here: Opening) => Opening
}

/** The placement that transports ask. Default: everything is opened in the caller's loop. */
export const Current: Context.Reference<Placement> = Context.Reference<Placement>("effect-netconf/Placement", {
  defaultValue: () => ({ open: (_crossing, _handler, _context, here) => here })
})

/** Opens it where the placement wants it. */
export const open = (crossing: Crossing, handler: Handler, context: OpenContext, here: Opening): Opening =>
  Effect.flatMap(Current, (placement) => placement.open(crossing, handler, context, here))
