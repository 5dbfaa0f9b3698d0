/** Changes inside of a locked program: what one of them leaves behind is no part of the next. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Netconf from "../../../src/api/Netconf.ts"
import { Dialects, Faults, Refusal, SampleModel, SimulatedDevice } from "../../../src/testing.ts"
import { print } from "../../../src/xml/Print.ts"
import { settle, start, success } from "../../rpc/peer.ts"

const both = ["running", "candidate"] as const
const bad = `<system xmlns="${SampleModel.system}"><hostname>bad</hostname></system>`
const good = `<interfaces xmlns="${SampleModel.interfaces}"><interface><name>eth0</name><description>good</description></interface></interfaces>`

const open = (options: SimulatedDevice.Options = {}, more: Partial<Netconf.ConnectOptions> = {}) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make(options)
    const session = yield* Netconf.connect({ transport: device.transport, label: "leaf-01", ...more })
    const has = (name: string) => print(device.running).includes(`>${name}<`)
    const steps = () => device.log.map(({ operation }) => operation)
    return { device, session, has, steps }
  })

const refusal = Faults.refuse(Refusal.operationFailed("no"))

describe("a change inside of a locked program", () => {
  it.effect("is discarded when it is refused, so that the next one does not commit it", () =>
    Effect.gen(function* () {
      const { device, has, session } = yield* open()
      device.faults.add(refusal, { on: "validate", times: 1 })
      yield* session.locked(both, Effect.andThen(Effect.flip(session.edit(bad)), session.edit(good)))
      assert.deepStrictEqual([has("bad"), has("good")], [false, true])
    })
  )

  for (const [name, dialect] of [
    ["a device that follows the RFC", {}],
    ["one whose candidate keeps what was cancelled", Dialects.staleCandidate]
  ] as const) {
    it.effect(`is discarded when it is cancelled, on ${name}`, () =>
      Effect.gen(function* () {
        const { device, has, session } = yield* open({ dialect })
        const cancelled = session.confirmedCommit({ timeout: "1 minute", config: bad }, () => Effect.fail("unhealthy"))
        yield* session.locked(both, Effect.andThen(Effect.flip(cancelled), session.edit(good)))
        assert.deepStrictEqual([has("bad"), has("good")], [false, true])
        yield* Effect.flip(cancelled)
        assert.isFalse(device.candidateIsDirty)
        assert.isFalse(print(device.candidate).includes(">bad<"))
      })
    )
  }

  it.effect("is discarded when it is cancelled, also what the program has loaded itself", () =>
    Effect.gen(function* () {
      const { has, session } = yield* open({ dialect: Dialects.staleCandidate })
      const cancelled = session.confirmedCommit({ timeout: "1 minute" }, () => Effect.fail("unhealthy"))
      const program = Effect.gen(function* () {
        yield* session.editConfig({ target: "candidate", config: bad })
        yield* Effect.flip(cancelled)
        yield* session.editConfig({ target: "candidate", config: good })
        yield* session.commit()
      })
      yield* session.locked(both, program)
      assert.deepStrictEqual([has("bad"), has("good")], [false, true])
    })
  )

  it.effect("does not begin on edits that are not committed", () =>
    Effect.gen(function* () {
      const { session, steps } = yield* open()
      const edited = session.editConfig({ target: "candidate", config: bad })
      const confirmed = session.confirmedCommit({ timeout: "1 minute", config: good }, () => Effect.void)
      for (const next of [session.edit(good), confirmed]) {
        const error = yield* Effect.flip(session.locked(both, Effect.andThen(edited, next)))
        assert.isTrue(error._tag === "InputError" && error.what === "candidate", error.message)
      }
      assert.notInclude(steps(), "commit")
    })
  )

  it.effect("leaves the edits of the program around it when it fails itself", () =>
    Effect.gen(function* () {
      const { has, session } = yield* open()
      const edited = session.editConfig({ target: "candidate", config: good })
      const failed = Effect.flip(session.locked(["candidate"], Effect.fail("no")))
      yield* session.locked(both, Effect.andThen(Effect.andThen(edited, failed), session.commit()))
      assert.isTrue(has("good"))
    })
  )

  it.effect("ends the session when it cannot be discarded: the program around it would commit it", () =>
    Effect.gen(function* () {
      const { device, has, session } = yield* open()
      device.faults.add(refusal, { on: "validate", times: 1 })
      const program = Effect.gen(function* () {
        device.faults.add(refusal, { on: "discard-changes" })
        yield* Effect.ignore(session.edit(bad))
        yield* session.commit()
      })
      const error = yield* Effect.flip(session.locked(both, program))
      assert.strictEqual(error._tag, "ChannelError")
      assert.deepInclude(yield* session.closed, { by: "us" })
      assert.isFalse(has("bad"))
    })
  )
})

describe("a lock", () => {
  it.effect("is asked for after the answer to one that was abandoned, and after that is given back", () =>
    Effect.gen(function* () {
      const { device, session, steps } = yield* open({}, { maxOutstanding: 4 })
      device.faults.add(Faults.late("2 seconds"), { on: "lock", times: 1 })
      const first = yield* start(session.locked(["running"], Effect.void))
      yield* Fiber.interrupt(first)
      const second = yield* start(session.locked(["running"], Effect.void))
      for (const _ of [1, 2, 3, 4, 5]) yield* Effect.andThen(TestClock.adjust("500 millis"), settle)
      success(second)
      assert.deepStrictEqual(steps(), ["lock", "unlock", "lock", "unlock"])
    })
  )
})
