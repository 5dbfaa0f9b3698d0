/**
 * Starting and stopping the programs that the interop tests run against.
 *
 * A program is stopped by its process id together with its descendants as they stand at that moment (sshd's connection
 * children start sessions of their own, so a process group would miss them). A process is only ever signalled while its
 * start time is the one that was seen, because ids are used again. `setpriv --pdeathsig` ends what outlives a killed runner.
 */
import { execFile, spawn } from "node:child_process"
import type { ChildProcess } from "node:child_process"
import { openSync, readFileSync, readdirSync } from "node:fs"
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"

interface Seen {
  readonly pid: number
  readonly parent: number
  readonly state: string
  readonly started: string
}

export interface Program {
  readonly name: string
  readonly pid: number
  readonly log: string
  readonly alive: () => boolean
  readonly stop: () => Promise<void>
}

export interface StartOptions {
  readonly log: string
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** The account that it runs as, instead of our own. */
  readonly user?: string
}

const look = (pid: number): Seen | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return { pid, state: fields[0]!, parent: Number(fields[1]), started: fields[19]! }
  } catch {
    return undefined
  }
}

const runs = (seen: Seen): boolean => {
  const now = look(seen.pid)
  return now !== undefined && now.started === seen.started && now.state !== "Z"
}

const family = (root: number): ReadonlyArray<Seen> => {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => look(Number(name)) ?? [])
  const members = all.filter((seen) => seen.pid === root)
  for (let i = 0; i < members.length; i++) {
    members.push(...all.filter((seen) => seen.parent === members[i]!.pid))
  }
  return members
}

const signal = (members: ReadonlyArray<Seen>, name: NodeJS.Signals): void => {
  for (const seen of members.filter(runs)) {
    try {
      process.kill(seen.pid, name)
    } catch {
      // it has ended in between
    }
  }
}

const stopFamily = async (pid: number): Promise<void> => {
  const members = family(pid)
  signal(members, "SIGTERM")
  if (await until(() => !members.some(runs), 5_000)) return
  signal(members, "SIGKILL")
  await until(() => !members.some(runs), 2_000)
}

/** Waits until the condition holds; false when it does not within the time. */
export const until = async (condition: () => boolean | Promise<boolean>, milliseconds: number): Promise<boolean> => {
  const end = Date.now() + milliseconds
  while (!(await condition())) {
    if (Date.now() > end) return false
    await sleep(20)
  }
  return true
}

const privileges = (user: string | undefined): ReadonlyArray<string> =>
  user === undefined ? [] : [`--reuid=${user}`, `--regid=${user}`, "--clear-groups"]

/** Starts a program in the background; its output goes to the log file. */
export const start = (command: string, args: ReadonlyArray<string>, options: StartOptions): Program => {
  const log = openSync(options.log, "a")
  const child: ChildProcess = spawn(
    "/usr/bin/setpriv",
    ["--pdeathsig", "KILL", ...privileges(options.user), command, ...args],
    { stdio: ["ignore", log, log], cwd: options.cwd, env: options.env ?? process.env }
  )
  if (child.pid === undefined) throw new Error(`${command} cannot be started`)
  const pid = child.pid
  const alive = () => child.exitCode === null && child.signalCode === null
  return { name: command, pid, log: options.log, alive, stop: () => (alive() ? stopFamily(pid) : Promise.resolve()) }
}

/** Fails with the end of its log unless the program, still alive, fulfils the condition in time. */
export const ready = async (
  program: Program,
  condition: () => boolean | Promise<boolean>,
  milliseconds = 15_000
): Promise<void> => {
  const ok = await until(async () => !program.alive() || (await condition()), milliseconds)
  if (ok && program.alive()) return
  const log = readFileSync(program.log, "utf8").slice(-2_000)
  throw new Error(`${program.name} did not come up (${program.alive() ? "no answer" : "it ended"}):\n${log}`)
}

/** Runs a short command to its end, with an optional text on its standard input. */
export const run = async (command: string, args: ReadonlyArray<string>, input = ""): Promise<string> => {
  const pending = promisify(execFile)(command, [...args], { timeout: 30_000 })
  // a program that reads nothing may have ended already: its exit status is what counts
  pending.child.stdin?.on("error", () => {}).end(input)
  return (await pending).stdout
}

/** A TCP port of 127.0.0.1 that was free a moment ago. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.on("error", reject)
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
