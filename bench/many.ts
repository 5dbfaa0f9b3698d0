/**
 * The measures of many devices at once: 50 busy sessions, 1,000 idle ones, what a turn costs, 10,000 devices against
 * 1,000, one device that never answers, and 1,000 connects of which half hang. `run.ts` lists and calls them.
 */
import { startServer, Talking, Measured } from "./children.ts"
import type { DevicesTaken, DevicesTask } from "./devices.ts"
import type { HungTaken } from "./hung.ts"
import type { Keepalive, Taken, Target, Task } from "./measure.ts"
import { add, addCost, addFigure, addRate, cost, median, paired, rate } from "./table.ts"
import type { TurnTaken } from "./turn.ts"

export interface Setting {
  readonly subject: string
  readonly quick: boolean
  readonly rounds: number
  readonly compare: (
    target: Target,
    task: Task,
    warmUp?: number
  ) => Promise<readonly [ReadonlyArray<Taken>, ReadonlyArray<Taken>, unknown]>
}

/** 50 SSH sessions, 20 sequential rpcs each, at once. */
export const sessions = async (target: Target, { compare }: Setting): Promise<void> => {
  const [a, b] = await compare(target, { task: "sessions", sessions: 50, each: 20 }, 30)
  addRate("50 sessions, 20 RPCs each, at once", "rpc/s", 1, rate(a), rate(b), 0.65)
  addCost("  client CPU per RPC", "us", 1e-6, cost(a), cost(b), undefined)
}

/** What a turn adds to an operation that nobody competes with. */
export const turn = async (_: Target, { quick }: Setting): Promise<void> => {
  const child = new Talking("turn", {})
  await child.read()
  await child.ask({ operations: 2_000, rounds: 50 })
  const { alone, behind } = (await child.ask({ operations: 2_000, rounds: quick ? 51 : 301 })) as TurnTaken
  await child.stop()
  const added = median(behind.map((value, i) => value - alone[i]!)) * 1e6
  const show = (value: number) => `${value.toFixed(2)} us`
  const [ours, theirs] = [show(median(behind) * 1e6), show(median(alone) * 1e6)]
  add({ what: "turn: gate, semaphore and pool", ours, theirs, ratio: show(added), bar: "< 3 us", met: added < 3 })
}

/** A fresh process with so many idle sessions, of `seconds` idle seconds. */
const idleOnce = async (file: string, target: Target, seconds: number, sessions = 1_000): Promise<Taken> => {
  const client = await Measured.start(file, target)
  try {
    return await client.perform({ task: "idle", sessions, seconds })
  } finally {
    await client.stop()
  }
}

const idleCpu = (what: string, taken: Taken): void =>
  addFigure(`  CPU per second, ${what}`, `${((1000 * taken.cpuSeconds) / taken.seconds).toFixed(1)} ms`)

/** Every five seconds a question for each session, on either level; how it is by default; and not at all. */
const keepalives: ReadonlyArray<readonly [what: string, keepalive: Keepalive | undefined]> = [
  ["no keepalive", "off"],
  ["SSH keepalive of 5 s", { level: "ssh", seconds: 5 }],
  ["NETCONF keepalive of 5 s", { level: "netconf", seconds: 5 }]
]

/** 1,000 idle sessions with one server, the process of each client fresh: what they hold, and what they cost. */
export const idle = async (target: Target, { quick, subject }: Setting): Promise<void> => {
  const taken: readonly [Array<Taken>, Array<Taken>] = [[], []]
  for (let round = 0; round < (quick ? 1 : 3); round++) {
    taken[0].push(await idleOnce(subject, target, 0))
    taken[1].push(await idleOnce("baseline", target, 0))
  }
  const [one, bare] = [await idleOnce(subject, target, 0, 1), await idleOnce("baseline", target, 0, 1)]
  for (const kind of ["rss", "heap"] as const) {
    const [a, b] = taken.map((all) => all.map(({ memory }) => memory![kind])) as [Array<number>, Array<number>]
    const what = kind === "rss" ? "1,000 idle sessions, RSS" : "  heap and what it holds, after gc"
    addCost(what, "MB", 1e6, median(a), median(b), 1.3, paired(a, b))
    addCost("    of it with one session", "MB", 1e6, one.memory![kind], bare.memory![kind], undefined)
  }
  const seconds = quick ? 5 : 20
  idleCpu("ssh2 alone", await idleOnce("baseline", target, seconds))
  for (const [what, keepalive] of keepalives) {
    idleCpu(what, await idleOnce(subject, keepalive === undefined ? target : { ...target, keepalive }, seconds))
  }
}

/** What one get-config took, in seconds. */
interface Each {
  readonly wall: number
  readonly cpu: number
}

