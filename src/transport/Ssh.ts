/**
 * NETCONF over SSH (RFC 6242): what a user gives, and the two transports made of it, one that dials for each session
 * and one whose sessions share a connection (RFC 6242 §3 allows several channels).
 *
 * The steps are elsewhere: Dial, SshLink (handshake and login), SshChannel (the subsystem), Keepalive.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { ChannelError, ConnectError } from "../errors.ts"
import { InputError, withContext } from "../errors.ts"
import * as Auth from "./Auth.ts"
import type { Own, Target } from "./Dial.ts"
import * as Dial from "./Dial.ts"
import type { HostKeyPolicy } from "./HostKey.ts"
import * as HostKey from "./HostKey.ts"
import * as Keepalive from "./Keepalive.ts"
import type { Preset } from "./SshAlgorithms.ts"
import * as SshChannel from "./SshChannel.ts"
import * as SshLink from "./SshLink.ts"
import type { Connection, EndReason, Handler, OpenContext, Transport } from "./Transport.ts"

export type { Answer, Auth, Challenge, Prompt } from "./Auth.ts"
export type { HostKeyPolicy } from "./HostKey.ts"

/** How a device is reached over SSH. */
export interface SshOptions {
  /** A host name or an IP address. */
  readonly host: string
  /** Default: 830. */
  readonly port?: number
  readonly username: string
  /** Tried in this order. Default: the agent, then the key files that ssh uses by default. */
  readonly auth?: Auth.Auth | ReadonlyArray<Auth.Auth>
  /** Default: `"known-hosts"`. */
  readonly hostKey?: HostKeyPolicy
  /** The address of this machine to dial from: the management network's. */
  readonly localAddress?: string
  /**
   * After how much silence the peer is asked whether it is still there; after three questions without an answer the
   * connection is given up. Default: 30 seconds.
   */
  readonly keepalive?: Duration.Input | "off"
  /** `"legacy"` adds algorithms that are broken or weak, for devices that know no others. Default: `"modern"`. */
  readonly algorithms?: Preset
  /** Default: `netconf`. */
  readonly subsystem?: string
}

const defaultPort = 830

/**
 * Dials a connection for each session.
 *
 * Opening it fails with InputError (options, key files), ConnectionError (the network), HostKeyError, AuthError,
 * DeadlineError (which step took too long), or ChannelError with `phase: "open"`: the peer is no SSH server, closed
 * the connection, has no algorithm in common, or refused the subsystem. A TCP reset is a ConnectionError, whenever it
 * comes; an orderly close is a ChannelError; both are an AuthError once a credential has been refused.
 *
 * @example
 * const transport = Ssh.make({
 *   host: "192.0.2.1",
 *   username: "admin",
 *   auth: { privateKey: { path: "~/.ssh/id_ed25519" } },
 *   hostKey: "known-hosts"
 * })
 */
export const make = (options: SshOptions): Transport => {
  const resolved = resolve(options)
  return {
    peer: resolved.peer,
    open: (handler, context) => openOwn(resolved, handler, context, [])
  }
}

/**
 * Dials once, and opens a channel of that connection for each session; the connection closes with the last of them.
 *
 * A connection that has died is dialled again for the next session. Sessions opened at once share one dial, by the
 * deadlines of the first. Where the peer refuses a further channel, that session gets a connection of its own, and its
 * `notes` say so. Fails like {@link make}.
 */
export const share = (options: SshOptions): Transport => {
  const resolved = resolve(options)
  const shared = new Shared(resolved)
  return { peer: resolved.peer, open: (handler, context) => shared.open(handler, context) }
}

interface Resolved {
  readonly options: SshOptions
  readonly target: Target
  readonly peer: string
  readonly subsystem: string
  /** Milliseconds; Infinity for none. */
  readonly keepalive: number
  /** Keys of which it has been said that any is accepted. */
  readonly warned: Set<string>
}

