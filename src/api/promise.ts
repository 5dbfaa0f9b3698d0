/**
 * The Promise adapter: the session's methods for plain async code, with pyNetX's names and defaults.
 *
 * Every method takes `{ signal }` and rejects with the library's own error object, never a wrapper; an aborted call rejects
 * with `signal.reason`. Nothing is decided here that `Session` does not decide.
 */
import * as Cause from "effect/Cause"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { inspect } from "node:util"
import {
  ChannelError,
  type ConnectError,
  DeadlineError,
  InputError,
  type OperationError,
  type ProtocolError,
  type RpcErrorItem
} from "../errors.ts"
import type { CallOptions, Operation } from "../rpc/Operation.ts"
import type { Reply } from "../rpc/Reply.ts"
import { millis } from "../transport/Deadlines.ts"
import * as Ssh from "../transport/Ssh.ts"
import type { Transport } from "../transport/Transport.ts"
import type { Element } from "../xml/Element.ts"
import type { EditOptions, EditReport } from "./Change.ts"
import { defined } from "./Defined.ts"
import type { CommitReply } from "./Commit.ts"
import type { Fragment } from "./Fragment.ts"
import * as Netconf from "./Netconf.ts"
import type { operations } from "./Operations.ts"
import type { Session } from "./Session.ts"

/** A duration: `"30 seconds"`. A bare number is milliseconds; below 1000 it is refused, because seconds were meant. */
export type Timeout = Duration.Input

export interface NetconfClientOptions extends Omit<Netconf.ConnectOptions, "transport"> {
  readonly hostname?: string
  /** Default: 830. */
  readonly port?: number
  readonly username?: string
  readonly password?: string | Redacted.Redacted<string>
  /** The key's text or bytes, or where it stands. */
  readonly privateKey?: string | Buffer | Redacted.Redacted<string> | { readonly path: string }
  readonly passphrase?: string | Redacted.Redacted<string>
  /** The socket of an ssh-agent, or true for SSH_AUTH_SOCK. */
  readonly agent?: string | true
  /** Default: `"known-hosts"`, which fails closed. */
  readonly hostKey?: Ssh.HostKeyPolicy
  /** Everything up to the device's hello. Default: 60 seconds. */
  readonly connectTimeout?: Timeout
  /** From a written rpc to its reply. Default: 60 seconds; commit, copyConfig and validate: 10 minutes. */
  readonly readTimeout?: Timeout
  /** DNS and TCP. Default: 5 seconds. */
  readonly socketConnectTimeout?: Timeout
  /** Further options of the SSH transport. */
  readonly ssh?: Partial<Pick<Ssh.SshOptions, "localAddress" | "keepalive" | "algorithms" | "subsystem">>
  /** Instead of SSH to `hostname`: a simulated device's transport, or one of your own. */
  readonly transport?: Transport
}

export interface Signal {
  readonly signal?: AbortSignal
}

/** What a call may be given: its own options, those of every call, and a signal. */
type Options<A = unknown> = A & CallOptions & Signal

type OptionsOf<Name extends Exclude<keyof typeof operations, "rpc">> = Options<
  NonNullable<Parameters<(typeof operations)[Name]>[0]>
>

/** A reply with its lazy parts as plain properties. */
export interface RpcReply {
  /** Always true: a refused rpc rejects, so whoever holds a reply holds a success. */
  readonly ok: true
  /** The whole message as received. */
  readonly xml: string
  /** The `<data>` element, parsed when first asked for; throws a `ProtocolError` when it is not well-formed. */
  readonly data: Element
  readonly warnings: ReadonlyArray<RpcErrorItem>
  readonly messageId: string | undefined
  readonly bytes: number
  /** Milliseconds from writing the rpc to the end of its reply. */
  readonly elapsed: number
}

/** What a whole change came to. */
export interface EditResult extends Omit<EditReport, "replies"> {
  readonly replies: ReadonlyArray<RpcReply>
}

/** Between which two moments the device rolls an unconfirmed commit back. */
export interface CommitRpcReply extends RpcReply {
  readonly rollback: { readonly earliest: Date; readonly latest: Date } | undefined
}

const unwrap = <A, E>(exit: Exit.Exit<A, E>, signal: AbortSignal | undefined): A => {
  if (Exit.isSuccess(exit)) return exit.value
  if (signal?.aborted === true && Cause.hasInterruptsOnly(exit.cause)) throw signal.reason
  throw Cause.squash(exit.cause)
}

/** An already aborted signal starts nothing; a later one interrupts. */
const run = async <A, E>(effect: Effect.Effect<A, E>, signal?: AbortSignal): Promise<A> => {
  if (signal?.aborted === true) throw signal.reason
  return unwrap(await Effect.runPromiseExit(effect, signal === undefined ? {} : { signal }), signal)
}

const runSync = <A>(effect: Effect.Effect<A, ProtocolError>): A => unwrap(Effect.runSyncExit(effect), undefined)

