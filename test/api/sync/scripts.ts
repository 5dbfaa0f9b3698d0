/** Small programs in processes of their own, as a user would write them. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"

const entry = join(import.meta.dirname, "..", "..", "..", "src", "sync.ts")

export interface Script {
  readonly process: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>
}

/** Starts a program in which `options` are those of a client, and `api` is the entry point. */
export const script = (options: unknown, code: string): Script => {
  const source = `import * as api from ${JSON.stringify(entry)}\nconst options = ${JSON.stringify(options)}\n${code}`
  const child = spawn(process.execPath, ["--input-type=module", "-e", source], { stdio: ["ignore", "pipe", "pipe"] })
  const text = { stdout: "", stderr: "" }
  child.stdout.on("data", (bytes: Buffer) => (text.stdout += bytes.toString()))
  child.stderr.on("data", (bytes: Buffer) => (text.stderr += bytes.toString()))
  const ended = once(child, "close").then(([code, signal]) => (signal ?? code) as number | string)
  return { process: child, stdout: () => text.stdout, stderr: () => text.stderr, ended }
}
