/**
 * Many devices in one process, over memory: the do-nothing peer with a small configuration, one session each, all through
 * the operation pool of the process with its 256 permits. Tasks come one JSON line each, as in `measure.ts`.
 *
 * `pass`: so many get-configs of every device, one after another on each, all devices at once or a few. `besides`: the same of the
 * others while one device never answers and has the same number of get-configs waiting; `silent: false` leaves it out.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { Memory, Netconf } from "../src/index.ts"
import type { Session } from "../src/index.ts"
import { answer } from "./measure.ts"
import { serve } from "./peer.ts"

export interface DevicesTask {
  readonly task: "pass" | "besides"
  /** Get-configs of each device. */
  readonly each: number
  /** How many devices at once. Default: all, so that the pool alone limits them. */
  readonly concurrency?: number
  readonly silent?: boolean
}

export interface DevicesTaken {
  /** Get-configs that were answered. */
  readonly amount: number
  readonly seconds: number
  /** Of the process: user and system, the garbage collector's threads included. */
  readonly cpuSeconds: number
}

const devices = Number(process.env["BENCH_DEVICES"])

/** A device; it goes on until it is told to be silent. */
const device = (name: string) => {
  let silent = false
  const transport = Memory.make(
    (endpoint) => {
      const connection = endpoint.connect({
        data: (bytes) => silent || push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)),
        drain: () => {},
        end: () => {}
      })
      const push = serve({ size: 1_000, write: (bytes) => connection.write(bytes), end: () => endpoint.close() })
    },
    { peer: name }
  )
  return {
    transport,
    silence: () => {
      silent = true
    }
  }
}

const connect = (name: string) =>
  Effect.gen(function* () {
    const { silence, transport } = device(name)
    const session = yield* Netconf.connect({ label: name, transport, deadlines: { close: "10 millis" } })
    return { session, silence }
  })

const ask = (each: number) => (session: Session) =>
  Effect.gen(function* () {
    for (let i = 0; i < each; i++) yield* session.getConfig({ source: "running" })
  })

const timed = (sessions: ReadonlyArray<Session>, { concurrency = Infinity, each }: DevicesTask) =>
  Effect.gen(function* () {
    const began = performance.now()
    const cpu = process.cpuUsage()
    yield* Effect.forEach(sessions, ask(each), { concurrency, discard: true })
    const { system, user } = process.cpuUsage(cpu)
    const seconds = (performance.now() - began) / 1000
    return { amount: sessions.length * each, seconds, cpuSeconds: (user + system) / 1e6 } satisfies DevicesTaken
  })

/** The last session's device falls silent with its operations waiting; the others are timed. */
const besides = (sessions: ReadonlyArray<Session>, task: DevicesTask) =>
  Effect.gen(function* () {
    const { each, silent = true } = task
    if (!silent) return yield* timed(sessions, task)
    const dead = yield* connect("silent")
    dead.silence()
    const waiting = Effect.forEach(Array.from({ length: each }), () => dead.session.get(), { concurrency: "unbounded" })
    const fiber = yield* Effect.forkChild(waiting, { startImmediately: true })
    const taken = yield* timed(sessions, task)
    yield* Fiber.interrupt(fiber)
    return taken
  }).pipe(Effect.scoped)

const scope = Scope.makeUnsafe()
const names = Array.from({ length: devices }, (_, i) => `device-${i}`)
const sessions = await Effect.forEach(names, (name) => Effect.map(connect(name), ({ session }) => session)).pipe(
  Scope.provide(scope),
  Effect.runPromise
)
await answer((task) => {
  const asked = task as DevicesTask
  const program = asked.task === "pass" ? timed(sessions, asked) : besides(sessions, asked)
  return Effect.runPromise(program)
})
await Effect.runPromise(Scope.close(scope, Exit.void))
