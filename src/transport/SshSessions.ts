/**
 * The sessions on one SSH connection (RFC 6242 §3): each has a channel, a further one may be opened beside it, and the
 * connection closes with the last of them.
 *
 * Where the connection comes from is for others: SshConnect dials one for a session, SshShare one that sessions share.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ChannelError, ConnectError } from "../errors.ts"
import { withContext } from "../errors.ts"
import * as SshChannel from "./SshChannel.ts"
import type { Resolved } from "./SshConnect.ts"
import type { Link } from "./SshLink.ts"
import type { Connection, EndReason, Handler, OpenContext, Transport } from "./Transport.ts"

type Restore = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** The peer gives no further channel on this connection: there are sessions on it already. */
export interface Refused {
  readonly _tag: "Refused"
  readonly error: ChannelError
}

export class SshSessions {
  readonly #resolved: Pick<Resolved, "subsystem" | "peer">
  readonly #abandoned: () => void
  /** Once it is there. */
  link: Link | undefined
  /** Those that wait for it or have a channel on it. */
  #users = 0
  /** Those that have a channel on it. */
  #open = 0

  /** `abandoned` is called when the last of its users leaves. */
  constructor(resolved: Pick<Resolved, "subsystem" | "peer">, abandoned: () => void = () => {}) {
    this.#resolved = resolved
    this.#abandoned = abandoned
  }

  /** Whoever joins opens a session then, or leaves. */
  join(): void {
    this.#users++
  }

  /**
   * Opens the session of one that has joined, and leaves with its scope, or at once when it fails. Called where nothing
   * interrupts, or nobody would leave; `restore` is for what takes time.
   */
  open(
    restore: Restore,
    ready: Effect.Effect<Link, ConnectError>,
    handler: Handler,
    context: OpenContext,
    details: Readonly<Record<string, string>> = {}
  ): Effect.Effect<Connection, ConnectError | Refused, Scope.Scope> {
    const { peer, subsystem } = this.#resolved
    const options = { peer, subsystem, details, beside: this.beside }
    const opening = Effect.flatMap(ready, (link) => SshChannel.open(link, handler, options, context))
    return restore(opening).pipe(
      Effect.mapError((error) => this.#named(error, context)),
      Effect.onError(() => Effect.sync(() => this.#leave()?.end(gaveUp))),
      Effect.flatMap((opened) => this.#occupy(opened, context))
    )
  }

  /** A session more on the connection of one that is open. */
  readonly beside: Transport["open"] = (handler, context) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.suspend(() => {
        this.join()
        return this.open(restore, Effect.succeed(this.link!), handler, context, { channel: furtherChannel })
      })
    ).pipe(orFail)

  #named(error: ConnectError, { label }: OpenContext): ConnectError | Refused {
    const named = withContext(error, { label })
    return named._tag === "ChannelError" && this.link?.ended === undefined && this.#isForOthers(named)
      ? { _tag: "Refused", error: named }
      : named
  }

  /** Whether it may be the other sessions on the connection that this one is refused for. */
  #isForOthers({ detail }: ChannelError): boolean {
    return this.#open > 0 || (this.#users > 1 && detail.startsWith(SshChannel.channelRefused))
  }

  #occupy(opened: SshChannel.Opened, context: OpenContext) {
    this.#open++
    const close = closeWithin(context.deadlines.close, opened, () => {
      this.#open--
      return this.#leave()
    })
    return Effect.as(
      Effect.addFinalizer(() => close),
      opened.connection
    )
  }

  /** The connection, if nobody uses it any more. */
  #leave(): Link | undefined {
    if (--this.#users > 0) return undefined
    this.#abandoned()
    return this.link
  }
}

/** For whom no other connection is dialled in its place. */
export const orFail = <A, R>(opening: Effect.Effect<A, ConnectError | Refused, R>): Effect.Effect<A, ConnectError, R> =>
  Effect.catchTag(opening, "Refused", ({ error }) => Effect.fail(error))

/** The channel, then its connection if that is to be closed as well, in so many milliseconds altogether. */
const closeWithin = (millis: number, opened: SshChannel.Opened, connection: () => Link | undefined) =>
  Effect.suspend(() => {
    const began = performance.now()
    const left = () => Math.max(0, millis - (performance.now() - began))
    return Effect.andThen(
      opened.close(millis),
      Effect.suspend(() => connection()?.close(left()) ?? Effect.void)
    )
  })

const furtherChannel = "a second channel of the same SSH connection"

const gaveUp: EndReason = { by: "us", detail: "opening failed" }
