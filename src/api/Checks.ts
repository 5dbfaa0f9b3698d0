/**
 * The checks of what a caller gives, before anything is sent: those of every option (`transport/Checks.ts`), and of what is
 * Effect's own. Without types a function in the place of an effect is easily written, and costs a session when it runs.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { InputError, printable } from "../errors.ts"
import { type Policy, policies } from "../notifications/SubscriptionQueue.ts"
import { isRecord, kindOf, shown, wholeNumber } from "../transport/Checks.ts"
import { millis } from "../transport/Deadlines.ts"

export {
  isRecord,
  kindOf,
  knownNames,
  nearest,
  noSuchOption,
  shown,
  wholeNumber,
  wrongOptions
} from "../transport/Checks.ts"

/** A function of the caller's; `example` shows how one looks. */
export function aFunction(what: string, value: unknown, example: string): asserts value is (...args: never) => unknown {
  if (typeof value === "function") return
  throw new InputError({ what, why: `expected a function, got ${kindOf(value)}; write ${example}` })
}

const isGenerator = (value: unknown): boolean =>
  isRecord(value) && typeof value["next"] === "function" && typeof value["throw"] === "function"

/** What is in the place of an effect, and what was probably meant. */
const notAnEffect = (what: string, value: unknown, how: string): InputError => {
  const seen = isGenerator(value) ? "a generator" : value === undefined ? "nothing" : kindOf(value)
  const hint = isGenerator(value)
    ? "; wrap it: Effect.fn(function* () { ... })"
    : value === undefined
      ? "; is a return missing?"
      : seen === "a Promise"
        ? "; wrap it: Effect.promise(() => ...), or use effect-netconf/promise"
        : ""
  return new InputError({ what, why: `expected ${how} an Effect, got ${seen}${hint}` })
}

/** A program that is given as an effect. */
export function anEffect(what: string, value: unknown): asserts value is Effect.Effect<unknown> {
  if (Effect.isEffect(value)) return
  const error = notAnEffect(what, value, "it to be")
  throw typeof value === "function" ? new InputError({ what, why: `${error.why}: give what it returns` }) : error
}

/** What a function of the caller's has returned, which has to be an effect. */
const returned = <A, E, R>(
  what: string,
  value: Effect.Effect<A, E, R>,
  located: (error: InputError) => InputError
): Effect.Effect<A, E | InputError, R> => {
  if (Effect.isEffect(value)) return value
  // Nobody else will listen to it, and its rejection would end the process.
  if (isRecord(value) && kindOf(value) === "a Promise") void Promise.resolve(value as unknown).catch(() => {})
  return located(notAnEffect(what, value, "it to return"))
}

/** A function of the caller's that returns effects; for whatever else it returns its call fails with an `InputError`. */
export const effectful =
  <Args extends ReadonlyArray<unknown>, A, E, R>(
    what: string,
    call: (...args: Args) => Effect.Effect<A, E, R>,
    located: (error: InputError) => InputError = (error) => error
  ): ((...args: Args) => Effect.Effect<A, E | InputError, R>) =>
  (...args) =>
    Effect.suspend(() => returned(what, call(...args), located))

/** A schedule; `instead` is what else is taken there. */
export function aSchedule(what: string, value: unknown, instead = ""): asserts value is Schedule.Schedule<unknown> {
  if (Schedule.isSchedule(value)) return
  const why = `expected ${instead}a Schedule (Schedule.spaced("2 seconds")), got ${shown(value)}`
  throw new InputError({ what, why })
}

/** Milliseconds of a duration that cannot be below one second: as a bare number that would be seconds, meant as such. */
export const seconds = (what: string, input: Duration.Input | "none"): number => {
  const value = millis(what, input)
  if (typeof input !== "number" || input >= 1000) return value
  const why = `${input} would be milliseconds; write "${input} seconds", or "${input} millis"`
  throw new InputError({ what, why })
}

/** A list of what is text. */
export function texts(what: string, value: unknown, example: string): asserts value is ReadonlyArray<string> {
  const wrong = Array.isArray(value) ? value.find((each) => typeof each !== "string") : value
  if (Array.isArray(value) && wrong === undefined) return
  throw new InputError({ what, why: `expected a list (${example}), got ${shown(wrong)}` })
}

/** What is to happen when a queue is full, if it is said. */
export const aPolicy = (what: string, value: Policy | undefined): void => {
  if (value === undefined || policies.includes(value)) return
  throw new InputError({ what, why: `expected ${policies.join(", ")}, got ${shown(value)}` })
}

interface Limits {
  readonly policy: Policy
  readonly capacity?: number | undefined
  readonly maxBytes?: number | undefined
  readonly dropEventThreshold?: number | undefined
}

/** The limits of a queue. One that has none is believed to have those that it is given: `byDefault` says why it has none. */
export const queueLimits = ({ policy, dropEventThreshold, ...limits }: Limits, byDefault: string): void => {
  for (const [what, value] of Object.entries(limits)) {
    if (value === undefined || value === Infinity) continue
    wholeNumber(what, value, 1)
    if (policy !== "unbounded") continue
    throw new InputError({ what, why: `the policy unbounded${byDefault} has no limit; choose another policy with it` })
  }
  if (dropEventThreshold !== undefined) wholeNumber("dropEventThreshold", dropEventThreshold, 1)
}

/** A signal, if there is one; its controller is easily given in its place. */
export const signal = (value: unknown): void => {
  if (value === undefined || value instanceof AbortSignal) return
  const hint = value instanceof AbortController ? "; give its signal" : ""
  throw new InputError({ what: "signal", why: `expected an AbortSignal, got ${kindOf(value)}${hint}` })
}

/** A name of a change that can stand in a record, and in a commit's comment. */
export const changeId = (value: unknown): void => {
  // What errors print escaped would break a record, or a commit's comment.
  if (typeof value === "string" && value.trim() !== "" && printable(value) === value) return
  throw new InputError({ what: "changeId", why: `expected text on one line, such as "CHG-1042", got ${shown(value)}` })
}
