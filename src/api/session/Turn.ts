/**
 * Whose turn it is: first the gate, while another program of the session is under locks; then the session's own semaphore,
 * which keeps its order; then a permit of the operation pool, which is fair between devices. In this order nobody who
 * waits for a device of its own holds a permit that another could use.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { DeadlineError, type ErrorContext } from "../../errors.ts"
import type { OperationPool } from "../../sessions/OperationPool.ts"
import type { Ending } from "./Ending.ts"
import type { Gate } from "./Gate.ts"

export interface TurnOptions {
  readonly gate: Gate
  readonly ending: Ending
  readonly device: string
  readonly maxOutstanding: number
  readonly pool: OperationPool
  /** Milliseconds; `Infinity` for no limit. */
  readonly queueDeadline: number
  readonly context: ErrorContext
}

export interface Waits {
  readonly name: string
  /** Whether it waits for a locked program of another fiber. */
  readonly gate: boolean
  /** Whether it needs permits; what frees something does not. */
  readonly permits: boolean
}

/** Runs an operation when it is its turn; with a queue deadline, waiting for it can fail. */
export type Turn = <A, E>(waits: Waits, self: Effect.Effect<A, E>) => Effect.Effect<A, E | DeadlineError>

export const make = (options: TurnOptions): Turn => {
  const { device, ending, gate, maxOutstanding, pool, queueDeadline } = options
  const semaphore = Semaphore.makeUnsafe(maxOutstanding)
  const enter = <A, E>(waits: Waits, self: Effect.Effect<A, E>) => {
    // The end of the session frees whoever waits for the pool, and with that the semaphore.
    const permitted = waits.permits ? semaphore.withPermit(pool.withPermit(device, self, ending)) : self
    return waits.gate ? gate.pass(permitted) : permitted
  }
  if (queueDeadline === Infinity) return enter
  return (waits, self) => within(options, waits.name, (marked) => enter(waits, marked), self)
}

/** Fails when the turn has not come within the deadline; once it has, the deadline is over. */
const within = <A, E>(
  { context, queueDeadline }: TurnOptions,
  operation: string,
  enter: (self: Effect.Effect<A, E>) => Effect.Effect<A, E>,
  self: Effect.Effect<A, E>
): Effect.Effect<A, E | DeadlineError> =>
  Effect.suspend(() => {
    let entered = false
    const inside = Effect.suspend(() => {
      entered = true
      return self
    })
    const deadline = { deadline: queueDeadline, elapsed: queueDeadline, bytes: 0 }
    const late = Effect.suspend(() =>
      entered ? Effect.never : Effect.fail(new DeadlineError({ ...context, operation, phase: "queue", ...deadline }))
    )
    return Effect.raceFirst(enter(inside), Effect.andThen(Effect.sleep(queueDeadline), late))
  })
