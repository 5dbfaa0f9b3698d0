/**
 * `npm run bench`: measures the library against `ssh2` alone (and against ncclient where Python has it) and says which of
 * the bars it meets. Options: --quick, --only NAME (the keys of `measures` below), --base10 (end-of-message framing
 * instead of chunks), --self (the baseline against itself: how noisy is this machine). Exits with 1 when a bar is missed.
 *
 * Two cores are shared by client and server, so only ratios within one run count: each measure takes rounds of A B A B in
 * processes that stay warm, and compares the medians.
 */
import { createRequire } from "node:module"
import { cpus } from "node:os"
import { parseArgs } from "node:util"
import { chunkSize } from "./peer.ts"
import { cipher } from "./measure.ts"
import type { Taken, Task } from "./measure.ts"
import * as Many from "./many.ts"
import * as Streams from "./streams.ts"
import { hasNcclient, Measured, runNcclient, startServer } from "./children.ts"
import type { Target } from "./measure.ts"
import { add, addCost, addRate, cost, head, median, missed, percent, rate, times } from "./table.ts"

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    base10: { type: "boolean", default: false },
    self: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] }
  }
})

const subject = options.self ? "baseline" : "ours"
const scale = options.quick ? 0.2 : 1
const rounds = options.quick ? 3 : 7
const mebi = 1024 * 1024
const count = (value: number): number => Math.max(1, Math.round(value * scale))

/** The measured rounds of both, and the very first round of their processes. */
type Compared = readonly [
  ours: ReadonlyArray<Taken>,
  theirs: ReadonlyArray<Taken>,
  cold: readonly [ours: Taken, theirs: Taken]
]

/** Rounds of A B A B over warm processes; the first ones are not counted. */
const compare = async (target: Target, task: Task, warmUp = 1): Promise<Compared> => {
  const ours = await Measured.start(subject, target)
  const theirs = await Measured.start("baseline", target)
  const taken: readonly [Array<Taken>, Array<Taken>] = [[], []]
  let cold: readonly [Taken, Taken] | undefined
  try {
    for (let round = 0; round < warmUp + rounds; round++) {
      const pair = [await ours.perform(task), await theirs.perform(task)] as const
      cold ??= pair
      if (round >= warmUp) pair.forEach((one, i) => taken[i]!.push(one))
    }
    return [...taken, cold!]
  } finally {
    await Promise.all([ours.stop(), theirs.stop()])
  }
}

const sequential = async (target: Target) => {
  // compiled after some ten thousand of them, in either client
  const [a, b, cold] = await compare(target, { task: "sequential", count: count(3_000) }, 5)
  addRate("sequential small RPC", "rpc/s", 1, rate(a), rate(b), 0.75)
  addCost("  client CPU per RPC", "us", 1e-6, cost(a), cost(b), 1.5)
  addCost("  the same, first ones of a process", "us", 1e-6, cost([cold[0]]), cost([cold[1]]), undefined)
}

const pipelined = async (target: Target) => {
  const [a, b] = await compare(target, { task: "pipelined", count: count(10_000), window: 64 })
  addRate("64 outstanding on one session", "rpc/s", 1, rate(a), rate(b), 0.6)
  addCost("  client CPU per RPC", "us", 1e-6, cost(a), cost(b), undefined)
}

const large = async (target: Target) => {
  const [a, b] = await compare(target, { task: "large", size: 50 * mebi })
  addRate("50 MB reply as text", "MB/s", 1e6, rate(a), rate(b), 0.8)
  addCost("  client CPU per MB", "ms", 1e-9, cost(a), cost(b), undefined)
}

/** Growth of the peak of RSS over the idle session: the first reply of a fresh process, each time. */
const growths = async (file: string, target: Target, size: number): Promise<number> => {
  const all: Array<number> = []
  for (let round = 0; round < 3; round++) {
    const client = await Measured.start(file, target)
    all.push((await client.perform({ task: "memory", size })).growth!)
    await client.stop()
  }
  return median(all)
}

const memory = async (target: Target) => {
  const size = 50 * mebi
  const a = await growths(subject, target, size)
  const b = await growths("baseline", target, size)
  const show = (value: number) => `${(value / 1e6).toFixed(0)} MB`
  const what = "  peak RSS over idle, first 50 MB reply"
  add({ what, ours: show(a), theirs: show(b), ratio: times(a / size), bar: "< 4 x reply", met: a < 4 * size })
}

