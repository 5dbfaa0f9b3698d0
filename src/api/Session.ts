/**
 * A session as users hold it: the named operations, `run` for any of them, and programs under locks.
 *
 * caller -> gate (a locked program of this session) -> turn (session semaphore, operation pool) -> rpc/Session.call -> reply
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import type { ConnectError, OperationError, SubscribeError } from "../errors.ts"
import type { Mode } from "../framing/Framing.ts"
import type { Profile } from "../profiles/Profile.ts"
import type { Capabilities } from "../rpc/Capabilities.ts"
import type { Leases } from "../rpc/Leases.ts"
import type { CallOptions, Operation, Run } from "../rpc/Operation.ts"
import type * as Core from "../rpc/Session.ts"
import { besideTransport } from "./session/Beside.ts"
import type { SubscriptionEvent } from "../notifications/SubscriptionEvent.ts"
import type { OperationPool } from "../sessions/OperationPool.ts"
import * as Reactors from "../sessions/Reactors.ts"
import type { Transport } from "../transport/Transport.ts"
import * as Change from "./changes/Change.ts"
import { confirmedCommit, type ConfirmedCommitOptions } from "./changes/ConfirmedCommit.ts"
import type { Datastore } from "./operations/Datastore.ts"
import { Ending } from "./session/Ending.ts"
import type { Fragment } from "./operations/Fragment.ts"
import { Gate } from "./session/Gate.ts"
import * as LazyMembers from "./session/LazyMembers.ts"
import { locked, type LockedOptions } from "./changes/Locks.ts"
import { Outliving } from "./changes/LostLocks.ts"
import { type EventStream, streams } from "./operations/EventStreams.ts"
import { makers, type Methods } from "./operations/Operations.ts"
import { another, core as coreKey } from "./session/CoreOf.ts"
import type { Host } from "./session/Host.ts"
import { makeRun } from "./session/Send.ts"
import { establish } from "./push/Establish.ts"
import type { DynamicSubscription } from "./push/Established.ts"
import type { DynamicOptions } from "./push/Options.ts"
import * as Subscribe from "./Subscribe.ts"
import { make as makeTurn } from "./session/Turn.ts"

/** What a session has seen so far. */
export interface Statistics {
  readonly bytesIn: number
  readonly bytesOut: number
  /** Replies that came after their call had been abandoned; dropped. */
  readonly lateReplies: number
  /** Replies with an id that was never sent or had been answered; dropped. */
  readonly foreignReplies: number
  /** Messages that are neither a reply nor a notification; dropped. */
  readonly unexpectedMessages: number
  /** Notifications that came while no subscription of ours was on the session, or for one that is over; dropped. */
  readonly discardedNotifications: number
  /** What a strict reader would have refused, by kind. */
  readonly tolerated: Readonly<Record<string, number>>
}

