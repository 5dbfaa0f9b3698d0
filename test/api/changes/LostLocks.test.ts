/** A program under locks: docs/change-safety.md, "A session that ends under a program". */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Netconf from "../../../src/api/Netconf.ts"
import type { Session } from "../../../src/api/Session.ts"
import { Faults, SampleModel, SimulatedDevice } from "../../../src/testing.ts"
import { print } from "../../../src/xml/Print.ts"
import { failure, isWaiting, settle, start, success } from "../../rpc/peer.ts"

const both = ["running", "candidate"] as const
const hostname = (name: string) => `<system xmlns="${SampleModel.system}"><hostname>${name}</hostname></system>`
const toCandidate = (name: string) => ({ target: "candidate", config: hostname(name) }) as const

const open = (options: SimulatedDevice.Options = {}) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make(options)
    const session = yield* Netconf.connect({ transport: device.transport, label: "leaf-01" })
    const runs = (name: string) => print(device.running).includes(`<hostname>${name}</hostname>`)
    return { device, session, runs, cut: () => device.sessions.get(1)!.cut() }
  })

const change = (session: Session, name: string) =>
  Effect.andThen(session.editConfig(toCandidate(name)), session.commit())

describe("a program under locks whose session ends", () => {
  it.effect("is interrupted at once, with its finalizers, and fails with what ended the session", () =>
    Effect.gen(function* () {
      const { cut, session } = yield* open()
      const seen: Array<string> = []
      const program = Effect.never.pipe(Effect.onInterrupt(() => Effect.sync(() => void seen.push("interrupted"))))
      const call = yield* start(
        session.locked(
          both,
          Effect.ensuring(
            program,
            Effect.andThen(
              settle,
              Effect.sync(() => void seen.push("finalized"))
            )
          )
        )
      )
      cut()
      yield* settle
      yield* settle
      assert.deepStrictEqual(seen, ["interrupted", "finalized"])
      const error = failure(call)
      assert.isTrue(error._tag === "ChannelError" && error.phase === "closed" && error.isRetryable, error.message)
      assert.match(error.message, /on leaf-01 \(session 1\): .*; the locks of the program are lost with the session$/)
    })
  )

  it.effect("is not called retryable when it had sent a change", () =>
    Effect.gen(function* () {
      const { cut, runs, session } = yield* open()
      const call = yield* start(session.locked(both, Effect.andThen(change(session, "r1"), Effect.never)))
      cut()
      yield* settle
      const error = failure(call)
      assert.isTrue(error._tag === "ChannelError" && !error.isRetryable)
      assert.include(error.message, "had sent changes, and they were answered")
      assert.isTrue(runs("r1"))
    })
  )

  it.effect("also while it waits for its second lock", () =>
    Effect.gen(function* () {
      const { cut, device, session } = yield* open()
      device.lock("candidate")
      const call = yield* start(session.locked(both, Effect.void, { wait: Schedule.spaced("1 hour") }))
      assert.deepStrictEqual(device.locks.get("running"), 1)
      cut()
      yield* settle
      assert.strictEqual(failure(call)._tag, "ChannelError")
    })
  )

  it.effect("lets the next program fail by itself", () =>
    Effect.gen(function* () {
      const { cut, session } = yield* open()
      const first = yield* start(session.locked(["running"], Effect.never))
      const second = yield* start(session.locked(["running"], Effect.succeed("it went on")))
      cut()
      yield* settle
      assert.strictEqual(failure(first)._tag, "ChannelError")
      const error = failure(second)
      assert.isTrue(error._tag === "ChannelError" && error.phase === "write", error.message)
    })
  )

  it.effect("keeps its own error when it fails first", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      device.faults.add(Faults.closeBefore("network"), { on: "get" })
      const program = Effect.mapError(session.get(), () => "its own" as const)
      assert.strictEqual(yield* Effect.flip(session.locked(both, program)), "its own")
    })
  )

  it.effect("has succeeded when the answer to its last step came with the end", () =>
    Effect.gen(function* () {
      const { cut, runs, session } = yield* open()
      const last = Effect.tap(session.commit(), () => Effect.andThen(Effect.sync(cut), Effect.yieldNow))
      const program = Effect.andThen(session.editConfig(toCandidate("r1")), last)
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(session.locked(both, program))))
      assert.isTrue(runs("r1"))
    })
  )

  const handling: ReadonlyArray<readonly [string, Effect.Effect<unknown>]> = [
    ["had swallowed it", Effect.never],
    ["is just handling it", Effect.onInterrupt(Effect.never, () => settle)]
  ]
  for (const [how, handler] of handling) {
    it.effect(`fails with the CommitUnknownError of its write, also when it ${how}`, () =>
      Effect.gen(function* () {
        const { device, session } = yield* open()
        device.faults.add(Faults.closeAfter("network"), { on: "commit" })
        const program = Effect.catch(change(session, "r1"), () => handler)
        const call = yield* start(session.locked(both, program))
        yield* settle
        const error = failure(call)
        assert.isTrue(error._tag === "CommitUnknownError" && error.operation === "commit", error.message)
      })
    )
  }

  it.effect("says that a change on another session was interrupted, and is not retryable", () =>
    Effect.gen(function* () {
      const { cut, session } = yield* open()
      const { device: two, session: other } = yield* open()
      two.faults.add(Faults.silence(), { on: "edit-config" })
      const call = yield* start(session.locked(both, other.editConfig({ config: hostname("r2") })))
      assert.isTrue(isWaiting(call))
      cut()
      yield* settle
      const error = failure(call)
      assert.include(error.message, "a change of the program was interrupted after it was sent")
      assert.isFalse(error.isRetryable)
    })
  )

  it.effect("attaches what its finalizers failed with", () =>
    Effect.gen(function* () {
      const { cut, session } = yield* open()
      const program = Effect.onInterrupt(Effect.never, () => Effect.fail("finalizer" as never))
      const call = yield* start(session.locked(both, program))
      cut()
      yield* settle
      const exit = call.pollUnsafe()!
      const reasons = Exit.isFailure(exit) ? exit.cause.reasons : []
      assert.deepStrictEqual(
        reasons.map((reason) =>
          Cause.isFailReason(reason) ? String((reason.error as { _tag?: string })._tag ?? reason.error) : reason._tag
        ),
        ["ChannelError", "finalizer"]
      )
    })
  )

  it.effect("puts what it fails with after the loss, where it could not be interrupted, behind it", () =>
    Effect.gen(function* () {
      const { cut, session } = yield* open()
      const program = Effect.uninterruptible(
        Effect.andThen(Effect.sync(cut), Effect.andThen(settle, Effect.fail("mine")))
      )
      const call = yield* start(session.locked(both, program))
      yield* settle
      assert.isTrue((failure(call) as { _tag?: string })._tag === "ChannelError")
    })
  )

  it.effect("keeps what an outer program knows when an inner one is under locks too", () =>
    Effect.gen(function* () {
      const { cut, device, session } = yield* open()
      device.faults.add(Faults.garbage, { on: "commit" })
      const inner = session.locked(["startup"], Effect.never)
      const outer = session.locked(both, Effect.andThen(Effect.ignore(change(session, "r1")), inner))
      const call = yield* start(outer)
      assert.strictEqual(device.locks.size, 3)
      cut()
      yield* settle
      assert.strictEqual(failure(call)._tag, "CommitUnknownError")
    })
  )

  it.effect("ends with it when only an outer program is left to go on", () =>
    Effect.gen(function* () {
      const { cut, session } = yield* open()
      const inner = Effect.catch(session.locked(["startup"], Effect.never), () => Effect.succeed("without its lock"))
      const call = yield* start(session.locked(both, Effect.andThen(inner, Effect.never)))
      cut()
      yield* settle
      assert.strictEqual(failure(call)._tag, "ChannelError")
    })
  )

  it.effect("is left in peace by the end of the session when it is over", () =>
    Effect.gen(function* () {
      const { cut, session } = yield* open()
      const value = yield* session.locked(both, Effect.succeed("done"))
      cut()
      yield* settle
      assert.strictEqual(value, "done")
    })
  )
})

