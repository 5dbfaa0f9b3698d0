/**
 * What the queue of a mirror has dropped, and which of what waits in it may be older than that: a push-update that was
 * waiting already when something was dropped behind it does not hold it.
 */
import type { QueueStatistics } from "../../notifications/SubscriptionQueue.ts"

type Counts = Pick<QueueStatistics, "received" | "dropped">

export class Drops {
  #dropped = 0
  /** Events that were taken out of the queue and handled. */
  #handled = 0
  /** So many of the next ones were waiting when a drop was noticed. */
  #doubtful = 0

  /** The next event is taken. `dropped`: something was, before it or behind it; `doubtful`: that is known already. */
  take(counts: Counts): "sure" | "doubtful" | "dropped" {
    this.#handled++
    if (this.hasMore(counts)) return "dropped"
    if (this.#doubtful === 0) return "sure"
    this.#doubtful--
    return "doubtful"
  }

  /** Whether something was dropped since the last time. */
  hasMore({ dropped, received }: Counts): boolean {
    if (dropped === this.#dropped) return false
    this.#dropped = dropped
    this.#doubtful = received - dropped - this.#handled
    return true
  }
}
