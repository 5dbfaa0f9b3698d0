/** Who waits at the gate of a session, for whom and for how long (docs/concurrency.md). */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Audit from "../../../src/api/Audit.ts"
import * as Netconf from "../../../src/api/Netconf.ts"
import * as OperationPool from "../../../src/sessions/OperationPool.ts"
import { Faults, Refusal, SampleModel, SimulatedDevice } from "../../../src/testing.ts"
import { print } from "../../../src/xml/Print.ts"
import { failure, isWaiting, settle, start, success } from "../../rpc/peer.ts"

const both = ["running", "candidate"] as const
const toCandidate = (name: string) =>
  ({
    target: "candidate",
    config: `<system xmlns="${SampleModel.system}"><hostname>${name}</hostname></system>`
  }) as const

const open = (options: Partial<Netconf.ConnectOptions> = {}) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make()
    const session = yield* Netconf.connect({ transport: device.transport, label: "leaf-01", ...options })
    const steps = () => device.log.map(({ operation }) => operation)
    const candidateIs = (name: string) => print(device.candidate).includes(`<hostname>${name}</hostname>`)
    return { device, session, steps, candidateIs, cut: () => device.sessions.get(1)!.cut() }
  })

const pass = (seconds: number) => Effect.andThen(TestClock.adjust(seconds * 1000), settle)

/** Runs with a pool that nobody else uses. */
const paused = <A, E, R>(program: (pool: OperationPool.OperationPool) => Effect.Effect<A, E, R>) =>
  Effect.flatMap(OperationPool.Current, program).pipe(Effect.provide(OperationPool.layer(0)))

