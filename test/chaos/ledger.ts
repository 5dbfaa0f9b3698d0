/**
 * What the client has reported of each edit, as it was told: a line of JSON each, in a file, so that memory stays what the
 * library uses. It is read when everything is over.
 */
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { isNetconfError, type NetconfError } from "../../src/index.ts"

/**
 * `ok`: it succeeded. `ok, then failed`: the error says that the change is applied. `refused`: the device said no.
 * `not done`: failed before anything could change. `taken back`: a confirmed commit whose check failed. `unknown`:
 * CommitUnknownError, or an error that says that something may have been made. `interrupted`: nobody was told.
 * `defect`: a bug of the library, whatever it says.
 */
export const reports = [
  "ok",
  "ok, then failed",
  "refused",
  "not done",
  "taken back",
  "unknown",
  "interrupted",
  "defect"
] as const
export type Report = (typeof reports)[number]

export type Kind = "edit" | "edit by hand" | "edit without locks" | "confirmed commit"

export interface Entry extends Told {
  readonly device: string
  readonly token: string
  readonly kind: Kind
  /** Milliseconds from its beginning. */
  readonly elapsed: number
  /** When it ended. */
  readonly at: number
}

/** The check of a confirmed commit did not like what it saw. */
export class Unhealthy extends Error {
  readonly _tag = "Unhealthy"
}

/** What was told, and in which words. */
export interface Told {
  readonly report: Report
  readonly error?: string
}

/** Errors that say in words what had happened before them. */
const applied = /is applied|had succeeded/
const perhaps = /was interrupted after it was sent|had sent changes/

const reportOfError = (error: NetconfError): Report => {
  if (error._tag === "CommitUnknownError") return "unknown"
  if (applied.test(error.state ?? "")) return "ok, then failed"
  if (perhaps.test(error.state ?? "")) return "unknown"
  if (error._tag !== "RpcError") return "not done"
  return error.partial === undefined ? "refused" : "unknown"
}

/** What an exit tells whoever called. The first reason counts; what a clean-up adds stands behind it. */
export const reportOf = (exit: Exit.Exit<unknown, unknown>): Told => {
  if (Exit.isSuccess(exit)) return { report: "ok" }
  const [reason] = exit.cause.reasons
  if (reason === undefined || Cause.isDieReason(reason)) return { report: "defect", error: Cause.pretty(exit.cause) }
  if (Cause.isInterruptReason(reason)) return { report: "interrupted" }
  const { error } = reason
  if (error instanceof Unhealthy) return { report: "taken back", error: error.message }
  if (!isNetconfError(error)) return { report: "defect", error: String(error) }
  return { report: reportOfError(error), error: error.message }
}

/** The reads: each knows what it has to bring. */
export interface Reads {
  right: number
  /** Somebody else's answer. */
  wrong: number
  failed: number
}

/** What is seen to be wrong while it happens. */
export const findings = [
  "reads that brought another's answer",
  "fleet results that contradict",
  "fleet counts that do not add up"
] as const
export type Finding = (typeof findings)[number]

export class Ledger {
  readonly reads: Reads = { right: 0, wrong: 0, failed: 0 }
  /** What is wrong whatever the devices say. */
  readonly findings: Array<{ readonly rule: Finding; readonly detail: string }> = []
  readonly #folder = mkdtempSync(join(tmpdir(), "chaos-"))
  readonly #file = join(this.#folder, "ledger.jsonl")
  #lines: Array<string> = []

  find(rule: Finding, detail: string): void {
    this.findings.push({ rule, detail })
  }

  note(entry: Entry): void {
    this.#lines.push(JSON.stringify(entry))
    if (this.#lines.length >= 100) this.#flush()
  }

  #flush(): void {
    appendFileSync(this.#file, this.#lines.map((line) => `${line}\n`).join(""))
    this.#lines = []
  }

  entries(): ReadonlyArray<Entry> {
    this.#flush()
    const lines = readFileSync(this.#file, "utf8")
      .split("\n")
      .filter((line) => line !== "")
    return lines.map((line) => JSON.parse(line) as Entry)
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true })
  }
}
