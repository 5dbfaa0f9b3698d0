/**
 * `npm run soak -- --seconds 60 --seed 1 --devices 100 --reactors 2`: subscriptions to simulated devices over real SSH, with
 * programs on their sessions, behind a network that cuts, stalls and delays, while devices close, forget and reboot, reactors
 * come and go, and threads end. Each device numbers its events: what its subscriber has read must be complete, in order and
 * single, but for the gaps that were reported and called for. Exits with 1 for any difference.
 *
 * Three processes: the farm (`farm.ts`), the network (`../trial/proxy.ts`), and this one with the library alone.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { type Check, mega, printChecks, printMet, row, total, zero } from "../trial/checks.ts"
import { Child } from "../trial/child.ts"
import { alive, Fibers, handles, threads } from "../trial/leftovers.ts"
import type { ProxyMethods, Weights } from "../trial/proxy.ts"
import * as Client from "./client.ts"
import type { DeviceTruth, FarmMethods, Listening } from "./farm.ts"
import { findings, Ledger } from "./ledger.ts"

interface Options {
  readonly seconds: number
  readonly seed: number
  readonly devices: number
  readonly reactors: number
}

/** How much more memory may be alive at the end than after the first third. */
const growth = { ratio: 1.15, bytes: 6_000_000 }

/** Without bytes that are changed, which may look like another host's key: that is for good, and chaos has it. */
const weights: Weights = {
  calm: 45,
  refuse: 3,
  cut: 18,
  "cut in a message": 12,
  corrupt: 0,
  stall: 10,
  "black hole": 2,
  delay: 8,
  trickle: 2
}

const within = 30_000

const readOptions = (): Options => {
  const { values } = parseArgs({
    options: {
      seconds: { type: "string", default: "60" },
      seed: { type: "string", default: "1" },
      devices: { type: "string", default: "100" },
      reactors: { type: "string", default: "2" }
    }
  })
  const [seconds, seed, devices, reactors] = [values.seconds, values.seed, values.devices, values.reactors].map(Number)
  const whole = [seed, devices, reactors].every((value) => Number.isSafeInteger(value) && value! >= 0)
  if (!(seconds! > 0) || !whole) {
    throw new Error("usage: npm run soak -- [--seconds N] [--seed N] [--devices N] [--reactors N]")
  }
  return { seconds: seconds!, seed: seed!, devices: devices!, reactors: reactors! }
}

interface Turmoil {
  mischief: Readonly<Record<string, number>>
  trouble: Readonly<Record<string, number>>
  /** Bytes that were alive after the first third, and at the end while all was still running. */
  readonly memory: { third: number; end: number }
}

interface Worked extends Client.Ended, Turmoil {
  readonly left: Readonly<Record<"fibers" | "sockets" | "timers" | "threads", number>>
}

/** Runs the client until the time is over, and says what that has left in this process. */
const work = async (
  { reactors, seconds, seed }: Options,
  devices: ReadonlyArray<Listening>,
  ledger: Ledger,
  farm: Child<FarmMethods>,
  network: Child<ProxyMethods>
): Promise<Worked> => {
  const before = handles()
  const fibers = new Fibers()
  const memory = { third: 0, end: 0 }
  const met: Turmoil = { mischief: {}, trouble: {}, memory }
  const turmoil = async () => {
    const until = Date.now() + 1_000 * seconds
    await farm.ask("trouble", undefined)
    await sleep((1_000 * seconds) / 3)
    memory.third = await alive()
    await sleep(Math.max(0, until - Date.now() - 2_500))
    memory.end = await alive()
    met.mischief = await network.ask("calm", undefined)
    met.trouble = await farm.ask("calm", undefined)
  }
  const ended = await Client.run({ devices, seed, reactors, ledger, farm, fibers, turmoil })
  // A socket that was closed takes a turn to be gone, a thread a moment.
  await sleep(1_000)
  const after = handles()
  const left = {
    fibers: fibers.alive,
    sockets: after.sockets - before.sockets,
    timers: after.timers - before.timers,
    threads: threads()
  }
  return { ...ended, ...met, left }
}

/** The truth, once the devices have noticed the end of every session. */
const settledTruth = async (farm: Child<FarmMethods>): Promise<ReadonlyArray<DeviceTruth>> => {
  for (let second = 0; ; second++) {
    const truths = await farm.ask("truth", undefined)
    if (second === 10 || truths.every(({ sessions }) => sessions === 0)) return truths
    await sleep(1_000)
  }
}

