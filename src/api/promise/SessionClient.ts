/**
 * A session's methods for plain async code, with pyNetX's names and defaults. `NetconfClient` adds connecting to it; the
 * programs of `locked`, `confirmedCommit` and a fleet are given one that runs in their own fiber's context.
 *
 * Every method takes `{ signal }` and rejects with the library's own error object, never a wrapper; an aborted call rejects
 * with `signal.reason`. Nothing is decided here that `Session` does not decide.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { CapabilityError, type OperationError } from "../../errors.ts"
import type { CallOptions, Operation } from "../../rpc/Operation.ts"
import type { Reply } from "../../rpc/Reply.ts"
import { checkInside, freeRunner, prepare, type Program, type Runner } from "./AsyncProgram.ts"
import type { EditOptions } from "../changes/Change.ts"
import { named } from "./ClientAudit.ts"
import { aFunction, aSchedule, isRecord, knownNames } from "../Checks.ts"
import { checked, timeout } from "./ClientOptions.ts"
import { checkConfirmedCommit, type ConfirmedCommitOptions } from "../changes/ConfirmedCommit.ts"
import type { Datastore } from "../operations/Datastore.ts"
import { defined } from "../../data/Defined.ts"
import type { Fragment } from "../operations/Fragment.ts"
import type { LockedOptions } from "../changes/Locks.ts"
import type { EventStream } from "../operations/EventStreams.ts"
import { ofPromises, type operations } from "../operations/Operations.ts"
import { type CommitRpcReply, type EditResult, type RpcReply, toCommitReply, toPlain } from "./RpcReply.ts"
import type { Session } from "../Session.ts"
import { callOf, notificationDefaults, type SubscribeClientOptions } from "./SubscribeOptions.ts"
import type { SubscriptionHandle } from "./SubscriptionHandle.ts"
import { Subscriptions } from "./Subscriptions.ts"

export interface Signal {
  readonly signal?: AbortSignal
}

export interface OfChange {
  /** Which change it belongs to, instead of the client's `changeId`. */
  readonly changeId?: string
}

/** What a call may be given: its own options, those of every call, and a signal. */
export type Options<A = unknown> = A & CallOptions & Signal & OfChange

export type OptionsOf<Name extends Exclude<keyof typeof operations, "rpc">> = Options<
  NonNullable<Parameters<(typeof operations)[Name]>[0]>
>

/**
 * A program of plain async code. The signal aborts when it is interrupted; from then on, and once the program is over,
 * its client refuses every call.
 */
export type AsyncProgram<A> = (client: NetconfSessionClient, context: { readonly signal: AbortSignal }) => Promise<A>

/** Asks again for a lock that another session holds: how often, and for how long. */
export interface LockWait {
  readonly every: Duration.Input
  readonly upTo: Duration.Input
}

export type LockedClientOptions = Omit<LockedOptions, "wait"> &
  Signal &
  OfChange & { readonly wait?: LockWait | NonNullable<LockedOptions["wait"]> }

export type ConfirmedCommitClientOptions = Omit<ConfirmedCommitOptions, "record"> &
  Signal &
  OfChange & {
    /** Called with the persist-id before anything is committed; its rejection ends it there. */
    readonly record?: (persistId: string) => Promise<void> | void
  }

/** A session for plain async code; see `NetconfClient`, which also connects it. */
export abstract class NetconfSessionClient {
  readonly #runner: Runner

  constructor(runner: Runner = freeRunner) {
    this.#runner = runner
  }

  /** The session underneath, with everything that Effect programs have. */
  abstract get session(): Session

  get sessionId(): number | undefined {
    return this.session.sessionId
  }

  get capabilities(): Session["capabilities"] {
    return this.session.capabilities
  }

