/**
 * `npm run chaos -- --seconds 60 --seed 1 --devices 200`: a fleet of simulated devices over real SSH, behind a network that
 * cuts, stalls, delays and corrupts, while the devices themselves fall silent, close, answer late or wrongly. In the end the
 * devices are asked for the truth, and what the client had reported is held against it. Exits with 1 for any difference.
 *
 * Three processes: the farm (`farm.ts`), the network (`proxy.ts`), and this one with the library alone.
 */
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { OperationPool } from "../../src/index.ts"
import { Child } from "../trial/child.ts"
import * as Controller from "./controller.ts"
import type { DeviceTruth, FarmMethods, Listening } from "./farm.ts"
import { judge, type Judgement, rules } from "./judgement.ts"
import { findings, Ledger } from "./ledger.ts"
import { alive, Fibers, handles } from "../trial/leftovers.ts"
import type { ProxyMethods } from "../trial/proxy.ts"
import { type Check, mega, printChecks, printMet, total, zero } from "../trial/checks.ts"
import { printReports } from "./table.ts"

interface Options {
  readonly seconds: number
  readonly seed: number
  readonly devices: number
  readonly lanes: number
}

/** How much more memory may be alive at the end than after the first third. */
const growth = { ratio: 1.15, bytes: 6_000_000 }

const readOptions = (): Options => {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "60" },
      seed: { type: "string", default: "1" },
      devices: { type: "string", default: "200" },
      lanes: { type: "string", default: "2" }
    }
  })
  const [seconds, seed, devices, lanes] = [values.seconds, values.seed, values.devices, values.lanes].map(Number)
  const whole = [seed, devices, lanes].every((value) => Number.isSafeInteger(value) && value! >= 0)
  if (!(seconds! > 0) || !whole)
    throw new Error("usage: npm run chaos -- [--seconds N] [--seed N] [--devices N] [--lanes N]")
  return { seconds: seconds!, seed: seed!, devices: devices!, lanes: lanes! }
}

/** The truth, once the devices have noticed the end of every session and every confirmed commit has run out. */
const settledTruth = async (farm: Child<FarmMethods>): Promise<ReadonlyArray<DeviceTruth>> => {
  for (let second = 0; ; second++) {
    const truths = await farm.ask("truth", undefined)
    const busy = truths.some(({ locks, pending, sessions }) => locks.length > 0 || pending || sessions > 0)
    if (!busy || second === 25) return truths
    await sleep(1_000)
  }
}

/** What the client's process has at a moment. */
interface Left {
  readonly fibers: number
  readonly sockets: number
  readonly timers: number
  readonly inPool: number
}

interface Worked extends Controller.Ended {
  readonly left: Left
  /** Bytes that were alive after the first third, and at the end while all was still running. */
  readonly memory: { readonly third: number; readonly end: number }
}

/** Runs the fleets until the time is over, and says what that has left in this process. */
const work = async (options: Options, devices: ReadonlyArray<Listening>, ledger: Ledger): Promise<Worked> => {
  const { lanes, seconds, seed } = options
  const before = handles()
  const fibers = new Fibers()
  const until = Date.now() + 1000 * seconds
  const running = Controller.run({ devices, seed, lanes, until, ledger }).pipe(
    Effect.provideService(Metric.FiberRuntimeMetrics, fibers),
    // The warnings of interrupted changes are for operators, and there are many here.
    Effect.provide(Logger.layer([])),
    Effect.runPromise
  )
  await sleep((1000 * seconds) / 3)
  const third = await alive()
  await sleep(Math.max(0, until - Date.now() - 2_500))
  const end = await alive()
  const ended = await running
  // A socket that was closed takes a turn to be gone.
  await sleep(500)
  const after = handles()
  const pool = (await Effect.runPromise(Effect.service(OperationPool.Current))).statistics()
  const left: Left = {
    fibers: fibers.alive,
    sockets: after.sockets - before.sockets,
    timers: after.timers - before.timers,
    inPool: pool.running + pool.waiting
  }
  return { ...ended, left, memory: { third, end } }
}

const checksOf = (judgement: Judgement, ledger: Ledger, worked: Worked): ReadonlyArray<Check> => {
  const { left, memory, statistics } = worked
  const count = (all: ReadonlyArray<{ readonly rule: string }>, rule: string) =>
    all.filter((one) => one.rule === rule).length
  const flat = memory.end <= growth.ratio * memory.third + growth.bytes
  return [
    ...rules.map((rule) => zero(rule, count(judgement.violations, rule))),
    ...findings.map((rule) => zero(rule, count(ledger.findings, rule))),
    zero("sessions left in the fleets", total(statistics.map((one) => one.sessions + one.waiting + one.pacing))),
    zero("operations left in the pool", left.inPool),
    zero("fibers left", left.fibers),
    zero("sockets left", left.sockets),
    zero("timers left", left.timers),
    { what: `memory, ${mega(memory.third)} after a third of the time`, found: mega(memory.end), ok: flat }
  ]
}

/** Of each difference: which device, which token, and what the device's log says of it. */
const tellStories = async (farm: Child<FarmMethods>, { violations }: Judgement, ledger: Ledger): Promise<void> => {
  for (const { detail, rule } of ledger.findings.slice(0, 10)) console.error(`\n${rule}: ${detail}`)
  for (const { detail, device, rule, token } of violations.slice(0, 10)) {
    console.error(`\n${rule}: ${device}${token === undefined ? "" : ` ${token}`}: ${detail}`)
    if (token === undefined) continue
    for (const line of await farm.ask("story", { device, token })) console.error(`  ${line}`)
  }
}

const main = async (options: Options): Promise<boolean> => {
  const { devices, seconds, seed } = options
  console.log(`chaos: ${devices} devices, ${seconds} s, seed ${seed}`)
  const [farm, network] = [new Child<FarmMethods>("../chaos/farm.ts"), new Child<ProxyMethods>("proxy.ts")]
  const ledger = new Ledger()
  try {
    const listening = await farm.ask("start", { devices, seed })
    const ports = await network.ask("start", { routes: listening, seed })
    const behind = listening.map((device, index) => ({ ...device, port: ports[index]! }))
    const worked = await work(options, behind, ledger)
    const mischief = await network.ask("calm", undefined)
    const faults = await farm.ask("calm", undefined)
    const truths = await settledTruth(farm)
    const judgement = judge(ledger.entries(), truths)
    printReports(judgement)
    printMet("network, connections", mischief)
    printMet("devices, requests that met a fault", faults)
    printMet("programs, by the fleets", worked.visits)
    printMet("reads", { ...ledger.reads })
    console.log(`\n${total(truths.map(({ requests }) => requests))} requests received by ${truths.length} devices`)
    const checks = checksOf(judgement, ledger, worked)
    printChecks(checks)
    await tellStories(farm, judgement, ledger)
    const failed = checks.filter(({ ok }) => !ok).length
    console.log(failed === 0 ? `\nevery check held (seed ${seed})` : `\n${failed} checks failed (seed ${seed})`)
    return failed === 0
  } finally {
    ledger.remove()
    await Promise.all([farm.stop(), network.stop()])
  }
}

// What was left open must not keep a failed run going.
process.exit((await main(readOptions())) ? 0 : 1)