export interface Session extends Methods {
  readonly label: string | undefined
  /** Address and port of the device. */
  readonly peer: string
  /** Undefined only when the device gave none and that was allowed. */
  readonly sessionId: number | undefined
  readonly capabilities: Capabilities
  readonly framing: Mode
  readonly profile: Profile
  /** What was tolerated in the hello, and what the transport did otherwise than asked. */
  readonly notes: ReadonlyArray<string>
  /** Facts of the connection: cipher, host key, addresses. */
  readonly transport: Readonly<Record<string, string>>
  /** Where it lives: `loop`, the caller's event loop, or the name of a worker thread; docs/concurrency.md, "Reactors". */
  readonly reactor: string
  /** Why the session ended, once it has; never fails. */
  readonly closed: Effect.Effect<Core.CloseReason>
  readonly statistics: () => Statistics
  /** Sends any operation value; the named methods are this one. */
  readonly run: <A>(operation: Operation<A>, options?: CallOptions) => Effect.Effect<A, OperationError>
  /**
   * Runs a program under locks of this session: locked in the safe order, edits discarded and locks released on success,
   * failure and interruption. Changes by other fibers of this session wait until it is over. When the session ends, its
   * locks are lost: the program is interrupted, and the call fails with a `ChannelError`, or a `CommitUnknownError`.
   *
   * @example
   * session.locked(["running", "candidate"], Effect.gen(function*() {
   *   yield* session.editConfig({ target: "candidate", config })
   *   yield* session.commit()
   * }))
   */
  readonly locked: <A, E, R>(
    datastores: ReadonlyArray<Datastore>,
    program: Effect.Effect<A, E, R>,
    options?: LockedOptions
  ) => Effect.Effect<A, E | OperationError, R>
  /** One change from lock to unlock (and `save`), as the peer's capabilities allow. Any refusal means nothing is committed. */
  readonly edit: (config: Fragment, options?: Change.EditOptions) => Effect.Effect<Change.EditReport, OperationError>
  /**
   * Commits for a limited time, runs a check on a session of its own, and confirms; a check that fails, is interrupted,
   * takes too long, or returns false (an `InputError`) cancels the commit, and the device rolls back by itself when not even that reaches it.
   *
   * @example
   * session.confirmedCommit({ timeout: "2 minutes", config }, (other) => other.get({ filter }))
   */
  readonly confirmedCommit: <A, E, R>(
    options: ConfirmedCommitOptions,
    verify: (session: Session) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | OperationError | ConnectError, Exclude<R, Scope.Scope>>
  /** Makes running survive a reboot, where the device does not do so itself. */
  readonly save: () => Effect.Effect<"yes" | "not-needed", OperationError>
  /** The event streams that the device offers (RFC 5277 §3.2.5, RFC 8639 §2.1). */
  readonly streams: (options?: CallOptions) => Effect.Effect<ReadonlyArray<EventStream>, OperationError>
  /**
   * Subscribes to an event stream (RFC 5277), on a session of its own unless told otherwise. Established when it returns:
   * from then on nothing is lost but by the policy of its queue, or as a `Gap` says. It is over with the scope.
   *
   * Fails with a `CapabilityError` (`:notification`), the `RpcError` of a device that refuses, or as `Netconf.connect` does.
   *
   * @example
   * const subscription = yield* session.openSubscription({ stream: "NETCONF", startTime: "2026-01-31T12:00:00Z" })
   * yield* Stream.runForEach(subscription.events, (event) => Effect.log(event._tag))
   */
  readonly openSubscription: (
    options?: Subscribe.SubscribeOptions
  ) => Effect.Effect<Subscribe.Subscription, SubscribeError, Scope.Scope>
  /** The same as one stream: subscribed when it is run, over when it ends or is left. */
  readonly subscribe: (options?: Subscribe.SubscribeOptions) => Stream.Stream<SubscriptionEvent, SubscribeError>
  /**
   * Establishes a dynamic subscription (RFC 8639): to a stream, or to a datastore (RFC 8641), periodic or on change. It is
   * over with the scope. Fails with the `RpcError` of a device that refuses; `Push.refusalOf` says why, and what it would accept.
   *
   * @example
   * const subscription = yield* session.establishSubscription({ datastore: "operational", filter, periodic: { period: "10 seconds" } })
   */
  readonly establishSubscription: (
    options: DynamicOptions
  ) => Effect.Effect<DynamicSubscription, SubscribeError, Scope.Scope>
}

export interface Options extends Core.Options {
  readonly maxOutstanding: number
}

/** What the operations and programs of a session go through. */
class Ways {
  readonly run: Run
  readonly #core: Core.Session
  readonly #options: Options
  readonly #gate: Gate
  readonly #outliving = new Outliving()

