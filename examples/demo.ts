/**
 * The demo. `npm run demo` starts a simulated device and shows a session with it; `npm run demo -- --host ...` does the
 * same with a real one, which it only reads unless `--edit` is given. `--help` lists the options.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { visit } from "./demo/device.ts"
import { read, usage, UsageError } from "./demo/options.ts"
import { tour } from "./demo/simulated.ts"

const run = async (): Promise<number> => {
  const options = read(process.argv.slice(2))
  if (options === "help") {
    console.log(usage)
    return 0
  }
  // Ctrl-C interrupts the program, so that locks are released and the session is closed.
  const interrupted = new AbortController()
  process.once("SIGINT", () => interrupted.abort())
  const program = Effect.scoped(options === "simulated" ? tour : visit(options))
  const exit = await Effect.runPromiseExit(program, { signal: interrupted.signal })
  if (Exit.isSuccess(exit)) return 0
  if (Cause.hasInterruptsOnly(exit.cause)) return 130
  const error = Cause.squash(exit.cause)
  console.error(error instanceof Error ? error.message : String(error))
  return 1
}

try {
  process.exitCode = await run()
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(`${error.message}\n\n${usage}`)
  process.exitCode = 2
}