const checksOf = (worked: Worked, ledger: Ledger, truths: ReadonlyArray<DeviceTruth>): ReadonlyArray<Check> => {
  const { left, memory, reactors } = worked
  const flat = memory.end <= growth.ratio * memory.third + growth.bytes
  return [
    ...findings.map((finding) => zero(finding, ledger.found.get(finding) ?? 0)),
    zero("sessions left on a device", total(truths.map(({ sessions }) => sessions))),
    zero("sessions left in reactors", total(reactors().reactors.map(({ sessions }) => sessions))),
    zero("fibers left", left.fibers),
    zero("sockets left", left.sockets),
    zero("timers left", left.timers),
    zero("threads left", left.threads),
    { what: `memory, ${mega(memory.third)} after a third of the time`, found: mega(memory.end), ok: flat }
  ]
}

const printEvents = (
  { events, missing, seconds, sessions, statistics }: Worked,
  truths: ReadonlyArray<DeviceTruth>
) => {
  const of = (key: "dropped" | "duplicates" | "gaps" | "resumed" | "incomplete") =>
    total(statistics.map((one) => one[key]))
  const rows: ReadonlyArray<readonly [string, number | string]> = [
    ["events of the devices", total(truths.map((truth) => truth.events))],
    ["  read", events],
    ["  missing, in gaps", missing],
    ["  dropped, and counted", of("dropped")],
    ["  left out as duplicates", of("duplicates")],
    ["subscriptions", statistics.length],
    ["  established again after a loss", sessions - statistics.length],
    ["  attempts at that", of("resumed")],
    ["  ends in the middle of a message", of("incomplete")],
    ["  gaps", of("gaps")],
    ["seconds until all were established", seconds.toEstablish.toFixed(1)],
    ["seconds until all had caught up", seconds.toCatchUp.toFixed(1)]
  ]
  console.log(`\n${row("events and subscriptions", "")}`)
  for (const [what, found] of rows) console.log(row(what, found))
}

const print = (worked: Worked, ledger: Ledger, truths: ReadonlyArray<DeviceTruth>): void => {
  printEvents(worked, truths)
  printMet("gaps, by reason", ledger.gaps)
  printMet("network, connections", worked.mischief)
  printMet("devices, trouble", worked.trouble)
  printMet("reactors", worked.resized.counts)
  printMet("calls on the main sessions", ledger.calls)
}

/** Of each finding: what the device has been through lately, and what was said of its subscription. */
const tellStories = async ({ healths }: Worked, ledger: Ledger, farm: Child<FarmMethods>): Promise<void> => {
  for (const { device, words } of ledger.words) {
    console.error(`\n${words}`)
    const story = [...(await farm.ask("story", device)), ...(healths.get(device)?.story ?? [])]
    for (const line of story.toSorted()) console.error(`  ${line}`)
  }
}

const main = async (options: Options): Promise<boolean> => {
  const { devices, reactors, seconds, seed } = options
  console.log(`soak: ${devices} devices, ${seconds} s, seed ${seed}, ${reactors} reactors at first`)
  const [farm, network] = [new Child<FarmMethods>("../soak/farm.ts"), new Child<ProxyMethods>("proxy.ts")]
  const ledger = new Ledger()
  try {
    const listening = await farm.ask("start", { devices, seed })
    const ports = await network.ask("start", { routes: listening, seed, weights, within })
    const behind = listening.map((device, index) => ({ ...device, port: ports[index]! }))
    const worked = await work(options, behind, ledger, farm, network)
    const truths = await settledTruth(farm)
    print(worked, ledger, truths)
    const checks = checksOf(worked, ledger, truths)
    printChecks(checks)
    await tellStories(worked, ledger, farm)
    const failed = checks.filter(({ ok }) => !ok).length
    console.log(failed === 0 ? `\nevery check held (seed ${seed})` : `\n${failed} checks failed (seed ${seed})`)
    return failed === 0
  } finally {
    await Promise.all([farm.stop(), network.stop()])
  }
}

/** The process has to end by itself: what keeps it is named, and is a failure. */
const expectTheEnd = (): void => {
  const late = () => {
    console.error(`the process does not end by itself: ${process.getActiveResourcesInfo().join(", ")}`)
    process.exit(1)
  }
  setTimeout(late, 10_000).unref()
}

process.exitCode = (await main(readOptions())) ? 0 : 1
expectTheEnd()
