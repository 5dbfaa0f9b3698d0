/**
 * From the options of an SSH transport to a session on a connection of its own: everything is checked and read first,
 * then dialled, logged in, watched, and closed with the session's scope.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import type { ConnectError } from "../errors.ts"
import { AuthError, InputError, tryInput } from "../errors.ts"
import * as Logs from "../telemetry/Logs.ts"
import * as Auth from "./Auth.ts"
import { isRecord, knownNames, shown } from "./Checks.ts"
import * as CredentialGuard from "./CredentialGuard.ts"
import { identify, type Identity } from "./CredentialIdentity.ts"
import type { Own } from "./Dial.ts"
import * as Dial from "./Dial.ts"
import * as HostKey from "./HostKey.ts"
import * as Keepalive from "./Keepalive.ts"
import type { Link } from "./SshLink.ts"
import * as SshLogin from "./SshLogin.ts"
import type { SshOptions } from "./SshOptions.ts"
import * as SshSessions from "./SshSessions.ts"
import * as Target from "./Target.ts"
import type { Connection, Handler, OpenContext } from "./Transport.ts"

const defaultPort = 830

export interface Resolved {
  readonly options: SshOptions
  readonly target: Target.Target
  readonly peer: string
  readonly subsystem: string
  /** Log lines that are written once. */
  readonly warned: Set<string>
}

const names: Readonly<Record<keyof SshOptions, true>> = {
  host: true,
  port: true,
  username: true,
  auth: true,
  hostKey: true,
  localAddress: true,
  keepalive: true,
  algorithms: true,
  subsystem: true
}

/** Throws an `InputError` where the options are no object at all; what they say is checked by {@link check}. */
export const resolve = (options: SshOptions): Resolved => {
  if (!isRecord(options)) knownNames("ssh", options, Object.keys(names))
  const port = options.port ?? defaultPort
  return {
    options,
    target: { host: options.host, port, localAddress: options.localAddress },
    peer: Target.peerName(options.host, port),
    subsystem: options.subsystem ?? "netconf",
    warned: new Set()
  }
}

/** Milliseconds; Infinity for none. */
const keepaliveMillis = (input: SshOptions["keepalive"] = "30 seconds"): number | InputError => {
  if (input === "off") return Infinity
  const duration = Duration.fromInput(input)
  const millis = Option.isSome(duration) ? Duration.toMillis(duration.value) : Number.NaN
  return millis > 0
    ? millis
    : new InputError({ what: "keepalive", why: `${shown(input)} is not a duration above 0, nor "off"` })
}

/** Throws an `InputError` for options that cannot work, as far as they say so themselves: nothing is read, nothing dialled. */
export const check = ({ options, target }: Resolved): void => {
  knownNames("ssh", options, Object.keys(names))
  const wrong = Target.check(target) ?? checkUsername(options.username) ?? HostKey.wrongPolicy(options.hostKey)
  if (wrong !== undefined) throw wrong
  const keepalive = keepaliveMillis(options.keepalive)
  if (typeof keepalive !== "number") throw keepalive
  checkAuth(options.auth)
  const { algorithms = "modern", subsystem = "netconf" } = options
  if (algorithms !== "modern" && algorithms !== "legacy") {
    throw new InputError({ what: "algorithms", why: `expected modern or legacy, got ${shown(algorithms)}` })
  }
  if (typeof subsystem !== "string" || subsystem === "") {
    throw new InputError({ what: "subsystem", why: `expected the name of one, got ${shown(subsystem)}` })
  }
}

/** What each way to log in is made of; the secrets themselves are looked at when they are made ready. */
const ways = ["password", "privateKey", "passphrase", "agent", "keys", "keyboardInteractive"]

const checkAuth = (auth: SshOptions["auth"]): void => {
  if (auth === undefined) return
  for (const way of Array.isArray(auth) ? auth : [auth]) knownNames("auth", way, ways)
}

