/**
 * `npm run test:interop`: starts the servers, runs the interop tests against them, stops the servers, and exits with the
 * tests' code. Where the servers cannot be started it says why and exits 0; with --require, or under CI=true, 1.
 * Further arguments go to vitest.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { interrupted, obstacle, startServers } from "./server.ts"

const limit = 10 * 60_000
const root = join(import.meta.dirname, "..", "..")

const runTests = async (facts: string, args: ReadonlyArray<string>, signal: AbortSignal): Promise<number> => {
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs")
  const child = spawn(process.execPath, [vitest, "run", "--config", "test/interop/vitest.config.ts", ...args], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, INTEROP_FACTS: facts }
  })
  const end = () => child.kill("SIGTERM")
  signal.addEventListener("abort", end)
  const timer = setTimeout(() => {
    console.error(`the interop tests have not ended within ${limit / 60_000} minutes`)
    child.kill("SIGKILL")
  }, limit)
  const [code] = (await once(child, "exit")) as [number | null]
  clearTimeout(timer)
  signal.removeEventListener("abort", end)
  return code ?? 1
}

const main = async (args: ReadonlyArray<string>): Promise<number> => {
  const why = obstacle()
  if (why !== undefined) {
    const required = args.includes("--require") || process.env["CI"] === "true"
    console.error(`interop tests ${required ? "cannot run" : "skipped"}: ${why}`)
    return required ? 1 : 0
  }
  const signal = interrupted()
  const servers = await startServers(signal)
  try {
    return signal.aborted
      ? 1
      : await runTests(
          servers.facts,
          args.filter((arg) => arg !== "--require"),
          signal
        )
  } finally {
    await servers.stop()
  }
}

process.exitCode = await main(process.argv.slice(2))
