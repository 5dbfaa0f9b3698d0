/**
 * What a trial prints when it is over: what was met, and the checks that held or failed.
 */

export interface Check {
  readonly what: string
  readonly found: string | number
  readonly ok: boolean
}

export const row = (...cells: ReadonlyArray<string | number>): string =>
  cells.map((cell, i) => (i === 0 ? String(cell).padEnd(42) : String(cell).padStart(12))).join("")

export const total = (values: ReadonlyArray<number>): number => values.reduce((sum, value) => sum + value, 0)

export const mega = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`

/** Holds when there is none. */
export const zero = (what: string, found: number): Check => ({ what, found, ok: found === 0 })

/** What was met, most often first. */
export const printMet = (what: string, met: Readonly<Record<string, number>>): void => {
  const sorted = Object.entries(met).toSorted(([, a], [, b]) => b - a)
  console.log(`\n${row(what, total(sorted.map(([, count]) => count)))}`)
  for (const [name, count] of sorted) console.log(row(`  ${name}`, count))
}

export const printChecks = (checks: ReadonlyArray<Check>): void => {
  console.log(`\n${row("checks", "found")}`)
  for (const { found, ok, what } of checks) console.log(`${row(what, found)}  ${ok ? "ok" : "FAILED"}`)
}
