/**
 * Whether a device's replay log reaches back to where a subscription was lost (RFC 5277 §3.3, §3.4; RFC 8639 §2.4.2.1): what
 * is not in the log is missing, and nobody will say so but this.
 *
 * All times are the device's own, compared by nanoseconds; this machine's clock says nothing about a log.
 */
import * as EventTime from "./EventTime.ts"

/** What the device says of the log of its stream; what it does not say is left out. */
export interface ReplayLog {
  readonly replaySupport?: boolean | undefined
  /** When the log began. */
  readonly replayLogCreationTime?: string | undefined
  /** eventTime of the last notification that has left the log; left out while none has. */
  readonly replayLogAgedTime?: string | undefined
  /**
   * RFC 8639: from when on it replays, where its log is shorter than what was asked for. `not-revised`: it has accepted the
   * replay and said no such thing.
   */
  readonly replayStartTimeRevision?: string | undefined
}

/**
 * What is missing. `None`: nothing, the log holds it all. `Gap`: notifications between the two eventTimes, as sent, are not
 * in the log, if there were any. `NoReplay`: there is no log. `Unknown`: the device does not say enough; a replay should
 * be asked for, and that something may be missing should be reported.
 */
export type Reach =
  | { readonly _tag: "None" }
  | { readonly _tag: "Gap"; readonly from: string; readonly to: string }
  | { readonly _tag: "NoReplay" }
  | { readonly _tag: "Unknown" }

const none: Reach = { _tag: "None" }
const unknown: Reach = { _tag: "Unknown" }

/** What is missing of a replay from `last` on, the eventTime of the last notification that was delivered. */
export const gapBetween = ({ last, ...log }: ReplayLog & { readonly last: string | undefined }): Reach => {
  if (log.replaySupport === false) return { _tag: "NoReplay" }
  if (last === undefined) return unknown
  const { replayStartTimeRevision: revision } = log
  if (revision === "not-revised") return none
  if (revision !== undefined) return compared(last, revision, false)
  if (log.replaySupport === undefined) return unknown
  const aged = log.replayLogAgedTime === undefined ? none : compared(last, log.replayLogAgedTime, true)
  if (log.replayLogCreationTime === undefined) return aged._tag === "Gap" ? aged : unknown
  const created = compared(last, log.replayLogCreationTime, true)
  return later(created, aged)
}

/**
 * The log holds nothing from before `begin`, perhaps. `orThen`: nor, perhaps, of that moment: of several events with the stamp
 * of `last` some may have left it, or happened before a reboot, those that were delivered or others, and no replay tells them
 * apart.
 */
const compared = (last: string, begin: string, orThen: boolean): Reach => {
  const [at, from] = [EventTime.parse(last)?.nanoseconds, EventTime.parse(begin)?.nanoseconds]
  if (at === undefined || from === undefined) return unknown
  return from > at || (orThen && from === at) ? { _tag: "Gap", from: last, to: begin } : none
}

/** Of two answers the one that misses more. */
const later = (a: Reach, b: Reach): Reach => {
  if (a._tag === "Gap" && b._tag === "Gap") return compared(a.to, b.to, false)._tag === "Gap" ? b : a
  if (a._tag === "Gap" || b._tag === "None") return a
  return b
}
