import { assert, describe, it } from "@effect/vitest"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Netconf from "../../src/api/Netconf.ts"
import { InputError } from "../../src/errors.ts"
import * as Profile from "../../src/profiles/Profile.ts"
import { SimulatedDevice } from "../../src/testing.ts"
import { connect, everything, settle } from "../rpc/peer.ts"

const { NetconfSession } = Netconf

describe("Netconf", () => {
  it.effect("refuses options that cannot work, before anything is opened", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      for (const options of [
        { maxOutstanding: 0 },
        { maxOutstanding: 1.5 },
        { maxOutstanding: NaN },
        { maxAbandoned: -1 },
        { maxAbandoned: Infinity }
      ]) {
        const error = yield* Effect.flip(Netconf.connect({ transport: device.transport, ...options }))
        assert.instanceOf(error, InputError)
        assert.strictEqual(error._tag === "InputError" && error.what, Object.keys(options)[0])
      }
      assert.strictEqual(device.sessions.size, 0)
    })
  )

  it.effect("says what the session is", () =>
    Effect.gen(function* () {
      const { session } = yield* connect({ label: "leaf", capabilities: ["urn:mine"], profile: Profile.srOs })
      assert.deepInclude(session, {
        label: "leaf",
        peer: "peer",
        sessionId: 7,
        framing: "chunked",
        profile: Profile.srOs,
        notes: []
      })
      assert.deepStrictEqual({ ...session.transport }, { transport: "memory" })
      const { bytesIn, bytesOut } = session.statistics()
      assert.isAbove(bytesIn, 100)
      assert.isAbove(bytesOut, 100)
    })
  )

  it.effect("announces further capabilities of ours, escaped", () =>
    Effect.gen(function* () {
      const { peer } = yield* connect({ capabilities: ["urn:a?b=1&c=<2>"] })
      yield* settle
      assert.match(peer.hello!, /<capability>urn:a\?b=1&amp;c=&lt;2(>|&gt;)<\/capability>/)
    })
  )

  it.effect("chooses the profile from the hello unless it is given", () =>
    Effect.gen(function* () {
      const names = [...everything, "urn:nokia.com:nc:pc"]
      assert.strictEqual((yield* connect({ peer: names })).session.profile, Profile.srOs)
      assert.strictEqual((yield* connect({ peer: names, profile: Profile.generic })).session.profile, Profile.generic)
    })
  )

  it.effect("gives a session as a service that ends with its layer", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      const read = Effect.flatMap(NetconfSession, (session) => session.getConfig())
      const reply = yield* Effect.provide(read, Netconf.layer({ transport: device.transport }))
      assert.include(reply.xml, "<hostname>sim</hostname>")
      yield* settle
      assert.strictEqual(device.sessions.size, 0)
      assert.strictEqual(device.log.at(-1)?.operation, "close-session")
    })
  )

  it.effect("takes its options from a Config", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      const config = Config.map(Config.String("LABEL"), (label) => ({ label, transport: device.transport }))
      const layer = Netconf.layerConfig(config)
      const label = yield* NetconfSession.pipe(
        Effect.map((session) => session.label),
        Effect.provide(Layer.provide(layer, ConfigProvider.layer(ConfigProvider.fromEnvRecord({ LABEL: "leaf-07" }))))
      )
      assert.strictEqual(label, "leaf-07")
    })
  )

  it.effect("can be stood in for by a mock", () =>
    Effect.gen(function* () {
      // Facts have to be given, operations only as far as they are used.
      const facts = (yield* connect()).session
      const { capabilities, framing, label, notes, peer, profile, reactor, sessionId, transport, statistics } = facts
      const mock = Layer.mock(NetconfSession, {
        capabilities,
        framing,
        label,
        notes,
        peer,
        profile,
        reactor,
        sessionId,
        transport,
        statistics,
        save: () => Effect.succeed("not-needed" as const)
      })
      assert.strictEqual(
        yield* Effect.provide(
          Effect.flatMap(NetconfSession, (session) => session.save()),
          mock
        ),
        "not-needed"
      )
    })
  )

  it.effect("opens many sessions of one device side by side", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      yield* Effect.scoped(
        Effect.gen(function* () {
          const sessions = yield* Effect.forEach(
            Array.from({ length: 50 }),
            () => Netconf.connect({ transport: device.transport }),
            { concurrency: "unbounded" }
          )
          assert.strictEqual(new Set(sessions.map((session) => session.sessionId)).size, 50)
          yield* Effect.forEach(sessions, (session) => session.get(), { concurrency: "unbounded" })
        })
      )
      yield* settle
      assert.strictEqual(device.sessions.size, 0)
    })
  )
})