class PlainReply implements RpcReply {
  readonly #reply: Reply
  constructor(reply: Reply) {
    this.#reply = reply
  }
  readonly ok = true
  get xml(): string {
    return this.#reply.xml
  }
  get data(): Element {
    return runSync(this.#reply.data)
  }
  get warnings(): ReadonlyArray<RpcErrorItem> {
    return this.#reply.warnings
  }
  get messageId(): string | undefined {
    return this.#reply.messageId
  }
  get bytes(): number {
    return this.#reply.bytes
  }
  get elapsed(): number {
    return this.#reply.elapsed
  }
  /** For logs: what it is about, never its content. */
  toJSON(): unknown {
    const { bytes, elapsed, messageId, ok, warnings } = this
    return { ok, messageId, bytes, elapsed, warnings }
  }
  [inspect.custom](): unknown {
    return this.toJSON()
  }
}

const toPlain = (reply: Reply): RpcReply => new PlainReply(reply)

const toCommitReply = (reply: CommitReply): CommitRpcReply => {
  const { rollback } = reply
  const dates = rollback && {
    earliest: new Date(rollback.earliest.epochMilliseconds),
    latest: new Date(rollback.latest.epochMilliseconds)
  }
  return Object.assign(new PlainReply(reply), { rollback: dates })
}

const timeout = (what: string, input: Timeout): Timeout => {
  millis(what, input)
  if (typeof input === "number" && input < 1000) {
    throw new InputError({
      what,
      why: `${input} would be milliseconds; write "${input} seconds", or "${input} millis"`
    })
  }
  return input
}

const names: Readonly<Record<keyof NetconfClientOptions, true>> = {
  hostname: true,
  port: true,
  username: true,
  password: true,
  privateKey: true,
  passphrase: true,
  agent: true,
  hostKey: true,
  ssh: true,
  transport: true,
  connectTimeout: true,
  readTimeout: true,
  socketConnectTimeout: true,
  label: true,
  deadlines: true,
  maxOutstanding: true,
  framing: true,
  capabilities: true,
  profile: true,
  limits: true,
  invalidUtf8: true,
  missingSessionId: true,
  maxAbandoned: true
}

/** A misspelt option would be silently left out, and `hostkey` is worth more than that. */
const checkNames = (options: object): void => {
  const unknown = Object.keys(options).find((name) => !(name in names))
  if (unknown !== undefined)
    throw new InputError({ what: unknown, why: `no such option; there are ${Object.keys(names).join(", ")}` })
}

const redacted = (secret: string | Redacted.Redacted<string>): Redacted.Redacted<string> =>
  typeof secret === "string" ? Redacted.make(secret) : secret

type KeyAuth = Extract<Ssh.Auth, { readonly privateKey: unknown }>

const keyAuth = ({ passphrase, privateKey }: NetconfClientOptions): ReadonlyArray<KeyAuth> => {
  if (privateKey === undefined) return []
  const key: KeyAuth["privateKey"] =
    typeof privateKey === "string"
      ? Redacted.make(privateKey)
      : Buffer.isBuffer(privateKey)
        ? Redacted.make(privateKey)
        : privateKey
  return [passphrase === undefined ? { privateKey: key } : { privateKey: key, passphrase: redacted(passphrase) }]
}

/** In this order: the private key, the agent, the password. None of them given: what ssh would try. */
const authOf = (options: NetconfClientOptions): { readonly auth?: ReadonlyArray<Ssh.Auth> } => {
  const auth: ReadonlyArray<Ssh.Auth> = [
    ...keyAuth(options),
    ...(options.agent === undefined ? [] : [{ agent: options.agent }]),
    ...(options.password === undefined ? [] : [{ password: redacted(options.password) }])
  ]
  return auth.length === 0 ? {} : { auth }
}

const transportOf = (options: NetconfClientOptions): Transport => {
  if (options.transport !== undefined) return options.transport
  const { hostKey, hostname, port, username } = options
  if (hostname === undefined) throw new InputError({ what: "hostname", why: "it is missing" })
  if (username === undefined) throw new InputError({ what: "username", why: "it is missing" })
  return Ssh.make({
    host: hostname,
    username,
    ...authOf(options),
    ...(port === undefined ? {} : { port }),
    ...(hostKey === undefined ? {} : { hostKey }),
    ...options.ssh
  })
}

/** A duration of a call's options, or `"none"`, by the same rule. */
const checked = (what: string, input: Timeout | "none" | undefined): void => {
  if (input !== undefined && input !== "none") timeout(what, input)
}

const connectOptions = (options: NetconfClientOptions): Netconf.ConnectOptions => {
  const { deadlines, readTimeout, socketConnectTimeout } = options
  for (const [phase, input] of Object.entries(deadlines ?? {})) checked(`deadlines.${phase}`, input)
  const { capabilities, framing, invalidUtf8, label, limits, maxAbandoned, maxOutstanding, missingSessionId, profile } =
    options
  return {
    ...defined({
      capabilities,
      framing,
      invalidUtf8,
      label,
      limits,
      maxAbandoned,
      maxOutstanding,
      missingSessionId,
      profile
    }),
    transport: transportOf(options),
    deadlines: {
      ...deadlines,
      ...(readTimeout === undefined ? {} : { rpc: timeout("readTimeout", readTimeout) }),
      ...(socketConnectTimeout === undefined ? {} : { dial: timeout("socketConnectTimeout", socketConnectTimeout) })
    }
  }
}

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
    this.#connecting = new AbortController()
    const given = signal === undefined ? this.#connecting.signal : AbortSignal.any([signal, this.#connecting.signal])
    const scope = Scope.makeUnsafe()
    try {
      const session = await run(this.#open(scope), given)
      given.throwIfAborted()
      this.#state = { _tag: "Connected", session, scope }
      this.#lost = false
      Effect.runFork(Effect.tap(session.closed, () => Effect.sync(() => void (this.#lost = true))))
    } catch (error) {
      this.#state = { _tag: "Failed" }
      await Effect.runPromise(Scope.close(scope, Exit.void))
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

  /** Ends the session: close-session, then the connection. Never rejects; a client that is connecting stops, and its `connect` rejects. */
  async disconnect(): Promise<void> {
    this.#connecting?.abort(
      new ChannelError({
        peer: this.#options.transport.peer,
        phase: "open",
        by: "us",
        detail: "disconnect() was called"
      })
    )
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
