/**
 * The Promise adapter: the session's methods for plain async code, with pyNetX's names and defaults.
 *
 * Every method takes `{ signal }` and rejects with the library's own error object, never a wrapper; an aborted call rejects
 * with `signal.reason`. Nothing is decided here that `Session` does not decide.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import {
  CapabilityError,
  ChannelError,
  type ConnectError,
  DeadlineError,
  InputError,
  type OperationError
} from "../errors.ts"
import type { CallOptions, Operation } from "../rpc/Operation.ts"
import type { Reply } from "../rpc/Reply.ts"
import { millis } from "../transport/Deadlines.ts"
import type { EditOptions } from "./Change.ts"
import {
  checked,
  checkNames,
  connectOptions,
  type NetconfClientOptions,
  type Timeout,
  timeout
} from "./ClientOptions.ts"
import { defined } from "./Defined.ts"
import type { Fragment } from "./Fragment.ts"
import * as Netconf from "./Netconf.ts"
import type { operations } from "./Operations.ts"
import { type CommitRpcReply, type EditResult, type RpcReply, toCommitReply, toPlain } from "./RpcReply.ts"
import { run } from "./Run.ts"
import type { Session } from "./Session.ts"

export type { NetconfClientOptions, Timeout } from "./ClientOptions.ts"
export type { CommitRpcReply, EditResult, RpcReply } from "./RpcReply.ts"

export interface Signal {
  readonly signal?: AbortSignal
}

/** What a call may be given: its own options, those of every call, and a signal. */
type Options<A = unknown> = A & CallOptions & Signal

type OptionsOf<Name extends Exclude<keyof typeof operations, "rpc">> = Options<
  NonNullable<Parameters<(typeof operations)[Name]>[0]>
>

type State =
  | { readonly _tag: "New" | "Connecting" | "Failed" | "Closed" }
  | { readonly _tag: "Connected"; readonly session: Session; readonly scope: Scope.Closeable }

const notConnected = {
  New: "the client is not connected: call connect() first",
  Connecting: "the client is still connecting: await connect()",
  Failed: "connect() failed",
  Closed: "the client was disconnected"
} as const

/**
 * A NETCONF session for plain async code.
 *
 * @example
 * await using client = new NetconfClient({ hostname: "192.0.2.1", username: "admin", password, hostKey: "known-hosts" })
 * await client.connect()
 * const reply = await client.getConfig({ source: "running" })
 * console.log(reply.xml)
 */
export class NetconfClient implements AsyncDisposable {
  readonly #options: Netconf.ConnectOptions
  readonly #connectTimeout: Timeout
  #state: State = { _tag: "New" }
  #connecting: AbortController | undefined
  /** The last attempt to connect, settled either way. */
  #attempted: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined
  /** The session ended without us: its methods say why, and `connect` opens a new one. */
  #lost = false

  /** Throws an `InputError` for options that cannot work. */
  constructor(options: NetconfClientOptions) {
    checkNames(options)
    this.#connectTimeout = timeout("connectTimeout", options.connectTimeout ?? "60 seconds")
    this.#options = connectOptions(options)
  }

