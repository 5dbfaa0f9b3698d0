/**
 * The table at the end: what was reported against what is true.
 */
import { row } from "../trial/checks.ts"
import type { Judgement } from "./judgement.ts"

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
