/**
 * Whose turn it is: first the device's own semaphore, which keeps its order, then a permit of the operation pool, which
 * is fair between devices. In this order a device that waits for itself holds no permit that another could use.
 */
import * as Effect from "effect/Effect"
import * as Semaphore from "effect/Semaphore"
import { DeadlineError, type ErrorContext } from "../errors.ts"
import type { OperationPool } from "../sessions/OperationPool.ts"

export interface TurnOptions {
  readonly device: string
  readonly maxOutstanding: number
  readonly pool: OperationPool
  /** Milliseconds; `Infinity` for no limit. */
  readonly queueDeadline: number
  readonly context: ErrorContext
}

/** Runs an operation when it is its turn; with a queue deadline, waiting for it can fail. */
export type Turn = <A, E>(name: string, self: Effect.Effect<A, E>) => Effect.Effect<A, E | DeadlineError>

export const make = ({ context, device, maxOutstanding, pool, queueDeadline }: TurnOptions): Turn => {
  const semaphore = Semaphore.makeUnsafe(maxOutstanding)
  const enter = <A, E>(self: Effect.Effect<A, E>) => semaphore.withPermit(pool.withPermit(device, self))
  if (queueDeadline === Infinity) return (_name, self) => enter(self)
  return (name, self) =>
    Effect.suspend(() => {
      let entered = false
      const inside = Effect.suspend(() => {
        entered = true
        return self
      })
      const late = Effect.suspend(() =>
        entered
          ? Effect.never
          : Effect.fail(
              new DeadlineError({
                ...context,
                operation: name,
                phase: "queue",
                deadline: queueDeadline,
                bytes: 0,
                elapsed: queueDeadline
              })
            )
      )
      return Effect.raceFirst(enter(inside), Effect.andThen(Effect.sleep(queueDeadline), late))
    })
}
