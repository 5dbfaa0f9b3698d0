/**
 * What was reported against what is true: the counts of the table, and everything that must not be. Pure, so that each
 * rule can be seen to fail (`judgement.test.ts`).
 */
import type { DeviceTruth, TokenTruth } from "./farm.ts"
import { type Entry, type Report, reports } from "./ledger.ts"

/** How many edits of one report are applied, and not. */
export interface Count {
  applied: number
  notApplied: number
}

export interface Violation {
  readonly rule: Rule
  readonly device: string
  readonly token?: string
  readonly detail: string
}

/** What must be zero. */
export const rules = [
  "edits applied twice",
  "edits sent twice",
  "reported ok, and not there",
  "reported as not done, and there",
  "made, and nobody was told of it",
  "defects",
  "locks left on a device",
  "sessions left on a device",
  "confirmed commits left waiting"
] as const
export type Rule = (typeof rules)[number]

export interface Judgement {
  readonly counts: ReadonlyMap<Report, Count>
  readonly violations: ReadonlyArray<Violation>
}

const nothing: TokenTruth = { received: 0, appeared: 0, present: false }

/** Reports that promise that it is there, or that it is not. The others promise nothing. */
const promise: Readonly<Record<Report, "there" | "not there" | undefined>> = {
  ok: "there",
  "ok, then failed": "there",
  refused: "not there",
  "not done": "not there",
  "taken back": "not there",
  unknown: undefined,
  interrupted: undefined,
  defect: undefined
}

const wrongs = ({ error, kind, report }: Entry, { appeared, present, received }: TokenTruth) => {
  const found: Array<readonly [Rule, string]> = []
  if (report === "defect") found.push(["defects", error ?? ""])
  const told = `reported ${report}${error === undefined ? "" : ` (${error})`}`
  if (appeared > 1) found.push(["edits applied twice", `${told}; came into running ${appeared} times`])
  if (received > 1) found.push(["edits sent twice", `${told}; received ${received} times`])
  if (promise[report] === "there" && !present) found.push(["reported ok, and not there", told])
  // A confirmed commit is there for a while, and gone in the end.
  const was = kind === "confirmed commit" ? present : appeared > 0
  if (promise[report] === "not there" && was) found.push(["reported as not done, and there", told])
  return found
}

/** The last report of each token counts, as it does for a user: an earlier attempt was tried again. */
const lastReports = (entries: ReadonlyArray<Entry>): ReadonlyMap<string, Entry> =>
  new Map(entries.map((entry) => [`${entry.device} ${entry.token}`, entry]))

const leftOn = ({ locks, name, pending, sessions }: DeviceTruth): ReadonlyArray<Violation> => [
  ...locks.map((lock): Violation => ({ rule: "locks left on a device", device: name, detail: lock })),
  ...(sessions > 0
    ? [{ rule: "sessions left on a device", device: name, detail: `${sessions} of them` } as const]
    : []),
  ...(pending ? [{ rule: "confirmed commits left waiting", device: name, detail: "still there" } as const] : [])
]

export const judge = (entries: ReadonlyArray<Entry>, truths: ReadonlyArray<DeviceTruth>): Judgement => {
  const counts = new Map<Report, Count>(reports.map((report) => [report, { applied: 0, notApplied: 0 }]))
  const violations: Array<Violation> = []
  const devices = new Map(truths.map((truth) => [truth.name, truth]))
  const last = lastReports(entries)
  for (const entry of last.values()) {
    const truth = devices.get(entry.device)?.tokens.get(entry.token) ?? nothing
    counts.get(entry.report)![truth.present ? "applied" : "notApplied"]++
    const { device, token } = entry
    for (const [rule, detail] of wrongs(entry, truth)) violations.push({ rule, device, token, detail })
  }
  for (const truth of truths) {
    violations.push(...leftOn(truth))
    for (const [token, { appeared }] of truth.tokens) {
      if (appeared === 0 || last.has(`${truth.name} ${token}`)) continue
      const detail = "no report of it at all"
      violations.push({ rule: "made, and nobody was told of it", device: truth.name, token, detail })
    }
  }
  return { counts, violations }
}
