/** Servers whose running is writable, with and without a startup datastore. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { interfaceXml, names, open, reset } from "./client.ts"

describe("writable-running", () => {
  it.live("is edited directly", () =>
    Effect.gen(function* () {
      const session = yield* Effect.tap(open("writable-running"), reset)
      yield* session.editConfig({ target: "running", config: interfaceXml("eth0") })
      assert.deepStrictEqual(yield* names(session), ["eth0"])
    })
  )

  it.live("is left alone by test-only", () =>
    Effect.gen(function* () {
      const session = yield* Effect.tap(open("writable-running"), reset)
      yield* session.editConfig({ target: "running", testOption: "test-only", config: interfaceXml("eth0") })
      assert.deepStrictEqual(yield* names(session), [])
    })
  )

  it.live("is what session.edit changes where there is no candidate", () =>
    Effect.gen(function* () {
      const session = yield* Effect.tap(open("writable-running"), reset)
      const report = yield* session.edit(interfaceXml("eth0"), { save: true })
      assert.strictEqual(report.target, "running")
      assert.strictEqual(report.saved, "not-needed")
      assert.deepStrictEqual(yield* names(session), ["eth0"])
    })
  )

  it.live("refuses commit before sending, and by itself when the check is overridden", () =>
    Effect.gen(function* () {
      const session = yield* open("writable-running")
      assert.strictEqual((yield* Effect.flip(session.commit()))._tag, "CapabilityError")
      const error = yield* Effect.flip(session.commit({ capabilityCheck: false }))
      assert.strictEqual(error._tag, "RpcError")
      if (error._tag === "RpcError") assert.isTrue(error.has("operation-not-supported"))
    })
  )
})

describe("startup", () => {
  it.live("keeps what is saved", () =>
    Effect.gen(function* () {
      const session = yield* Effect.tap(open("startup"), reset)
      yield* session.edit(interfaceXml("eth0"))
      assert.notInclude(yield* names(session, "startup"), "eth0")
      assert.strictEqual(yield* session.save(), "yes")
      assert.deepStrictEqual(yield* names(session, "startup"), ["eth0"])
    })
  )

  it.live("is written by an edit that saves", () =>
    Effect.gen(function* () {
      const session = yield* Effect.tap(open("startup"), reset)
      const report = yield* session.edit(interfaceXml("eth7"), { save: true })
      assert.strictEqual(report.saved, "yes")
      assert.include(yield* names(session, "startup"), "eth7")
    })
  )

  it.live("is deleted", () =>
    Effect.gen(function* () {
      const session = yield* Effect.tap(open("startup"), reset)
      yield* session.save()
      yield* session.deleteConfig({ target: "startup" })
    })
  )
})