  /** Sends any operation value. */
  run<A>(operation: Operation<A>, options: Options = {}): Promise<A> {
    return this.#call(
      (session) => session.run(operation, options),
      options,
      operation.kind === "read" ? "passes" : undefined
    )
  }

  /** Sends an operation element, or a whole `<rpc>` whose message-id is replaced. `read: true` says that it changes nothing. */
  sendRpc(rpc: Fragment, options: Options<{ readonly read?: boolean }> = {}): Promise<RpcReply> {
    return this.#reply((session) => session.rpc(rpc, options), options, options.read === true ? "passes" : undefined)
  }

  get(options: OptionsOf<"get"> = {}): Promise<RpcReply> {
    return this.#reply((session) => session.get(options), options, "passes")
  }

  getConfig(options: OptionsOf<"getConfig"> = {}): Promise<RpcReply> {
    return this.#reply((session) => session.getConfig(options), options, "passes")
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
    return this.#reply((session) => session.validate(options), options, "passes")
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
    return this.#reply((session) => session.killSession(options), options, "passes")
  }

  /** The event streams that the device offers. */
  streams(options: Options = {}): Promise<ReadonlyArray<EventStream>> {
    return this.#call((session) => session.streams(options), options, "passes")
  }

  /**
   * Subscribes to an event stream (RFC 5277), on a session of its own unless told otherwise. Resolves when it is
   * established: from then on nothing is lost but by the policy of its queue, or as a `Gap` says. Several at once go on side
   * by side. A program's subscription ends with the program.
   *
   * Rejects with the `RpcError` of a device that refuses, a `CapabilityError` where it lacks `:notification`, or as `connect` does.
   */
  abstract subscribe(options?: SubscribeClientOptions): Promise<SubscriptionHandle>

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
  save(options: Signal & OfChange = {}): Promise<"yes" | "not-needed"> {
    return this.#call((session) => session.save(), options)
  }

  /**
   * Runs a program under locks of this session: locked in the safe order, edits discarded and locks released when it
   * resolves, rejects or is aborted. Rejects with the program's own rejection; a lock that is refused is an `RpcError`.
   *
   * The program has to use the client that it is given. Changes by any other client of this session wait until it is over, and
   * a call on one from inside of the program is refused with an `InputError`, because it would wait for ever.
   *
   * @example
   * await client.locked(["running", "candidate"], async (inside) => {
   *   await inside.editConfig({ target: "candidate", config })
   *   await inside.commit()
   * })
   */
  async locked<A>(
    datastores: ReadonlyArray<Datastore>,
    program: AsyncProgram<A>,
    { changeId, signal, wait, ...options }: LockedClientOptions = {}
  ): Promise<A> {
    aFunction("program", program, "async (inside) => inside.commit()")
    const waiting = wait === undefined ? {} : { wait: lockSchedule(wait) }
    const { session } = this
    const inside = prepare(lent(program))({ session, holds: session, reason: () => signal?.reason })
    const locking = session.locked(datastores, inside, { ...options, ...waiting })
    return this.#run(named(locking, changeId), signal)
  }

  /**
   * Commits for a limited time, runs a check on a session of its own, and confirms; a check that rejects, is aborted or
   * takes too long cancels the commit; so does one that resolves to false, with an `InputError`. Without `config` it commits
   * what a program inside of {@link locked} has loaded.
   *
   * @example
   * await client.confirmedCommit({ timeout: "2 minutes", config }, async (other) => {
   *   await other.get({ filter })
   * })
   */
  async confirmedCommit<A>(given: ConfirmedCommitClientOptions, verify: AsyncProgram<A>): Promise<A> {
    checkConfirmedCommit(given, verify, ofPromises)
    const { changeId, record, signal, ...options } = given
    checked("margin", options.margin)
    const recording = record === undefined ? {} : { record: (id: string) => Effect.promise(async () => record(id)) }
    const { session: holds } = this
    const check = prepare(lent(verify))
    const verifying = (session: Session) => check({ session, holds, reason: () => signal?.reason })
    return this.#run(named(holds.confirmedCommit({ ...options, ...recording }, verifying), changeId), signal)
  }

  /** Asked before the first of several requests: what follows must not fail for want of it. */
  #needs(capability: string, operation: string): void {
    const { capabilities, label, peer, sessionId } = this.session
    if (capabilities.has(capability)) return
    throw new CapabilityError({ label, peer, sessionId, operation, needed: [capability], offered: capabilities.uris })
  }

  async #reply(
    use: (session: Session) => Effect.Effect<Reply, OperationError>,
    options: Options,
    gate?: "passes"
  ): Promise<RpcReply> {
    return toPlain(await this.#call(use, options, gate))
  }

  async #call<A>(
    use: (session: Session) => Effect.Effect<A, OperationError>,
    { changeId, deadline, signal }: Signal & OfChange & Pick<CallOptions, "deadline">,
    gate?: "passes"
  ): Promise<A> {
    checked("deadline", deadline)
    return this.#run(named(use(this.session), changeId), signal, gate)
  }

  /** What passes the session's gate, reads for one, waits for no program under locks. */
  #run<A, E>(effect: Effect.Effect<A, E>, signal: AbortSignal | undefined, gate?: "passes"): Promise<A> {
    if (gate === undefined) checkInside(this.#runner, this.session)
    return this.#runner.run(effect, signal)
  }
}

/** What a program is given. */
class LentClient extends NetconfSessionClient {
  readonly #session: Session
  readonly #runner: Runner
  readonly #subscriptions: Subscriptions

  constructor(session: Session, runner: Runner) {
    super(runner)
    this.#session = session
    this.#runner = runner
    this.#subscriptions = new Subscriptions(runner.scope)
  }

  override async subscribe(given: SubscribeClientOptions = {}): Promise<SubscriptionHandle> {
    const { label, peer } = this.#session
    const { options, signal } = callOf(given, notificationDefaults({}), { label, peer })
    const opening = this.#session.openSubscription(options)
    return this.#subscriptions.open(opening, this.#runner.run, signal)
  }

  override get session(): Session {
    return this.#session
  }
}

/** A program that is called with a client of its own. */
export const lent =
  <A>(program: AsyncProgram<A>): Program<A> =>
  (session, runner, signal) =>
    program(new LentClient(session, runner), { signal })

const lockSchedule = (wait: NonNullable<LockedClientOptions["wait"]>): NonNullable<LockedOptions["wait"]> => {
  if (Schedule.isSchedule(wait) || !isRecord(wait)) {
    aSchedule("wait", wait, `{ every: "2 seconds", upTo: "1 minute" } or `)
    return wait
  }
  knownNames("wait", wait, ["every", "upTo"])
  const spaced = Schedule.spaced(timeout("wait.every", wait.every))
  return Schedule.upTo(spaced, { duration: timeout("wait.upTo", wait.upTo) })
}
