import { Effect } from "effect"
import { NetconfSession, xml } from "../src/index.ts"
import { device } from "./device.ts"

const config = xml`<system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><hostname>-</hostname></system>`

const program = Effect.gen(function* () {
  const session = yield* NetconfSession
  const report = yield* session.edit(config)
  return `applied to ${report.target}`
}).pipe(
  Effect.provide(device),
  Effect.catchTag("RpcError", (error) => {
    const [first] = error.errors
    if (error.has("lock-denied")) return Effect.succeed(`session ${first.info?.sessionId} is at work`)
    return Effect.succeed(`the device said no: ${first.tag} at ${first.path}: ${first.message}`)
  }),
  Effect.catchTag("CommitUnknownError", (error) => Effect.succeed(`look at the device first: ${error.message}`)),
  Effect.catchTag(["ConnectionError", "DeadlineError"], (error) =>
    Effect.succeed(error.isRetryable ? `try again later: ${error.message}` : error.message)
  )
)

console.log(await Effect.runPromise(program))
