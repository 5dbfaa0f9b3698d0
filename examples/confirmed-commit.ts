import { Effect } from "effect"
import { Element, NetconfSession, xml } from "../src/index.ts"
import { device } from "./device.ts"

const system = "urn:ietf:params:xml:ns:yang:ietf-system"

const program = Effect.gen(function* () {
  const session = yield* NetconfSession
  const location = yield* session.confirmedCommit(
    {
      config: xml`<system xmlns="${system}"><location>rack 8</location></system>`,
      timeout: "2 minutes",
      record: (persistId) => Effect.sync(() => console.log(`should this program die: persist-id ${persistId}`))
    },
    (fresh) =>
      Effect.gen(function* () {
        const reply = yield* fresh.get({ filter: xml`<system xmlns="${system}"><location/></system>` })
        const found = Element.find(yield* reply.data, ["system", "location"])
        if (found === undefined) return yield* Effect.fail("the location is not there" as const)
        return `${Element.text(found)}, read in session ${fresh.sessionId}`
      })
  )
  console.log(`confirmed: ${location}`)
})

await Effect.runPromise(Effect.provide(program, device))
