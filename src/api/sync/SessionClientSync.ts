/**
 * A session's methods that block: those of `NetconfSessionClient`, by name. `NetconfClientSync` adds connecting; the
 * programs of `locked` and `confirmedCommit` are given one of their own.
 *
 * Nothing is decided here that the Promise adapter does not decide: the call is made there, in another thread.
 */
import type { Capabilities } from "../../rpc/Capabilities.ts"
import { aFunction, isRecord } from "../Checks.ts"
import type { Datastore } from "../operations/Datastore.ts"
import type { ConfirmedCommitClientOptions, LockedClientOptions, LockWait } from "../promise/SessionClient.ts"
import type { About, Line } from "./Line.ts"
import { type BlockingMethods, type Method, methods } from "./Methods.ts"
import { program as theProgram, type Reference, verify as theVerify } from "./Messages.ts"
import { type SubscribeSyncOptions, SubscriptionSync } from "./SubscriptionSync.ts"

/** A program that has done its work when it returns. Its client refuses every call once the program is over. */
export type SyncProgram<A> = (client: NetconfSessionClientSync) => A

export type LockedSyncOptions = Omit<LockedClientOptions, "signal" | "breakStale" | "wait"> & {
  /** Asks again for a lock that another session holds: how often, and for how long. */
  readonly wait?: LockWait
}

export type ConfirmedCommitSyncOptions = Omit<
  ConfirmedCommitClientOptions,
  "signal" | "breakStale" | "wait" | "record"
> & {
  /** Called with the persist-id before anything is committed; if it throws, it ends there. */
  readonly record?: (persistId: string) => void
}

/** A session whose methods block; see `NetconfClientSync`, which also connects it. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- the methods are made from the table
export interface NetconfSessionClientSync extends BlockingMethods {}
export class NetconfSessionClientSync {
  readonly #line: Line

  constructor(line: Line) {
    this.#line = line
  }

  static {
    for (const [name, method] of Object.entries(methods)) {
      const value = function (this: NetconfSessionClientSync, ...args: ReadonlyArray<unknown>): unknown {
        return this.#line.call(name, args, aboutOf(method, args))
      }
      Object.defineProperty(this.prototype, name, { value, configurable: true, writable: true })
    }
  }

  get sessionId(): number | undefined {
    return this.#line.call("sessionId", [], property) as number | undefined
  }

  get capabilities(): Capabilities {
    return this.#line.call("capabilities", [], property) as Capabilities
  }

  /**
   * Subscribes to an event stream (RFC 5277), on a session of its own unless told otherwise. Returns when it is established:
   * from then on nothing is lost but by the policy of its queue, or as a `Gap` says. What comes is collected while this thread
   * does something else. Throws the `RpcError` of a device that refuses, a `CapabilityError` where it lacks `:notification`,
   * or as `connect` does.
   */
  subscribe(options: SubscribeSyncOptions = {}): SubscriptionSync {
    const about: About = { operation: "create-subscription", kind: "control", permit: true }
    return new SubscriptionSync(this.#line, this.#line.call("subscribe", [options], about) as Reference)
  }

  /**
   * Runs a program under locks of this session: locked in the safe order, edits discarded and locks released when it
   * returns or throws. Throws what the program has thrown; a lock that is refused is an `RpcError`.
   *
   * The program has to use the client that it is given, and to have done its work when it returns: one that returns a
   * promise fails, and what it has edited is discarded. When the session is lost meanwhile, its next call throws.
   *
   * @example
   * const client = new NetconfClientSync({ hostname: host, username })
   * client.connect()
   * client.locked(["running", "candidate"], (inside) => {
   *   inside.editConfig({ target: "candidate", config })
   *   inside.commit()
   * })
   */
  locked<A>(datastores: ReadonlyArray<Datastore>, program: SyncProgram<A>, options: LockedSyncOptions = {}): A {
    aFunction("program", program, "(inside) => inside.commit()")
    const about: About = {
      operation: "lock",
      kind: "control",
      permit: true,
      state: "the locks of the program are lost with it"
    }
    return this.#line.call("locked", [datastores, theProgram, options], about, {
      program: (client) => program(this.#lent(client))
    }) as A
  }

  /**
   * Commits for a limited time, runs a check on a session of its own, and confirms. A check that throws, returns exactly
   * `false` or takes too long cancels the commit. Without `config` it commits what a program inside of {@link locked}
   * has loaded.
   *
   * The check has to return in time by itself, for nothing can stop it: when it is overdue the commit is cancelled all the
   * same, and its calls throw.
   *
   * @example
   * const client = new NetconfClientSync({ hostname: host, username })
   * client.connect()
   * client.confirmedCommit({ timeout: "2 minutes", config }, (other) => {
   *   other.get({ filter })
   * })
   */
  confirmedCommit<A>(options: ConfirmedCommitSyncOptions, verify: SyncProgram<A>): A {
    aFunction("verify", verify, "(other) => other.get()")
    const record = isRecord(options) ? options["record"] : undefined
    if (record !== undefined) aFunction("record", record, "(persistId) => writeDown(persistId)")
    const given = record === undefined ? options : { ...options, record: true }
    const about: About = { operation: "commit", kind: "write", permit: true }
    return this.#line.call("confirmedCommit", [given, theVerify], about, {
      verify: (client) => verify(this.#lent(client)),
      record: (_client, [persistId]) => record?.(persistId as string)
    }) as A
  }

  #lent(client: number | undefined): NetconfSessionClientSync {
    return new NetconfSessionClientSync(this.#line.lent(client!))
  }
}

const property: About = { operation: "session", kind: "read", permit: false }

const aboutOf = ({ kind, operation, permit }: Method, args: ReadonlyArray<unknown>): About => {
  const last = args.at(-1)
  const options = isRecord(last) ? last : {}
  return {
    operation,
    kind: typeof kind === "function" ? kind(options) : kind,
    permit: typeof permit === "function" ? permit(options) : permit
  }
}
