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
import * as Latch from "effect/Latch"
import { type CommitUnknownError, type OperationError, wasNotSent } from "../../errors.ts"
import type { Operation } from "../../rpc/Operation.ts"

/** What an interrupted call leaves on the device: nothing, what a discard takes back, or nobody knows what. */
export type Left = "unsent" | "private" | "unknown"

/** The writes of one program. */
export class Writes {
  #count = 0
  #underWay = 0
  readonly #idle = Latch.makeUnsafe(true)
  #over = false
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

  /**
   * Lets no first write begin: it is interrupted instead, also where the program cannot be. A program that has sent one goes
   * on, unless that turns out never to have left.
   */
  forbid(): void {
    this.#forbidden = true
  }

  get forbidden(): boolean {
    return this.#over || (this.#forbidden && !this.sent) || this.#outer?.forbidden === true
  }

  /** Whether a first write has been forbidden, here or around this program. */
  get stopped(): boolean {
    return this.#forbidden || this.#outer?.stopped === true
  }

  /** Runs the program; once it is over, no write of a fiber that it has left behind begins, and those under way are waited for. */
  within<A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const begin = Effect.sync(() => {
      this.#over = false
    })
    const end = Effect.suspend(() => {
      this.#over = true
      return Effect.asVoid(this.#idle.await)
    })
    return Effect.ensuring(Effect.andThen(begin, program), end)
  }

  begin(): void {
    this.#count++
    if (this.#underWay++ === 0) this.#idle.closeUnsafe()
    this.#outer?.begin()
  }

  end(exit: Exit.Exit<unknown, OperationError>, left: Left): void {
    if (Exit.isFailure(exit)) this.#failed(exit.cause, left)
    if (--this.#underWay === 0) this.#idle.openUnsafe()
    this.#outer?.end(exit, left)
  }

  #failed(cause: Cause.Cause<OperationError>, left: Left): void {
    const error = cause.reasons.find(Cause.isFailReason)?.error
    if (error === undefined) this.#interrupted(left)
    else if (error._tag === "CommitUnknownError") this.#unknown ??= error
    else if (wasNotSent(error)) this.#count--
  }

  #interrupted(left: Left): void {
    if (left === "unsent") this.#count--
    else if (left === "unknown") this.#unknown ??= "interrupted"
  }
}

const Current = Context.Reference<Writes | undefined>("effect-netconf/Writes", { defaultValue: () => undefined })

/** Runs a program that knows, and whose caller knows, what it has written. */
export const track = <A, E, R>(program: (writes: Writes) => Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(Current, (outer) => {
    const writes = new Writes(outer)
    return Effect.provideService(program(writes), Current, writes)
  })

/** Told by a call that is interrupted what it leaves. */
export type Interrupted = (left: Left) => void

/** Notes an operation that is about to be sent, if it is a write, and how it ends. */
export const note = <A>(
  { kind }: Operation<unknown>,
  send: (interrupted?: Interrupted) => Effect.Effect<A, OperationError>
): Effect.Effect<A, OperationError> =>
  kind !== "write"
    ? send()
    : Effect.flatMap(Current, (writes) => {
        if (writes === undefined) return send()
        if (writes.forbidden) return Effect.interrupt
        return Effect.uninterruptibleMask((restore) => {
          let left: Left = "unknown"
          const sent = send((said) => void (left = said))
          writes.begin()
          return Effect.onExit(restore(sent), (exit) => Effect.sync(() => writes.end(exit, left)))
        })
      })
