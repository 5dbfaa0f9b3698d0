/**
 * The table that `npm run bench` prints: one line per measure, with its bar, and how often a bar was missed.
 */
import type { Taken } from "./measure.ts"

export interface Line {
  readonly what: string
  readonly ours: string
  readonly theirs: string
  readonly ratio: string
  readonly bar: string
  /** Undefined where there is no bar. */
  readonly met: boolean | undefined
}

const lines: Array<Line> = []

export const missed = (): number => lines.filter((line) => line.met === false).length

export const median = (values: ReadonlyArray<number>): number => values.toSorted((a, b) => a - b)[values.length >> 1]!
export const rate = (all: ReadonlyArray<Taken>): number => median(all.map((taken) => taken.amount / taken.seconds))
export const cost = (all: ReadonlyArray<Taken>): number => median(all.map((taken) => taken.cpuSeconds / taken.amount))
export const percent = (ratio: number): string => `${(100 * ratio).toFixed(0)} %`
export const times = (ratio: number): string => `${ratio.toFixed(2)} x`

/** The median of the ratios of pairs that were taken one right after the other: what slows both slows neither. */
export const paired = (ours: ReadonlyArray<number>, theirs: ReadonlyArray<number>): number =>
  median(ours.map((value, i) => value / theirs[i]!))

export const head = (): void => {
  const [ours, theirs] = ["effect-netconf".padStart(14), "compared".padStart(14)]
  console.log(`${"".padEnd(40)}${ours}${theirs}${"ratio".padStart(10)}${"bar".padStart(14)}`)
}

export const add = (line: Line): void => {
  lines.push(line)
  const verdict = line.met === undefined ? "" : line.met ? "pass" : "MISS"
  console.log(
    [
      line.what.padEnd(40),
      line.ours.padStart(14),
      line.theirs.padStart(14),
      line.ratio.padStart(10),
      line.bar.padStart(14)
    ]
      .concat(verdict.padStart(6))
      .join("")
  )
}

/** A comparison of rates: ours must reach so much of theirs. */
export const addRate = (what: string, unit: string, per: number, a: number, b: number, bar: number): void => {
  const show = (value: number) => `${(value / per).toFixed(value / per < 100 ? 1 : 0)} ${unit}`
  const as = bar > 1 ? (ratio: number) => `${ratio.toFixed(0)} x` : percent
  add({ what, ours: show(a), theirs: show(b), ratio: as(a / b), bar: `>= ${as(bar)}`, met: a / b >= bar })
}

/** A comparison of costs: ours may be so many times theirs. */
export const addCost = (
  what: string,
  unit: string,
  per: number,
  a: number,
  b: number,
  bar: number | undefined,
  ratio = a / b
): void => {
  const show = (value: number) => `${(value / per).toFixed(value / per < 10 ? 2 : 0)} ${unit}`
  add({
    what,
    ours: show(a),
    theirs: show(b),
    ratio: times(ratio),
    bar: bar === undefined ? "" : `<= ${times(bar)}`,
    met: bar === undefined ? undefined : ratio <= bar
  })
}

/** A figure of ours alone, with an upper bar or none. */
export const addFigure = (what: string, shown: string, bar = "", met?: boolean): void =>
  add({ what, ours: shown, theirs: "", ratio: "", bar, met })
