/**
 * Connects so many times, all at once, to a server of which half the connections hang, and says how each ended, how long
 * the longest took, and what is left once all have ended: sockets, and fibers of the library.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Redacted from "effect/Redacted"
import { Netconf, Ssh } from "../src/index.ts"
import { answer } from "./measure.ts"
import type { Target } from "./measure.ts"

export interface HungTask {
  readonly connects: number
}

export interface HungTaken {
  /** How many ended in which way: `connected`, or the error with its phase. */
  readonly ends: Readonly<Record<string, number>>
  /** Seconds. */
  readonly longest: number
  /** Seconds: the sum of the deadlines that one connect may use up. */
  readonly deadline: number
  readonly sockets: number
  readonly timers: number
  readonly fibers: number
}

const target = JSON.parse(process.env["BENCH_TARGET"]!) as Target

const deadlines = { dial: 5, handshake: 15, auth: 15, subsystem: 5, hello: 5, close: 5 } as const
const deadline = Object.values(deadlines).reduce((sum, seconds) => sum + seconds, 0)

const connect = Effect.scoped(
  Netconf.connect({
    transport: Ssh.make({
      host: "127.0.0.1",
      port: target.port,
      username: target.username,
      auth: { password: Redacted.make("bench") },
      hostKey: { fingerprint: target.fingerprint }
    }),
    deadlines: Object.fromEntries(Object.entries(deadlines).map(([phase, seconds]) => [phase, `${seconds} seconds`]))
  })
)

let fibers = 0
const counted: Metric.FiberRuntimeMetricsService = {
  recordFiberStart: () => void fibers++,
  recordFiberEnd: () => void fibers--
}

const endOf = (exit: Exit.Exit<unknown, { readonly _tag: string; readonly phase?: string }>): string => {
  if (Exit.isSuccess(exit)) return "connected"
  const error = exit.cause.reasons.find((reason) => reason._tag === "Fail")?.error
  return error === undefined ? "defect" : [error._tag, error.phase].filter((word) => word !== undefined).join(" ")
}

const handles = (kind: RegExp): number => process.getActiveResourcesInfo().filter((name) => kind.test(name)).length

const attempt = Effect.gen(function* () {
  const began = performance.now()
  const exit = yield* Effect.exit(connect)
  return { end: endOf(exit), seconds: (performance.now() - began) / 1000 }
})

await answer(async (task) => {
  const { connects } = task as HungTask
  const idle = { sockets: handles(/TCP/), timers: handles(/Timeout/) }
  const all = await Effect.runPromise(
    Effect.forEach(Array.from({ length: connects }), () => attempt, { concurrency: "unbounded" }).pipe(
      Effect.provideService(Metric.FiberRuntimeMetrics, counted)
    )
  )
  // What the last one closed takes a turn to be gone.
  await new Promise((resolve) => setTimeout(resolve, 200))
  const ends: Record<string, number> = {}
  for (const { end } of all) ends[end] = (ends[end] ?? 0) + 1
  const taken: HungTaken = {
    ends,
    longest: Math.max(...all.map(({ seconds }) => seconds)),
    deadline,
    sockets: handles(/TCP/) - idle.sockets,
    timers: handles(/Timeout/) - idle.timers,
    fibers
  }
  return taken
})
