import { Effect } from "effect"
import { strict as assert } from "node:assert"
import { Element, Netconf, type Session, xml } from "../src/index.ts"
import { Dialects, Faults, SimulatedDevice } from "../src/testing.ts"

/** The automation under test. */
const setLocation = (session: Session, location: string) =>
  session.edit(xml`<system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><location>${location}</location></system>`)

const test = Effect.gen(function* () {
  const device = yield* SimulatedDevice.make({ without: [":startup"], dialect: Dialects.anonymousLockDenied })
  const session = yield* Netconf.connect({ label: "leaf-01", transport: device.transport })

  yield* setLocation(session, "rack 7")
  assert.equal(Element.text(Element.find(device.running, ["system", "location"])!), "rack 7")
  assert.equal(device.locks.size, 0)

  // somebody at the console holds a lock: nothing is edited
  const release = device.lock("running")
  const denied = yield* Effect.flip(setLocation(session, "rack 8"))
  assert.equal(denied._tag === "RpcError" && denied.has("lock-denied"), true)
  release()

  // the commit takes effect and its reply is lost: the library does not guess
  device.faults.add(Faults.closeAfter(), { on: "commit", times: 1 })
  const unknown = yield* Effect.flip(setLocation(session, "rack 9"))
  assert.equal(unknown._tag, "CommitUnknownError")
  assert.equal(device.commits, 2)
})

await Effect.runPromise(Effect.scoped(test))
console.log("all as expected")
