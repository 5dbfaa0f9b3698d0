/**
 * What becomes of a program under locks when its session ends: the device has released the locks (RFC 6241 §7.5), so the
 * program is interrupted at once, and its call says what is known of its writes.
 *
 * A confirmed commit goes on: it is confirmed or cancelled by its id from another session, and whoever is around it waits.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import { ChannelError, type OperationError } from "../../errors.ts"
import type { CloseReason, Session } from "../../rpc/Session.ts"
import * as Writes from "../session/Writes.ts"

/** Those of a session's programs that go on without it. */
export class Outliving {
  #count = 0
  readonly #none = Latch.makeUnsafe(true)

  /** Waits until there is none. */
  readonly none: Effect.Effect<void> = Effect.asVoid(this.#none.await)

  /** Runs a program that a lost session must not cut down, nor anything around it. */
  run<A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> {
    const enter = Effect.sync(() => {
      this.#count++
      this.#none.closeUnsafe()
    })
    const leave = Effect.sync(() => {
      if (--this.#count === 0) this.#none.openUnsafe()
    })
    return Effect.acquireUseRelease(
      enter,
      () => program,
      () => leave
    )
  }
}

const stateOf = ({ sent, unknown }: Writes.Writes): string | undefined => {
  if (unknown === "interrupted") return "a change of the program was interrupted after it was sent"
  return sent ? "the program had sent changes, and they were answered" : undefined
}

/** What is left without a clear reply outweighs the loss of the locks, also where the program had swallowed it. */
const errorOf = (session: Session, { by, detail }: CloseReason, writes: Writes.Writes): OperationError => {
  const { unknown } = writes
  if (unknown !== undefined && unknown !== "interrupted") return unknown
  const lost = `${detail}; the locks of the program are lost with the session`
  return new ChannelError({ ...session.context, phase: "closed", by, detail: lost, state: stateOf(writes) })
}

/** The loss comes first, then whatever the program failed with on its way out. */
const cutDown = <A, E>(exit: Exit.Exit<A, E>, error: OperationError): Effect.Effect<A, E | OperationError> => {
  if (Exit.isSuccess(exit)) return exit
  const attached = exit.cause.reasons.filter((reason) => !Cause.isInterruptReason(reason))
  return Effect.failCause(Cause.combine(Cause.fail(error), Cause.fromReasons(attached)))
}

/**
 * Runs a program for as long as its session lives. When the session ends first, the program is interrupted, its finalizers
 * run, and the call fails with a `ChannelError`, or with the `CommitUnknownError` of a write that was left without a
 * clear reply. A program that fails or succeeds with the answers that came before the end does so.
 */
export const untilLost = <A, E, R>(
  session: Session,
  outliving: Outliving,
  program: Effect.Effect<A, E, R>
): Effect.Effect<A, E | OperationError, R> =>
  Writes.track((writes) => {
    let exit: Exit.Exit<A, E> | undefined
    const noted = Effect.onExit(program, (end) => Effect.sync(() => void (exit = end)))
    const lost = Effect.flatMap(Deferred.await(session.closed), (reason) =>
      // The yield is for a program that has its last answer and only has to return.
      Effect.as(Effect.andThen(outliving.none, Effect.yieldNow), reason)
    )
    return Effect.flatMap(Effect.raceFirst(Effect.as(noted, undefined), lost), (reason) =>
      reason === undefined ? exit! : cutDown(exit!, errorOf(session, reason, writes))
    )
  })
