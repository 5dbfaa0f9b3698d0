/**
 * When the program of a device is run again: only for what the caller has named, and never where that could do harm.
 * A program that has sent a write is not run again, nor one whose run has stopped, nor one whose error says that another
 * attempt is of no use.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type { Retry } from "./Plan.ts"
import type { Writes } from "../session/Writes.ts"

type Next = (error: unknown) => Effect.Effect<unknown, unknown>

const tagOf = (error: unknown): string | undefined => {
  const tag = typeof error === "object" && error !== null && "_tag" in error ? error._tag : undefined
  return typeof tag === "string" ? tag : undefined
}

/** An error of the program's own, which says nothing of it, is retryable because the caller has named it. */
const isRetryable = (error: unknown): boolean => {
  return !(typeof error === "object" && error !== null && "isRetryable" in error) || error.isRetryable === true
}

/** The one error by which the attempt ended, where another attempt may follow it. */
const retryable = (cause: Cause.Cause<unknown>, writes: Writes): unknown => {
  if (writes.sent || writes.unknown !== undefined || writes.stopped) return undefined
  const [first] = cause.reasons
  const all = cause.reasons.every((reason) => Cause.isFailReason(reason) && isRetryable(reason.error))
  return all && first !== undefined && Cause.isFailReason(first) ? first.error : undefined
}

/** Runs the attempt until it succeeds, or may not be repeated, or its schedule is at its end. */
export const retrying = <A, E, R>(
  attempt: Effect.Effect<A, E, R>,
  retry: Retry,
  writes: Writes
): Effect.Effect<A, E, R> => {
  const steps = new Map<string, Next>()
  const next = (tag: string, schedule: Schedule.Schedule<unknown, unknown>): Effect.Effect<Next> => {
    const known = steps.get(tag)
    if (known !== undefined) return Effect.succeed(known)
    return Effect.tap(Schedule.toStepWithSleep(schedule), (step) => Effect.sync(() => void steps.set(tag, step)))
  }
  const loop: Effect.Effect<A, E, R> = Effect.catchCause(attempt, (cause) => {
    const error = retryable(cause, writes)
    const tag = tagOf(error)
    const schedule = tag === undefined || !Object.hasOwn(retry, tag) ? undefined : retry[tag]
    if (tag === undefined || schedule === undefined) return Effect.failCause(cause)
    const again = Effect.flatMap(next(tag, schedule), (step) => Effect.result(step(error)))
    return Effect.flatMap(again, ({ _tag }) => (_tag === "Success" ? loop : Effect.failCause(cause)))
  })
  return loop
}
