/**
 * Redundancy groups: of each, one device at a time is at work, over all runs of a fleet.
 */

/** A run that may wait for a group. */
interface Waiting {
  readonly groupFreed: (group: string) => void
}

export class Groups {
  readonly #busy = new Set<string>()
  readonly #waiting = new Set<Waiting>()

  /** Tells a run of every group that becomes free; the function that it returns ends that. */
  watch(run: Waiting): () => void {
    this.#waiting.add(run)
    return () => this.#waiting.delete(run)
  }

  /** Whether the device may start now; undefined is no group. */
  take(group: string | undefined): boolean {
    if (group === undefined) return true
    if (this.#busy.has(group)) return false
    this.#busy.add(group)
    return true
  }

  free(group: string | undefined): void {
    if (group === undefined) return
    this.#busy.delete(group)
    for (const run of this.#waiting) run.groupFreed(group)
  }
}