  constructor(core: Core.Session, options: Options, pool: OperationPool) {
    this.#core = core
    this.#options = options
    const { deadlines, maxOutstanding, transport } = options
    const { context } = core
    const ending = new Ending(core)
    const queueDeadline = deadlines.queue
    this.#gate = new Gate({ ending, queueDeadline, context })
    const turn = { gate: this.#gate, ending, device: transport.peer, maxOutstanding, pool, queueDeadline, context }
    this.run = makeRun(core, makeTurn(turn))
  }

  readonly locked: Session["locked"] = (datastores, program, options) => {
    const { cleanUp, run } = this
    const context = { session: this.#core, gate: this.#gate, run, cleanUp, outliving: this.#outliving }
    return locked(datastores, program, context, options)
  }

  get cleanUp(): CallOptions {
    const { close } = this.#options.deadlines
    const total: NonNullable<CallOptions["total"]> = close === Infinity ? "none" : close
    return { deadline: total, total }
  }

  /** From inside the gate on: one that waits outside has nothing to go on with. */
  readonly lockedOn: Session["locked"] = (datastores, program, options) =>
    this.locked(datastores, this.#outliving.run(program), options)

  get change(): Change.ChangeContext {
    return { session: this.#core, run: this.run, cleanUp: this.cleanUp, locked: this.locked }
  }
}

/** The methods, which are made when they are asked for. */
type Lazy =
  | keyof Methods
  | "run"
  | "locked"
  | "edit"
  | "confirmedCommit"
  | "save"
  | "streams"
  | "openSubscription"
  | "subscribe"
  | "establishSubscription"
  | "statistics"

/** Small while nobody uses it, because most sessions of many wait. */
class OpenSession implements Omit<Session, Lazy> {
  private readonly core: Core.Session
  private readonly options: Options
  private readonly pool: OperationPool
  private readonly reconnect: Reconnect
  private made: Ways | undefined
  private hosting: Host | undefined

  constructor(core: Core.Session, options: Options, pool: OperationPool, reconnect: Reconnect) {
    this.core = core
    this.options = options
    this.pool = pool
    this.reconnect = reconnect
    core.life.pool = pool
  }

  get label(): string | undefined {
    return this.options.label
  }

  get peer(): string {
    return this.options.transport.peer
  }

  get sessionId(): number | undefined {
    return this.core.hello.sessionId
  }

  get capabilities(): Capabilities {
    return this.core.hello.capabilities
  }

  get framing(): Mode {
    return this.core.framing
  }

  get profile(): Profile {
    return this.core.profile
  }

  get notes(): ReadonlyArray<string> {
    return [...this.core.hello.tolerated, ...(this.core.connection?.notes ?? [])]
  }

  get transport(): Readonly<Record<string, string>> {
    return this.core.connection?.details ?? {}
  }

  get reactor(): string {
    return this.core.connection?.reactor ?? Reactors.loop
  }

  get closed(): Effect.Effect<Core.CloseReason> {
    return Deferred.await(this.core.closed)
  }

  get [coreKey](): Core.Session {
    return this.core
  }

  get [another](): Effect.Effect<Session, ConnectError, Scope.Scope> {
    return Effect.suspend(() => this.reconnect(besideTransport(this.core, this.options.transport)))
  }

  private get host(): Host {
    return (this.hosting ??= {
      context: { label: this.label, peer: this.peer },
      capabilities: () => this.capabilities,
      another: this[another],
      elsewhere: Effect.suspend(() => this.reconnect()),
      shared: Effect.sync(() => asSession(this)),
      returns: false
    })
  }

  private get ways(): Ways {
    return (this.made ??= new Ways(this.core, this.options, this.pool))
  }

  static {
    LazyMembers.define<OpenSession, Pick<Session, Lazy>>(OpenSession.prototype, {
      ...(makers as LazyMembers.Makers<object, Methods>),
      run: ({ ways }) => ways.run,
      locked: ({ ways }) => ways.locked,
      edit:
        ({ ways }) =>
        (config, options) =>
          Change.edit(ways.change, config, options),
      confirmedCommit: (self) => (options, verify) => {
        const { change, lockedOn } = self.ways
        const reconnect = Effect.suspend(() => self.reconnect())
        return confirmedCommit({ ...change, locked: lockedOn, reconnect, self: () => asSession(self) }, options, verify)
      },
      save:
        ({ ways }) =>
        () =>
          Change.save(ways.change),
      streams: (self) => (options) => streams(self.ways.run, self.capabilities, options),
      openSubscription: (self) => (options) => Subscribe.open(self.host, options),
      subscribe: (self) => (options) => Subscribe.stream(self.host, options),
      establishSubscription: (self) => (options) => establish(self.host, options),
      statistics:
        ({ core }) =>
        () =>
          statisticsOf(core)
    })
  }
}

/** What a session has acquired on its device; undefined for one that is not of this module. */
export const leasesOf = (session: Session): Leases | undefined =>
  session instanceof OpenSession ? session["core"].leases : undefined

const asSession = (session: OpenSession): Session => session as Omit<Session, Lazy> as Session

const statisticsOf = ({ seen }: Core.Session): Statistics => {
  const { bytesIn, bytesOut, discarded, foreign, late, replaced, tolerated, unexpected } = seen
  const counted = {
    bytesIn,
    bytesOut,
    lateReplies: late,
    foreignReplies: foreign,
    unexpectedMessages: unexpected,
    discardedNotifications: discarded
  }
  return { ...counted, tolerated: { ...tolerated, "invalid-utf8": replaced } }
}

/** Another session with the same device: on a connection of its own, or by the transport that is given. */
type Reconnect = (transport?: Transport) => Effect.Effect<Session, ConnectError, Scope.Scope>

/** The user's session around an open one of the messages layer. */
export const make = (core: Core.Session, options: Options, pool: OperationPool, reconnect: Reconnect): Session =>
  asSession(new OpenSession(core, options, pool, reconnect))