const resolve = (options: SshOptions): Resolved => {
  const port = options.port ?? defaultPort
  return {
    options,
    target: { host: options.host, port, localAddress: options.localAddress },
    peer: Dial.peerName(options.host, port),
    subsystem: options.subsystem ?? "netconf",
    keepalive:
      options.keepalive === "off"
        ? Infinity
        : Duration.toMillis(Duration.fromInputUnsafe(options.keepalive ?? "30 seconds")),
    warned: new Set()
  }
}

/** How many questions of the keepalive may go unanswered. */
const keepaliveMisses = 3

const establish = Effect.fnUntraced(function* (resolved: Resolved, context: OpenContext, own: Own) {
  const { options, peer, target } = resolved
  const wrong = Dial.checkTarget(target) ?? checkUsername(options.username)
  if (wrong !== undefined) return yield* wrong
  const verifier = yield* HostKey.prepare(options.hostKey ?? "known-hosts", target.host, target.port)
  const prepared = yield* Auth.prepare(options.auth)
  const socket = yield* Dial.dial(target, context, own)
  const link = yield* SshLink.login(
    socket,
    {
      username: options.username,
      verifier,
      prepared,
      algorithms: options.algorithms ?? "modern",
      peer
    },
    context
  )
  if (verifier.warns) yield* warn(resolved, link)
  watch(resolved, link)
  return link
})

const checkUsername = (username: string): InputError | undefined =>
  username === "" || username.includes("\0")
    ? new InputError({ what: "username", why: "it is empty or holds a NUL" })
    : undefined

/** Only after the handshake: before it, the key that was shown is not proven to be the peer's. */
const warn = (resolved: Resolved, link: SshLink.Link): Effect.Effect<void> => {
  const key = link.details["hostKey"] ?? ""
  link.notes.push(`the host key was not checked: ${key}`)
  if (resolved.warned.has(key)) return Effect.void
  resolved.warned.add(key)
  return Effect.logWarning(
    `the host key of ${resolved.peer} was accepted without a check (hostKey: "accept-any"): ${key}`
  )
}

const watch = (resolved: Resolved, link: SshLink.Link): void => {
  if (resolved.keepalive === Infinity) return
  const stop = Keepalive.watch({
    interval: resolved.keepalive,
    misses: keepaliveMisses,
    received: () => link.socket.bytesRead,
    ask: () => link.ask(),
    dead: (silence) =>
      link.end({
        by: "network",
        detail: `nothing came from the peer for ${Math.round(silence / 1000)} s, though it was asked ${keepaliveMisses} times`
      })
  })
  link.onEnd(stop)
}

type Opening = Effect.Effect<Connection, ConnectError, Scope.Scope>

/** A connection for this session alone. */
const openOwn = (resolved: Resolved, handler: Handler, context: OpenContext, notes: ReadonlyArray<string>): Opening =>
  Effect.uninterruptibleMask((restore) => {
    const own: Own = {}
    return Effect.gen(function* () {
      const link = yield* restore(establish(resolved, context, own))
      link.notes.push(...notes)
      const opened = yield* restore(SshChannel.open(link, handler, resolved, context))
      const millis = context.deadlines.close
      yield* Effect.addFinalizer(() => Effect.andThen(opened.close(millis), link.close(millis)))
      return opened.connection
    }).pipe(Effect.onError(() => Effect.sync(() => own.socket?.destroy())))
  })

/** A connection that several sessions use, or wait for. */
interface Entry {
  readonly ready: Deferred.Deferred<SshLink.Link, ConnectError>
  dialling: Fiber.Fiber<unknown, unknown> | undefined
  link: SshLink.Link | undefined
  /** Sessions that wait for it or have a channel on it. */
  users: number
  /** Sessions that have a channel on it. */
  sessions: number
}

class Shared {
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
        opened.close(context.deadlines.close).pipe(
          Effect.andThen(
            Effect.suspend(() => {
              entry.sessions--
              return this.#leave(entry)?.close(context.deadlines.close) ?? Effect.void
            })
          )
        )
      ),
      opened.connection
    )
  }

  /** The connection, if nobody uses it any more; a dial that nobody waits for is stopped. */
  #leave(entry: Entry): SshLink.Link | undefined {
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
