/**
 * The way of one operation through a session: capability check, turn (gate, semaphore, pool), call, reply.
 */
import * as Effect from "effect/Effect"
import { CapabilityError, type OperationError, tryInput, withContext } from "../../errors.ts"
import type { CallOptions, Operation, Run } from "../../rpc/Operation.ts"
import type { Reply } from "../../rpc/Reply.ts"
import type * as Core from "../../rpc/Session.ts"
import type { OperationSpan } from "../../telemetry/Spans.ts"
import { millis } from "../../transport/Deadlines.ts"
import * as Audited from "../audit/Audited.ts"
import * as ChangeId from "../audit/ChangeId.ts"
import * as Observe from "./Observe.ts"
import type { Turn } from "./Turn.ts"
import * as Writes from "./Writes.ts"

const lacking = (operation: Operation<unknown>, core: Core.Session): CapabilityError | undefined => {
  const { capabilities } = core.hello
  const needed = operation.needs.find((alternatives) => !alternatives.some((name) => capabilities.has(name)))
  return needed === undefined
    ? undefined
    : new CapabilityError({ ...core.context, operation: operation.name, needed, offered: capabilities.uris })
}

/** Ends sessions, so no locked program holds it back. */
const passesGate = ({ kind, name }: Operation<unknown>): boolean =>
  kind === "read" || name === "close-session" || name === "kill-session"

/** A call with its durations in milliseconds; fails with an `InputError` where one is none. */
const makeCall =
  (core: Core.Session) =>
  (
    operation: Operation<unknown>,
    { deadline, total, warnings }: CallOptions,
    span: OperationSpan | undefined,
    interrupted: Writes.Interrupted | undefined
  ): Effect.Effect<Reply, OperationError> => {
    const plain = { warnings, span, interrupted }
    if (deadline === undefined && total === undefined) return Audited.call(core, operation, plain)
    const where = { ...core.context, operation: operation.name }
    const sending = tryInput(() => ({
      ...plain,
      ...(deadline === undefined ? {} : { deadline: millis("deadline", deadline) }),
      ...(total === undefined ? {} : { total: millis("total", total) })
    }))
    return Effect.flatMap(
      Effect.mapError(sending, (error) => withContext(error, where)),
      (options) => Audited.call(core, operation, options)
    )
  }

/** What a pending confirmed commit of this session makes of a further commit: its confirmation, or its extension. */
const concernsPending = ({ lease }: Operation<unknown>, core: Core.Session): boolean =>
  core.leases.pending && (lease?.change === "commit" || lease?.change === "confirm-later")

/**
 * Takes something back, or confirms a commit and carries nothing new: no audit may hold it up. A commit with a change in it
 * is a change, whatever it confirms, and so is one that has to be confirmed again.
 */
const frees = ({ lease, release }: Operation<unknown>, { leases }: Core.Session): boolean => {
  if (lease?.change !== "commit" && lease?.change !== "confirm-later") return release === true
  return lease.lasts === undefined && leases.clean && (release === true || leases.pending)
}

const wasRefused = (error: OperationError): boolean => error._tag === "RpcError" && error.isRefusal

/** `run` of a session: sends any operation. */
export const makeRun = (core: Core.Session, turn: Turn): Run => {
  const call = makeCall(core)
  const observe = Observe.make(core)
  const send = <A>(
    given: Operation<A>,
    options: CallOptions,
    gate = !passesGate(given)
  ): Effect.Effect<A, OperationError> => {
    const permits = given.release !== true && !concernsPending(given, core)
    const waits = { name: given.name, gate, permits }
    const attended = (span: OperationSpan | undefined) => {
      const sendAs = (operation: Operation<unknown>, free: boolean) => {
        const noted = Writes.note(operation, (interrupted) => call(operation, options, span, interrupted))
        return Audited.around(core, operation, free, noted)
      }
      if (given.kind !== "write") return turn(waits, sendAs(given, false))
      // Asked when it is its turn: while it waited, another may have edited the candidate.
      const asItIs = Effect.suspend((): Effect.Effect<Reply, OperationError> => {
        const free = frees(given, core)
        if (free || given.release === true) return sendAs(given, free)
        return ChangeId.noted(core, given, (operation) => sendAs(operation, false))
      })
      return turn(waits, asItIs)
    }
    return Effect.map(observe(given, attended), given.decode)
  }
  return (operation, options = {}) =>
    Effect.suspend(() => {
      const error = options.capabilityCheck === false ? undefined : lacking(operation, core)
      if (error !== undefined) return error
      const sent = send(operation, options)
      const after = concernsPending(operation, core) ? undefined : operation.onRefused?.(core.hello.capabilities)
      if (after === undefined) return sent
      return Effect.tapError(sent, (refusal) =>
        wasRefused(refusal) ? Effect.ignore(send(after, {}, false)) : Effect.void
      )
    })
}
