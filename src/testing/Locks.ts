/**
 * The locks of one simulated device (RFC 6241 §7.5, §7.6): who holds which, and what is said to those who may not.
 */
import type { Dialect } from "./Dialects.ts"
import * as Refusal from "./Refusal.ts"

export type Name = "running" | "candidate" | "startup"

export class Locks {
  readonly #dialect: Pick<Dialect, "locks" | "lockDenied">
  readonly #held = new Map<Name, number>()

  constructor(dialect: Pick<Dialect, "locks" | "lockDenied">) {
    this.#dialect = dialect
  }

  get held(): ReadonlyMap<Name, number> {
    return this.#held
  }

  /** Who keeps others from a datastore; with one lock for both, the lock of either stands for both. */
  holder(name: Name): number | undefined {
    if (this.#dialect.locks === "one" && name !== "startup") {
      return this.#held.get("running") ?? this.#held.get("candidate")
    }
    return this.#held.get(name)
  }

  /** Refuses when there is a holder, be it the session itself. */
  mayTake(name: Name): void {
    const holder = this.holder(name)
    if (holder !== undefined) throw this.denied(holder, "Lock failed, lock is already held")
  }

  take(name: Name, session: number): void {
    this.#held.set(name, session)
  }

  mayGive(name: Name, session: number): void {
    const holder = this.#held.get(name)
    if (holder === undefined) throw new Refusal.Refused(Refusal.operationFailed(`${name} is not locked`))
    if (holder !== session) throw this.denied(holder, "Unlock failed, the lock is held by another session")
  }

  give(name: Name): void {
    this.#held.delete(name)
  }

  clear(): void {
    this.#held.clear()
  }

  /** lock-denied as this device says it. */
  denied(holder: number, message: string): Refusal.Refused {
    const complete = Refusal.lockDenied(holder, message)
    switch (this.#dialect.lockDenied) {
      case "complete":
        return new Refusal.Refused(complete)
      case "no-session-id":
        return new Refusal.Refused({ ...complete, info: [] })
      case "no-tag":
        return new Refusal.Refused({ message: holder === 0 ? message : `${message} by ${holder}` })
    }
  }
}
