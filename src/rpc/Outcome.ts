/**
 * What the end of a call, or of the session under it, means, as an error with its context: above all when a request that
 * may have changed the device is left without a clear reply (docs/change-safety.md).
 */
import * as Errors from "../errors.ts"
import type { RpcErrorItem } from "../errors.ts"
import { excerpt } from "../telemetry/Excerpt.ts"
import type { EndReason } from "../transport/Transport.ts"
import type { Capabilities } from "./Capabilities.ts"
import type { Call } from "./Calls.ts"

/** Why a session ended; `error` when the peer's bytes were the reason. */
export interface CloseReason extends EndReason {
  readonly error?: Errors.ProtocolError
}

export type Lost = Errors.ChannelError | Errors.ProtocolError | Errors.DeadlineError

export interface Peer {
  readonly context: Errors.ErrorContext
  readonly capabilities: Capabilities
  /** Whether nobody but this session has seen what this call changed. */
  readonly isPrivate: (call: Call) => boolean
}

export const contextOf = (call: Call, peer: Peer, now: number): Errors.ErrorContext & { readonly elapsed: number } => ({
  ...peer.context,
  operation: call.operation.name,
  messageId: call.id,
  elapsed: Math.round(now - call.since)
})

/** Bytes that are not NETCONF, or a message that is none of it: how many there are, and what they look like. */
export const unreadable = (
  layer: Errors.ProtocolError["layer"],
  detail: string,
  bytes: number,
  beginning: Uint8Array
): Errors.ProtocolError =>
  new Errors.ProtocolError({ layer, detail, bytes, excerpt: excerpt(beginning.subarray(0, 400)) })

/** What a call that meets the end of its session fails with; `write`: it certainly was not sent. */
export const ended = (
  { by, detail, error }: CloseReason,
  phase: "write" | "closed",
  context: Errors.ErrorContext
): Errors.ChannelError | Errors.ProtocolError =>
  phase === "closed" && error !== undefined
    ? Errors.withContext(error, context)
    : new Errors.ChannelError({ ...context, phase, by, detail })

const mayHaveChanged = (call: Call, peer: Peer): boolean =>
  call.frame === undefined && call.operation.kind === "write" && !peer.isPrivate(call)

/** A call that got no clear reply: the reason itself where nothing can have happened, unknown where something can. */
export const lost = (call: Call, reason: Lost, peer: Peer, now: number): Errors.OperationError => {
  const context = contextOf(call, peer, now)
  const error = Errors.withContext(reason, context)
  if (!mayHaveChanged(call, peer)) return error
  return new Errors.CommitUnknownError({ ...context, datastore: call.operation.datastore, phase: "sent", cause: error })
}

const saysUnknown = (item: RpcErrorItem): boolean => item.tag === "rollback-failed" || item.tag === "partial-operation"

/** A call that the peer refused. */
export const refused = (
  call: Call,
  errors: readonly [RpcErrorItem, ...Array<RpcErrorItem>],
  peer: Peer,
  now: number
): Errors.OperationError => {
  const context = contextOf(call, peer, now)
  const mayBePartial = call.operation.partial?.(peer.capabilities) === true && !peer.isPrivate(call)
  const partial = mayBePartial ? ("possible" as const) : undefined
  const error = new Errors.RpcError({ ...context, errors, partial })
  if (!mayHaveChanged(call, peer) || !errors.some(saysUnknown)) return error
  return new Errors.CommitUnknownError({
    ...context,
    datastore: call.operation.datastore,
    phase: "replied",
    cause: error
  })
}

/** Warnings that the caller does not accept: the device did what was asked, and the error says so. */
export const unwelcome = (
  context: Errors.ErrorContext,
  warnings: readonly [RpcErrorItem, ...Array<RpcErrorItem>]
): Errors.RpcError => new Errors.RpcError({ ...context, errors: warnings, state: "the device warned, and did it" })
