/**
 * What a program has sent that may have changed its device: the question to ask before it is run again, or interrupted.
 *
 * It travels with the fiber, so that two programs that share one session are told apart; a program inside of another
 * counts for both.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { CommitUnknownError, OperationError } from "../errors.ts"
import type { Operation } from "../rpc/Operation.ts"

/** The writes of one program. */
export class Writes {
  #count = 0
  #unknown: CommitUnknownError | "interrupted" | undefined
  #forbidden = false
  readonly #outer: Writes | undefined

  constructor(outer: Writes | undefined) {
    this.#outer = outer
  }

  /** Whether anything was sent, or is on its way, that may have changed the device. */
  get sent(): boolean {
    return this.#count > 0
  }

  /** The first write that was left without a clear reply, whatever the program made of it. */
  get unknown(): CommitUnknownError | "interrupted" | undefined {
    return this.#unknown
  }

  /** Lets no further write begin: it is interrupted instead, also where the program cannot be. */
  forbid(): void {
    this.#forbidden = true
  }

  get forbidden(): boolean {
    return this.#forbidden || this.#outer?.forbidden === true
  }

  begin(): void {
    this.#count++
    this.#outer?.begin()
  }

  end(exit: Exit.Exit<unknown, OperationError>): void {
    if (Exit.isFailure(exit)) this.#failed(exit.cause)
    this.#outer?.end(exit)
  }

  #failed(cause: Cause.Cause<OperationError>): void {
    const error = cause.reasons.find(Cause.isFailReason)?.error
    if (error === undefined) this.#unknown ??= "interrupted"
    else if (error._tag === "CommitUnknownError") this.#unknown ??= error
    else if (wasNotSent(error)) this.#count--
  }
}

/** Certainly nothing has reached the device. */
const wasNotSent = (error: OperationError): boolean => {
  switch (error._tag) {
    case "AuditError":
    case "CapabilityError":
    case "InputError":
      return true
    case "ChannelError":
      return error.phase === "write"
    case "DeadlineError":
      return error.phase === "queue"
    default:
      return false
  }
}

const Current = Context.Reference<Writes | undefined>("effect-netconf/Writes", { defaultValue: () => undefined })

/** Runs a program that knows, and whose caller knows, what it has written. */
export const track = <A, E, R>(program: (writes: Writes) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Current, (outer) => {
    const writes = new Writes(outer)
    return Effect.provideService(program(writes), Current, writes)
  })

/** Notes an operation that is about to be sent, if it is a write, and how it ends. */
export const note = <A>(
  { kind }: Operation<unknown>,
  self: Effect.Effect<A, OperationError>
): Effect.Effect<A, OperationError> =>
  kind !== "write"
    ? self
    : Effect.flatMap(Current, (writes) => {
        if (writes === undefined) return self
        if (writes.forbidden) return Effect.interrupt
        return Effect.uninterruptibleMask((restore) => {
          writes.begin()
          return Effect.onExit(restore(self), (exit) => Effect.sync(() => writes.end(exit)))
        })
      })
