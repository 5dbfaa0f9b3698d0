/**
 * What a session has acquired on the device and must not lose sight of: the locks it holds, and whether it has edited
 * the candidate since the last commit or discard. A lock belongs to the session, not to a fiber (RFC 6241 §7.5).
 */
import type { LeaseChange, Operation } from "./Operation.ts"

export class Leases {
  readonly #held = new Set<string>()
  #dirty = false

  /** Datastores that this session holds the lock of. */
  get held(): ReadonlySet<string> {
    return this.#held
  }

  /** The candidate has been sent an edit that is neither committed nor discarded. */
  get dirty(): boolean {
    return this.#dirty
  }

  /**
   * An edit makes the candidate dirty from the moment that it is sent, whatever comes back; and a lock is not certainly
   * held any more from the moment that its unlock is sent.
   */
  sent({ lease }: Operation<unknown>): void {
    if (lease?.change === "edit" && lease.datastore === "candidate") this.#dirty = true
    if (lease?.change === "unlock") this.#held.delete(lease.datastore)
  }

  succeeded(lease: LeaseChange): void {
    switch (lease.change) {
      case "lock":
        this.#held.add(lease.datastore)
        break
      case "unlock":
        this.#held.delete(lease.datastore)
        break
      case "commit":
      case "discard":
        this.#dirty = false
        break
      case "edit":
        break
    }
  }

  /** Whether a change of this datastore can still be taken back by a discard: nobody sees a locked candidate. */
  isPrivate(datastore: string | undefined): boolean {
    return datastore === "candidate" && this.#held.has("candidate")
  }
}
