/**
 * The eyes on one operation: its metrics always, its span while somebody listens. What the messages layer knows of it
 * (message-id, octets, when it was written) comes by the `OperationSpan` that is handed down with the call.
 */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { OperationError } from "../../errors.ts"
import type { Operation } from "../../rpc/Operation.ts"
import type * as Core from "../../rpc/Session.ts"
import * as Metrics from "../../telemetry/Metrics.ts"
import * as OperationOutcome from "../../telemetry/OperationOutcome.ts"
import * as Spans from "../../telemetry/Spans.ts"

type Watched = Fiber.Fiber<unknown, unknown>

/** Runs an operation, which is given its span, if there is one. */
export type Observe = <A>(
  operation: Operation<unknown>,
  attended: (span: Spans.OperationSpan | undefined) => Effect.Effect<A, OperationError>
) => Effect.Effect<A, OperationError>

export const make = (core: Core.Session): Observe => {
  const { life } = core
  const count = (name: string, outcome: OperationOutcome.OperationOutcome, since: number, fiber: Watched) =>
    Metrics.count(Metrics.nameOf(name), outcome, (core.now() - since) / 1000, fiber.context)

  const unheard = <A>(
    operation: Operation<unknown>,
    attended: (span: undefined) => Effect.Effect<A, OperationError>,
    fiber: Watched
  ): Effect.Effect<A, OperationError> => {
    const since = core.now()
    const ended = (exit: Exit.Exit<unknown, OperationError>): undefined =>
      count(operation.name, OperationOutcome.of(exit), since, fiber) as undefined
    return Effect.onExitPrimitive(attended(undefined), ended)
  }

  const spanned: Observe = (operation, attended) => {
    // A URL may carry a token.
    const datastore = operation.datastore === undefined ? undefined : core.redaction.text(operation.datastore)
    const attributes = { ...life.attributes, ...Spans.ofOperation(operation.name, datastore) }
    const options = { kind: "client" as const, attributes, links: life.links }
    return Effect.flatMap(Spans.make(Spans.operationName(operation.name), options), (span) =>
      Effect.withFiber((fiber) => {
        if (span === undefined) return unheard(operation, attended, fiber)
        const since = core.now()
        const told = new Spans.OperationSpan(span, fiber)
        const inside = Effect.withParentSpan(attended(told), span, { captureStackTrace: false })
        return Effect.onExitPrimitive(inside, (exit) => {
          const outcome = OperationOutcome.of(exit)
          told.ended(exit, outcome)
          count(operation.name, outcome, since, fiber)
          return undefined
        })
      })
    )
  }

  const counted: Observe = (operation, attended) =>
    Effect.withFiber((fiber) => {
      return Spans.isHeard(fiber) ? spanned(operation, attended) : unheard(operation, attended, fiber)
    })
  return counted
}
