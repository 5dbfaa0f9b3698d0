/**
 * How late a thread's loop comes, told once a second while there is something to do, and not measured while there is not:
 * the measuring is a timer by itself.
 */
import { monitorEventLoopDelay } from "node:perf_hooks"
import type { Delay } from "./Protocol.ts"

const resolution = 10
const tellEvery = 1_000
/** How many times it is told before the measuring begins anew. */
const kept = 10

export class Delays {
  readonly #histogram = monitorEventLoopDelay({ resolution })
  readonly #tell: (delay: Delay) => void
  #timer: NodeJS.Timeout | undefined
  #busy = false
  #told = 0

  constructor(tell: (delay: Delay) => void) {
    this.#tell = tell
  }

  /** Something was done. */
  touch(): void {
    this.#busy = true
    if (this.#timer !== undefined) return
    this.#histogram.reset()
    this.#histogram.enable()
    this.#told = 0
    this.#timer = setInterval(() => this.#look(), tellEvery).unref()
  }

  #look(): void {
    this.#tell(delayOf(this.#histogram))
    if (++this.#told % kept === 0) this.#histogram.reset()
    if (!this.#busy) this.stop()
    this.#busy = false
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#histogram.disable()
  }
}

/** The histogram counts the time between two looks, which is the resolution where nothing comes late. */
const delayOf = (histogram: ReturnType<typeof monitorEventLoopDelay>): Delay => {
  const millis = (nanos: number) => Math.max(0, Math.round(nanos / 10_000) / 100 - resolution)
  if (histogram.count === 0) return { p50: 0, p99: 0, max: 0 }
  return { p50: millis(histogram.percentile(50)), p99: millis(histogram.percentile(99)), max: millis(histogram.max) }
}
