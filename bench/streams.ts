/**
 * The measures of subscriptions: a burst of one device, 500 devices that report all the time, 500 of which nearly all are
 * silent, 100 that burst at once, and a reader that is too slow. `run.ts` lists and calls them.
 */
import { cpus } from "node:os"
import { setTimeout as sleep } from "node:timers/promises"
import { startServer, Talking } from "./children.ts"
import type { Server } from "./children.ts"
import type { Target } from "./measure.ts"
import type { Order } from "./notifier.ts"
import type { ArmTask, Held, Received, SubscribeTask } from "./subscribed.ts"
import { add, addCost, addFigure, addRate, median, paired, times } from "./table.ts"

export interface Setting {
  readonly subject: string
  readonly quick: boolean
}

type Subscribing = Omit<SubscribeTask, "task" | "stream">
type Watch = Pick<ArmTask, "loop" | "rest">
type Sending = Omit<Order, "stream">

/** A client process with subscriptions to a stream of its own, and what its device sends. */
class Subscribers {
  readonly #child: Talking
  readonly #server: Server
  readonly #stream: string
  readonly #sessions: number

  private constructor(child: Talking, server: Server, stream: string, sessions: number) {
    this.#child = child
    this.#server = server
    this.#stream = stream
    this.#sessions = sessions
  }

  static async start(file: string, server: Server, target: Target, how: Subscribing): Promise<Subscribers> {
    const child = new Talking(file, { BENCH_TARGET: JSON.stringify({ ...target, ...server.facts }) })
    await child.read()
    const stream = `of-${children++}`
    await child.ask({ task: "subscribe", stream, ...how } satisfies SubscribeTask)
    return new Subscribers(child, server, stream, how.sessions)
  }

  /** What it took to receive all of it. */
  async receive(sending: Sending, watch: Watch = {}): Promise<Received> {
    await this.begin(sending, watch)
    return this.finish()
  }

