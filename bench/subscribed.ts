/**
 * What a client with subscriptions does in its own process: logs in and subscribes, then counts what comes between
 * `arm` and `finish`, checks that nothing is missing or out of order, and says what it took. The clients that are compared differ
 * in `Subscriber` alone.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { monitorEventLoopDelay } from "node:perf_hooks"
import type { Element } from "../src/xml/Element.ts"
import { answer, inUse } from "./measure.ts"
import type { InUse, Taken, Target } from "./measure.ts"
import * as Records from "./records.ts"

/** What is made of each notification. */
export type Reads = "head" | "tree"

/** Who is shown the notifications of one session, in order. */
export interface Witness {
  readonly head: (eventTime: string | undefined, name: string) => void
  readonly tree: (notification: Element) => void
}

/** A reader that takes its time once it has read some: it rests after so many, the first time much longer. */
export interface Slow {
  readonly warmUp: number
  readonly after: number
  /** Milliseconds. */
  readonly millis: number
  readonly first: number
}

export interface SubscribeTask {
  readonly task: "subscribe"
  readonly stream: string
  readonly sessions: number
  readonly reads: Reads
  /** Reactors that the sessions live in; 0, the default: the caller's loop. */
  readonly reactors?: number
  /** Bytes per session and turn of the loop; default: what the library does. */
  readonly budget?: "none"
  readonly slow?: Slow
  /** Whether the reader takes the chunks of its stream, where it has one. */
  readonly chunks?: boolean
}

export interface ArmTask {
  readonly task: "arm"
  /** How many are going to come on all sessions. */
  readonly expected: number
  /** Whether eventTime says when it was written, or counts. */
  readonly paced?: boolean
  /** Whether to watch how late the main loop is, a thousand times a second. */
  readonly loop?: boolean
  /** Whether to collect garbage first, so that memory can be told from what was there before. */
  readonly rest?: boolean
}

export type SubscribedTask = SubscribeTask | ArmTask | { readonly task: "finish" } | { readonly task: "held" }

/** What is in use while it waits, in bytes more than when it was armed, and how many it has shown. */
export interface Held extends InUse {
  readonly seen: number
}

export interface Received extends Taken {
  /** Missing, twice, or out of order. */
  readonly faults: number
  /** Milliseconds from write to consumer; of paced ones. */
  readonly latency?: { readonly p50: number; readonly p99: number }
  /** Milliseconds by which the main thread's loop was late. */
  readonly delay: { readonly p99: number; readonly max: number }
  /** Bytes by which the peak of RSS exceeds what was in use when it was armed. */
  readonly growth: number
}

export interface Subscriber {
  /** Logs in and subscribes; everything that comes is shown to the witness. */
  readonly subscribe: (task: SubscribeTask, witness: Witness) => Promise<void>
  readonly close: () => Promise<void>
}

/** How long nothing may come before the rest counts as lost. */
const patience = 10_000

class Tally {
  expected = 0
  seen = 0
  faults = 0
  paced = false
  readonly latencies: Array<number> = []
  #began = 0
  #cpu = process.cpuUsage()
  seconds = 0
  cpuSeconds = 0
  readonly witnesses: Array<Counting> = []
  #complete: () => void = () => {}

  readonly count = (): void => {
    if (++this.seen !== this.expected) return
    this.#stop()
    this.#complete()
  }

  begin({ expected, paced = false }: ArmTask): void {
    Object.assign(this, { expected, paced, seen: 0, faults: 0, seconds: 0 })
    this.latencies.length = 0
    for (const witness of this.witnesses) witness.next = 1
    this.#cpu = process.cpuUsage()
    this.#began = performance.now()
  }

  #stop(): void {
    const { system, user } = process.cpuUsage(this.#cpu)
    this.cpuSeconds = (user + system) / 1e6
    this.seconds = (performance.now() - this.#began) / 1000
  }

  async complete(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      let before = this.seen
      this.#complete = resolve
      if (this.seen >= this.expected) return resolve()
      timer = setInterval(() => {
        if (this.seen === before) resolve()
        before = this.seen
      }, patience)
    })
    clearInterval(timer)
    if (this.seconds === 0) this.#stop()
  }
}

/** Counts on one session; the number that a burst's record must have next is known. */
class Counting implements Witness {
  next = 1
  readonly #tally: Tally

  constructor(tally: Tally) {
    this.#tally = tally
  }

  readonly head = (eventTime: string | undefined, name: string): void => {
    const tally = this.#tally
    if (eventTime === undefined || name !== "link-change") tally.faults++
    else if (tally.paced) tally.latencies.push(Records.ageOf(eventTime))
    else if (Records.sequenceOf(eventTime) !== this.next++) tally.faults++
    tally.count()
  }

  readonly tree = (notification: Element): void => {
    const text = (notification.children[0] as Element).children[0]
    const event = notification.children[1] as Element
    this.head(typeof text === "string" ? text : (text as { readonly text?: string }).text, event.name)
  }
}

const tally = new Tally()
const delay = monitorEventLoopDelay({ resolution: 1 })
let rested: InUse = { rss: 0, heap: 0 }

const status = (field: "VmHWM" | "VmRSS"): number =>
  1024 * Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync("/proc/self/status", "utf8"))![1])

const arm = async (task: ArmTask): Promise<object> => {
  if (task.rest === true) rested = await inUse()
  // 5 resets the high-water mark; where that is forbidden the peak before counts too, which is on the safe side
  try {
    writeFileSync("/proc/self/clear_refs", "5")
  } catch {
    console.error("the peak of RSS cannot be reset here")
  }
  delay.reset()
  if (task.loop === true) delay.enable()
  tally.begin(task)
  return {}
}

const finish = async (): Promise<Received> => {
  await tally.complete()
  const { cpuSeconds, seconds } = tally
  delay.disable()
  const sorted = tally.latencies.toSorted((a, b) => a - b)
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? 0
  return {
    amount: tally.seen,
    seconds,
    cpuSeconds,
    faults: tally.faults + Math.abs(tally.expected - tally.seen),
    delay: { p99: delay.percentile(99) / 1e6, max: delay.max / 1e6 },
    growth: status("VmHWM") - rested.rss,
    ...(tally.paced ? { latency: { p50: at(0.5), p99: at(0.99) } } : {})
  }
}

/** Sessions are opened a few at a time. */
const subscribe = async (subscriber: Subscriber, task: SubscribeTask): Promise<object> => {
  let opened = 0
  const lane = async () => {
    while (opened++ < task.sessions) {
      const witness = new Counting(tally)
      tally.witnesses.push(witness)
      await subscriber.subscribe(task, witness)
    }
  }
  await Promise.all(Array.from({ length: Math.min(25, task.sessions) }, lane))
  return {}
}

const perform = (subscriber: Subscriber, task: SubscribedTask): Promise<object> => {
  switch (task.task) {
    case "subscribe":
      return subscribe(subscriber, task)
    case "arm":
      return arm(task)
    case "finish":
      return finish()
    case "held":
      return inUse().then(({ heap, rss }) => ({ heap: heap - rested.heap, rss: rss - rested.rss, seen: tally.seen }))
  }
}

/** Serves tasks until standard input ends. */
export const main = async (make: (target: Target) => Subscriber): Promise<void> => {
  const subscriber = make(JSON.parse(process.env["BENCH_TARGET"]!) as Target)
  await answer((task) => perform(subscriber, task as SubscribedTask))
  await subscriber.close()
}
