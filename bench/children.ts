/**
 * The processes of a benchmark run: the server, the measured clients, and Python with ncclient.
 */
import { execFile, spawn, spawnSync } from "node:child_process"
import type { ChildProcessByStdio } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { Readable, Writable } from "node:stream"
import { promisify } from "node:util"
import type { Taken, Target, Task } from "./measure.ts"
import type { ServerFacts } from "./server.ts"

const python = "/usr/bin/python3"
/** From where this is built to, back to the sources. */
const ncclient = join(import.meta.dirname, "..", "..", "ncclient.py")

/** A child that answers each line of its standard input with a line of JSON. */
export class Talking {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #lines: AsyncIterator<string>

  constructor(file: string, environment: Readonly<Record<string, string>>) {
    this.#child = spawn(process.execPath, [join(import.meta.dirname, `${file}.js`)], {
      stdio: ["pipe", "pipe", "inherit"],
      env: { ...process.env, ...environment }
    })
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]()
  }

  async read(): Promise<unknown> {
    const line = await this.#lines.next()
    if (line.done === true) throw new Error(`${this.#child.spawnargs.at(-1)} ended early`)
    return JSON.parse(line.value)
  }

  write(line: unknown): void {
    this.#child.stdin.write(`${JSON.stringify(line)}\n`)
  }

  async ask(line: unknown): Promise<unknown> {
    this.write(line)
    return this.read()
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, "exit")
    this.#child.stdin.end()
    const late = setTimeout(() => this.#child.kill("SIGKILL"), 10_000)
    await gone
    clearTimeout(late)
  }
}

export interface Server {
  readonly facts: ServerFacts
  readonly ask: (line: unknown) => Promise<unknown>
  readonly stop: () => Promise<void>
}

export const startServer = async (file = "server"): Promise<Server> => {
  const child = new Talking(file, {})
  return { facts: (await child.read()) as ServerFacts, ask: (line) => child.ask(line), stop: () => child.stop() }
}

/** A measured client in a process of its own, connected. */
export class Measured {
  readonly #child: Talking

  private constructor(child: Talking) {
    this.#child = child
  }

  static async start(file: string, target: Target): Promise<Measured> {
    const child = new Talking(file, { BENCH_TARGET: JSON.stringify(target) })
    await child.read()
    return new Measured(child)
  }

  async perform(task: Task): Promise<Taken> {
    return (await this.#child.ask(task)) as Taken
  }

  stop(): Promise<void> {
    return this.#child.stop()
  }
}

export const hasNcclient = (): boolean => spawnSync(python, ["-c", "import ncclient"], { stdio: "ignore" }).status === 0

export const runNcclient = async (target: Target, count: number): Promise<Taken> => {
  const { stdout } = await promisify(execFile)(python, [ncclient, String(count)], {
    env: { ...process.env, BENCH_TARGET: JSON.stringify(target) },
    timeout: 300_000
  })
  return JSON.parse(stdout) as Taken
}
