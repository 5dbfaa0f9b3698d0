/**
 * Connecting: a session in a scope, or as a service in a layer.
 */
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type ConnectError, tryInput, withContext } from "../errors.ts"
import * as Open from "../rpc/Open.ts"
import * as OperationPool from "../sessions/OperationPool.ts"
import * as Reactors from "../sessions/Reactors.ts"
import { type ConnectOptions, read, whereOf } from "./ConnectOptions.ts"
import * as Reconnecting from "./Reconnecting.ts"
import * as Session from "./Session.ts"

export type { ConnectOptions } from "./ConnectOptions.ts"

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
    const core = yield* (yield* Reactors.Current).hosting(Open.open(settings))
    return Session.make(core, settings, yield* OperationPool.Current, (transport) =>
      connect(transport === undefined ? options : { ...options, transport })
    )
  }).pipe(Effect.mapError((error) => withContext(error, whereOf(options))))

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
): Effect.Effect<Reconnecting.ReconnectingSession, ConnectError, Scope.Scope> =>
  Effect.flatMap(
    tryInput(() => read(options)),
    ({ label, transport: { peer } }) => Reconnecting.make(connect(options), { label, peer }, reconnect)
  ).pipe(Effect.mapError((error) => withContext(error, whereOf(options))))

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
