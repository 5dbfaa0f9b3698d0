/**
 * What became of the devices of a run: the outcome of each, the latest state while it goes on, and the summary at its end.
 *
 * A summary is safe to print: it names errors of the library with their messages, which hold no secrets, and a
 * program's own errors by their tags alone.
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { CommitUnknownError, type ConnectError, isNetconfError, printable } from "../../errors.ts"

/**
 * What became of one device. `unknown`: a write was left without a clear reply, whatever the program made of it; read the
 * device before doing anything else. `interrupted`: by the end of the run, or by its own program.
 */
export type Outcome = "succeeded" | "failed" | "unknown" | "interrupted"

/** The result of one device; its failure is a value. */
export interface DeviceResult<A, E> {
  readonly device: string
  readonly exit: Exit.Exit<A, E | ConnectError>
  readonly outcome: Outcome
  /** Milliseconds from the device's start, its connect and its retries included. */
  readonly elapsed: number
  /** How many times the program was started. */
  readonly attempts: number
  /** Whether anything was sent that may have changed the device; also where the device refused it, and nothing has changed. */
  readonly wrote: boolean
}

/** Why a run started no further device. */
export interface Stopped {
  /**
   * `failures`: by `stopAfter`. `canary`: one of the canary did not succeed. `asked`: by `stop`. `left`: the reader of the
   * results went away. `closed`: the run's scope or the fleet's was closed.
   */
  readonly by: "failures" | "canary" | "asked" | "left" | "closed"
  /** In words. */
  readonly detail: string
}

/** The state of a run; every device is in exactly one of its numbers. */
export interface Progress {
  readonly total: number
  /** Not started yet; 0 once the run has stopped. */
  readonly waiting: number
  /** The devices under way. */
  readonly running: ReadonlyArray<string>
  readonly succeeded: number
  readonly failed: number
  readonly unknown: number
  readonly interrupted: number
  /** Will not be started, because the run has stopped. */
  readonly notStarted: number
  /** `canary`, `soak`, `batch 2 of 5`, `rest`; undefined in a run without canary and batches. */
  readonly step: string | undefined
  readonly stopped: Stopped | undefined
}

/** One device in a summary. */
export interface DeviceSummary {
  readonly device: string
  readonly state: Outcome | "notStarted"
  readonly wrote: boolean
  readonly attempts: number
  /** Milliseconds; 0 for a device that was not started. */
  readonly elapsed: number
  /** Why it did not succeed, in words that hold no secrets. */
  readonly why: string | undefined
}

/** Who is in which state at the end of a run. `String(summary)` is a page for a person. */
export interface Summary {
  /** In the order of the run. */
  readonly devices: ReadonlyArray<DeviceSummary>
  /** How many devices are in each state. */
  readonly counts: Readonly<Record<DeviceSummary["state"], number>>
  /** Milliseconds. */
  readonly elapsed: number
  readonly stopped: Stopped | undefined
  readonly toString: () => string
}

/** What a device has left without a clear reply. */
type Unknown = CommitUnknownError | "interrupted" | undefined

const isUnknown = (reason: Cause.Reason<unknown>): boolean =>
  Cause.isFailReason(reason) && reason.error instanceof CommitUnknownError

export const outcomeOf = (exit: Exit.Exit<unknown, unknown>, unknown: Unknown): Outcome => {
  if (unknown !== undefined) return "unknown"
  if (Exit.isSuccess(exit)) return "succeeded"
  if (exit.cause.reasons.some(isUnknown)) return "unknown"
  return Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "failed"
}

const words = (error: unknown): string => {
  if (isNetconfError(error)) {
    const { _tag, state, summary } = error
    return `${_tag}: ${summary}${state === undefined ? "" : `; ${state}`}`
  }
  const tag = typeof error === "object" && error !== null && "_tag" in error ? error._tag : undefined
  if (typeof tag === "string") return printable(tag)
  return error instanceof Error ? printable(error.name) : `failed with a ${typeof error}`
}

/** A program's own text may hold anything: only the library's errors are quoted. */
const reasonWords = (reason: Cause.Reason<unknown>): string => {
  if (Cause.isFailReason(reason)) return words(reason.error)
  return Cause.isDieReason(reason) ? `defect: ${words(reason.defect)}` : "interrupted"
}

const whyOf = (exit: Exit.Exit<unknown, unknown>, unknown: Unknown): string | undefined => {
  if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) {
    return exit.cause.reasons.map(reasonWords).join("; ")
  }
  if (unknown === "interrupted") return "a write was interrupted after it was sent"
  if (unknown !== undefined) return words(unknown)
  return Exit.isFailure(exit) ? "interrupted" : undefined
}

/** A device that is done; `unknown` is the write of it that was left without a clear reply. */
export const ofResult = (
  { attempts, device, elapsed, exit, outcome, wrote }: DeviceResult<unknown, unknown>,
  unknown: Unknown
): DeviceSummary => ({ device, state: outcome, wrote, attempts, elapsed, why: whyOf(exit, unknown) })

export const make = (devices: ReadonlyArray<DeviceSummary>, elapsed: number, stopped: Stopped | undefined): Summary => {
  const counts = { succeeded: 0, failed: 0, unknown: 0, interrupted: 0, notStarted: 0 }
  for (const { state } of devices) counts[state]++
  const summary = { devices, counts, elapsed, stopped }
  return { ...summary, toString: () => print(summary) }
}

const listed = 20

const namesOf = (devices: ReadonlyArray<DeviceSummary>): string => {
  const shown = devices.slice(0, listed).map(({ device }) => printable(device))
  const more = devices.length - shown.length
  return more === 0 ? shown.join(", ") : `${shown.join(", ")} and ${more} more`
}

const line = ({ attempts, device, state, why, wrote }: DeviceSummary): string => {
  const details = [...(wrote ? ["sent a write"] : []), ...(attempts > 1 ? [`${attempts} attempts`] : [])]
  const inBrackets = details.length === 0 ? "" : ` (${details.join(", ")})`
  return `${state.padEnd(11)} ${printable(device)}${inBrackets}${why === undefined ? "" : `: ${why}`}`
}

/** First the numbers, then why it stopped, then who did not succeed and why; who was not started, in one line. */
const print = ({ counts, devices, elapsed, stopped }: Omit<Summary, "toString">): string => {
  const numbers = Object.entries(counts).filter(([, count]) => count > 0)
  const first = `${devices.length} devices in ${(elapsed / 1000).toFixed(1)} s: `
  const bad = devices.filter(({ state }) => state !== "succeeded" && state !== "notStarted")
  const left = devices.filter(({ state }) => state === "notStarted")
  return [
    first + numbers.map(([state, count]) => `${count} ${state === "notStarted" ? "not started" : state}`).join(", "),
    ...(stopped === undefined ? [] : [`stopped: ${printable(stopped.detail)}`]),
    ...bad.map(line),
    ...(left.length === 0 ? [] : [`not started ${namesOf(left)}`])
  ].join("\n")
}
