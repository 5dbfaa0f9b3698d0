/**
 * Whether an update was lost, as far as the patch-ids of an on-change subscription tell: devices should count them from 0
 * after each push-update (RFC 8641 §3.7). They need not, and then they tell nothing.
 */
const largest = 4_294_967_295

const following = (id: number): number => (id === largest ? 0 : id + 1)

export class PatchIds {
  #last = 0
  /** Nothing has come since the last push-update. */
  #atStart = true
  /** How often the first id after a push-update was none that counting would give. */
  #strange = 0
  #counting = true

  /** A push-update came. */
  restart(): void {
    this.#atStart = true
  }

  /** False: at least one update is missing before this one. */
  follows(patchId: string): boolean {
    if (!this.#counting || !/^\d{1,10}$/.test(patchId)) return true
    const id = Number(patchId)
    const wasAtStart = this.#atStart
    const isDue = id === (wasAtStart ? 0 : following(this.#last))
    this.#last = id
    this.#atStart = false
    if (isDue) {
      this.#strange = 0
      return true
    }
    // Whoever begins with something else time and again does not count from 0: resynchronizing would never end.
    if (wasAtStart && ++this.#strange === 2) this.#counting = false
    return !this.#counting
  }
}