  /** Has it sent; the result waits until all of it is written. */
  async begin(sending: Sending, watch: Watch = {}): Promise<unknown> {
    const expected = sending.count * (sending.sessions ?? this.#sessions)
    const paced = sending.send === "paced"
    await this.#child.ask({ task: "arm", expected, paced, ...watch } satisfies ArmTask)
    return this.#server.ask({ stream: this.#stream, ...sending } satisfies Order)
  }

  async finish(): Promise<Received> {
    return (await this.#child.ask({ task: "finish" })) as Received
  }

  async held(): Promise<Held> {
    return (await this.#child.ask({ task: "held" })) as Held
  }

  stop(): Promise<void> {
    return this.#child.stop()
  }
}

let children = 0

const withServer = async (use: (server: Server) => Promise<void>): Promise<void> => {
  const server = await startServer("notifier")
  try {
    await use(server)
  } finally {
    await server.stop()
  }
}

/** Rounds of A B A B; the first ones are not counted. */
const rounds = async (
  both: readonly [Subscribers, Subscribers],
  sending: readonly [Sending, Sending],
  count: number,
  warmUp = 2
): Promise<readonly [Array<Received>, Array<Received>]> => {
  const taken: readonly [Array<Received>, Array<Received>] = [[], []]
  for (let round = -warmUp; round < count; round++) {
    for (const i of [0, 1] as const) {
      const received = await both[i].receive(sending[i])
      if (round >= 0) taken[i].push(received)
    }
  }
  return taken
}

const perCpuSecond = (all: ReadonlyArray<Received>): number => median(all.map((one) => one.amount / one.cpuSeconds))
const perSecond = (all: ReadonlyArray<Received>): number => median(all.map((one) => one.amount / one.seconds))
const faults = (all: ReadonlyArray<Received>): number => all.reduce((sum, one) => sum + one.faults, 0)

const addFaults = (all: ReadonlyArray<Received>): void =>
  addFigure("  lost, twice, or out of order", String(faults(all)), "none", faults(all) === 0)

const record = 512

/**
 * One device bursts. `together`: records in one packet as of a server that buffers (sshd does in front of a subsystem), or
 * each in a packet of its own; what `ssh2` costs for a packet hides what anything else costs for a record.
 */
const burstOf = async (target: Target, { quick, subject }: Setting, reads: "head" | "tree"): Promise<void> =>
  withServer(async (server) => {
    const how = { sessions: 1, reads }
    const bare = await Subscribers.start("bare", server, target, how)
    const byChunk = reads === "head" ? [await Subscribers.start(subject, server, target, { ...how, chunks: true })] : []
    const each = await Subscribers.start(subject, server, target, how)
    const what = reads === "head" ? "burst of 50,000, eventTime and name" : "burst of 20,000, as trees"
    const lines = [
      { ours: each, together: 1, line: what },
      ...byChunk.map((ours) => ({ ours, together: 60, line: "  60 in a packet, read chunk by chunk" })),
      { ours: each, together: 60, line: "  60 in a packet, read one by one" }
    ]
    for (const { line, ours, together } of lines) {
      const count = reads === "head" ? 50_000 : 20_000
      const sending: Sending = { send: "burst", count, size: record, together }
      const [a, b] = await rounds([ours, bare], [sending, sending], quick ? 3 : 7)
      addRate(line, "/CPU s", 1, perCpuSecond(a), perCpuSecond(b), 0.85)
      addFigure("  by the clock, both", `${perSecond(a).toFixed(0)} /s`, `${perSecond(b).toFixed(0)} /s`)
      addFaults(a)
    }
    await Promise.all([bare, each, ...byChunk].map((one) => one.stop()))
  })

export const burst = (target: Target, setting: Setting): Promise<void> => burstOf(target, setting, "head")
export const trees = (target: Target, setting: Setting): Promise<void> => burstOf(target, setting, "tree")

const cpuPerSecond = (all: ReadonlyArray<Received>): Array<number> => all.map((one) => one.cpuSeconds / one.seconds)
const p99 = (all: ReadonlyArray<Received>): number => median(all.map(({ latency }) => latency!.p99))

/** 500 devices, ten records a second each, for some seconds at a time. */
export const steady = (target: Target, { quick, subject }: Setting): Promise<void> =>
  withServer(async (server) => {
    const bare = await Subscribers.start("bare", server, target, { sessions: 500, reads: "head" })
    const sending: Sending = { send: "paced", count: quick ? 30 : 40, size: record, perSecond: 10 }
    for (const reactors of subject === "bare" ? [0] : [0, 1]) {
      const ours = await Subscribers.start(subject, server, target, { sessions: 500, reads: "head", reactors })
      const [a, b] = await rounds([ours, bare], [sending, sending], 3, 1)
      const where = reactors === 0 ? "500 devices, 10/s each: CPU per second" : "  the same, in one worker reactor"
      const [mine, theirs] = [cpuPerSecond(a), cpuPerSecond(b)]
      addCost(where, "ms", 1e-3, median(mine), median(theirs), 1.5, paired(mine, theirs))
      addCost("  p99 from write to consumer", "ms", 1, p99(a), p99(b), undefined)
      addFaults(a)
      await ours.stop()
    }
    await bare.stop()
  })

/** Five devices report; 495 more are subscribed and silent, or are not there. */
export const quiet = (target: Target, { quick, subject }: Setting): Promise<void> =>
  withServer(async (server) => {
    const both = [
      await Subscribers.start(subject, server, target, { sessions: 500, reads: "head" }),
      await Subscribers.start(subject, server, target, { sessions: 5, reads: "head" })
    ] as const
    const sending: Sending = { send: "paced", sessions: 5, count: 200, size: record, perSecond: 100 }
    const [a, b] = await rounds(both, [sending, sending], quick ? 3 : 9, 2)
    const [many, few] = [cpuPerSecond(a), cpuPerSecond(b)]
    addCost("5 report beside 495 silent: CPU per s", "ms", 1e-3, median(many), median(few), 1.1, paired(many, few))
    addFaults([...a, ...b])
    await Promise.all(both.map((one) => one.stop()))
  })

/** How late the main loop is while 100 devices burst at once: median of the rounds of one client. */
const late = async (server: Server, target: Target, file: string, how: Partial<Subscribing>, quick: boolean) => {
  const client = await Subscribers.start(file, server, target, { sessions: 100, reads: "head", ...how })
  const sending: Sending = { send: "burst", count: quick ? 1_000 : 4_000, size: record, together: 60 }
  const all: Array<Received> = []
  for (let round = -1; round < 3; round++) {
    const received = await client.receive(sending, { loop: true })
    if (round >= 0) all.push(received)
  }
  await client.stop()
  return { delay: median(all.map(({ delay }) => delay.p99)), rate: perSecond(all), faults: faults(all) }
}

/** 100 devices burst at once: how late the main loop is, and what a second reactor adds. */
export const flood = (target: Target, { quick, subject }: Setting): Promise<void> =>
  withServer(async (server) => {
    const measure = (how: Partial<Subscribing>) => late(server, target, subject, how, quick)
    const show = (millis: number) => `${millis.toFixed(1)} ms`
    const free = await measure({ budget: "none" })
    const bounded = await measure({})
    const one = await measure({ reactors: 1 })
    const two = await measure({ reactors: 2 })
    addFigure("100 devices burst, loop's p99: no budgets", show(free.delay))
    addFigure("  in the loop with budgets", show(bounded.delay), "< 100 ms", bounded.delay < 100)
    const lower = free.delay / one.delay
    const what = "  sessions in a worker reactor"
    add({
      what,
      ours: show(one.delay),
      theirs: "",
      ratio: times(lower),
      bar: "< 20, >= 20 x",
      met: one.delay < 20 && lower >= 20
    })
    const lost = free.faults + bounded.faults + one.faults + two.faults
    addFigure("  lost, twice, or out of order", String(lost), "none", lost === 0)
    const cores = cpus().length
    const rate = (value: number) => `${value.toFixed(0)} /s`
    const reactors = `  two reactors against one, ${cores} cores`
    add({
      what: reactors,
      ours: rate(two.rate),
      theirs: rate(one.rate),
      ratio: times(two.rate / one.rate),
      bar: "",
      met: undefined
    })
  })

/** A gigabyte waits at the device for a reader that stands still for a while, and then is slow. */
export const slow = (target: Target, { quick, subject }: Setting): Promise<void> =>
  withServer(async (server) => {
    const size = 4_096
    const count = Math.round(((quick ? 0.1 : 1) * 2 ** 30) / size)
    const warmUp = 2_000
    const reader = { warmUp, after: 4_096, millis: 10, first: 5_000 }
    const client = await Subscribers.start(subject, server, target, { sessions: 1, reads: "head", slow: reader })
    await client.receive({ send: "burst", count: warmUp, size, together: 8 })
    const sent = client.begin({ send: "burst", count, size, together: 8 }, { rest: true })
    await sleep(4_000)
    const { heap, rss, seen } = await client.held()
    await sent
    const received = await client.finish()
    await client.stop()
    const show = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`
    const allowed = queueBytes + 4 * 2 ** 20
    addFigure(`1 GB for a slow reader: held at ${seen} read`, show(heap), `<= ${show(allowed)}`, heap <= allowed)
    addFigure("  RSS over before", show(rss))
    addFigure("  RSS at most, while it reads the rest", show(received.growth))
    addFaults([received])
  })

/** What the queue of a subscription may hold by default. */
const queueBytes = 16 * 2 ** 20
