/**
 * What a measured client does in its own process: it reads tasks, one JSON line each, from its standard input, performs
 * each and prints what it took as one JSON line. The two clients that are compared differ in `Client` alone.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

/** The peer to measure against, given in the environment as BENCH_TARGET. */
export interface Target {
  readonly port: number
  readonly fingerprint: string
  readonly username: string
  /** Who is asked whether it is still there, and how often; undefined: as by default. */
  readonly keepalive?: Keepalive
}

export type Keepalive = "off" | { readonly level: "ssh" | "netconf"; readonly seconds: number }

export const cipher = "aes128-gcm@openssh.com"

export interface Client {
  /** Connects, to the peer's hello. */
  readonly connect: () => Promise<void>
  /** So many get operations, one after another. */
  readonly sequential: (count: number) => Promise<void>
  /** So many get operations, never more than `window` unanswered. */
  readonly pipelined: (count: number, window: number) => Promise<void>
  /** The text of one get-config of at least so many bytes. */
  readonly large: (size: number) => Promise<string>
  readonly close: () => Promise<void>
}

export type Task =
  | { readonly task: "sequential"; readonly count: number }
  | { readonly task: "pipelined"; readonly count: number; readonly window: number }
  | { readonly task: "large"; readonly size: number }
  | { readonly task: "memory"; readonly size: number }
  | { readonly task: "connect"; readonly count: number }
  | { readonly task: "sessions"; readonly sessions: number; readonly each: number }
  | { readonly task: "idle"; readonly sessions: number; readonly seconds: number }

export interface Taken {
  /** Operations, connects or bytes of replies. */
  readonly amount: number
  readonly seconds: number
  /** Of the client's process: user and system. */
  readonly cpuSeconds: number
  /** Of `memory`: bytes by which the peak exceeds the idle session. */
  readonly growth?: number
  /** Of `idle`: bytes in use with all sessions open, after a collection. */
  readonly memory?: InUse
}

export interface InUse {
  readonly rss: number
  /** The heap and what it holds outside of itself. */
  readonly heap: number
}

export const getXml = "<get/>"
export const largeFilter = (size: number): string =>
  `<bench xmlns="urn:effect-netconf:bench"><size>${size}</size></bench>`

const timed = async (work: () => Promise<number>): Promise<Taken> => {
  const cpu = process.cpuUsage()
  const began = process.hrtime.bigint()
  const amount = await work()
  const seconds = Number(process.hrtime.bigint() - began) / 1e9
  const used = process.cpuUsage(cpu)
  return { amount, seconds, cpuSeconds: (used.user + used.system) / 1e6 }
}

const status = (field: "VmHWM" | "VmRSS"): number =>
  1024 * Number(new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync("/proc/self/status", "utf8"))![1])

// 5 resets the high-water mark; where that is forbidden the peak before counts too, which is on the safe side
const resetPeak = (): void => {
  try {
    writeFileSync("/proc/self/clear_refs", "5")
  } catch {
    console.error("the peak of RSS cannot be reset here")
  }
}

const memory = async (client: Client, size: number): Promise<Taken> => {
  resetPeak()
  const idle = status("VmRSS")
  const taken = await timed(async () => (await client.large(size)).length)
  return { ...taken, growth: status("VmHWM") - idle }
}

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

/** What is in use once everything that is dead is gone: what sockets and timers let go of takes a turn or two. */
export const inUse = async (): Promise<InUse> => {
  for (let i = 0; i < 3; i++) {
    collect()
    await sleep(50)
  }
  const { external, heapUsed } = process.memoryUsage()
  return { rss: status("VmRSS"), heap: heapUsed + external }
}

/** More sessions of the same process, opened a few at a time. */
const openTo = async (clients: Array<Client>, count: number, make: () => Client): Promise<void> => {
  const lane = async () => {
    while (clients.length < count) {
      const client = make()
      clients.push(client)
      await client.connect()
    }
  }
  await Promise.all(Array.from({ length: 25 }, lane))
}

/** What idle sessions hold, and what they cost in so many seconds; `amount` is sessions times seconds. */
const idle = async (sessions: number, seconds: number): Promise<Taken> => {
  const memory = await inUse()
  return { ...(await timed(() => sleep(1000 * seconds).then(() => sessions * seconds))), memory }
}

const perform = async (clients: Array<Client>, make: () => Client, task: Task): Promise<Taken> => {
  const client = clients[0]!
  switch (task.task) {
    case "sessions":
      await openTo(clients, task.sessions, make)
      return timed(() =>
        Promise.all(clients.map((one) => one.sequential(task.each))).then(() => task.sessions * task.each)
      )
    case "idle":
      await openTo(clients, task.sessions, make)
      return idle(task.sessions, task.seconds)
    case "sequential":
      return timed(() => client.sequential(task.count).then(() => task.count))
    case "pipelined":
      return timed(() => client.pipelined(task.count, task.window).then(() => task.count))
    case "large":
      return timed(async () => (await client.large(task.size)).length)
    case "memory":
      return memory(client, task.size)
    case "connect":
      return timed(() => reconnect(client, task.count))
  }
}

const reconnect = async (client: Client, count: number): Promise<number> => {
  for (let i = 0; i < count; i++) {
    await client.close()
    await client.connect()
  }
  return count
}

/** Serves tasks until standard input ends. */
export const main = async (make: (target: Target) => Client): Promise<void> => {
  const target = JSON.parse(process.env["BENCH_TARGET"]!) as Target
  const clients = [make(target)]
  await clients[0]!.connect()
  await answer((task) => perform(clients, () => make(target), task as Task))
  await Promise.all(clients.map((client) => client.close()))
}

/** Says that it is ready, then answers each line of standard input with a line. */
export const answer = async (perform: (task: unknown) => Promise<unknown>): Promise<void> => {
  console.log("{}")
  for await (const line of createInterface(process.stdin)) {
    console.log(JSON.stringify(await perform(JSON.parse(line))))
  }
}
