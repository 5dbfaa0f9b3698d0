import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { InputError } from "../../src/errors.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import { base, open } from "./client.ts"

const ok = `<rpc-reply xmlns="${base}" message-id="101"><ok/></rpc-reply>`
const target = (name: string) => `<target><${name}/></target>`
const edit = (name: string, config: string) => `<edit-config>${target(name)}<config>${config}</config></edit-config>`
const hostname = (name: string) =>
  `<system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><hostname>${name}</hostname></system>`

describe("SimulatedDevice", () => {
  for (const versions of [["1.0"], ["1.0", "1.1"]]) {
    it.effect(`serves a whole change under base ${versions.at(-1)}`, () =>
      Effect.gen(function* () {
        const device = yield* SimulatedDevice.make()
        const client = yield* open(device.transport, versions)
        assert.strictEqual(client.sessionId, 1)
        assert.strictEqual(device.sessions.get(1)?.framing, versions.length === 1 ? "end-of-message" : "chunked")
        assert.strictEqual(yield* client.rpc(`<lock>${target("candidate")}</lock>`), ok)
        assert.deepStrictEqual([...device.locks], [["candidate", 1]])
        assert.strictEqual(yield* client.rpc(edit("candidate", hostname("r1"))), ok)
        const read = (source: string) => client.rpc(`<get-config><source><${source}/></source></get-config>`)
        assert.include(yield* read("candidate"), "<hostname>r1</hostname>")
        assert.include(yield* read("running"), "<hostname>sim</hostname>")
        assert.strictEqual(yield* client.rpc("<commit/>"), ok)
        assert.include(yield* read("running"), "<hostname>r1</hostname>")
        assert.strictEqual(yield* client.rpc(`<unlock>${target("candidate")}</unlock>`), ok)
        assert.strictEqual(yield* client.rpc("<close-session/>"), ok)
        assert.strictEqual((yield* client.ended).by, "peer")
        assert.strictEqual(device.commits, 1)
        assert.strictEqual(device.sessions.size, 0)
        assert.deepStrictEqual(device.log.map((entry) => entry.operation).slice(-2), ["unlock", "close-session"])
      })
    )
  }

  it.effect("dies of a capability that XML cannot carry, and names it", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(SimulatedDevice.make({ extraCapabilities: ["urn:x:\u0001"] }))
      assert(exit._tag === "Failure" && !Cause.hasFails(exit.cause))
      const defect = Cause.squash(exit.cause)
      assert(defect instanceof InputError)
      assert.include(defect.message, "U+0001, which XML cannot carry")
      assert.include(defect.message, "urn:x:")
    })
  )
})
