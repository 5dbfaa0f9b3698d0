/**
 * What a late reply has acquired when nobody waited for it any more: it is given back, or the session is closed, which
 * frees it on the device (docs/change-safety.md, "Replies that are late, lost or wrong").
 */
import * as Effect from "effect/Effect"
import type { OperationError } from "../errors.ts"
import type { Call } from "./Calls.ts"
import type { Operation } from "./Operation.ts"
import type { CloseReason } from "./Outcome.ts"
import type { Reply } from "./Reply.ts"
import type { Sending } from "./Requests.ts"

/** The session that it was acquired on. */
interface Giver {
  call(operation: Operation<unknown>, sending: Sending): Effect.Effect<Reply, OperationError>
  end(why: CloseReason): void
}

/** For what frees something: no reply, however steadily it trickles, may hold it up for more milliseconds than these. */
export const within = (patience: number): Sending => ({ deadline: patience, total: patience })

/** Recorded where the call itself was, if it was. */
const attended = ({ attend }: Call, undo: Operation<unknown>, sent: Effect.Effect<Reply, OperationError>) =>
  attend === undefined ? sent : attend(undo, sent)

/** Never fails: what cannot be given back ends the session. */
export const giveBack = (
  call: Call,
  undo: Operation<unknown> | "close-session",
  giver: Giver,
  patience: number
): Effect.Effect<void> => {
  const detail = `${call.operation.name} succeeded after it was abandoned and could not be undone`
  const giveUp = Effect.sync(() => giver.end({ by: "us", detail }))
  if (undo === "close-session") return giveUp
  const sent = attended(call, undo, giver.call(undo, within(patience)))
  return Effect.catch(Effect.asVoid(sent), () => giveUp)
}
