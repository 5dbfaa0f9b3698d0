/**
 * What a program leaves behind: fibers, sockets and timers of the process, and memory.
 */
import * as Metric from "effect/Metric"
import { setTimeout as sleep } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** Counts the fibers of everything that it is provided to. */
export class Fibers implements Metric.FiberRuntimeMetricsService {
  alive = 0
  readonly recordFiberStart = (): void => void this.alive++
  readonly recordFiberEnd = (): void => void this.alive--
}

/** Sockets and timers that are open; those of the children's pipes are none. */
export const handles = (): { readonly sockets: number; readonly timers: number } => {
  const all = process.getActiveResourcesInfo()
  return {
    sockets: all.filter((name) => name.startsWith("TCP")).length,
    timers: all.filter((name) => name === "Timeout").length
  }
}

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

/** Bytes that are alive: the least of a few collections, because work goes on in between. */
export const alive = async (): Promise<number> => {
  let least = Infinity
  for (let i = 0; i < 5; i++) {
    collect()
    await sleep(200)
    collect()
    const { external, heapUsed } = process.memoryUsage()
    least = Math.min(least, heapUsed + external)
  }
  return least
}

/** Worker threads that are running. */
export const threads = (): number => {
  // Otherwise addresses are looked up by name; @types/node does not know it yet.
  Object.assign(process.report, { excludeNetwork: true })
  return (process.report.getReport() as { readonly workers: ReadonlyArray<unknown> }).workers.length
}
