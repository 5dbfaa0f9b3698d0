/**
 * What the soak has found and counted. Of what is found only the first few are kept in words: an hour must not grow.
 */
import type { Settled } from "./sequence.ts"
import { findings as ofSequences } from "./sequence.ts"
import { findings as ofHealth } from "./health.ts"

export const findings = [
  ...ofSequences,
  "gaps that were not called for",
  "subscriptions that gave up",
  "subscriptions that did not catch up",
  "statistics that do not add up",
  "drops that do not add up",
  ...ofHealth,
  "replies that brought another's answer"
] as const

export type Finding = (typeof findings)[number]

/** Findings of one kind that are told in words. */
const told = 5

export class Ledger {
  readonly found = new Map<Finding, number>()
  readonly words: Array<{ readonly device: string; readonly words: string }> = []
  /** What the programs on the main sessions came to, by the tag of the error. */
  readonly calls: Record<string, number> = {}
  readonly gaps: Record<string, number> = {}
  /** Gaps that no device has judged yet. */
  #settled: Array<Settled> = []

  find(finding: Finding, device: string, detail: string): void {
    const count = (this.found.get(finding) ?? 0) + 1
    this.found.set(finding, count)
    if (count > told) return
    const at = new Date().toISOString().slice(11, 23)
    this.words.push({ device, words: `${finding}: ${device}, at ${at}: ${detail}` })
  }

  call(outcome: string): void {
    this.calls[outcome] = (this.calls[outcome] ?? 0) + 1
  }

  settled(gap: Settled): void {
    this.gaps[gap.reason] = (this.gaps[gap.reason] ?? 0) + 1
    this.#settled.push(gap)
  }

  /** Has the devices say of each gap whether it was called for. */
  async judge(ask: (gaps: ReadonlyArray<Settled>) => Promise<ReadonlyArray<string | undefined>>): Promise<void> {
    const gaps = this.#settled
    this.#settled = []
    if (gaps.length === 0) return
    for (const [i, wrong] of (await ask(gaps)).entries()) {
      const { after, device, next, reason } = gaps[i]!
      if (wrong === undefined) continue
      this.find("gaps that were not called for", device, `between ${after} and ${next} (${reason}): ${wrong}`)
    }
  }
}