const linear = async (target: Target) => {
  const sizes = options.quick ? [8, 64] : [1, 2, 4, 8, 16, 32, 64]
  const client = await Measured.start(subject, target)
  const speeds = new Map<number, Array<number>>(sizes.map((size) => [size, []]))
  for (let round = 0; round <= rounds; round++) {
    for (const size of sizes) {
      const taken = await client.perform({ task: "large", size: size * mebi })
      if (round > 0) speeds.get(size)!.push(taken.amount / taken.seconds / 1e6)
    }
  }
  await client.stop()
  const speed = (size: number) => median(speeds.get(size)!)
  const ratio = speed(64) / speed(8)
  const show = (size: number) => `${speed(size).toFixed(0)} at ${size}`
  add({
    what: "reply of 64 MB against 8 MB, MB/s",
    ours: show(64),
    theirs: show(8),
    ratio: percent(ratio),
    bar: ">= 70 %",
    met: ratio >= 0.7
  })
  if (!options.quick) console.log(`  MB/s by reply size in MB: ${sizes.map(show).join(", ")}`)
}

const connect = async (target: Target) => {
  // a connect runs much code once: only after a thousand of them is it compiled, in either client
  const [a, b, cold] = await compare(target, { task: "connect", count: 50 }, 20)
  addCost("client CPU per connect", "ms", 1e-3, cost(a), cost(b), 1.3)
  addCost("  the same, first 50 of a process", "ms", 1e-3, cost([cold[0]]), cost([cold[1]]), undefined)
}

const ncclient = async (target: Target) => {
  if (!hasNcclient()) return console.log("ncclient: not installed (Debian: python3-ncclient), not compared")
  const ours = await Measured.start(subject, target)
  const task: Task = { task: "sequential", count: count(3_000) }
  await ours.perform(task)
  const mine: Array<Taken> = []
  const theirs: Array<Taken> = []
  for (let round = 0; round < 3; round++) {
    mine.push(await ours.perform(task))
    theirs.push(await runNcclient(target, count(50)))
  }
  await ours.stop()
  addRate("sequential against ncclient", "rpc/s", 1, rate(mine), rate(theirs), 100)
  addCost("  client CPU per RPC", "us", 1e-6, cost(mine), cost(theirs), 0.25)
}

const native = (): boolean => {
  try {
    createRequire(import.meta.url)("ssh2/lib/protocol/crypto/build/Release/sshcrypto.node")
    return true
  } catch {
    return false
  }
}

const many = { subject, quick: options.quick, rounds, compare } satisfies Many.Setting

const streams: Streams.Setting = { subject: options.self ? "bare" : "subscriber", quick: options.quick }

const measures = {
  sequential,
  pipelined,
  large,
  memory,
  linear,
  connect,
  sessions: (target: Target) => Many.sessions(target, many),
  turn: (target: Target) => Many.turn(target, many),
  idle: (target: Target) => Many.idle(target, many),
  devices: (target: Target) => Many.devices(target, many),
  silent: (target: Target) => Many.silent(target, many),
  hanging: (target: Target) => Many.hanging(target, many),
  burst: (target: Target) => Streams.burst(target, streams),
  trees: (target: Target) => Streams.trees(target, streams),
  steady: (target: Target) => Streams.steady(target, streams),
  quiet: (target: Target) => Streams.quiet(target, streams),
  flood: (target: Target) => Streams.flood(target, streams),
  slow: (target: Target) => Streams.slow(target, streams),
  ncclient
}

const main = async (): Promise<void> => {
  const unknown = options.only.filter((name) => !(name in measures))
  if (unknown.length > 0) throw new Error(`--only takes ${Object.keys(measures).join(", ")}; not ${unknown.join(", ")}`)
  const framing = options.base10 ? "end-of-message framing" : `chunks of ${chunkSize} octets`
  console.log(
    `${new Date().toISOString().slice(0, 10)}, Node ${process.version}, ${cpus().length} cores (${cpus()[0]!.model.trim()}), ` +
      `${cipher}, ${framing}, ssh2's ${native() ? "native add-on" : "JavaScript path"}`
  )
  head()
  const server = await startServer()
  try {
    const target = { ...server.facts, username: options.base10 ? "base10" : "base11" }
    for (const [name, measure] of Object.entries(measures)) {
      if (options.only.length === 0 || options.only.includes(name)) await measure(target)
    }
  } finally {
    await server.stop()
  }
  console.log(missed() === 0 ? "every bar is met" : `${missed()} missed`)
  process.exitCode = missed() === 0 ? 0 : 1
}

await main()
