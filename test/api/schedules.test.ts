/** Schedules of events under which a session must not lie, hang, or touch what is not its own. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Latch from "effect/Latch"
import * as TestClock from "effect/testing/TestClock"
import * as Netconf from "../../src/api/Netconf.ts"
import { OperationPool } from "../../src/sessions/OperationPool.ts"
import * as Pool from "../../src/sessions/OperationPool.ts"
import { Faults, SampleModel, SimulatedDevice } from "../../src/testing.ts"
import { print } from "../../src/xml/Print.ts"
import { connect, failure, isWaiting, obliging, replyOf, rpcError, settle, start, success } from "../rpc/peer.ts"

const hostname = (name: string) => `<system xmlns="${SampleModel.system}"><hostname>${name}</hostname></system>`

const device = (options: SimulatedDevice.Options = {}, more: Partial<Netconf.ConnectOptions> = {}) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make(options)
    const session = yield* Netconf.connect({ transport: device.transport, ...more })
    const names = () => device.log.map((entry) => entry.operation)
    return { device, session, names, runs: (name: string) => print(device.running).includes(`<hostname>${name}</`) }
  })

describe("two programs inside of one lock", () => {
  it.effect("take turns, so that neither gives back or commits what is the other's", () =>
    Effect.gen(function* () {
      const { device: one, names, runs, session } = yield* device()
      const gate = Latch.makeUnsafe()
      const first = session.locked(
        ["candidate"],
        Effect.gen(function* () {
          yield* session.editConfig({ target: "candidate", config: hostname("r1") })
          yield* gate.await
          yield* session.commit()
        })
      )
      const second = session.locked(
        ["candidate"],
        Effect.sync(() => runs("r1"))
      )
      const both = yield* start(
        session.locked(["running"], Effect.all([first, Effect.exit(second)], { concurrency: 2 }))
      )
      assert.strictEqual(names().filter((name) => name === "lock").length, 2)
      yield* gate.open
      const [, saw] = yield* Fiber.join(both)
      assert.isTrue(Exit.isSuccess(saw) && saw.value)
      assert.strictEqual(names().filter((name) => name === "unlock").length, 3)
      assert.strictEqual(one.locks.size, 0)
    })
  )
})

describe("a program under locks", () => {
  it.effect("leaves nothing inside: a fiber that it started waits outside while its locks are given back", () =>
    Effect.gen(function* () {
      const { device: one, names, session } = yield* device()
      const left = yield* session.locked(
        ["running", "candidate"],
        Effect.forkScoped(
          Effect.andThen(settle, session.editConfig({ target: "candidate", config: hostname("late") })),
          { startImmediately: true }
        )
      )
      yield* Fiber.await(left)
      const edit = names().indexOf("edit-config")
      assert.isTrue(edit === -1 || edit > names().lastIndexOf("unlock"), names().join(" "))
      assert.strictEqual(one.locks.size, 0)
    })
  )

  it.effect("may hold two devices at once, in either nesting", () =>
    Effect.gen(function* () {
      const { device: one, runs: oneRuns, session: a } = yield* device()
      const { device: two, session: b } = yield* device()
      yield* a.locked(
        ["candidate"],
        b.locked(
          ["candidate"],
          Effect.andThen(a.editConfig({ target: "candidate", config: hostname("r1") }), a.commit())
        )
      )
      assert.isTrue(oneRuns("r1"))
      assert.strictEqual(one.locks.size + two.locks.size, 0)
    })
  )

  it.effect("makes others wait no longer than their queue deadline", () =>
    Effect.gen(function* () {
      const { session } = yield* device({}, { deadlines: { queue: "2 seconds" } })
      const holder = yield* start(session.locked(["running"], Effect.never))
      const waiting = yield* start(session.editConfig({ config: hostname("r1") }))
      assert.isTrue(isWaiting(waiting))
      yield* TestClock.adjust("3 seconds")
      yield* settle
      const error = failure(waiting)
      assert.isTrue(error._tag === "DeadlineError" && error.phase === "queue")
      yield* Fiber.interrupt(holder)
    })
  )

  it.effect(
    "has succeeded when the session ends with the answer to its last step: the device has released its locks",
    () =>
      Effect.gen(function* () {
        const { device: one, runs, session } = yield* device()
        one.faults.add(Faults.closeAfter(), { on: "unlock" })
        const exit = yield* Effect.exit(session.edit(hostname("r1")))
        assert.isTrue(Exit.isSuccess(exit))
        assert.isTrue(runs("r1"))
      })
  )

  it.effect("is never called retryable once its change is applied", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      peer.onRpc = (rpc, peer) => (rpc.name === "unlock" ? peer.reply(rpc, rpcError("in-use")) : obliging(rpc, peer))
      const error = yield* Effect.flip(session.edit("<a/>"))
      assert.isFalse(error.isRetryable)
      assert.include(error.message, "the change is applied")
    })
  )
})

describe("a confirmed commit", () => {
  it.effect("that succeeded with an unwelcome warning is not cancelled", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      peer.onRpc = (rpc, peer) =>
        peer.reply(rpc, rpc.name === "commit" ? `${rpcError("operation-failed", "", "warning")}<ok/>` : "<ok/>")
      const error = yield* Effect.flip(session.commit({ confirmed: true, persist: "a", warnings: "fail" }))
      assert.include(error.message, "and did it")
      assert.deepStrictEqual(peer.names, ["commit"])
    })
  )

  it.effect("survives the refusal of its extension", () =>
    Effect.gen(function* () {
      for (const extension of [{ confirmed: true, persistId: "a" }, { confirmed: true }] as const) {
        const { peer, session } = yield* connect()
        peer.onRpc = obliging
        yield* session.commit({ confirmed: true, ...("persistId" in extension ? { persist: "a" } : {}) })
        peer.onRpc = (rpc, peer) => peer.reply(rpc, rpcError("lock-denied"))
        yield* Effect.flip(session.commit(extension))
        assert.deepStrictEqual(peer.names, ["commit", "commit"])
      }
    })
  )

  it.effect("is confirmed through a pool that is paused", () =>
    Effect.gen(function* () {
      const pool = new OperationPool(1)
      const { peer, session } = yield* connect().pipe(Effect.provideService(Pool.Current, pool))
      peer.onRpc = obliging
      yield* session.commit({ confirmed: true })
      yield* pool.resize(0)
      const other = yield* start(session.get())
      const confirming = yield* start(session.commit())
      success(confirming)
      assert.isTrue(isWaiting(other))
      const next = yield* start(session.commit())
      assert.isTrue(isWaiting(next))
      yield* pool.resize(1)
      yield* settle
      success(next)
    })
  )
})

describe("a reply that never ends", () => {
  it.effect("does not hold up the end of a session, however steadily it trickles", () =>
    Effect.gen(function* () {
      const { close, peer, session } = yield* connect({ deadlines: { close: "1 second", progress: "1 second" } })
      peer.onRpc = (rpc, peer) => peer.bytes(peer.frame(replyOf(rpc.id, `<ok/>${" ".repeat(10_000)}`)).subarray(0, 200))
      const closing = yield* start(close)
      for (let i = 0; i < 20 && isWaiting(closing); i++) {
        peer.bytes(" ")
        yield* settle
        yield* TestClock.adjust("100 millis")
      }
      yield* settle
      success(closing)
      assert.deepInclude(yield* session.closed, { by: "us" })
    })
  )

  it.effect("fails its call as soon as it exceeds the limit, and the session goes on", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ limits: { bytes: 1000 } })
      const commit = yield* start(session.commit())
      const frame = peer.frame(replyOf(commit === undefined ? "" : peer.last.id, `<ok/>${" ".repeat(5000)}`))
      peer.bytes(frame.subarray(0, 3000))
      yield* settle
      const error = failure(commit)
      assert.strictEqual(error._tag, "CommitUnknownError")
      assert.include(error.message, "more than the limit of 1000")
      peer.bytes(frame.subarray(3000))
      peer.onRpc = obliging
      yield* session.get()
    })
  )
})
