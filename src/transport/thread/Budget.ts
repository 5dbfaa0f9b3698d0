/**
 * How many bytes of all sessions of a thread are under way to the caller: those that it reads, because what nobody reads
 * must not stop the others. Who has been held back for it, or for its own credit, goes on when there is room.
 */
import { creditOfAll } from "./Protocol.ts"

/** A session that reads no more for now. */
export interface Held {
  /** Reads again, if it may. */
  readonly goOn: () => void
}

/** The bytes under way to the caller of all sessions that it reads, and who waits for them to get fewer. */
export class Budget {
  #bytes = 0
  readonly #held = new Set<Held>()

  get spent(): boolean {
    return this.#bytes > creditOfAll
  }

  add(bytes: number): void {
    this.#bytes += bytes
  }

  hold(session: Held): void {
    this.#held.add(session)
  }

  release(session: Held): void {
    this.#held.delete(session)
  }

  /** Lets those go on that may, once there is room for more than a few pieces. */
  settle(): void {
    if (this.#bytes > creditOfAll / 2) return
    for (const session of this.#held) session.goOn()
  }
}
