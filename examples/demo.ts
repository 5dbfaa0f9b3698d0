/**
 * The demo. `npm run demo` starts a simulated device and shows a session with it; `npm run demo -- --host ...` does the
 * same with a real one, which it only reads unless `--edit` is given; `--serve` keeps the simulated device running for
 * other programs. `--help` lists the options.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { HostKeyError } from "../src/index.ts"
import { visit } from "./demo/device.ts"
import { type DeviceOptions, read, type ServeOptions, usage, UsageError } from "./demo/options.ts"
import { serve } from "./demo/serve.ts"
import { tour } from "./demo/simulated.ts"

const isServing = (options: unknown): options is ServeOptions =>
  typeof options === "object" && options !== null && "count" in options

const programOf = (options: "simulated" | ServeOptions | DeviceOptions) =>
  options === "simulated" ? tour : isServing(options) ? serve(options) : visit(options)

/** The library says how code accepts a host key; here it is an option. */
const explain = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  const isUnknown = error instanceof HostKeyError && error.why === "unknown"
  return isUnknown ? `${error.message}\nhere: --fingerprint ${error.fingerprint}` : error.message
}

const run = async (): Promise<number> => {
  const options = read(process.argv.slice(2))
  if (options === "help") {
    console.log(usage)
    return 0
  }
  // Ctrl-C interrupts the program, so that locks are released and the session is closed. npm passes on what the terminal
  // has sent already, so it may come twice, and the second one must not cut this short.
  const interrupted = new AbortController()
  process.on("SIGINT", () => interrupted.abort())
  const exit = await Effect.runPromiseExit(Effect.scoped(programOf(options)), { signal: interrupted.signal })
  if (Exit.isSuccess(exit)) return 0
  // Ctrl-C is how serving ends, and cuts everything else short.
  if (Cause.hasInterruptsOnly(exit.cause)) return isServing(options) ? 0 : 130
  console.error(explain(Cause.squash(exit.cause)))
  return 1
}

try {
  process.exitCode = await run()
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  console.error(`${error.message}\n\n${usage}`)
  process.exitCode = 2
}
