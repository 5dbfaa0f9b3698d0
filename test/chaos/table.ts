/**
 * The table at the end: what was reported against what is true, what had gone wrong meanwhile, and the checks.
 */
import type { Judgement } from "./judgement.ts"

export interface Check {
  readonly what: string
  readonly found: string | number
  readonly ok: boolean
}

const row = (...cells: ReadonlyArray<string | number>): string =>
  cells.map((cell, i) => (i === 0 ? String(cell).padEnd(42) : String(cell).padStart(12))).join("")

export const printReports = ({ counts }: Judgement): void => {
  console.log(`\n${row("edits reported", "applied", "not applied", "all")}`)
  let [applied, notApplied] = [0, 0]
  for (const [report, count] of counts) {
    console.log(row(report, count.applied, count.notApplied, count.applied + count.notApplied))
    applied += count.applied
    notApplied += count.notApplied
  }
  console.log(row("all", applied, notApplied, applied + notApplied))
}

/** What was met, most often first. */
export const printMet = (what: string, met: Readonly<Record<string, number>>): void => {
  const sorted = Object.entries(met).toSorted(([, a], [, b]) => b - a)
  const total = sorted.reduce((sum, [, count]) => sum + count, 0)
  console.log(`\n${row(what, total)}`)
  for (const [name, count] of sorted) console.log(row(`  ${name}`, count))
}

export const printChecks = (checks: ReadonlyArray<Check>): void => {
  console.log(`\n${row("checks", "found")}`)
  for (const { found, ok, what } of checks) console.log(`${row(what, found)}  ${ok ? "ok" : "FAILED"}`)
}
