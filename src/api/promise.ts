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
import { knownNames, signal as checkSignal, wholeNumber } from "./Checks.ts"
import { read } from "./ConnectOptions.ts"
import * as Netconf from "./Netconf.ts"
import * as Reconnecting from "./Reconnecting.ts"
import type { DownReason } from "./reconnecting/ConnectionState.ts"
import type { ReconnectingOptions } from "./reconnecting/Options.ts"
import { run } from "./promise/Run.ts"
import type { Session } from "./Session.ts"
import type { PlainNotification } from "../notifications/PlainNotification.ts"
import type { WaitOptions } from "./promise/Readers.ts"
import { NetconfSessionClient, type Signal } from "./promise/SessionClient.ts"
import { callOf, type Defaults, notificationDefaults, type SubscribeClientOptions } from "./promise/SubscribeOptions.ts"
import type { PlainSubscriptionEvent, SubscriptionHandle } from "./promise/SubscriptionHandle.ts"
import { Subscriptions } from "./promise/Subscriptions.ts"
import * as Unconnected from "./promise/Unconnected.ts"

export type { Entry as AuditEntry } from "./Audit.ts"
export type { AuditRecorder } from "./promise/ClientAudit.ts"
export type { NetconfClientOptions, ReconnectingClientOptions, Timeout } from "./promise/ClientOptions.ts"
export type { RetryPlan } from "./promise/RetryPlan.ts"
export type { WaitOptions } from "./promise/Readers.ts"
export type { NotificationOptions, SubscribeClientOptions } from "./promise/SubscribeOptions.ts"
export type { PlainSubscriptionEvent, SubscriptionHandle } from "./promise/SubscriptionHandle.ts"
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
  readonly #notifications: Defaults
  readonly #subscriptions = new Subscriptions()
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
    this.#notifications = notificationDefaults(options, this.#reconnect)
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
    let last: ConnectError | undefined
    const connecting = Effect.suspend(() => {
      this.#attempts++
      return Effect.tapError(Netconf.connect(this.#options), (error) => Effect.sync(() => void (last = error)))
    })
    const opened =
      this.#reconnect === undefined ? connecting : Reconnecting.make(connecting, this.#where, this.#reconnect)
    return this.#inTime(Scope.provide(opened, scope), () => last)
  }

  get #where(): { readonly label: string | undefined; readonly peer: string } {
    const { label, transport } = this.#options
    return { label, peer: transport.peer }
  }

  /** Fails when it takes longer than `connectTimeout`; `last` is what the last attempt has failed with. */
  #inTime<R>(
    opening: Effect.Effect<Session, ConnectError, R>,
    last: () => ConnectError | undefined = () => undefined
  ): Effect.Effect<Session, ConnectError, R> {
    const limit = millis("connectTimeout", this.#connectTimeout)
    return Effect.timeoutOrElse(opening, {
      duration: limit,
      orElse: () => {
        const error = last()
        const said = error === undefined ? {} : { last: `${error._tag}: ${error.summary}` }
        return new DeadlineError({
          ...this.#where,
          phase: "connect",
          deadline: limit,
          bytes: 0,
          elapsed: limit,
          ...said
        })
      }
    })
  }

  /**
   * As of every session client, and without `connect` too. `disconnect` ends it.
   *
   * @example
   * await using client = new NetconfClient({ hostname: host, username, password })
   * const subscription = await client.subscribe({ stream: "NETCONF" })
   * for await (const event of subscription) {
   *   if (event._tag === "Notification") console.log(event.eventTime, event.name, event.xml)
   * }
   */
  override async subscribe(given: SubscribeClientOptions = {}): Promise<SubscriptionHandle> {
    const { options, signal } = callOf(given, this.#notifications, this.#where)
    signal?.throwIfAborted()
    const { session: which } = options
    const state = this.#state
    const isUp = state._tag === "Connected" && !this.#lost
    const own = () => Unconnected.subscribe(this.#inTime(Netconf.connect(this.#options)), this.#where, options)
    const opening = isUp || which === "shared" ? this.session.openSubscription(options) : own()
    this.#closing = undefined
    return this.#subscriptions.open(opening, (effect, aborted) => run(this.#audit.around(effect), aborted), signal)
  }

  /**
   * What all subscriptions bring, as one: fairly between them, each in its order. It ends when there is no
   * subscription any more and all is read; before the first one it waits. Where one fails, it throws that error, once, after all
   * that it had brought; the others go on in the next loop.
   *
   * Leaving the loop loses nothing. Marks are left out: `subscriptionEvents` has them, and health events tell gaps too.
   *
   * @example
   * await using client = new NetconfClient({ hostname: host, username, password })
   * await client.subscribe({ stream: "NETCONF" })
   * for await (const event of client.notifications()) console.log(event.eventTime, event.name, event.xml)
   */
  notifications(options: Signal = {}): AsyncIterableIterator<PlainNotification, undefined> {
    return this.#subscriptions.notifications(options)
  }

  /** The same with every event, by `_tag`: `Notification`, `ReplayComplete` and `Gap`. */
  subscriptionEvents(options: Signal = {}): AsyncIterableIterator<PlainSubscriptionEvent, undefined> {
    return this.#subscriptions.events(options)
  }

  /**
   * The next notification of any subscription; undefined when `timeout` (default: 10 ms) passes first. Several at once get
   * notifications of their own, in the order of the calls. Rejects with the error of a subscription that has failed,
   * once, after all that it had brought; with `signal.reason` when aborted, and then it has taken nothing.
   */
  nextNotification(options: WaitOptions = {}): Promise<PlainNotification | undefined> {
    return this.#subscriptions.next(options)
  }

  /** The oldest notifications that wait, at most `max` of them; they stay there. */
  peekNotifications(max = 100): ReadonlyArray<PlainNotification> {
    return this.#subscriptions.peek(wholeNumber("max", max, 0))
  }

  /** How much waits to be read, over all subscriptions. */
  notificationQueueSize(): number {
    return this.#subscriptions.size
  }

  /** Whether a session carries a subscription of this client now. */
  isSubscriptionActive(): boolean {
    return this.#subscriptions.isActive
  }

  /** Ends one subscription, or all of them, with the sessions that they have to themselves. What is unread can still be read. */
  deleteSubscription(subscription?: SubscriptionHandle): Promise<void> {
    return this.#subscriptions.delete(subscription)
  }

  /**
   * Ends the subscriptions, then the session: close-session, then the connection. Never rejects; a client that is connecting
   * stops, and its `connect` rejects. Calling it twice waits for the same end. Notifications that are unread can still be read.
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
    const { peer } = this.#options.transport
    const stopped = () => new ChannelError({ peer, phase: "open", by: "us", detail: "disconnect() was called" })
    const subscriptionsEnded = this.#subscriptions.close(stopped)
    if (this.#state._tag === "Connecting") {
      this.#connecting?.abort(stopped())
      await attempted
    }
    const state = this.#state
    // A later connect is not for this one to end.
    const scope = state._tag === "Connected" && this.#attempted === attempted ? state.scope : undefined
    if (scope !== undefined) this.#state = { _tag: "Closed" }
    await subscriptionsEnded
    if (scope !== undefined) await Effect.runPromise(Scope.close(scope, Exit.void))
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
