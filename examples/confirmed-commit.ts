import { Effect } from "effect"
import { NetconfSession, xml } from "../src/index.ts"
import { device } from "./device.ts"

const config = xml`<system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><location>rack 8</location></system>`

const program = Effect.gen(function* () {
  const session = yield* NetconfSession
  yield* session.locked(
    ["running", "candidate"],
    Effect.gen(function* () {
      yield* session.editConfig({ target: "candidate", config })
      const { rollback } = yield* session.commit({ confirmed: true, confirmTimeout: "2 minutes", persist: "change-42" })
      console.log(`in force; rolled back in two minutes: ${rollback !== undefined}`)

      yield* session.get({ filter: xml`<system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"/>` })
      yield* session.commit({ persistId: "change-42" })
      console.log("confirmed")
    })
  )
})

await Effect.runPromise(Effect.provide(program, device))