  /** Opens the session. Rejects when it is open already; after `disconnect`, or when it was lost, it opens a new one. */
  async connect({ signal }: Signal = {}): Promise<void> {
    const { _tag } = this.#state
    if (_tag === "Connected" && this.#lost) await this.disconnect()
    else if (_tag === "Connected" || _tag === "Connecting") {
      throw new InputError({
        label: this.#options.label,
        peer: this.#options.transport.peer,
        operation: "connect",
        what: "client",
        why: `it is ${_tag.toLowerCase()} already`
      })
    }
    this.#state = { _tag: "Connecting" }
    const connecting = new AbortController()
    this.#connecting = connecting
    const given = signal === undefined ? connecting.signal : AbortSignal.any([signal, connecting.signal])
    const attempt = this.#attempt(given)
    this.#attempted = attempt.catch(() => {})
    return attempt
  }

  async #attempt(signal: AbortSignal): Promise<void> {
    const scope = Scope.makeUnsafe()
    try {
      const session = await run(this.#open(scope), signal)
      signal.throwIfAborted()
      this.#state = { _tag: "Connected", session, scope }
      this.#lost = false
      Effect.runFork(Effect.tap(session.closed, () => Effect.sync(() => void (this.#lost = true))))
    } catch (error) {
      await Effect.runPromise(Scope.close(scope, Exit.void))
      this.#state = { _tag: "Failed" }
      throw error
    } finally {
      this.#connecting = undefined
    }
  }

  #open(scope: Scope.Closeable): Effect.Effect<Session, ConnectError> {
    const { label, transport } = this.#options
    const limit = millis("connectTimeout", this.#connectTimeout)
    return Effect.timeoutOrElse(Scope.provide(Netconf.connect(this.#options), scope), {
      duration: limit,
      orElse: () =>
        new DeadlineError({ label, peer: transport.peer, phase: "connect", deadline: limit, bytes: 0, elapsed: limit })
    })
  }

  /**
   * Ends the session: close-session, then the connection. Never rejects; a client that is connecting stops, and its
   * `connect` rejects. Calling it twice waits for the same end.
   */
  disconnect(): Promise<void> {
    this.#closing ??= this.#close().finally(() => {
      this.#closing = undefined
    })
    return this.#closing
  }

  async #close(): Promise<void> {
    const { peer } = this.#options.transport
    this.#connecting?.abort(new ChannelError({ peer, phase: "open", by: "us", detail: "disconnect() was called" }))
    await this.#attempted
    const state = this.#state
    if (state._tag !== "Connected") return
    this.#state = { _tag: "Closed" }
    await Effect.runPromise(Scope.close(state.scope, Exit.void))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.disconnect()
  }

  /** The session underneath, with everything that Effect programs have. Throws before `connect` and after `disconnect`. */
  get session(): Session {
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

  get sessionId(): number | undefined {
    return this.session.sessionId
  }

  get capabilities(): Session["capabilities"] {
    return this.session.capabilities
  }

  /** Sends any operation value. */
  run<A>(operation: Operation<A>, options: Options = {}): Promise<A> {
    return this.#call((session) => session.run(operation, options), options)
  }

  /** Sends an operation element, or a whole `<rpc>` whose message-id is replaced. `read: true` says that it changes nothing. */
  sendRpc(rpc: Fragment, options: Options<{ readonly read?: boolean }> = {}): Promise<RpcReply> {
    return this.#reply((session) => session.rpc(rpc, options), options)
  }

  get(options: OptionsOf<"get"> = {}): Promise<RpcReply> {
    return this.#reply((session) => session.get(options), options)
  }

  getConfig(options: OptionsOf<"getConfig"> = {}): Promise<RpcReply> {
    return this.#reply((session) => session.getConfig(options), options)
  }

  /**
   * Loads a change. `validate: true` against running is test-then-set, so that nothing invalid is ever in force; against
   * another datastore it is followed by a validate.
   */
  async editConfig({
    validate = false,
    ...options
  }: OptionsOf<"editConfig"> & { readonly validate?: boolean }): Promise<RpcReply> {
    const { target = "running" } = options
    if (!validate) return this.#reply((session) => session.editConfig(options), options)
    if (target === "running")
      return this.#reply((session) => session.editConfig({ ...options, testOption: "test-then-set" }), options)
    this.#needs(":validate", "edit-config")
    const reply = await this.#reply((session) => session.editConfig(options), options)
    const { capabilityCheck, deadline, signal, warnings } = options
    await this.validate({ ...defined({ capabilityCheck, deadline, signal, warnings }), source: target })
    return reply
  }

  copyConfig(options: OptionsOf<"copyConfig">): Promise<RpcReply> {
    return this.#reply((session) => session.copyConfig(options), options)
  }

  deleteConfig(options: OptionsOf<"deleteConfig">): Promise<RpcReply> {
    return this.#reply((session) => session.deleteConfig(options), options)
  }

  validate(options: OptionsOf<"validate"> = {}): Promise<RpcReply> {
    return this.#reply((session) => session.validate(options), options)
  }

  lock(options: OptionsOf<"lock"> = {}): Promise<RpcReply> {
    return this.#reply((session) => session.lock(options), options)
  }

  unlock(options: OptionsOf<"unlock"> = {}): Promise<RpcReply> {
    return this.#reply((session) => session.unlock(options), options)
  }

  /** See the Effect API's commit: without `persist`, closing the session rolls a confirmed commit back at once. */
  async commit(options: OptionsOf<"commit"> = {}): Promise<CommitRpcReply> {
    checked("confirmTimeout", options.confirmTimeout)
    return toCommitReply(await this.#call((session) => session.commit(options), options))
  }

  cancelCommit(options: OptionsOf<"cancelCommit"> = {}): Promise<RpcReply> {
    return this.#reply((session) => session.cancelCommit(options), options)
  }

  discardChanges(options: Options = {}): Promise<RpcReply> {
    return this.#reply((session) => session.discardChanges(options), options)
  }

  killSession(options: OptionsOf<"killSession">): Promise<RpcReply> {
    return this.#reply((session) => session.killSession(options), options)
  }

  /**
   * One change from lock to unlock: lock, edit, validate, commit (candidate only), unlock, and save if asked for. A refused
   * lock ends it with nothing touched; any later refusal means no commit, the edit discarded, the locks released, and
   * the first error rejected. An aborted one rejects when its clean-up is done.
   */
  async lockedEditConfig({
    config,
    target = "running",
    validate = false,
    ...options
  }: Options<{ readonly config: Fragment } & EditOptions>): Promise<EditResult> {
    const report = await this.#call((session) => session.edit(config, { ...options, target, validate }), options)
    return { ...report, replies: report.replies.map(toPlain) }
  }

  /** Makes running survive a reboot, where the device does not do so itself. */
  save(options: Signal = {}): Promise<"yes" | "not-needed"> {
    return this.#call((session) => session.save(), options)
  }

  /** Asked before the first of several requests: what follows must not fail for want of it. */
  #needs(capability: string, operation: string): void {
    const { capabilities, label, peer, sessionId } = this.session
    if (capabilities.has(capability)) return
    throw new CapabilityError({ label, peer, sessionId, operation, needed: [capability], offered: capabilities.uris })
  }

  async #reply(use: (session: Session) => Effect.Effect<Reply, OperationError>, options: Options): Promise<RpcReply> {
    return toPlain(await this.#call(use, options))
  }

  async #call<A>(
    use: (session: Session) => Effect.Effect<A, OperationError>,
    { deadline, signal }: Signal & Pick<CallOptions, "deadline">
  ): Promise<A> {
    checked("deadline", deadline)
    return run(use(this.session), signal)
  }
}
