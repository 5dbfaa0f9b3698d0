/** How often to try again, and when, in plain words instead of a `Schedule`: for the retries of a fleet, and a session that comes back. */
import type * as Duration from "effect/Duration"
import * as Schedule from "effect/Schedule"
import { aSchedule, isRecord, knownNames, seconds, wholeNumber } from "../Checks.ts"

/** How often something is tried again, and after which time each. */
export interface RetryPlan {
  readonly times: number
  /** Default: 1 second, doubled from try to try up to 30 seconds, each varied by a fifth. */
  readonly delay?: Duration.Input
}

type AnySchedule = Schedule.Schedule<unknown, unknown>

const growing: AnySchedule = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("30 seconds")]).pipe(
  Schedule.jittered
)

/** The schedule of a plan; throws an `InputError` for what is neither. */
export const scheduleOf = <Input>(
  what: string,
  plan: RetryPlan | Schedule.Schedule<unknown, Input>
): Schedule.Schedule<unknown, Input> => {
  if (Schedule.isSchedule(plan) || !isRecord(plan)) {
    aSchedule(what, plan, `{ times: 3, delay: "5 seconds" } or `)
    return plan
  }
  knownNames(what, plan, ["times", "delay"])
  const { delay, times } = plan as RetryPlan
  const spaced: AnySchedule = delay === undefined ? growing : Schedule.spaced(seconds(`${what}.delay`, delay))
  return Schedule.upTo(spaced, { times: wholeNumber(`${what}.times`, times, 0) })
}
