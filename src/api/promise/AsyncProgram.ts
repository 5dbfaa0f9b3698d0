/**
 * A program of plain async code inside of a fiber: what it is lent, how long that is good for, and how it ends.
 *
 * Calls on the client that the program is given run in the context of its fiber, so they count as inside of its locks, as
 * its writes, under its span. Which sessions it is inside of also travels with the async code itself
 * (AsyncLocalStorage), so that a call on another client, which would wait outside for ever, is refused.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import { AsyncLocalStorage } from "node:async_hooks"
import { InputError } from "../../errors.ts"
import * as Membership from "../fleet/Membership.ts"
import { signal as checkSignal } from "../Checks.ts"
import { awaitExit, run as runFiber, unwrap } from "./Run.ts"
import type { Session } from "../Session.ts"

/** One program's time. */
interface Stay {
  /** The session that changes of other clients wait for, until the program is over. */
  readonly holds: Session | undefined
  /** The fleet whose run it is part of. */
  readonly fleet: object | undefined
  readonly membership: Membership.Membership | undefined
  readonly outer: Stay | undefined
  ended: boolean
}

const current = new AsyncLocalStorage<Stay | undefined>()

/** The innermost one that holds this session. */
const holding = (session: Session, stay: Stay | undefined): Stay | undefined => {
  for (let link = stay; link !== undefined; link = link.outer) if (link.holds === session && !link.ended) return link
  return undefined
}

const isWithin = (outer: Stay, stay: Stay | undefined): boolean => {
  for (let link = stay; link !== undefined; link = link.outer) if (link === outer) return true
  return false
}

/** Whether the calling code is part of a program of this fleet. */
export const isInFleet = (fleet: object): boolean => {
  for (let link = current.getStore(); link !== undefined; link = link.outer) {
    if (link.fleet === fleet && !link.ended) return true
  }
  return false
}

/** Runs an effect as one that the calling program would run, as far as fleets are concerned. */
export const asMember = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(self, Membership.Current, current.getStore()?.membership)

/** Runs the effects of a client's calls. */
export interface Runner {
  readonly run: <A, E>(effect: Effect.Effect<A, E>, signal: AbortSignal | undefined) => Promise<A>
  /** The stay that the client was lent for. */
  readonly stay: Stay | undefined
  /** What ends with the program, if there is one. */
  readonly scope: Scope.Scope | undefined
}

/** The runner of a client that belongs to no program. */
export const freeRunner: Runner = { run: runFiber, stay: undefined, scope: undefined }

const clientError = ({ label, peer, sessionId }: Session, why: string): InputError =>
  new InputError({ label, peer, sessionId, what: "client", why })

/** Throws an `InputError` for a change that would wait for the end of the very program that makes it. */
export const checkInside = ({ stay }: Runner, session: Session): void => {
  const held = holding(session, current.getStore())
  if (held === undefined || isWithin(held, stay)) return
  throw clientError(
    session,
    "it waits for the end of this program under locks; use the client that the program is given"
  )
}

/** Runs a function in the async context of whoever called this, wherever it is called from. */
export const callersContext = (): (<A>(use: () => A) => A) => AsyncLocalStorage.snapshot()

/** A program as it is called: with what it is lent, and a signal that aborts when it is interrupted. */
export type Program<A> = (session: Session, runner: Runner, signal: AbortSignal) => Promise<A>

export interface Options {
  /** What it is lent. */
  readonly session: Session
  readonly holds: Session | undefined
  readonly fleet?: object | undefined
  /** Why it is interrupted, where that is known. */
  readonly reason: () => unknown
}

/**
 * Prepares a program in the async context of its caller, because a fleet starts a device wherever another one ends; the
 * effect runs it in a fiber. It fails with the program's rejection as it is.
 *
 * Once the program has settled, calls that it left under way are waited for; once it is interrupted, they are
 * interrupted. Either way further calls are refused before the effect ends, whatever the program goes on doing.
 */
export const prepare = <A>(program: Program<A>): ((options: Options) => Effect.Effect<A, unknown>) => {
  const outer = current.getStore()
  const inCallersContext = AsyncLocalStorage.snapshot()
  return ({ fleet, holds, reason, session }) =>
    Effect.flatMap(Membership.Current, (membership) => {
      const stay: Stay = { holds, fleet, membership, outer, ended: false }
      const inside = Effect.gen(function* () {
        const calls = yield* FiberSet.make<unknown, unknown>()
        const loan = new Loan(stay, yield* Effect.scope, yield* FiberSet.runtime(calls)())
        const start = (signal: AbortSignal) =>
          inCallersContext(() => current.run(stay, async () => program(session, loan, signal)))
        const exit = yield* Effect.exit(settled(start, () => loan.refuse(interruption(reason()))))
        loan.refuse(clientError(session, "the program that it was given to is over"))
        yield* FiberSet.awaitEmpty(calls)
        return yield* exit
      })
      const end = Effect.sync(() => {
        stay.ended = true
      })
      // The scope's end interrupts the calls that are left.
      return Effect.ensuring(Effect.scoped(inside), end)
    })
}

const interruption = (reason: unknown): unknown =>
  reason ?? new DOMException("the program was interrupted", "AbortError")

type Fork = <A, E>(effect: Effect.Effect<A, E>, options: Effect.RunOptions) => Fiber.Fiber<A, E>

/** Runs calls in the program's context, until it refuses them. */
class Loan implements Runner {
  readonly stay: Stay
  readonly scope: Scope.Scope
  readonly #fork: Fork
  #refusal: { readonly error: unknown } | undefined

  constructor(stay: Stay, scope: Scope.Scope, fork: Fork) {
    this.stay = stay
    this.scope = scope
    this.#fork = fork
  }

  readonly run: Runner["run"] = async (effect, signal) => {
    this.#check()
    checkSignal(signal)
    if (signal?.aborted === true) throw signal.reason
    const exit = await awaitExit(this.#fork(effect, signal === undefined ? {} : { signal }))
    if (Exit.hasInterrupts(exit)) this.#check()
    return unwrap(exit, signal)
  }

  #check(): void {
    if (this.#refusal !== undefined) throw this.#refusal.error
  }

  /** The first reason stays. */
  refuse(error: unknown): unknown {
    this.#refusal ??= { error }
    return this.#refusal.error
  }
}

/** What a promise settles to; interrupting aborts its signal with a reason and waits for nothing. */
const settled = <A>(start: (signal: AbortSignal) => Promise<A>, interrupt: () => unknown): Effect.Effect<A, unknown> =>
  Effect.callback((resume) => {
    const abort = new AbortController()
    start(abort.signal).then(
      (value) => resume(Effect.succeed(value)),
      (error: unknown) => resume(Effect.fail(error))
    )
    return Effect.sync(() => abort.abort(interrupt()))
  })
