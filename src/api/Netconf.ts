/**
 * Connecting: a session in a scope, or as a service in a layer.
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type ConnectError, InputError, tryInput, withContext } from "../errors.ts"
import type { Profile } from "../profiles/Profile.ts"
import type { Framing } from "../rpc/Hello.ts"
import * as Core from "../rpc/Session.ts"
import type { WireLogEntry } from "../rpc/WireLogEntry.ts"
import * as OperationPool from "../sessions/OperationPool.ts"
import * as Redaction from "../telemetry/Redaction.ts"
import { type Deadlines, resolve } from "../transport/Deadlines.ts"
import type { Transport } from "../transport/Transport.ts"
import { defaultLimits, type Limits } from "../xml/Parse.ts"
import { findIllegal } from "../xml/Print.ts"
import * as Keepalive from "./Keepalive.ts"
import * as Reconnecting from "./Reconnecting.ts"
import * as Session from "./Session.ts"
import { closeSession } from "./SessionControl.ts"

export interface ConnectOptions {
  /** How the device is reached: `Ssh.make`, `Ssh.share`, a simulated device's, or one of your own. */
  readonly transport: Transport
  /** Your name for the device, in errors and logs. */
  readonly label?: string
  readonly deadlines?: Deadlines
  /** How many rpcs may be unanswered at once. Default: 1; devices serve them one after the other, in order. */
  readonly maxOutstanding?: number
  /** `auto` (default) offers both base versions; the others offer one, for devices that announce what they cannot do. */
  readonly framing?: Framing
  /** Further capability URIs of our hello. */
  readonly capabilities?: ReadonlyArray<string>
  /** How this device differs from the RFC. Default: chosen from its hello. */
  readonly profile?: Profile
  /** Size of a message, depth and attributes of its XML. Default: 256 MiB, 256, 1024. */
  readonly limits?: Partial<Limits>
  /** What bytes that are not UTF-8 do: `refuse` (default) fails the call, `replace` reads them as U+FFFD. */
  readonly invalidUtf8?: "refuse" | "replace"
  /** A hello without session-id: `refuse` (default), or `tolerate`, which is reported in `session.notes`. */
  readonly missingSessionId?: "refuse" | "tolerate"
  /** How many abandoned rpcs may stay unanswered before the session is ended. Default: 4. */
  readonly maxAbandoned?: number
  /** What is hidden in errors and logs besides what the usual models keep secret. */
  readonly redaction?: Redaction.RedactionOptions
  /**
   * Logs every message with its secrets hidden: `true` at Debug, or each entry to a function. Default: off. It never
   * holds up the session; what it cannot keep up with is dropped and counted.
   */
  readonly wireLog?: true | ((entry: WireLogEntry) => Effect.Effect<void>)
  /** A cheap rpc while the session is idle, so that a dead device is noticed. Default: none. */
  readonly keepalive?: Keepalive.KeepaliveOptions
}

const wholeNumber = (what: string, value: number, least: number): number => {
  if (Number.isSafeInteger(value) && value >= least) return value
  throw new InputError({ what, why: `expected a whole number from ${least}, got ${value}` })
}

const framings: ReadonlySet<string> = new Set(["auto", "end-of-message", "chunked"])

const framingOf = (framing: Framing): Framing => {
  if (framings.has(framing)) return framing
  throw new InputError({ what: "framing", why: `expected ${[...framings].join(", ")}, got ${String(framing)}` })
}

const uriOf = (uri: string): string => {
  const illegal = findIllegal(uri)
  if (illegal === undefined) return uri
  throw new InputError({ what: "capabilities", where: `character ${illegal.index}`, why: "XML cannot carry it" })
}

const wireLogOf = (sink: ConnectOptions["wireLog"]): ConnectOptions["wireLog"] => {
  if (sink === undefined || sink === true || typeof sink === "function") return sink
  throw new InputError({ what: "wireLog", why: `expected true or a function, got ${typeof sink}` })
}

/** Options with their defaults; throws an `InputError`. */
const read = (options: ConnectOptions): Core.Options & { readonly maxOutstanding: number } => ({
  transport: options.transport,
  label: options.label,
  deadlines: resolve(options.deadlines),
  maxOutstanding: wholeNumber("maxOutstanding", options.maxOutstanding ?? 1, 1),
  framing: framingOf(options.framing ?? "auto"),
  capabilities: (options.capabilities ?? []).map(uriOf),
  profile: options.profile,
  limits: { ...defaultLimits, ...options.limits },
  invalidUtf8: options.invalidUtf8 ?? "refuse",
  requireSessionId: options.missingSessionId !== "tolerate",
  maxAbandoned: wholeNumber("maxAbandoned", options.maxAbandoned ?? 4, 0),
  redaction: Redaction.make(options.redaction),
  wireLog: wireLogOf(options.wireLog),
  keepalive: Keepalive.resolve(options.keepalive),
  closeSession: closeSession()
})

/**
 * Opens a session that ends with the scope: close-session with its deadline, then the channel, then the socket.
 *
 * @example
 * const session = yield* Netconf.connect({ label: "leaf-01", transport: Ssh.make({ host, username, auth, hostKey }) })
 * const reply = yield* session.getConfig({ source: "running" })
 */
export const connect = (options: ConnectOptions): Effect.Effect<Session.Session, ConnectError, Scope.Scope> =>
  Effect.gen(function* () {
    const settings = yield* tryInput(() => read(options))
    const core = yield* Core.open(settings)
    return Session.make(core, {
      label: settings.label,
      peer: settings.transport.peer,
      maxOutstanding: settings.maxOutstanding,
      deadlines: settings.deadlines,
      pool: yield* OperationPool.Current,
      reconnect: connect(options)
    })
  }).pipe(Effect.mapError((error) => withContext(error, { label: options.label, peer: options.transport.peer })))

/**
 * Opens a session that comes back: it is opened anew whenever it is lost, until the scope ends. Returns when the first one
 * is up. An error that no attempt will mend (`AuthError`, `HostKeyError`, `CertificateError`, `InputError`) ends it for good.
 *
 * @example
 * const session = yield* Netconf.reconnecting({ label: "leaf-01", transport }, { whileDown: "wait" })
 * const reply = yield* session.getConfig({ source: "running" }) // repeated when the connection is lost
 */
export const reconnecting = (
  options: ConnectOptions,
  reconnect: Reconnecting.ReconnectingOptions = {}
): Effect.Effect<Reconnecting.ReconnectingSession, ConnectError, Scope.Scope> => {
  const where = { label: options.label, peer: options.transport.peer }
  return Effect.mapError(Reconnecting.make(connect(options), where, reconnect), (error) => withContext(error, where))
}

/** A session as a service, for programs that are about one device. `Layer.mock(NetconfSession, {...})` stands in for it. */
export class NetconfSession extends Context.Service<NetconfSession, Session.Session>()(
  "effect-netconf/NetconfSession"
) {}

/** A layer that holds one session open. */
export const layer = (options: ConnectOptions): Layer.Layer<NetconfSession, ConnectError> =>
  Layer.effect(NetconfSession, connect(options))

/** The same with options from a `Config`, so that secrets and addresses come from the environment. */
export const layerConfig = (
  config: Config.Config<ConnectOptions>
): Layer.Layer<NetconfSession, ConnectError | Config.ConfigError> =>
  Layer.effect(NetconfSession, Effect.flatMap(config, connect))