describe("a confirmed commit whose session ends", () => {
  const options = { timeout: "60 seconds", config: hostname("r1") } as const

  it.effect("is not cut down: its check goes on, and it is confirmed by its id from a new session", () =>
    Effect.gen(function* () {
      const { cut, device, runs, session } = yield* open()
      const checked = yield* session.confirmedCommit(options, (other) =>
        Effect.gen(function* () {
          cut()
          yield* settle
          return yield* other.get()
        })
      )
      assert.isAbove(checked.bytes, 0)
      assert.isTrue(runs("r1"))
      assert.isUndefined(device.confirmedCommit)
      assert.strictEqual(device.locks.size, 0)
    })
  )

  it.effect("is not cut down by the program around it, which has succeeded with it", () =>
    Effect.gen(function* () {
      const { cut, device, runs, session } = yield* open()
      const check = Effect.andThen(Effect.sync(cut), Effect.as(settle, "checked"))
      const program = Effect.andThen(
        session.editConfig(toCandidate("r2")),
        session.confirmedCommit({ timeout: "1 minute" }, () => check)
      )
      const call = yield* start(session.locked(both, program))
      yield* settle
      assert.strictEqual(success(call), "checked")
      assert.isTrue(runs("r2"))
      assert.isUndefined(device.confirmedCommit)
    })
  )

  it.effect("that only waits for its turn holds nobody up", () =>
    Effect.gen(function* () {
      const { cut, session } = yield* open()
      const inside = yield* start(session.locked(both, Effect.never))
      const waiting = yield* start(session.confirmedCommit(options, () => Effect.never))
      cut()
      yield* settle
      assert.strictEqual(failure(inside)._tag, "ChannelError")
      assert.strictEqual(failure(waiting)._tag, "ChannelError")
    })
  )

  it.effect("ends the program around it afterwards, which is without its locks", () =>
    Effect.gen(function* () {
      const { cut, runs, session } = yield* open()
      const check = Effect.andThen(Effect.sync(cut), settle)
      const confirmed = session.confirmedCommit(options, () => check)
      const call = yield* start(session.locked(both, Effect.andThen(confirmed, Effect.never)))
      yield* settle
      yield* settle
      const error = failure(call)
      assert.include(error.message, "had sent changes, and they were answered")
      assert.isTrue(runs("r1"))
    })
  )
})
