/** Where a subscription's session is opened: beside the one that asks for it, where that is possible. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Netconf from "../../../src/api/Netconf.ts"
import { ChannelError, ConnectionError, DeadlineError, AuthError, type ConnectError } from "../../../src/errors.ts"
import { SimulatedDevice } from "../../../src/testing.ts"
import type { Transport } from "../../../src/transport/Transport.ts"

/** A transport whose connections have a way beside them, which counts, or fails. */
const counted = (error?: ConnectError) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make()
    const opened: Array<"own" | "beside"> = []
    const { open, peer } = device.transport
    const beside: Transport["open"] = (handler, context) => {
      opened.push("beside")
      return error === undefined ? open(handler, context) : Effect.fail(error)
    }
    const transport: Transport = {
      peer,
      open: (handler, context) => {
        opened.push("own")
        return Effect.map(open(handler, context), (connection) => Object.assign(connection, { beside }))
      }
    }
    return { opened, session: yield* Netconf.connect({ transport }) }
  })

describe("a subscription's session", () => {
  it.effect("is a further channel of the connection that there is", () =>
    Effect.gen(function* () {
      const { opened, session } = yield* counted()
      yield* session.openSubscription()
      assert.deepStrictEqual(opened, ["own", "beside"])
    })
  )

  for (const error of [
    new ChannelError({ phase: "open", by: "peer", detail: "no more sessions" }),
    new DeadlineError({ phase: "subsystem", deadline: 1, bytes: 0 }),
    new ConnectionError({ reason: "reset", detail: "cut" })
  ]) {
    it.effect(`has a connection of its own after a ${error._tag} of the channel`, () =>
      Effect.gen(function* () {
        const { opened, session } = yield* counted(error)
        yield* session.openSubscription()
        assert.deepStrictEqual(opened, ["own", "beside", "own"])
      })
    )
  }

  it.effect("fails with what another connection would not mend", () =>
    Effect.gen(function* () {
      const { session } = yield* counted(new AuthError({ tried: [], offered: [], detail: "no" }))
      assert.strictEqual((yield* Effect.flip(session.openSubscription()))._tag, "AuthError")
    })
  )
})
