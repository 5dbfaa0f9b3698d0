/**
 * The client of the chaos: two fleets with the same devices, as two operators have them, who meet at the locks. Each makes
 * round after round, several at once, one program per device and round, until the time is over; what the fleet says of a
 * round is compared with what its programs have seen.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import type { Device, FleetOutcome, FleetStatistics } from "../../src/index.ts"
import { Fleet, Ssh } from "../../src/index.ts"
import { breedOf } from "./breeds.ts"
import { dice } from "../trial/dice.ts"
import type { Listening } from "./farm.ts"
import type { Entry, Ledger, Report } from "./ledger.ts"
import { program } from "./programs.ts"

/** Short, so that a minute holds many ends. */
const deadlines = {
  dial: "2 seconds",
  handshake: "6 seconds",
  auth: "6 seconds",
  subsystem: "4 seconds",
  hello: "4 seconds",
  rpc: "4 seconds",
  progress: "2 seconds",
  close: "1 second"
} as const

const deviceOf = ({ fingerprint, name, password, port, username }: Listening, index: number): Device => {
  const { profile } = breedOf(index)
  const transport = Ssh.make({
    host: "127.0.0.1",
    port,
    username,
    auth: { password: Redacted.make(password) },
    hostKey: { fingerprint },
    keepalive: "1 second"
  })
  return { name, transport, deadlines, ...(profile === undefined ? {} : { profile }) }
}

export interface Running {
  readonly devices: ReadonlyArray<Listening>
  readonly seed: number
  /** Rounds at once, of each fleet. */
  readonly lanes: number
  /** When no further round is begun, and those under way are stopped. */
  readonly until: number
  readonly ledger: Ledger
}

/** Devices by what their programs came to, over all rounds, as the fleets count them. */
export type Visits = Record<FleetOutcome | "not started", number>

/** What the fleet may say of a program that has seen this. */
const fitting: Readonly<Record<Report, ReadonlyArray<FleetOutcome>>> = {
  ok: ["succeeded"],
  "ok, then failed": ["failed"],
  refused: ["failed"],
  "not done": ["failed"],
  "taken back": ["failed"],
  unknown: ["unknown", "failed"],
  // A failed clean-up stands behind the interruption.
  interrupted: ["interrupted", "unknown", "failed"],
  defect: []
}

/** A read, or an edit that has sent nothing, may be tried again: the fleet knows which. */
const again = Schedule.spaced("200 millis").pipe(Schedule.upTo({ times: 2 }))
const retry = { ConnectionError: again, ChannelError: again, DeadlineError: again }

const round = (running: Running, name: string, visits: Visits) =>
  Effect.gen(function* () {
    const { devices, ledger, seed, until } = running
    const edits = new Map(devices.map((device, index) => [device.name, breedOf(index).edits]))
    const seen = new Map<string, Entry>()
    const run = yield* Fleet.start(
      (session, device) =>
        program({
          session,
          device: device.name,
          edits: edits.get(device.name)!,
          token: name,
          dice: dice(seed, "visit", device.name, name),
          ledger,
          seen
        }),
      { concurrency: 40, stopAfter: "never", retry }
    )
    yield* Effect.forkScoped(Effect.andThen(Effect.sleep(Math.max(0, until - Date.now())), run.stop))
    let results = 0
    yield* Stream.runForEach(run.results, ({ attempts, device, outcome }) =>
      Effect.sync(() => {
        results++
        visits[outcome]++
        const told = seen.get(device)
        if (told === undefined || fitting[told.report].includes(outcome)) return
        // What is unknown of a confirmed commit's cancellation, the device ends by itself: the report stands.
        if (outcome === "unknown" && told.kind === "confirmed commit" && told.report !== "ok") return
        // Interrupted by the end of the run, or in the next attempt before its program began.
        if (outcome === "interrupted" && (attempts > 1 || Date.now() >= until)) return
        const words = `the fleet says ${outcome}, its program ${told.report} (${told.error})`
        ledger.find("fleet results that contradict", `${device} ${name}: ${words}`)
      })
    )
    const { counts } = yield* run.summary
    visits["not started"] += counts.notStarted
    const all = Object.values(counts).reduce((sum, count) => sum + count, 0)
    if (all !== devices.length || results !== all - counts.notStarted) {
      ledger.find("fleet counts that do not add up", `${name}: ${results} results, ${JSON.stringify(counts)}`)
    }
  }).pipe(Effect.scoped)

/** One operator's fleet, from its first connect to its last close. */
const operator = (running: Running, who: string, visits: Visits) => {
  const lane = (number: number) =>
    Effect.gen(function* () {
      for (let i = 0; Date.now() < running.until; i++) yield* round(running, `${who}-${number}-${i}`, visits)
    })
  const lanes = Array.from({ length: running.lanes }, (_, number) => lane(number))
  const working = Effect.gen(function* () {
    const { statistics } = yield* Fleet
    yield* Effect.all(lanes, { concurrency: "unbounded", discard: true })
    return statistics
  })
  return Effect.provide(
    working,
    Fleet.layer(running.devices.map(deviceOf), { connectsPerSecond: 100, idleTime: "2 seconds" })
  )
}

export interface Ended {
  readonly visits: Visits
  /** What the fleets still have, once they are closed. */
  readonly statistics: ReadonlyArray<FleetStatistics>
}

export const run = (running: Running): Effect.Effect<Ended> =>
  Effect.gen(function* () {
    const visits: Visits = { succeeded: 0, failed: 0, unknown: 0, interrupted: 0, "not started": 0 }
    const operators = ["north", "south"].map((who) => operator(running, who, visits))
    const asked = yield* Effect.all(operators, { concurrency: "unbounded" })
    return { visits, statistics: asked.map((statistics) => statistics()) }
  }).pipe(Effect.orDie)
