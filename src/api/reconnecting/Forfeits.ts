/**
 * What single operations had acquired on a session that was lost: locks, and edits of the candidate (RFC 6241 §7.5, §8.3).
 *
 * Whoever took them believes in them still. So a change on the next session is refused, with nothing sent, until the lock is
 * asked for again or given up; and a commit until the candidate is discarded. Programs of `locked` need none of this.
 */
import * as Effect from "effect/Effect"
import { ChannelError, type OperationError } from "../../errors.ts"
import { Leases } from "../../rpc/Leases.ts"
import type { Operation } from "../../rpc/Operation.ts"
import type { Session } from "../Session.ts"

export class Forfeits {
  #session: Session | undefined
  #leases = new Leases()
  readonly #locks = new Set<string>()
  #edits = false

  /** Sends an operation on this session, unless it relies on what went with another. */
  guard<A>(
    session: Session,
    operation: Operation<unknown>,
    self: Effect.Effect<A, OperationError>
  ): Effect.Effect<A, OperationError> {
    return Effect.suspend(() => {
      if (session !== this.#session) this.#move(session)
      const lost = this.#reliesOn(operation)
      if (lost !== undefined) {
        const { label, peer, sessionId } = session
        const context = { label, peer, sessionId, operation: operation.name }
        return new ChannelError({ ...context, phase: "write", by: "us", detail: lost })
      }
      return Effect.tap(self, () =>
        Effect.sync(() => {
          if (session === this.#session) this.#leases.succeeded(this.#leases.sent(operation))
        })
      )
    })
  }

  /** The last session has been lost with all it had. */
  #move(session: Session): void {
    for (const datastore of this.#leases.held.keys()) this.#locks.add(datastore)
    this.#edits ||= this.#leases.dirty
    this.#leases = new Leases()
    this.#session = session
  }

  #reliesOn({ kind, lease, release }: Operation<unknown>): string | undefined {
    switch (lease?.change) {
      case "lock":
        this.#locks.delete(lease.datastore)
        return undefined
      case "unlock":
        return this.#locks.delete(lease.datastore)
          ? `the lock of ${lease.datastore} was lost with an earlier session`
          : undefined
      case "discard":
        this.#edits = false
        return undefined
    }
    if (kind !== "write" || release === true) return undefined
    const [lock] = this.#locks
    if (lock !== undefined) {
      return `the lock of ${lock} was lost with an earlier session: lock it again, or unlock to go on without it`
    }
    const commits = lease?.change === "commit" || lease?.change === "confirm-later"
    if (!commits || !this.#edits) return undefined
    return "the candidate was edited on an earlier session, which was lost: discard its changes and edit again"
  }
}
