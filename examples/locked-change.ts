import { Effect, Schedule } from "effect"
import { NetconfSession, xml } from "../src/index.ts"
import { device } from "./device.ts"

const interfaces = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
const system = "urn:ietf:params:xml:ns:yang:ietf-system"

const program = Effect.gen(function* () {
  const session = yield* NetconfSession

  // lock, discard, edit, validate, commit, unlock, save: as far as the device has them
  const report = yield* session.edit(xml`<system xmlns="${system}"><location>rack 7</location></system>`, {
    save: true
  })
  console.log(`applied to ${report.target}, saved: ${report.saved}`)

  // the same step by step, when there is more to do under the locks; here they are waited for, up to a minute
  const describe = (name: string, description: string) =>
    session.editConfig({
      target: "candidate",
      config: xml`
        <interfaces xmlns="${interfaces}">
          <interface><name>${name}</name><description>${description}</description></interface>
        </interfaces>`
    })
  yield* session.locked(
    ["running", "candidate"],
    Effect.gen(function* () {
      yield* describe("eth0", "to spine-01 <port 7>")
      yield* describe("eth1", "to spine-02 <port 7>")
      yield* session.validate({ source: "candidate" })
      yield* session.commit()
    }),
    { wait: Schedule.spaced("2 seconds").pipe(Schedule.upTo({ duration: "1 minute" })) }
  )
  console.log("both interfaces described")
})

await Effect.runPromise(Effect.provide(program, device))
