/**
 * What single operations had acquired on a session that was lost: locks, edits of the candidate, a confirmed commit
 * (RFC 6241 §7.5, §8.3, §8.4).
 *
 * Whoever took them believes in them still. So a change on the next session is refused, with nothing sent, until the lock is
 * asked for again or given up; a commit until the candidate is discarded; and a commit that was to confirm one that the
 * device has rolled back, until there is something else to commit. Programs of `locked` need none of this for their locks.
 */
import * as Effect from "effect/Effect"
import { ChannelError, type OperationError } from "../../errors.ts"
import { Leases } from "../../rpc/Leases.ts"
import type { Operation } from "../../rpc/Operation.ts"
import type { Session } from "../Session.ts"

/** What a session had when it was lost. */
export interface Lost {
  readonly locks: Iterable<string>
  /** The candidate was edited, and neither committed nor discarded. */
  readonly edits: boolean
  /** A confirmed commit of the session's own waited for its confirmation. */
  readonly pending: boolean
}

/** What is kept here is asked for nothing that depends on the time. */
const noClocks = { now: () => 0, wallClock: () => 0 }

export class Forfeits {
  readonly #locks = new Set<string>()
  #edits = false
  #pending = false

  /** Whether nothing is forfeited, so that nothing is refused. */
  get none(): boolean {
    return this.#locks.size === 0 && !this.#edits && !this.#pending
  }

  add({ edits, locks, pending }: Lost): void {
    for (const datastore of locks) this.#locks.add(datastore)
    this.#edits ||= edits
    this.#pending ||= pending
  }

  /** Sends an operation on this session, unless it relies on what went with another. */
  guard<A>(
    session: Session,
    operation: Operation<unknown>,
    self: Effect.Effect<A, OperationError>
  ): Effect.Effect<A, OperationError> {
    return Effect.suspend(() => {
      const lost = this.#reliesOn(operation)
      if (lost === undefined) return this.noted(operation, self)
      const { label, peer, sessionId } = session
      const context = { label, peer, sessionId, operation: operation.name }
      return new ChannelError({ ...context, phase: "write", by: "us", detail: lost })
    })
  }

  /** Sends an operation of a program that is bound to its session. */
  noted<A>({ lease }: Operation<unknown>, self: Effect.Effect<A, OperationError>): Effect.Effect<A, OperationError> {
    if (lease?.change !== "edit" && lease?.change !== "discard") return self
    if (lease.datastore !== "candidate") return self
    if (lease.change === "discard") return Effect.tap(self, () => this.discarded)
    return Effect.tap(self, () => Effect.sync(() => void (this.#pending = false)))
  }

  /** The candidate holds nothing of an earlier session any more. */
  readonly discarded: Effect.Effect<void> = Effect.sync(() => {
    this.#pending = false
    this.#edits = false
  })

  #reliesOn({ kind, lease, release }: Operation<unknown>): string | undefined {
    switch (lease?.change) {
      case "lock":
        this.#locks.delete(lease.datastore)
        return undefined
      case "unlock":
        return this.#locks.delete(lease.datastore)
          ? `the lock of ${lease.datastore} was lost with an earlier session`
          : undefined
    }
    if (kind !== "write" || release === true) return undefined
    const [lock] = this.#locks
    if (lock !== undefined) {
      return `the lock of ${lock} was lost with an earlier session: lock it again, or unlock to go on without it`
    }
    return lease?.change === "commit" || lease?.change === "confirm-later" ? this.#commits() : undefined
  }

  #commits(): string | undefined {
    if (this.#pending) {
      return "the confirmed commit was rolled back with an earlier session, which was lost: edit again, or discard changes"
    }
    if (!this.#edits) return undefined
    return "the candidate was edited on an earlier session, which was lost: discard its changes and edit again"
  }
}

/** Follows what single operations acquire on one session after another. */
export class Acquired {
  readonly #forfeits = new Forfeits()
  #session: Session | undefined
  readonly #past = new WeakSet<Session>()
  #leases = new Leases(noClocks)
  /** Apart from the leases, because a program under locks may leave one behind. */
  #pending = false

  /** Sends a single operation on this session, unless it relies on what went with another. */
  guard<A>(
    session: Session,
    operation: Operation<unknown>,
    self: Effect.Effect<A, OperationError>
  ): Effect.Effect<A, OperationError> {
    return Effect.suspend(() => {
      this.#move(session)
      return this.#forfeits.guard(session, operation, this.#noted(session, operation, self, true))
    })
  }

  /** Sends an operation of a program that is bound to this session. */
  bound<A>(
    session: Session,
    operation: Operation<unknown>,
    self: Effect.Effect<A, OperationError>
  ): Effect.Effect<A, OperationError> {
    return Effect.suspend(() => {
      this.#move(session)
      return this.#forfeits.noted(operation, this.#noted(session, operation, self, false))
    })
  }

  #noted<A>(session: Session, operation: Operation<unknown>, self: Effect.Effect<A, OperationError>, single: boolean) {
    return Effect.tap(self, () =>
      Effect.sync(() => {
        if (session !== this.#session) return
        if (single) this.#leases.succeeded(this.#leases.sent(operation))
        const change = operation.lease?.change
        if (change === "confirm-later") this.#pending = true
        else if (change === "commit" || change === "cancel") this.#pending = false
      })
    )
  }

  /** The last session has been lost with all it had; one that was lost before it is of no interest. */
  #move(session: Session): void {
    if (session === this.#session || this.#past.has(session)) return
    if (this.#session !== undefined) this.#past.add(this.#session)
    this.#forfeits.add({ locks: this.#leases.held.keys(), edits: this.#leases.dirty, pending: this.#pending })
    this.#leases = new Leases(noClocks)
    this.#pending = false
    this.#session = session
  }
}