/** A process of `devices.ts`, once it has connected them all. */
const startDevices = async (count: number) => {
  const child = new Talking("devices", { BENCH_DEVICES: String(count) })
  await child.read()
  return {
    perform: async (task: DevicesTask): Promise<Each> => {
      const { amount, cpuSeconds, seconds } = (await child.ask(task)) as DevicesTaken
      return { wall: seconds / amount, cpu: cpuSeconds / amount }
    },
    stop: () => child.stop()
  }
}

const mean = (values: ReadonlyArray<number>): number => values.reduce((sum, value) => sum + value, 0) / values.length

/** Pairs of rounds, taken one right after the other; the first ones are not counted. */
const pairs = async (
  rounds: number,
  ours: () => Promise<Each>,
  theirs: () => Promise<Each>
): Promise<readonly [ours: ReadonlyArray<Each>, theirs: ReadonlyArray<Each>]> => {
  const taken: readonly [Array<Each>, Array<Each>] = [[], []]
  for (let round = -3; round < rounds; round++) {
    const pair = [await ours(), await theirs()] as const
    if (round >= 0) pair.forEach((one, i) => taken[i]!.push(one))
  }
  return taken
}

/** Both as costs of one get-config: by the clock, with a bar, and by the processor, which other programs do not slow. */
const addEach = (what: string, [ours, theirs]: Awaited<ReturnType<typeof pairs>>, bar: number | undefined): void => {
  for (const kind of ["wall", "cpu"] as const) {
    const [a, b] = [ours.map((one) => one[kind]), theirs.map((one) => one[kind])]
    const name = kind === "wall" ? what : "  CPU, with the garbage collector's threads"
    addCost(name, "us", 1e-6, median(a), median(b), kind === "wall" ? bar : undefined, paired(a, b))
  }
}

/** 10,000 devices in memory, one get-config each, against ten times 1,000: all at once, as the bar wants it, and 256 at once. */
export const devices = async (_: Target, { rounds }: Setting): Promise<void> => {
  const [many, few] = [await startDevices(10_000), await startDevices(1_000)]
  const against = (task: DevicesTask) => {
    const tenTimes = async (): Promise<Each> => {
      const all: Array<Each> = []
      for (let i = 0; i < 10; i++) all.push(await few.perform(task))
      return { wall: mean(all.map(({ wall }) => wall)), cpu: mean(all.map(({ cpu }) => cpu)) }
    }
    return pairs(2 * rounds, () => many.perform(task), tenTimes)
  }
  addEach("10,000 devices against 1,000, each", await against({ task: "pass", each: 1 }), 1.2)
  addEach("  no more than 256 operations begun", await against({ task: "pass", each: 1, concurrency: 256 }), undefined)
  await Promise.all([many.stop(), few.stop()])
}

/** 99 devices, 50 get-configs each, with and without a hundredth that never answers. */
export const silent = async (_: Target, { rounds }: Setting): Promise<void> => {
  const child = await startDevices(99)
  const beside = (silent: boolean) => () => child.perform({ task: "besides", each: 50, silent })
  const taken = await pairs(3 * rounds, beside(true), beside(false))
  await child.stop()
  addEach("99 devices beside a silent one, each", taken, 1.1)
}

/** 1,000 connects at once to a server of which half the connections hang somewhere on the way. */
export const hanging = async (target: Target, { quick }: Setting): Promise<void> => {
  const connects = quick ? 200 : 1_000
  const server = await startServer("hanging")
  const child = new Talking("hung", { BENCH_TARGET: JSON.stringify({ ...target, ...server.facts }) })
  try {
    await child.read()
    const { deadline, ends, fibers, longest, sockets, timers } = (await child.ask({ connects })) as HungTaken
    const settled = Object.values(ends).reduce((sum, count) => sum + count, 0)
    const what = `${connects} connects, half hang: settled`
    const slowest = `${longest.toFixed(1)} s`
    const met = settled === connects && longest <= deadline
    add({ what, ours: String(settled), theirs: "", ratio: slowest, bar: `<= ${deadline} s`, met })
    const left = sockets + timers + fibers
    addFigure("  sockets, timers, fibers left", `${sockets}, ${timers}, ${fibers}`, "none", left === 0)
    console.log(
      `  how they ended: ${Object.entries(ends)
        .map(([end, count]) => `${count} ${end}`)
        .join(", ")}`
    )
    const told = (await server.ask({})) as Record<string, number>
    console.log(
      `  where they were to hang: ${Object.entries(told)
        .map(([step, count]) => `${count} ${step}`)
        .join(", ")}`
    )
  } finally {
    await child.stop()
    await server.stop()
  }
}
