/**
 * The Promise adapter: a client that connects, and disconnects with its block. Its methods are those of
 * `NetconfSessionClient`; nothing is decided here that `Netconf.connect` does not decide.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { ChannelError, type ConnectError, DeadlineError, InputError, isNetconfError } from "../errors.ts"
import { millis } from "../transport/Deadlines.ts"
import { freeRunner } from "./promise/AsyncProgram.ts"
import * as ClientAudit from "./promise/ClientAudit.ts"
import {
  clientNames,
  connectOptions,
  type NetconfClientOptions,
  reconnectOptions,
  type Timeout,
  timeout
} from "./promise/ClientOptions.ts"
import { asReconnecting, type ClientState, notReconnecting, statesOf, toClientState } from "./promise/ClientState.ts"
import { knownNames, signal as checkSignal } from "./Checks.ts"
import { read } from "./ConnectOptions.ts"
import * as Netconf from "./Netconf.ts"
import * as Reconnecting from "./Reconnecting.ts"
import type { DownReason } from "./reconnecting/ConnectionState.ts"
import type { ReconnectingOptions } from "./reconnecting/Options.ts"
import { run } from "./promise/Run.ts"
import type { Session } from "./Session.ts"
import { NetconfSessionClient, type Signal } from "./promise/SessionClient.ts"

export type { Entry as AuditEntry } from "./Audit.ts"
export type { AuditRecorder } from "./promise/ClientAudit.ts"
export type { NetconfClientOptions, ReconnectingClientOptions, Timeout } from "./promise/ClientOptions.ts"
export type { RetryPlan } from "./promise/RetryPlan.ts"
export type { ClientState } from "./promise/ClientState.ts"
export type { ReconnectingOptions } from "./reconnecting/Options.ts"
export type { CommitRpcReply, EditResult, RpcReply } from "./promise/RpcReply.ts"
export type {
  AsyncProgram,
  ConfirmedCommitClientOptions,
  LockedClientOptions,
  LockWait,
  NetconfSessionClient,
  Signal
} from "./promise/SessionClient.ts"

type State =
  | { readonly _tag: "New" | "Connecting" | "Closed" }
  | { readonly _tag: "Failed"; readonly why: DownReason }
  | { readonly _tag: "Connected"; readonly session: Session; readonly scope: Scope.Closeable }

const notConnected = {
  New: "the client is not connected: call connect() first",
  Connecting: "the client is still connecting: await connect()",
  Failed: "connect() failed",
  Closed: "the client was disconnected"
} as const

const failed: DownReason = { by: "us", detail: notConnected.Failed }

/**
 * A NETCONF session for plain async code.
 *
 * @example
 * await using client = new NetconfClient({ hostname: "192.0.2.1", username: "admin", password, hostKey: "known-hosts" })
 * await client.connect()
 * const reply = await client.getConfig({ source: "running" })
 * console.log(reply.xml)
 */
export class NetconfClient extends NetconfSessionClient implements AsyncDisposable {
  readonly #options: Netconf.ConnectOptions
  readonly #connectTimeout: Timeout
  readonly #reconnect: ReconnectingOptions | undefined
  readonly #audit: ClientAudit.ClientAudit
  #state: State = { _tag: "New" }
  /** How often the present `connect` has begun to. */
  #attempts = 0
  #connecting: AbortController | undefined
  /** The last attempt to connect, settled either way. */
  #attempted: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined
  /** The session ended without us: its methods say why, and `connect` opens a new one. */
  #lost = false

