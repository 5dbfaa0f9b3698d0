/**
 * How an operation ended, in one word: for spans, metrics and audits, so that all three say the same.
 */
import * as Cause from "effect/Cause"
import type * as Exit from "effect/Exit"
import { type NetconfError, wasNotSent } from "../errors.ts"

/**
 * `ok`; `refused`: the peer said no; `warned`: it did it, with warnings that the caller does not accept; `unknown`: a
 * change was sent and no clear reply came; `lost`: the session ended first; `unreadable`: the reply was; `timeout`:
 * nobody answered, or the turn did not come; `not-sent`: it certainly did not reach the peer; `interrupted` by its
 * caller; `failed`: anything else.
 */
export type OperationOutcome =
  | "ok"
  | "refused"
  | "warned"
  | "unknown"
  | "lost"
  | "unreadable"
  | "timeout"
  | "not-sent"
  | "interrupted"
  | "failed"

const ofError = (error: NetconfError): OperationOutcome => {
  switch (error._tag) {
    case "RpcError":
      return error.isRefusal ? "refused" : "warned"
    case "CommitUnknownError":
      return "unknown"
    case "ChannelError":
      return wasNotSent(error) ? "not-sent" : "lost"
    case "ProtocolError":
      return "unreadable"
    case "DeadlineError":
      return "timeout"
    default:
      return wasNotSent(error) ? "not-sent" : "failed"
  }
}

/** The typed failure in a cause, if that is what it is. */
export const failureOf = (exit: Exit.Exit<unknown, NetconfError>): NetconfError | undefined =>
  exit._tag === "Success" ? undefined : exit.cause.reasons.find(Cause.isFailReason)?.error

export const of = (exit: Exit.Exit<unknown, NetconfError>): OperationOutcome => {
  if (exit._tag === "Success") return "ok"
  const error = failureOf(exit)
  if (error !== undefined) return ofError(error)
  return Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "failed"
}
