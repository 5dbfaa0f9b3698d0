/**
 * What a thread is told of its sessions only when something goes out to it anyway, or when it is time: how many bytes have
 * been handed on, so that it may send more, and who is paused.
 */
import { type Command, credit, creditOfAll } from "../../transport/thread/Protocol.ts"
import type { Crossed } from "./Crossed.ts"

export class Told {
  readonly #taken = new Map<number, number>()
  #takenOfAll = 0
  readonly #flows = new Set<Crossed>()
  /** Those that it has been told are paused. */
  readonly #paused = new WeakSet<Crossed>()

  /** So many bytes of a session have been handed on; true: it is time to tell. */
  took(session: number, bytes: number): boolean {
    const taken = (this.#taken.get(session) ?? 0) + bytes
    this.#taken.set(session, taken)
    this.#takenOfAll += bytes
    return taken >= credit / 4 || this.#takenOfAll >= creditOfAll / 8
  }

  /** Whether the session is paused has changed, perhaps back again. */
  flow(crossed: Crossed): void {
    this.#flows.add(crossed)
  }

  /** The session is gone. */
  drop(crossed: Crossed): void {
    this.#taken.delete(crossed.session)
    this.#flows.delete(crossed)
  }

  /** Tells all of it. */
  post(post: (command: Command) => void): void {
    for (const [session, bytes] of this.#taken) post({ _tag: "took", session, bytes })
    this.#taken.clear()
    this.#takenOfAll = 0
    for (const crossed of this.#flows) {
      if (this.#paused.has(crossed) === crossed.paused) continue
      if (crossed.paused) this.#paused.add(crossed)
      else this.#paused.delete(crossed)
      post({ _tag: crossed.paused ? "pause" : "resume", session: crossed.session })
    }
    this.#flows.clear()
  }
}