  /** Throws an `InputError` for options that cannot work. */
  constructor(options: NetconfClientOptions) {
    knownNames("", options, clientNames)
    const audit = ClientAudit.make(options)
    super({ ...freeRunner, run: (effect, signal) => run(audit.around(effect), signal) })
    this.#audit = audit
    this.#connectTimeout = timeout("connectTimeout", options.connectTimeout ?? "60 seconds")
    this.#options = connectOptions(options)
    read(this.#options)
    this.#reconnect = reconnectOptions(options)
  }

  /** Opens the session. Rejects when it is open already; after `disconnect`, or when it was lost, it opens a new one. */
  async connect({ signal }: Signal = {}): Promise<void> {
    checkSignal(signal)
    const state = this.#state
    const { _tag } = state
    const lost = _tag === "Connected" && this.#lost ? state.scope : undefined
    if (_tag === "Connecting" || (_tag === "Connected" && lost === undefined)) {
      throw new InputError({
        label: this.#options.label,
        peer: this.#options.transport.peer,
        operation: "connect",
        what: "client",
        why: `it is ${_tag.toLowerCase()} already`
      })
    }
    // All of it before anything is waited for: a connect or disconnect meanwhile has to find this one.
    this.#state = { _tag: "Connecting" }
    this.#attempts = 0
    this.#closing = undefined
    const connecting = new AbortController()
    this.#connecting = connecting
    const given = signal === undefined ? connecting.signal : AbortSignal.any([signal, connecting.signal])
    const attempt = this.#attempt(given, lost)
    this.#attempted = attempt.catch(() => {})
    return attempt
  }

  async #attempt(signal: AbortSignal, lost: Scope.Closeable | undefined): Promise<void> {
    const scope = Scope.makeUnsafe()
    try {
      if (lost !== undefined) await Effect.runPromise(Scope.close(lost, Exit.void))
      const open = Effect.andThen(this.#audit.ready, this.#open(scope))
      const session = await run(this.#audit.around(open), signal)
      signal.throwIfAborted()
      const state = { _tag: "Connected", session, scope } as const
      this.#state = state
      this.#lost = false
      Effect.runFork(Effect.tap(session.closed, () => Effect.sync(() => (this.#lost ||= this.#state === state))))
    } catch (error) {
      await Effect.runPromise(Scope.close(scope, Exit.void))
      this.#state = { _tag: "Failed", why: isNetconfError(error) ? (error as ConnectError) : failed }
      throw error
    } finally {
      this.#connecting = undefined
    }
  }

  #open(scope: Scope.Closeable): Effect.Effect<Session, ConnectError> {
    const { label, transport } = this.#options
    const limit = millis("connectTimeout", this.#connectTimeout)
    let last: ConnectError | undefined
    const connecting = Effect.suspend(() => {
      this.#attempts++
      return Effect.tapError(Netconf.connect(this.#options), (error) => Effect.sync(() => void (last = error)))
    })
    const where = { label, peer: transport.peer }
    const opened = this.#reconnect === undefined ? connecting : Reconnecting.make(connecting, where, this.#reconnect)
    return Effect.timeoutOrElse(Scope.provide(opened, scope), {
      duration: limit,
      orElse: () =>
        new DeadlineError({
          ...where,
          phase: "connect",
          deadline: limit,
          bytes: 0,
          elapsed: limit,
          ...(last === undefined ? {} : { last: `${last._tag}: ${last.summary}` })
        })
    })
  }

  /**
   * Ends the session: close-session, then the connection. Never rejects; a client that is connecting stops, and its
   * `connect` rejects. Calling it twice waits for the same end.
   */
  disconnect(): Promise<void> {
    if (this.#closing !== undefined) return this.#closing
    const closing = this.#close().finally(() => {
      if (this.#closing === closing) this.#closing = undefined
    })
    this.#closing = closing
    return closing
  }

  async #close(): Promise<void> {
    const attempted = this.#attempted
    if (this.#state._tag === "Connecting") {
      const { peer } = this.#options.transport
      this.#connecting?.abort(new ChannelError({ peer, phase: "open", by: "us", detail: "disconnect() was called" }))
      await attempted
    }
    const state = this.#state
    // A later connect is not for this one to end.
    if (state._tag !== "Connected" || this.#attempted !== attempted) return
    this.#state = { _tag: "Closed" }
    await Effect.runPromise(Scope.close(state.scope, Exit.void))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect()
  }

  /**
   * With `reconnect`: whether the session is up, and if not, why and what comes next. `Stopped` where nothing comes next
   * by itself: before `connect`, when that has failed, and after `disconnect`.
   */
  get state(): ClientState {
    const state = this.#state
    if (this.#reconnect === undefined) throw notReconnecting(this.#options.label, this.#options.transport.peer)
    switch (state._tag) {
      case "Connected":
        return toClientState(asReconnecting(state.session).state)
      case "Connecting":
        return { _tag: "Connecting", attempt: Math.max(1, this.#attempts) }
      case "Failed":
        return { _tag: "Stopped", why: state.why }
      default:
        return { _tag: "Stopped", why: { by: "us", detail: notConnected[state._tag] } }
    }
  }

  /** With `reconnect`: every change of state, the present one first. Ends with `Stopped`. */
  states(): AsyncIterable<ClientState> {
    return statesOf(asReconnecting(this.session))
  }

  /** The session underneath, with everything that Effect programs have. Throws before `connect` and after `disconnect`. */
  override get session(): Session {
    if (this.#state._tag === "Connected") return this.#state.session
    const { label, transport } = this.#options
    throw new ChannelError({
      label,
      peer: transport.peer,
      phase: "write",
      by: "us",
      detail: notConnected[this.#state._tag]
    })
  }
}
