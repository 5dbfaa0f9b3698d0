/**
 * The end of a session, for those who wait for something else than its replies: at the gate, or for a permit. Without it
 * they would wait for a turn that leads nowhere.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Session } from "../../rpc/Session.ts"

export class Ending {
  readonly #session: Pick<Session, "closed" | "ended" | "fork">
  readonly #told = new Set<() => void>()
  #heeded = false

  constructor(session: Pick<Session, "closed" | "ended" | "fork">) {
    this.#session = session
  }

  get ended(): boolean {
    return this.#session.ended
  }

  /** Has somebody told. Nothing is there for it until the first one waits. */
  add(tell: () => void): void {
    this.#told.add(tell)
    if (this.#heeded) return
    this.#heeded = true
    const tellAll = Effect.sync(() => {
      for (const waiting of this.#told) waiting()
    })
    this.#session.fork(Effect.andThen(Deferred.await(this.#session.closed), tellAll))
  }

  delete(tell: () => void): void {
    this.#told.delete(tell)
  }
}
