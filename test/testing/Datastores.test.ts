import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import { open, settle } from "./client.ts"
import { accepted, edit, hostname, hostnameOf, lock, refused } from "./requests.ts"

const confirmed = (inside = "") => `<commit><confirmed/>${inside}</commit>`
const timeout = (seconds: number | string) => `<confirm-timeout>${seconds}</confirm-timeout>`
const persist = (id: string) => `<persist>${id}</persist>`
const persistId = (id: string) => `<persist-id>${id}</persist-id>`

const setup = (options: SimulatedDevice.Options = {}) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make(options)
    return { device, one: yield* open(device.transport), two: yield* open(device.transport) }
  })

/** Each test begins with a confirmed commit of session 1. */
const pending = (parameters = "", options: SimulatedDevice.Options = {}) =>
  Effect.tap(setup(options), ({ one }) => accepted(one, edit("candidate", hostname("new")), confirmed(parameters)))

describe("Datastores: confirmed commit (§8.4)", () => {
  it.effect("rolls back after 600 seconds, and not before", () =>
    Effect.gen(function* () {
      const { device, one } = yield* pending()
      yield* TestClock.adjust("599 seconds")
      assert.strictEqual(yield* hostnameOf(one), "new")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* hostnameOf(one), "sim")
      assert.isUndefined(device.confirmedCommit)
    })
  )
  it.effect("stays when it is confirmed in time", () =>
    Effect.gen(function* () {
      const { device, one } = yield* pending(timeout(10))
      yield* TestClock.adjust("9 seconds")
      yield* accepted(one, "<commit/>")
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* hostnameOf(one), "new")
      assert.strictEqual(device.commits, 2)
    })
  )
  it.effect("starts its time again with each follow-up, and goes back to the beginning", () =>
    Effect.gen(function* () {
      const { one } = yield* pending(timeout(10))
      yield* TestClock.adjust("9 seconds")
      yield* accepted(one, edit("candidate", hostname("newer")), confirmed(timeout(20)))
      yield* TestClock.adjust("19 seconds")
      assert.strictEqual(yield* hostnameOf(one), "newer")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* hostnameOf(one), "sim")
    })
  )
  it.effect("is rolled back at once when its session ends", () =>
    Effect.gen(function* () {
      const { device, one, two } = yield* pending()
      yield* accepted(one, "<close-session/>")
      yield* one.ended
      assert.strictEqual(yield* hostnameOf(two), "sim")
      assert.isUndefined(device.confirmedCommit)
    })
  )
  it.effect("survives its session when it persists, and keeps its time", () =>
    Effect.gen(function* () {
      const { device, one, two } = yield* pending(timeout(100) + persist("id"))
      yield* TestClock.adjust("60 seconds")
      device.sessions.get(1)!.cut()
      yield* one.ended
      yield* settle
      assert.strictEqual(yield* hostnameOf(two), "new")
      yield* TestClock.adjust("39 seconds")
      assert.strictEqual(yield* hostnameOf(two), "new")
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* hostnameOf(two), "sim")
    })
  )
  it.effect("is confirmed or cancelled by its id from another session, and by nothing else", () =>
    Effect.gen(function* () {
      const { two } = yield* pending(persist("id"))
      yield* refused(two, "<commit/>", "missing-element")
      yield* refused(two, `<commit>${persistId("other")}</commit>`, "invalid-value")
      yield* refused(two, "<cancel-commit/>", "invalid-value")
      yield* refused(two, `<cancel-commit>${persistId("other")}</cancel-commit>`, "invalid-value")
      assert.include(yield* refused(two, lock("running"), "lock-denied"), "<session-id>1</session-id>")
      yield* accepted(two, `<commit>${persistId("id")}</commit>`)
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(yield* hostnameOf(two), "new")
      yield* refused(two, `<commit>${persistId("id")}</commit>`, "invalid-value")
    })
  )
  it.effect("keeps other sessions from committing while it does not persist", () =>
    Effect.gen(function* () {
      const { one, two } = yield* pending()
      yield* refused(two, "<commit/>", "in-use")
      yield* refused(two, "<cancel-commit/>", "invalid-value")
      yield* accepted(one, "<cancel-commit/>")
      assert.strictEqual(yield* hostnameOf(two), "sim")
      yield* refused(one, "<cancel-commit/>", "operation-failed")
    })
  )
  it.effect("refuses a timeout that is none, and parameters whose version it lacks", () =>
    Effect.gen(function* () {
      const { one } = yield* setup({ without: [":confirmed-commit:1.1"] })
      for (const bad of ["0", "-1", "1.5", "x", "4294967296"])
        yield* refused(one, confirmed(timeout(bad)), "invalid-value")
      yield* refused(one, confirmed(persist("id")), "unknown-element")
      yield* refused(one, "<cancel-commit/>", "operation-not-supported")
      yield* accepted(one, confirmed(timeout(1)))
      const none = yield* setup({ without: [":confirmed-commit"] })
      yield* refused(none.one, confirmed(), "unknown-element")
    })
  )
  it.effect("is undone by a reboot, which numbers sessions from 1 again", () =>
    Effect.gen(function* () {
      const { device, one, two } = yield* pending(persist("id"), { without: [":startup"] })
      device.reboot()
      assert.deepStrictEqual([(yield* one.ended).by, (yield* two.ended).by], ["peer", "peer"])
      const client = yield* open(device.transport)
      assert.deepStrictEqual([client.sessionId, yield* hostnameOf(client)], [1, "sim"])
      yield* refused(client, `<commit>${persistId("id")}</commit>`, "invalid-value")
      yield* TestClock.adjust("1 hour")
    })
  )
  it.effect("leaves no timer behind with its device", () =>
    Effect.gen(function* () {
      const device = yield* Effect.scoped(Effect.map(pending(), ({ device }) => device))
      const { running } = device
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(device.running, running)
      assert.strictEqual(device.sessions.size, 0)
    })
  )
})

describe("Datastores: reboot", () => {
  it.effect("starts from startup and loses what was not saved", () =>
    Effect.gen(function* () {
      const { device, one } = yield* setup()
      yield* accepted(one, edit("running", hostname("unsaved")), lock("running"))
      device.reboot()
      const client = yield* open(device.transport)
      assert.strictEqual(yield* hostnameOf(client), "sim")
      yield* accepted(client, lock("running"))
    })
  )
})
