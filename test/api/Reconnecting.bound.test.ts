/** What happens on one session the whole way, while the session it is called on comes and goes. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import type { Session } from "../../src/api/Session.ts"
import { Dialects, Faults } from "../../src/testing.ts"
import { failure, isWaiting, settle, start, success } from "../rpc/peer.ts"
import { both, hostname, open, pass } from "./comingBack.ts"

describe("a program on one session of many", () => {
  it.effect("keeps its session under locks, for whatever it calls and its fibers too, and fails with it", () =>
    Effect.gen(function* () {
      const { cut, log, session } = yield* open()
      const program = Effect.gen(function* () {
        yield* session.editConfig({ target: "candidate", config: hostname("r1") })
        yield* Effect.all([session.get(), session.locked(["startup"], session.getConfig())], { concurrency: 2 })
        assert.strictEqual((yield* session.current).sessionId, 1)
        return yield* Effect.never
      })
      const call = yield* start(session.locked(both, program))
      assert.isTrue(isWaiting(call))
      yield* cut
      const error = failure(call)
      assert.isTrue(error._tag === "ChannelError")
      yield* pass("10 seconds")
      assert.isTrue(log().every((entry) => entry.startsWith("1:")))
    })
  )

  it.effect("never repeats a read under locks", () =>
    Effect.gen(function* () {
      const { device, log, session } = yield* open()
      device.faults.add(Faults.closeBefore("network"), { on: "get", times: 1 })
      const call = yield* start(session.locked(["running"], session.get()))
      yield* pass("10 seconds")
      assert.strictEqual(failure(call)._tag, "ChannelError")
      assert.deepStrictEqual(log(), ["1:lock", "1:get"])
    })
  )

  it.effect("reaches no later session from its finalizers", () =>
    Effect.gen(function* () {
      const { cut, log, session } = yield* open()
      let ended: Exit.Exit<unknown, unknown> | undefined
      const finalizer = Effect.gen(function* () {
        yield* settle
        ended = yield* Effect.exit(session.commit())
      })
      const call = yield* start(session.locked(both, Effect.ensuring(Effect.never, finalizer)))
      yield* cut
      yield* pass("10 seconds")
      assert.isTrue(ended !== undefined && Exit.isFailure(ended))
      failure(call)
      assert.notInclude(log().join(" "), "commit")
    })
  )

  it.effect("is over for the fibers that it leaves behind", () =>
    Effect.gen(function* () {
      const { cut, session } = yield* open()
      const left = yield* session.locked(
        ["running"],
        Effect.forkScoped(Effect.andThen(Effect.sleep("10 seconds"), session.getConfig()))
      )
      yield* cut
      yield* pass("10 seconds")
      assert.isAbove(success(left).bytes, 0)
      assert.strictEqual(session.sessionId, 2)
    })
  )

  it.effect("confirms a commit by its id although its session is lost, and is bound in its check", () =>
    Effect.gen(function* () {
      const { cut, device, runs, session } = yield* open()
      let inside: Exit.Exit<unknown, unknown> | undefined
      const recorded: Array<string> = []
      const options = {
        timeout: "60 seconds",
        config: hostname("r1"),
        record: (id: string) => Effect.sync(() => void recorded.push(id))
      } as const
      const call = yield* start(
        session.confirmedCommit(options, (other) =>
          Effect.gen(function* () {
            assert.strictEqual((yield* session.current).sessionId, 1)
            device.sessions.get(1)!.cut()
            yield* settle
            inside = yield* Effect.exit(session.get())
            return yield* other.get()
          })
        )
      )
      yield* settle
      yield* settle
      success(call)
      assert.isTrue(inside !== undefined && Exit.isFailure(inside))
      assert.isTrue(runs("r1"))
      assert.isUndefined(device.confirmedCommit)
      assert.lengthOf(recorded, 1)
      yield* cut
    })
  )
})

describe("what single operations had acquired on a lost session", () => {
  it.effect("is not believed in: changes are refused until the lock is taken again or given up", () =>
    Effect.gen(function* () {
      const { cut, log, runs, session } = yield* open()
      yield* session.lock()
      yield* cut
      yield* pass("2 seconds")
      const error = yield* Effect.flip(session.editConfig({ config: hostname("r1") }))
      assert.isTrue(error._tag === "ChannelError" && error.phase === "write" && !error.isRetryable)
      assert.include(error.message, "edit-config on leaf-01 (session 2): the lock of running was lost")
      assert.isAbove((yield* session.get()).bytes, 0)
      yield* session.locked(both, Effect.void)
      yield* session.lock()
      yield* session.editConfig({ config: hostname("r1") })
      assert.isTrue(runs("r1"))
      yield* session.unlock()
      assert.strictEqual(log().filter((entry) => entry === "2:edit-config").length, 1)
    })
  )

  it.effect("is given up by unlock, which says so", () =>
    Effect.gen(function* () {
      const { cut, log, runs, session } = yield* open()
      yield* session.lock()
      yield* cut
      yield* pass("2 seconds")
      const error = yield* Effect.flip(session.unlock())
      assert.include(error.message, "the lock of running was lost with an earlier session")
      yield* session.editConfig({ config: hostname("r1") })
      assert.isTrue(runs("r1"))
      assert.notInclude(log(), "2:unlock")
      yield* cut
      yield* pass("4 seconds")
      yield* session.editConfig({ config: hostname("r2") })
      assert.isTrue(runs("r2"))
    })
  )

  it.effect("is not committed: edits of the candidate are made again after a discard", () =>
    Effect.gen(function* () {
      const { cut, device, session } = yield* open()
      yield* session.editConfig({ target: "candidate", config: hostname("r1") })
      yield* cut
      yield* pass("2 seconds")
      const error = yield* Effect.flip(session.commit())
      assert.include(error.message, "commit on leaf-01 (session 2): the candidate was edited on an earlier session")
      assert.strictEqual(device.commits, 0)
      yield* session.discardChanges()
      yield* session.editConfig({ target: "candidate", config: hostname("r2") })
      yield* session.commit()
      assert.strictEqual(device.commits, 1)
    })
  )

  it.effect("does not keep a commit from being confirmed, or taken back, by its id", () =>
    Effect.gen(function* () {
      for (const confirms of [true, false]) {
        const { cut, device, runs, session } = yield* open()
        yield* session.lock({ target: "candidate" })
        yield* session.editConfig({ target: "candidate", config: hostname("r1") })
        yield* session.commit({ confirmed: true, persist: "id", confirmTimeout: "1 minute" })
        yield* cut
        yield* pass("2 seconds")
        yield* confirms ? session.commit({ persistId: "id" }) : session.cancelCommit({ persistId: "id" })
        assert.strictEqual(runs("r1"), confirms)
        assert.isUndefined(device.confirmedCommit)
      }
    })
  )

  it.effect("does not outlive its unlock and its commit", () =>
    Effect.gen(function* () {
      const { cut, device, session } = yield* open()
      yield* session.lock({ target: "candidate" })
      yield* session.editConfig({ target: "candidate", config: hostname("r1") })
      yield* session.commit()
      yield* session.unlock({ target: "candidate" })
      yield* cut
      yield* pass("2 seconds")
      yield* session.editConfig({ target: "candidate", config: hostname("r2") })
      yield* session.commit()
      assert.strictEqual(device.commits, 2)
    })
  )
})

describe("a confirmed commit that was lost with its session", () => {
  for (const [dialect, options] of [
    ["the standard", {}],
    ["a candidate that outlives its session", { dialect: { ...Dialects.dirtyCandidate, ...Dialects.staleCandidate } }]
  ] as const) {
    for (const [how, commits] of [
      ["by itself", (session: Session) => session.commit({ confirmed: true, confirmTimeout: "1 minute" })],
      [
        "under locks",
        (session: Session) => session.locked(both, Effect.andThen(edited(session), session.commit({ confirmed: true })))
      ]
    ] as const) {
      it.effect(`is not confirmed on the next one, ${how}, with ${dialect}`, () =>
        Effect.gen(function* () {
          const { cut, device, log, runs, session } = yield* open({}, options)
          if (how === "by itself") yield* edited(session)
          yield* commits(session)
          assert.isTrue(runs("unverified"))
          yield* cut
          yield* pass("2 seconds")
          assert.isFalse(runs("unverified"))
          for (const confirming of [session.commit(), session.commit({ confirmed: true })]) {
            const error = yield* Effect.flip(confirming)
            assert.isTrue(error._tag === "ChannelError" && error.phase === "write" && !error.isRetryable)
            assert.include(error.message, "the confirmed commit was rolled back with an earlier session")
          }
          assert.notInclude(log(), "2:commit")
          yield* session.discardChanges()
          yield* session.editConfig({ target: "candidate", config: hostname("r2") })
          yield* session.commit()
          assert.isTrue(runs("r2"))
          assert.isUndefined(device.confirmedCommit)
        })
      )
    }
  }

  it.effect("is forgotten with a new edit, and once it was confirmed", () =>
    Effect.gen(function* () {
      const { cut, runs, session } = yield* open()
      yield* edited(session)
      yield* session.commit({ confirmed: true })
      yield* cut
      yield* pass("2 seconds")
      yield* session.editConfig({ target: "candidate", config: hostname("r2") })
      yield* session.commit({ confirmed: true })
      yield* session.commit()
      yield* cut
      yield* pass("4 seconds")
      yield* session.commit()
      assert.isTrue(runs("r2"))
    })
  )
})

const edited = (session: Session) => session.editConfig({ target: "candidate", config: hostname("unverified") })

describe("a schedule that dies", () => {
  it.effect("is why the session has stopped", () =>
    Effect.gen(function* () {
      const dying = Effect.die(new Error("no such delay"))
      const schedule = Schedule.modifyDelay(Schedule.spaced("1 second"), () => dying)
      const { cut, session } = yield* open({ schedule })
      yield* cut
      yield* pass("2 seconds")
      const { by, detail } = yield* session.closed
      assert.strictEqual(by, "us")
      assert.include(detail, "no such delay")
      assert.include((yield* Effect.flip(session.get())).message, "no such delay")
    })
  )
})
