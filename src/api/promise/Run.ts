/** Effects for plain async code: the library's own errors, and the caller's own reason for aborting. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { signal as checkSignal } from "../Checks.ts"

/** The value, or the error itself thrown; an interruption by the signal throws its reason. */
export const unwrap = <A, E>(exit: Exit.Exit<A, E>, signal: AbortSignal | undefined): A => {
  if (Exit.isSuccess(exit)) return exit.value
  if (signal?.aborted === true && Cause.hasInterruptsOnly(exit.cause)) throw signal.reason
  throw Cause.squash(exit.cause)
}

/** An already aborted signal starts nothing; a later one interrupts. */
export const run = async <A, E>(effect: Effect.Effect<A, E>, signal?: AbortSignal): Promise<A> => {
  checkSignal(signal)
  if (signal?.aborted === true) throw signal.reason
  return unwrap(await Effect.runPromiseExit(effect, signal === undefined ? {} : { signal }), signal)
}

/** How a fiber ended, for plain async code. */
export const awaitExit = <A, E>(fiber: Fiber.Fiber<A, E>): Promise<Exit.Exit<A, E>> =>
  new Promise((resolve) => fiber.addObserver(resolve))