/** How many questions of the keepalive may go unanswered. */
const keepaliveMisses = 3

/** Up to a login. What was begun is in `own`: whoever calls this destroys it when it does not succeed. */
export const establish = Effect.fnUntraced(function* (resolved: Resolved, context: OpenContext, own: Own) {
  const { options, peer, target } = resolved
  yield* tryInput(() => check(resolved))
  const keepalive = keepaliveMillis(options.keepalive)
  if (typeof keepalive !== "number") return yield* keepalive
  const verifier = yield* HostKey.prepare(options.hostKey ?? "known-hosts", target.host, target.port)
  const prepared = yield* Auth.prepare(options.auth)
  const guard = yield* CredentialGuard.Current
  const barred = yield* whyBarred(guard, options.username, prepared)
  if (barred !== undefined) {
    return yield* new AuthError({ label: context.label, peer, tried: prepared.skipped, offered: [], detail: barred })
  }
  const socket = yield* Dial.dial(target, context, own)
  const link = yield* SshLogin.login(
    socket,
    {
      username: options.username,
      verifier,
      prepared,
      guard,
      algorithms: options.algorithms ?? "modern",
      peer
    },
    context
  )
  if (verifier.warns) yield* warn(resolved, link, context)
  link.takeTurns()
  watch(keepalive, link)
  return link
})

const checkUsername = (username: string): InputError | undefined =>
  typeof username !== "string" || username === "" || username.includes("\0")
    ? new InputError({ what: "username", why: "it is missing, empty or holds a NUL" })
    : undefined

/** Why nothing that is given may be offered to any device: then none is dialled. */
const whyBarred = (
  guard: CredentialGuard.CredentialGuard,
  username: string,
  { credentials }: Auth.Prepared
): Effect.Effect<string | undefined> => {
  const identities: Array<Identity> = []
  for (const credential of credentials) {
    const identity = identify(username, credential)
    if (identity === undefined) return Effect.succeed(undefined)
    identities.push(identity)
  }
  return guard.whyNone(identities)
}

/** Only after the handshake: before it, the key that was shown is not proven to be the peer's. */
const warn = (resolved: Resolved, link: Link, { label }: OpenContext): Effect.Effect<void> => {
  const key = link.details["hostKey"] ?? ""
  link.notes.push(`the host key was not checked: ${key}`)
  const line = `the host key of ${resolved.peer} was accepted without a check (hostKey: "accept-any"): ${key}`
  if (resolved.warned.has(line)) return Effect.void
  resolved.warned.add(line)
  return Logs.annotated({ label, peer: resolved.peer }, Effect.logWarning(line))
}

const watch = (interval: number, link: Link): void => {
  if (interval === Infinity) return
  const stop = Keepalive.watch({
    interval,
    misses: keepaliveMisses,
    received: link.signs,
    ask: () => link.ask(),
    dead: (silence) =>
      link.end({
        by: "network",
        detail: `nothing came from the peer for ${Math.round(silence / 1000)} s, though it was asked ${keepaliveMisses} times`
      })
  })
  link.onEnd(stop)
}

export type Opening = Effect.Effect<Connection, ConnectError, Scope.Scope>

/** A connection for this session, and for those that are opened beside it. */
export const openOwn = (
  resolved: Resolved,
  handler: Handler,
  context: OpenContext,
  notes: ReadonlyArray<string>
): Opening =>
  Effect.uninterruptibleMask((restore) => {
    const own: Own = {}
    return Effect.gen(function* () {
      const link = yield* restore(establish(resolved, context, own))
      link.notes.push(...notes)
      const sessions = new SshSessions.SshSessions(resolved)
      sessions.link = link
      sessions.join()
      return yield* sessions.open(restore, Effect.succeed(link), handler, context)
    }).pipe(
      SshSessions.orFail,
      Effect.onError(() => Effect.sync(() => own.socket?.destroy()))
    )
  })