describe("the gate", () => {
  it.effect("lets nobody in before a change that is under way has ended, whatever that still waits for", () =>
    Effect.gen(function* () {
      const { session, steps } = yield* open({ maxOutstanding: 2 })
      const record = ({ operation, outcome }: Audit.Entry) =>
        operation === "commit" && outcome === "started" ? Effect.sleep("2 seconds") : Effect.void
      const theirs = yield* start(Effect.provideService(session.commit(), Audit.Current, { record }))
      const ours = yield* start(
        session.locked(both, Effect.andThen(session.editConfig(toCandidate("half")), Effect.never))
      )
      assert.deepStrictEqual(steps(), [])
      yield* pass(2)
      success(theirs)
      assert.deepStrictEqual(steps(), ["commit", "lock", "lock", "discard-changes", "edit-config"])
      yield* Fiber.interrupt(ours)
    })
  )

  it.effect("does not hold up what takes a refused confirmed commit back", () =>
    Effect.gen(function* () {
      const { device, session, steps } = yield* open()
      device.faults.add(Faults.refuse(Refusal.operationFailed("no")), { on: "commit" })
      const call = yield* start(session.commit({ confirmed: true, persist: "7" }).pipe(Effect.delay("1 second")))
      device.faults.add(Faults.late("1 second"), { on: "commit" })
      yield* pass(1)
      const locked = yield* start(session.locked(["running"], Effect.never))
      yield* pass(1)
      failure(call)
      assert.include(steps(), "cancel-commit")
      assert.isTrue(isWaiting(locked))
      yield* Fiber.interrupt(locked)
    })
  )

  it.effect("counts an interrupted change no longer", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      device.faults.add(Faults.silence(), { on: "commit" })
      const call = yield* start(session.commit())
      yield* Fiber.interrupt(call)
      success(yield* start(session.locked(["running"], Effect.void)))
    })
  )

  it.effect("lets the next one in when one that waits is interrupted", () =>
    Effect.gen(function* () {
      const { session } = yield* open()
      const first = yield* start(session.locked(["running"], Effect.sleep("1 second")))
      const second = yield* start(session.locked(["running"], Effect.never))
      const third = yield* start(session.locked(["running"], Effect.void))
      yield* Fiber.interrupt(second)
      yield* pass(1)
      success(first)
      success(third)
    })
  )

  it.effect("lets programs inside of one take turns: none unlocks or discards under another", () =>
    Effect.gen(function* () {
      const { candidateIs, device, session } = yield* open()
      const short = session.locked(["candidate"], Effect.sleep("1 second"))
      const edit = Effect.andThen(session.editConfig(toCandidate("mine")), Effect.sleep("5 seconds"))
      const long = Effect.delay(session.locked(["candidate"], edit), "500 millis")
      const outer = yield* start(session.locked(["running"], Effect.all([short, long], { concurrency: "unbounded" })))
      for (const _ of [1, 2, 3, 4]) yield* pass(0.5)
      assert.deepStrictEqual([...device.locks.keys()], ["running", "candidate"])
      assert.isTrue(candidateIs("mine"))
      yield* pass(5)
      success(outer)
      assert.strictEqual(device.locks.size, 0)
    })
  )

  it.effect("keeps the rest of a program outside of another one that is inside of it", () =>
    Effect.gen(function* () {
      const { session, steps } = yield* open()
      const inner = session.locked(["candidate"], Effect.sleep("1 second"))
      const rest = Effect.delay(session.commit(), "500 millis")
      const outer = yield* start(session.locked(both, Effect.all([inner, rest], { concurrency: "unbounded" })))
      yield* pass(0.5)
      assert.notInclude(steps(), "commit")
      yield* pass(0.5)
      success(outer)
      assert.include(steps(), "commit")
    })
  )

  it.effect("cuts down what a program has left behind inside, before its locks are given back", () =>
    Effect.gen(function* () {
      const { device, session, steps } = yield* open()
      const left = session.locked(["candidate"], Effect.never)
      const outer = yield* start(session.locked(["running"], Effect.andThen(start(left), Effect.sleep("1 second"))))
      assert.strictEqual(device.locks.size, 2)
      yield* pass(1)
      success(outer)
      assert.deepStrictEqual(steps().slice(-3), ["discard-changes", "unlock", "unlock"])
      assert.strictEqual(device.locks.size, 0)
      success(yield* start(session.locked(both, Effect.void)))
    })
  )

  it.effect("opens again when a program has left before what it had left behind inside", () =>
    Effect.gen(function* () {
      const { session } = yield* open()
      const left = session.locked(
        ["candidate"],
        Effect.onInterrupt(Effect.never, () => Effect.sleep("1 second"))
      )
      const middle = session.locked(["candidate"], start(left))
      const outer = yield* start(session.locked(both, middle))
      assert.isTrue(isWaiting(outer))
      yield* pass(1)
      success(outer)
      success(yield* start(session.locked(both, Effect.void)))
    })
  )

  it.effect("serves all who wait, one after the other", () =>
    Effect.gen(function* () {
      const { session } = yield* open()
      const first = yield* start(session.locked(["running"], Effect.sleep("1 second")))
      let served = 0
      const one = Effect.sync(() => void served++)
      const calls = yield* Effect.forEach(Array.from({ length: 200 }), (_, i) =>
        start(i % 2 === 0 ? session.locked(["running"], one) : Effect.andThen(session.discardChanges(), one))
      )
      yield* pass(1)
      for (let i = 0; i < 400 && calls.some(isWaiting); i++) yield* settle
      success(first)
      for (const call of calls) success(call)
      assert.strictEqual(served, 200)
    })
  )

  it.effect("lets a program wait no longer than the queue deadline", () =>
    Effect.gen(function* () {
      const deadlines = { queue: "5 seconds" } as const
      const [a, b] = [yield* open({ deadlines }), yield* open({ deadlines })]
      const inside = (one: typeof a, other: typeof a) =>
        one.session.locked(["running"], Effect.delay(other.session.locked(["running"], Effect.void), "1 second"))
      const calls = [yield* start(inside(a, b)), yield* start(inside(b, a))]
      yield* pass(1)
      yield* pass(5)
      // Whoever gives up first lets the other one in.
      const error = failure(calls[0]!)
      assert.isTrue(error._tag === "DeadlineError" && error.phase === "queue", error.message)
      assert.include(error.message, "lock on leaf-01 (session 1)")
      assert.isFalse(isWaiting(calls[1]!))
      assert.strictEqual(a.device.locks.size + b.device.locks.size, 0)
    })
  )

  it.effect("lets nobody wait for a session that has ended", () =>
    Effect.gen(function* () {
      const { cut, session } = yield* open()
      const check = () => Effect.sleep("29 minutes")
      const config = toCandidate("r1").config
      const outliving = yield* start(session.confirmedCommit({ timeout: "30 minutes", config }, check))
      const waiting = [
        yield* start(Effect.asVoid(session.editConfig(toCandidate("x")))),
        yield* start(session.locked(["running"], Effect.void))
      ]
      cut()
      yield* settle
      assert.isFalse(waiting.some(isWaiting))
      const later = [
        yield* start(Effect.asVoid(session.discardChanges())),
        yield* start(session.locked(both, Effect.void))
      ]
      for (const call of [...waiting, ...later]) {
        const error = failure(call)
        assert.isTrue(error._tag === "ChannelError" && error.phase === "write", error.message)
      }
      assert.isTrue(isWaiting(outliving))
      yield* Fiber.interrupt(outliving)
    })
  )
})

describe("the pool", () => {
  it.effect("lets nobody wait for a session that has ended", () =>
    paused((pool) =>
      Effect.gen(function* () {
        const { cut, session } = yield* open({ maxOutstanding: 2 })
        const calls = [
          yield* start(session.getConfig()),
          yield* start(session.getConfig()),
          yield* start(session.commit())
        ]
        cut()
        yield* settle
        calls.push(yield* start(session.getConfig()))
        for (const call of calls) {
          const error = failure(call)
          assert.isTrue(error._tag === "ChannelError" && error.phase === "write", error.message)
        }
        const { running, waiting } = pool.statistics()
        assert.deepStrictEqual([running, waiting], [0, 0])
      })
    )
  )
})
