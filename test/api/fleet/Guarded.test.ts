/** Sessions that a program has left something on for a later one, and sessions that a program wants besides its own. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { Fleet, type Program } from "../../../src/api/Fleet.ts"
import type { Session } from "../../../src/api/Session.ts"
import { Dialects, SampleModel } from "../../../src/testing.ts"
import { settle } from "../../rpc/peer.ts"
import { fleetOf, simulated } from "../fleet.ts"

/** A session in a scope of its own, and how to let go of it. */
const held = (fleet: Fleet["Service"], name: string) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const session = yield* Scope.provide(fleet.session(name), scope)
    return { session, release: Scope.close(scope, Exit.void) }
  })

/** Asks in a fiber of its own; says whether it has come. */
const asking = (fleet: Fleet["Service"], name: string) =>
  Effect.map(Effect.forkChild(held(fleet, name), { startImmediately: true }), (fiber) => ({
    fiber,
    came: () => fiber.pollUnsafe() !== undefined
  }))

const config = `<system xmlns="${SampleModel.system}"><hostname>leaf-01</hostname></system>`

describe("a session on which a program has left something for a later one", () => {
  const edited = (session: Session) => session.editConfig({ target: "candidate", config })
  const used = <A, E>(fleet: Fleet["Service"], program: (session: Session) => Effect.Effect<A, E>) =>
    Effect.scoped(Effect.flatMap(fleet.session("a"), program))
  const left = [
    [
      "an unconfirmed commit",
      (session: Session) => Effect.andThen(edited(session), session.commit({ confirmed: true }))
    ],
    ["a lock", (session: Session) => session.lock()],
    ["edits of the candidate", edited]
  ] as const

  for (const [what, program] of left) {
    it.effect(`is not closed as idle: ${what}`, () =>
      Effect.gen(function* () {
        const { device, fleet: devices } = yield* simulated(["a"])
        const { fleet } = yield* fleetOf(devices, { idleTime: "10 seconds" })
        yield* used(fleet, program)
        yield* TestClock.adjust("45 seconds")
        yield* settle
        assert.strictEqual(device("a").sessions.size, 1)
        yield* used(fleet, (session) => Effect.andThen(session.discardChanges(), Effect.ignore(session.commit())))
        yield* used(fleet, (session) => Effect.ignore(session.unlock()))
        yield* TestClock.adjust("11 seconds")
        yield* TestClock.adjust("11 seconds")
        yield* settle
        assert.strictEqual(device("a").sessions.size, 0)
      })
    )
  }

  it.effect("makes room after those on which nothing is left, and never with an unconfirmed commit", () =>
    Effect.gen(function* () {
      const { device, fleet: devices } = yield* simulated(["a", "b", "c", "d", "e"])
      const { fleet } = yield* fleetOf(devices, { maxSessions: 3 })
      const on = (name: string, program: (session: Session) => Effect.Effect<unknown, unknown>) =>
        Effect.scoped(Effect.flatMap(fleet.session(name), program))
      yield* on("a", (session) => Effect.andThen(edited(session), session.commit({ confirmed: true })))
      yield* on("b", edited)
      yield* on("c", (session) => session.get())
      const open = () => ["a", "b", "c", "d", "e"].filter((name) => device(name).sessions.size === 1).join("")
      yield* on("d", edited)
      assert.strictEqual(open(), "abd")
      yield* on("e", (session) => session.get())
      assert.strictEqual(open(), "ade")
    })
  )

  for (const [what, program, relying, message] of [
    [left[0][0], left[0][1], (session: Session) => session.commit(), /the confirmed commit was rolled back/],
    [left[1][0], left[1][1], (session: Session) => session.editConfig({ config }), /the lock of running was lost/],
    [left[2][0], left[2][1], (session: Session) => session.commit(), /the candidate was edited on an earlier session/]
  ] as const) {
    it.effect(`is lost with it: what relies on ${what} is refused`, () =>
      Effect.gen(function* () {
        const { device, fleet: devices } = yield* simulated(["a"], { dialect: Dialects.staleCandidate })
        const { fleet } = yield* fleetOf(devices)
        yield* used(fleet, program)
        for (const session of device("a").sessions.values()) session.cut()
        yield* settle
        const commits = device("a").commits
        const error = yield* used(fleet, (session) => Effect.flip(relying(session)))
        assert.match(error.message, message)
        assert.strictEqual(device("a").commits, commits)
        yield* used(fleet, (session) => session.get())
        const change = `<system xmlns="${SampleModel.system}"><hostname>leaf-02</hostname></system>`
        // A device refuses the lock of a candidate that somebody has edited (RFC 6241 §7.5).
        if (program === edited) yield* used(fleet, (session) => session.discardChanges())
        yield* used(fleet, (session) =>
          session.locked(["running", "candidate"], Effect.andThen(edited(session), session.commit()))
        )
        yield* used(fleet, (session) => session.lock())
        yield* used(fleet, (session) => session.unlock())
        yield* used(fleet, (session) => session.discardChanges())
        yield* used(fleet, (session) => session.editConfig({ target: "candidate", config: change }))
        yield* used(fleet, (session) => session.commit())
        for (const session of device("a").sessions.values()) session.cut()
        yield* settle
        yield* used(fleet, (session) => session.commit())
      })
    )
  }
})

describe("a program that holds a session", () => {
  it.effect("does not wait for that of another device, which may wait for this one", () =>
    Effect.gen(function* () {
      const { device, fleet: devices } = yield* simulated(["a", "b", "c", "d"])
      const { fleet } = yield* fleetOf(devices, { maxSessions: 2 })
      const others: Record<string, string> = { a: "c", b: "d" }
      const program: Program<unknown, unknown, never> = (session, { name }) =>
        session.locked(
          ["running"],
          Effect.andThen(
            session.getConfig(),
            used(fleet, others[name]!, (other) => other.getConfig())
          )
        )
      // Somebody without a session waits for this one already.
      const held1 = yield* held(fleet, "a")
      const held2 = yield* held(fleet, "b")
      const waiting = yield* asking(fleet, "c")
      yield* settle
      assert.isFalse(waiting.came())
      const run = yield* Effect.provideService(Fleet.start(program, { devices: ["a", "b"] }), Fleet, fleet)
      yield* settle
      const { counts } = yield* run.summary
      assert.strictEqual(counts.succeeded, 2)
      assert.isTrue(waiting.came())
      assert.strictEqual(fleet.statistics().sessions, 4)
      assert.strictEqual(device("a").locks.size, 0)
      yield* Effect.andThen(held1.release, held2.release)
      yield* Effect.flatMap(Fiber.join(waiting.fiber), ({ release }) => release)
      assert.strictEqual(fleet.statistics().waiting, 0)
    }).pipe(Effect.scoped)
  )

  const used = <A, E>(fleet: Fleet["Service"], name: string, program: (session: Session) => Effect.Effect<A, E>) =>
    Effect.scoped(Effect.flatMap(fleet.session(name), program))
})
