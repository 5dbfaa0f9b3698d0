/**
 * What a self-healing session tells of its connection: as a stream of states, and as the error of a call that came while
 * it was down.
 */
import type * as DateTime from "effect/DateTime"
import { ChannelError, type ConnectError, type ErrorContext } from "../../errors.ts"
import type { CloseReason } from "../../rpc/Session.ts"
import type { State } from "../../sessions/Reconnect.ts"

/** Why a session was lost, or could not be opened. */
export type DownReason = CloseReason | ConnectError

/** `attempt` counts on until a session has been up for a minute. */
export type ConnectionState =
  | { readonly _tag: "Connecting"; readonly attempt: number }
  | { readonly _tag: "Up"; readonly sessionId: number | undefined; readonly since: DateTime.Utc }
  | {
      readonly _tag: "Down"
      readonly why: DownReason
      /** The attempt that comes next, in `retryIn` milliseconds. */
      readonly attempt: number
      readonly retryIn: number
    }
  /** For good: by the end of its scope, by an error that no attempt will mend, or by the end of its schedule. */
  | { readonly _tag: "Stopped"; readonly why: DownReason }

/** A reason in words. */
export const inWords = (why: DownReason): string => ("_tag" in why ? `${why._tag}: ${why.summary}` : why.detail)

const endedBy = (why: DownReason): ChannelError["by"] => {
  if (!("_tag" in why)) return why.by
  return why._tag === "ChannelError" ? why.by : "network"
}

export const toCloseReason = (why: DownReason): CloseReason =>
  "_tag" in why ? { by: "us", detail: `it does not connect again: ${inWords(why)}` } : why

const nextOf = (state: State<unknown, DownReason>, now: number): string => {
  if (state._tag !== "Down") return "attempt" in state ? `attempt ${state.attempt} is under way` : "it is coming back"
  return `attempt ${state.attempt} follows in ${(Math.max(0, state.retryAt - now) / 1000).toFixed(1)} s`
}

/** The error of a call without a session to send it on. A read that was `sent` before has lost its reply besides. */
export const unavailable = (
  context: ErrorContext,
  state: State<unknown, DownReason>,
  why: DownReason | undefined,
  { now, sent }: { readonly now: number; readonly sent: boolean }
): ChannelError => {
  const phase = sent ? "closed" : "write"
  if (state._tag === "Stopped") {
    return new ChannelError({ ...context, phase, by: "us", detail: toCloseReason(state.why).detail })
  }
  const reason = why === undefined ? "it has just ended" : inWords(why)
  const by = why === undefined ? "network" : endedBy(why)
  return new ChannelError({ ...context, phase, by, detail: `the session is down: ${reason}; ${nextOf(state, now)}` })
}
