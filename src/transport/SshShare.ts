/**
 * One SSH connection for several sessions (RFC 6242 §3): dialled once, kept while any session uses it, dialled again
 * when it has died, and replaced for a session that the peer gives no channel on it.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { ChannelError, ConnectError } from "../errors.ts"
import { withContext } from "../errors.ts"
import type { Own } from "./Dial.ts"
import * as SshChannel from "./SshChannel.ts"
import type { Opening, Resolved } from "./SshConnect.ts"
import { closeWithin, establish, openOwn } from "./SshConnect.ts"
import type { Link } from "./SshLink.ts"
import type { EndReason, Handler, OpenContext } from "./Transport.ts"

/** A connection that several sessions use, or wait for. */
interface Entry {
  readonly ready: Deferred.Deferred<Link, ConnectError>
  dialling: Fiber.Fiber<unknown, unknown> | undefined
  link: Link | undefined
  /** Sessions that wait for it or have a channel on it. */
  users: number
  /** Sessions that have a channel on it. */
  sessions: number
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
        Effect.flatMap((entry) =>
          restore(this.#channel(entry, handler, context)).pipe(
            Effect.onError(() => Effect.sync(() => this.#leave(entry)?.end(gaveUp))),
            Effect.flatMap((opened) => this.#occupy(entry, opened, context))
          )
        ),
        Effect.catchTag("Refused", ({ detail }) =>
          openOwn(this.#resolved, handler, context, [`${detail}: a connection of its own was dialled`])
        )
      )
    )
  }

  /** The connection in use, or a new one that is being dialled. */
  #join(context: OpenContext): Effect.Effect<Entry> {
    const current = this.#current
    if (current !== undefined && current.link?.ended === undefined) {
      current.users++
      return Effect.succeed(current)
    }
    const entry: Entry = { ready: Deferred.makeUnsafe(), dialling: undefined, link: undefined, users: 1, sessions: 0 }
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
          if (Exit.isSuccess(exit)) entry.link = exit.value
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

  #channel(entry: Entry, handler: Handler, context: OpenContext) {
    return Deferred.await(entry.ready).pipe(
      Effect.flatMap((link) => SshChannel.open(link, handler, this.#resolved, context)),
      Effect.mapError((error) =>
        error._tag === "ChannelError" && entry.link?.ended === undefined && refusedForOthers(entry, error)
          ? { _tag: "Refused" as const, detail: error.detail }
          : withContext(error, { label: context.label })
      )
    )
  }

  #occupy(entry: Entry, opened: SshChannel.Opened, context: OpenContext) {
    entry.sessions++
    return Effect.as(
      Effect.addFinalizer(() =>
        closeWithin(context.deadlines.close, opened, () => {
          entry.sessions--
          return this.#leave(entry)
        })
      ),
      opened.connection
    )
  }

  /** The connection, if nobody uses it any more; a dial that nobody waits for is stopped. */
  #leave(entry: Entry): Link | undefined {
    if (--entry.users > 0) return undefined
    this.#forget(entry)
    if (entry.link === undefined) entry.dialling?.interruptUnsafe()
    return entry.link
  }
}

/** Whether it may be the other sessions on the connection that this one is refused for. */
const refusedForOthers = (entry: Entry, error: ChannelError): boolean =>
  entry.sessions > 0 || (entry.users > 1 && error.detail.startsWith(SshChannel.channelRefused))

const gaveUp: EndReason = { by: "us", detail: "opening failed" }
