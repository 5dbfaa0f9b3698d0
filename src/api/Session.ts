/**
 * A session as users hold it: the named operations, `run` for any of them, and programs under locks.
 *
 * caller -> gate (a locked program of this session) -> turn (session semaphore, operation pool) -> rpc/Session.call -> reply
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ConnectError, OperationError } from "../errors.ts"
import type { Mode } from "../framing/Framing.ts"
import type { Profile } from "../profiles/Profile.ts"
import type { Capabilities } from "../rpc/Capabilities.ts"
import type { CallOptions, Operation } from "../rpc/Operation.ts"
import type * as Core from "../rpc/Session.ts"
import type { OperationPool } from "../sessions/OperationPool.ts"
import type { DeadlineMillis } from "../transport/Deadlines.ts"
import * as Change from "./Change.ts"
import { confirmedCommit, type ConfirmedCommitOptions } from "./ConfirmedCommit.ts"
import type { Datastore } from "./Datastore.ts"
import type { Fragment } from "./Fragment.ts"
import { Gate } from "./Gate.ts"
import { locked, type LockedOptions } from "./Locks.ts"
import { Outliving } from "./LostLocks.ts"
import { makeMethods, type Methods } from "./Operations.ts"
import { makeRun } from "./Send.ts"
import { make as makeTurn } from "./Turn.ts"

/** What a session has seen so far. */
export interface Statistics {
  readonly bytesIn: number
  readonly bytesOut: number
  /** Replies that came after their call had been abandoned; dropped. */
  readonly lateReplies: number
  /** Replies with an id that was never sent or had been answered; dropped. */
  readonly foreignReplies: number
  /** Messages that are no reply; dropped. */
  readonly unexpectedMessages: number
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
   * Commits for a limited time, runs a check on a session of its own, and confirms; a check that fails, is interrupted or
   * takes too long cancels the commit, and the device rolls back by itself when not even that reaches it.
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
}

export interface Options {
  readonly label: string | undefined
  readonly peer: string
  readonly maxOutstanding: number
  readonly deadlines: DeadlineMillis
  readonly pool: OperationPool
  /** Another session with the same device, for checks that must not trust this one. */
  readonly reconnect: Effect.Effect<Session, ConnectError, Scope.Scope>
}

/** The user's session around an open one of the messages layer. */
export const make = (core: Core.Session, options: Options): Session => {
  const { deadlines, label, maxOutstanding, peer, pool, reconnect } = options
  const gate = new Gate()
  const queueDeadline = deadlines.queue
  core.life.pool = pool
  const turn = makeTurn({ gate, device: peer, maxOutstanding, pool, queueDeadline, context: core.context })
  const run = makeRun(core, turn)
  const cleanUp: NonNullable<CallOptions["total"]> = deadlines.close === Infinity ? "none" : deadlines.close
  const outliving = new Outliving()
  const lockedContext = { session: core, gate, run, cleanUp: { deadline: cleanUp, total: cleanUp }, outliving }
  const lockedIn: Session["locked"] = (datastores, program, lockedOptions) =>
    locked(datastores, program, lockedContext, lockedOptions)
  /** From inside the gate on: one that waits outside has nothing to go on with. */
  const lockedOn: Session["locked"] = (datastores, program, lockedOptions) =>
    lockedIn(datastores, outliving.run(program), lockedOptions)
  const change = { session: core, run, locked: lockedIn }
  const session: Session = {
    ...makeMethods(run),
    label,
    peer,
    sessionId: core.hello.sessionId,
    capabilities: core.hello.capabilities,
    framing: core.framing,
    profile: core.profile,
    notes: [...core.hello.tolerated, ...(core.connection?.notes ?? [])],
    transport: core.connection?.details ?? {},
    closed: Deferred.await(core.closed),
    statistics: () => {
      const { bytesIn, bytesOut, foreign, late, replaced, tolerated, unexpected } = core.seen
      const counted = { bytesIn, bytesOut, lateReplies: late, foreignReplies: foreign, unexpectedMessages: unexpected }
      return { ...counted, tolerated: { ...tolerated, "invalid-utf8": replaced } }
    },
    run,
    locked: lockedIn,
    edit: (config, editOptions) => Change.edit(change, config, editOptions),
    confirmedCommit: (commitOptions, verify) =>
      confirmedCommit({ ...change, locked: lockedOn, reconnect, self: () => session }, commitOptions, verify),
    save: () => Change.save(change)
  }
  return session
}
