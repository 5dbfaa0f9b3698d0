/**
 * A client's line to the thread that works for it: which thread, which client there, and what its calls fail with when the
 * thread is lost.
 */
import { ChannelError, CommitUnknownError, type ErrorContext, InputError, withContext } from "../../errors.ts"
import type { Kind } from "../../rpc/Operation.ts"
import { operationPoolSize } from "../../sessions/OperationPool.ts"
import { pack } from "./Crossing.ts"
import { processWide } from "./Messages.ts"
import { type Functions, Thread, ThreadEnded } from "./Thread.ts"

/** What is known of a call beside its arguments. */
export interface About {
  readonly operation: string
  readonly kind: Kind
  readonly permit: boolean
  /** What is lost with the thread, besides the session. */
  readonly state?: string
}

export class Line {
  readonly where: ErrorContext
  #thread: Thread
  /** Undefined while none is kept there. */
  #client: number | undefined
  /** What it is made of, packed. */
  readonly #options: unknown

  constructor(where: ErrorContext, thread: Thread, client: number | undefined, options?: unknown) {
    this.where = where
    this.#thread = thread
    this.#client = client
    this.#options = options
  }

  /** A client that does not live there yet; throws the `InputError` of its constructor. */
  static make(where: ErrorContext, options: unknown): Line {
    const line = new Line(where, Thread.current(), undefined, options)
    line.#make()
    return line
  }

  /** What the working thread has for the whole process, if there is such a thread. */
  static toProcess(): Line | undefined {
    const thread = Thread.running()
    return thread === undefined ? undefined : new Line({}, thread, processWide)
  }

  /** Has the client made in the thread of now, and gives its number. */
  #make(): number {
    this.#thread = Thread.current()
    const client = this.#thread.number()
    const asked = { _tag: "Make", client, options: this.#options } as const
    this.#guarded({ operation: "connect", kind: "control", permit: false }, () => this.#thread.ask(asked))
    this.#client = client
    return client
  }

  /** A session needs a thread that lives. */
  renew(): void {
    if (this.#thread.ended) this.#client = undefined
  }

  /** Calls the method that ends it, and leaves nothing of it there unless `keeps` says so. */
  drop(name: string, about: About, keeps: () => boolean = () => false): void {
    if (this.#client === undefined || this.#thread.ended) return
    try {
      this.call(name, [], about)
      if (keeps()) return
      this.#thread.post({ _tag: "Drop", client: this.#client })
      this.#client = undefined
    } catch (error) {
      // The session has ended with the thread that it was in.
      if (!this.#thread.ended) throw error
    }
  }

  /** A client that one of the caller's functions is given. */
  lent(client: number): Line {
    return new Line(this.where, this.#thread, client)
  }

  /** Has a method called, or reads a property; blocks until there is a result, and throws what it failed with. */
  call(name: string, args: ReadonlyArray<unknown>, about: About, functions: Functions = {}): unknown {
    const { operation, permit } = about
    if (permit && operationPoolSize() === 0) {
      const why = "the operation pool has no permits, and nobody could add one while this call blocks"
      throw new InputError({ ...this.where, operation, what: "operationPoolSize", why })
    }
    const packed = this.#packed(operation, args)
    const asked = { _tag: "Call", client: this.#client ?? this.#make(), name, args: packed } as const
    return this.#guarded(about, () => this.#thread.ask(asked, functions))
  }

  #packed(operation: string, args: ReadonlyArray<unknown>): ReadonlyArray<unknown> {
    try {
      return args.map((each) => pack(each, ""))
    } catch (error) {
      throw error instanceof InputError ? withContext(error, { ...this.where, operation }) : error
    }
  }

  #guarded(about: About, ask: () => unknown): unknown {
    try {
      return ask()
    } catch (error) {
      throw error instanceof ThreadEnded ? this.#lost(error, about) : error
    }
  }

  /** What is known of a change comes first, then what the caller's own function has thrown. */
  #lost(ended: ThreadEnded, { kind, operation, state }: About): unknown {
    const context = { ...this.where, operation }
    const phase = ended.sent ? "closed" : "write"
    const fields = { ...context, phase, by: "us", detail: ended.message } as const
    const cause = new ChannelError(state === undefined || !ended.sent ? fields : { ...fields, state })
    if (!ended.sent) return cause
    if (kind === "write") this.#thread.doubt ??= new CommitUnknownError({ ...context, phase: "sent", cause })
    else if (kind === "read" || state === undefined) return cause
    return this.#thread.doubt ?? (ended.thrown === undefined ? cause : ended.thrown.thrown)
  }
}
