/**
 * One SSH connection for several sessions (RFC 6242 §3): dialled once, kept while any session uses it, dialled again
 * when it has died, and replaced for a session that the peer gives no channel on it.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { ConnectError } from "../errors.ts"
import type { Own } from "./Dial.ts"
import type { Opening, Resolved } from "./SshConnect.ts"
import { establish, openOwn } from "./SshConnect.ts"
import type { Link } from "./SshLink.ts"
import { SshSessions } from "./SshSessions.ts"
import type { Handler, OpenContext } from "./Transport.ts"

/** A connection that several sessions use, or wait for. */
interface Entry {
  readonly ready: Deferred.Deferred<Link, ConnectError>
  readonly sessions: SshSessions
  dialling: Fiber.Fiber<unknown, unknown> | undefined
}

/** The connection that the sessions of one transport share. */
export class Shared {
  readonly #resolved: Resolved
  #current: Entry | undefined

  constructor(resolved: Resolved) {
    this.#resolved = resolved
  }

  open(handler: Handler, context: OpenContext): Opening {
    return Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => this.#join(context)).pipe(
        Effect.flatMap((entry) => entry.sessions.open(restore, Deferred.await(entry.ready), handler, context)),
        Effect.catchTag("Refused", ({ error }) =>
          openOwn(this.#resolved, handler, context, [`${error.detail}: a connection of its own was dialled`])
        )
      )
    )
  }

  /** The connection in use, or a new one that is being dialled. */
  #join(context: OpenContext): Effect.Effect<Entry> {
    const current = this.#current
    if (current !== undefined && current.sessions.link?.ended === undefined) {
      current.sessions.join()
      return Effect.succeed(current)
    }
    const entry: Entry = {
      ready: Deferred.makeUnsafe(),
      sessions: new SshSessions(this.#resolved, () => this.#abandon(entry)),
      dialling: undefined
    }
    entry.sessions.join()
    this.#current = entry
    return Effect.map(Effect.forkDetach(this.#dial(entry, context), { startImmediately: true }), (fiber) => {
      entry.dialling = fiber
      return entry
    })
  }

  /** In a fiber of its own: the session that began it may give up while others wait. */
  #dial(entry: Entry, context: OpenContext): Effect.Effect<unknown, ConnectError> {
    return Effect.uninterruptibleMask((restore) => {
      const own: Own = {}
      return Effect.onExit(restore(establish(this.#resolved, { ...context, label: undefined }, own)), (exit) =>
        Effect.sync(() => {
          if (Exit.isSuccess(exit)) entry.sessions.link = exit.value
          else {
            own.socket?.destroy()
            this.#forget(entry)
          }
          Deferred.doneUnsafe(entry.ready, exit)
        })
      )
    })
  }

  #forget(entry: Entry): void {
    if (this.#current === entry) this.#current = undefined
  }

  /** Nobody uses it any more; a dial that nobody waits for is stopped. */
  #abandon(entry: Entry): void {
    this.#forget(entry)
    if (entry.sessions.link === undefined) entry.dialling?.interruptUnsafe()
  }
}
