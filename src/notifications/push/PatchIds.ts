/**
 * Whether an update was lost, as far as the patch-ids of an on-change subscription tell: devices should count them from 0
 * after each push-update (RFC 8641 §3.7). Some go on counting over push-updates, which tells as much; whose ids are no
 * count, tells nothing.
 */
const largest = 4_294_967_295

/** So many patches are not lost in a row behind a push-update: an id as large as this is no place in a count from 0. */
const large = 1000

const following = (id: number): number => (id === largest ? 0 : id + 1)

const isNumber = (patchId: string): boolean => /^\d{1,10}$/.test(patchId)

/** What the first ids after push-updates, one after the other, have been when they were not 0. */
interface Strange {
  /** Each followed the last one before its push-update. */
  readonly following: number
  /** Each was large and followed nothing. */
  readonly large: number
}

export class PatchIds {
  #last: number | undefined
  /** Nothing has come since the last push-update. */
  #atStart = true
  #strange: Strange = { following: 0, large: 0 }
  #mode: "from 0" | "on and on" | "no count" = "from 0"

  /** A push-update came. */
  restart(): void {
    this.#atStart = true
  }

  /** One that is not applied, because a push-update is waited for. */
  note(patchId: string): void {
    if (isNumber(patchId)) this.#last = Number(patchId)
  }

  /** False: at least one update is missing before this one. */
  follows(patchId: string): boolean {
    if (this.#mode === "no count" || !isNumber(patchId)) return true
    const id = Number(patchId)
    const isNext = this.#last !== undefined && id === following(this.#last)
    const wasAtStart = this.#atStart
    this.#last = id
    this.#atStart = false
    return wasAtStart ? this.#begins(id, isNext) : isNext
  }

  #begins(id: number, isNext: boolean): boolean {
    if (id === 0) {
      this.#strange = { following: 0, large: 0 }
      this.#mode = "from 0"
      return true
    }
    if (this.#mode === "on and on") return isNext
    // It is asked again until what it begins with cannot be by chance: the first ones may have been lost.
    const { following, large: unrelated } = this.#strange
    this.#strange = { following: isNext ? following + 1 : 0, large: !isNext && id >= large ? unrelated + 1 : 0 }
    if (this.#strange.following === 2) this.#mode = "on and on"
    else if (this.#strange.large > 3) this.#mode = "no count"
    return this.#mode !== "from 0"
  }
}
