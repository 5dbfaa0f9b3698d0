import { Effect } from "effect"
import { strict as assert } from "node:assert"
import { Element, Netconf, type Transport, xml } from "../src/index.ts"
import { SimulatedDevice, Transcript } from "../src/testing.ts"

/** The automation under test. */
const readContact = (transport: Transport) =>
  Effect.gen(function* () {
    const session = yield* Netconf.connect({ transport })
    const reply = yield* session.getConfig({ filter: xml`<system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"/>` })
    return Element.text(Element.find(yield* reply.data, ["system", "contact"])!)
  }).pipe(Effect.scoped)

const test = Effect.gen(function* () {
  const device = yield* SimulatedDevice.make()

  // once, with the real device's transport
  const recorder = Transcript.record(device.transport)
  const contact = yield* readContact(recorder.transport)
  const text = Transcript.toJson(recorder.transcripts()[0]!)

  // ever after, without it
  const replayed = Transcript.replay(yield* Transcript.fromJson(text))
  assert.equal(yield* readContact(replayed), contact)
  assert.equal(text.includes("$5$sim$"), false)
})

await Effect.runPromise(Effect.scoped(test))
console.log("replayed")
