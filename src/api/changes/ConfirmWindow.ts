/**
 * The time that a confirmed commit leaves for its confirmation (RFC 6241 §8.4). It is counted from directly before the commit
 * is sent, behind all that it waited for: what the device counts begins later, so it never ends earlier.
 */
import { CommitUnknownError, DeadlineError, type ErrorContext } from "../../errors.ts"
import type { Reply } from "../../rpc/Reply.ts"
import * as Stopwatch from "../../rpc/Stopwatch.ts"

/** In milliseconds. */
export interface Times {
  readonly timeout: number
  readonly margin: number
}

/** The session that commits. */
interface Committing extends Stopwatch.Clocks {
  readonly context: ErrorContext
}

export class ConfirmWindow {
  readonly #session: Committing
  readonly #times: Times
  #elapsed: Stopwatch.Elapsed | undefined

  constructor(session: Committing, times: Times) {
    this.#session = session
    this.#times = times
  }

  /** The commit is being sent. */
  open(): void {
    this.#elapsed = Stopwatch.start(this.#session)
  }

  get isOpen(): boolean {
    return this.#elapsed !== undefined
  }

  /** Until then a confirmation may be sent; later it could commit again what the device has rolled back. */
  get toConfirm(): number {
    return Math.max(0, this.#left - this.#times.margin)
  }

  /** By then the device has rolled back what was not confirmed. */
  get toRollback(): number {
    return Math.max(0, this.#left)
  }

  get #left(): number {
    return this.#times.timeout - (this.#elapsed?.() ?? 0)
  }

  /** There was no time left to confirm, or nobody to confirm to. */
  late(left = this.toConfirm): DeadlineError {
    return new DeadlineError({ ...this.#where, phase: "verify", deadline: Math.round(left), bytes: 0 })
  }

  /** An ok that came after the rollback may be the one of another commit; one that came before is older than it. */
  doubt({ receivedAt }: Reply): CommitUnknownError | undefined {
    const since = Math.max(0, this.#session.wallClock() - receivedAt)
    if (this.#left + since > 0) return undefined
    const cause = new DeadlineError({ ...this.#where, phase: "rpc", deadline: this.#times.timeout, bytes: 0 })
    return new CommitUnknownError({ ...this.#where, datastore: "running", phase: "replied", cause })
  }

  get #where(): ErrorContext & { readonly operation: string } {
    return { ...this.#session.context, operation: "commit" }
  }
}
