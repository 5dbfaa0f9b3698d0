/**
 * What a session has acquired on the device and must not lose sight of: the locks it holds and whose they are, whether it
 * has edited the candidate since the last commit or discard, whether a confirmed commit of its own is pending, and whether
 * it has been subscribed.
 *
 * Everything sent gets a number, because an answer speaks only of what was sent before its request: a late ok of an older
 * commit does not make a newer edit clean. A lock belongs to the session, not to a fiber (RFC 6241 §7.5).
 */
import type { Operation } from "./Operation.ts"
import * as Stopwatch from "./Stopwatch.ts"

/** An operation as it was sent. */
export interface Sent {
  readonly operation: Operation<unknown>
  /** Its place among everything that was sent. */
  readonly stamp: number
  /** It asked for what the session had already: a lock, or a pending confirmed commit, which it extends. */
  readonly had: boolean
  /** Of a confirmed commit: whether the device still waits for its confirmation, if it was accepted. */
  readonly pending: () => boolean
}

const never = (): boolean => false

export class Leases {
  readonly #held = new Map<string, Operation<unknown>>()
  #stamp = 0
  #edited = 0
  /** Anything else that may have edited the candidate, locked or not. */
  #wrote = 0
  #clean = 0
  #committing = 0
  #pending: Sent["pending"] = never
  #subscribed = false
  readonly #clocks: Stopwatch.Clocks

  constructor(clocks: Stopwatch.Clocks) {
    this.#clocks = clocks
  }

  /** Datastores that this session holds the lock of, with the operation that was granted it. */
  get held(): ReadonlyMap<string, Operation<unknown>> {
    return this.#held
  }

  /** The candidate has been sent an edit that is neither committed nor discarded. */
  get dirty(): boolean {
    return this.#edited > this.#clean
  }

  /** Nothing has been sent since the last commit or discard that may be in the candidate: a commit carries nothing new. */
  get clean(): boolean {
    return Math.max(this.#edited, this.#wrote) <= this.#clean
  }

  /**
   * A confirmed commit without persist-id waits for its confirmation; a plain commit would be that. Once its timeout is over
   * the device has rolled it back, and a plain commit is one of its own.
   */
  get pending(): boolean {
    return this.#pending()
  }

  /** It has been subscribed to an event stream, which nothing takes back. */
  get subscribed(): boolean {
    return this.#subscribed
  }

  /** Notes what is about to be written. From then on an edit may be there and an unlocked lock may be gone. */
  sent(operation: Operation<unknown>): Sent {
    const { kind, lease } = operation
    const stamp = ++this.#stamp
    const had =
      (lease?.change === "lock" && this.#held.has(lease.datastore)) ||
      (lease?.change === "confirm-later" && this.pending)
    // Whatever else writes while the candidate is locked may be writing to it.
    const edits =
      lease === undefined
        ? kind === "write" && this.#held.has("candidate")
        : lease.change === "edit" && lease.datastore === "candidate"
    if (edits) this.#edited = stamp
    if (lease === undefined && kind === "write") this.#wrote = stamp
    if (lease?.change === "unlock") this.#held.delete(lease.datastore)
    if (lease?.change === "commit" || lease?.change === "confirm-later") this.#committing = stamp
    return { operation, stamp, had, pending: this.#lasting(operation) }
  }

  /** From its sending, which is not later than what the device counts from. */
  #lasting({ lease }: Operation<unknown>): Sent["pending"] {
    if (lease?.change !== "confirm-later" || lease.lasts === undefined) return never
    const timeout = lease.lasts()
    const elapsed = Stopwatch.start(this.#clocks)
    return () => elapsed() < timeout
  }

  succeeded({ operation, pending, stamp }: Sent): void {
    const { lease, name } = operation
    if (name === "create-subscription") this.#subscribed = true
    switch (lease?.change) {
      case "lock":
        if (!this.#held.has(lease.datastore)) this.#held.set(lease.datastore, operation)
        break
      case "unlock":
        this.#held.delete(lease.datastore)
        break
      case "commit":
      case "confirm-later":
        this.#pending = pending
        this.#clean = Math.max(this.#clean, stamp)
        break
      case "cancel":
        this.#pending = never
        break
      case "discard":
        this.#clean = Math.max(this.#clean, stamp)
        break
    }
  }

  /** Whether what was sent can still be taken back by a discard: an edit of a locked candidate, and no commit behind it. */
  isPrivate({ operation, stamp }: Sent): boolean {
    return operation.datastore === "candidate" && this.#held.has("candidate") && this.#committing < stamp
  }
}
