/** `session.confirmedCommit` over the simulated device: docs/change-safety.md, "Confirmed commit". */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Netconf from "../../../src/api/Netconf.ts"
import { isNetconfError, type NetconfError, wasNotSent } from "../../../src/errors.ts"
import { Faults, Refusal, SampleModel, SimulatedDevice } from "../../../src/testing.ts"
import { print } from "../../../src/xml/Print.ts"
import { settle } from "../../rpc/peer.ts"

const hostname = (name: string) => `<system xmlns="${SampleModel.system}"><hostname>${name}</hostname></system>`

const open = (options: SimulatedDevice.Options = {}) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make(options)
    const session = yield* Netconf.connect({ transport: device.transport, label: "leaf-01" })
    const log = () => device.log.map((entry) => `${entry.session}:${entry.operation}`)
    const runs = (name: string) => print(device.running).includes(`<hostname>${name}</hostname>`)
    return { device, session, log, runs }
  })

const options = { timeout: "60 seconds", config: hostname("r1") } as const

const failures = (exit: Exit.Exit<unknown, unknown>): ReadonlyArray<NetconfError> =>
  Exit.isFailure(exit)
    ? exit.cause.reasons.filter(Cause.isFailReason).flatMap(({ error }) => (isNetconfError(error) ? [error] : []))
    : []

const nothingLeft = (device: SimulatedDevice.SimulatedDevice) => {
  assert.isUndefined(device.confirmedCommit)
  assert.strictEqual(device.locks.size, 0)
  assert.isFalse(device.candidateIsDirty)
}

describe("confirmedCommit", () => {
  it.effect("checks on a session of its own and confirms, under its locks from before the edit", () =>
    Effect.gen(function* () {
      const { device, log, runs, session } = yield* open()
      const seen = yield* session.confirmedCommit(options, (other) =>
        Effect.as(other.getConfig(), {
          session: other.sessionId,
          locks: device.locks.size,
          pending: device.confirmedCommit
        })
      )
      assert.deepInclude(seen, { session: 2, locks: 2 })
      assert.isDefined(seen.pending)
      assert.isTrue(runs("r1"))
      nothingLeft(device)
      const commits = device.log.filter((entry) => entry.operation === "commit").map((entry) => entry.xml)
      const id = /<persist>([^<]+)<\/persist>/.exec(commits[0]!)![1]!
      assert.include(commits[1], `<persist-id>${id}</persist-id>`)
      const before = log().slice(0, log().indexOf("1:commit"))
      assert.deepStrictEqual(before, ["1:lock", "1:lock", "1:discard-changes", "1:edit-config", "1:validate"])
    })
  )

  it.effect("records the persist-id before it commits", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const recorded: Array<readonly [string, number]> = []
      const record = (id: string) => Effect.sync(() => void recorded.push([id, device.commits]))
      yield* session.confirmedCommit({ ...options, record }, () => Effect.void)
      assert.lengthOf(recorded, 1)
      assert.strictEqual(recorded[0]![1], 0)
      assert.isTrue(device.log.some((entry) => entry.xml.includes(`<persist>${recorded[0]![0]}</persist>`)))
    })
  )

  it.effect("cancels when the check fails, and fails with the check's own error", () =>
    Effect.gen(function* () {
      const { device, runs, session } = yield* open()
      const error = yield* Effect.flip(session.confirmedCommit(options, () => Effect.fail("unhealthy" as const)))
      assert.strictEqual(error, "unhealthy")
      assert.isFalse(runs("r1"))
      nothingLeft(device)
    })
  )

  it.effect("cancels when it is interrupted during the check", () =>
    Effect.gen(function* () {
      const { device, runs, session } = yield* open()
      const fiber = yield* Effect.forkChild(session.confirmedCommit(options, () => Effect.never))
      yield* settle
      assert.isTrue(runs("r1"))
      yield* Fiber.interrupt(fiber)
      assert.isFalse(runs("r1"))
      nothingLeft(device)
    })
  )

  it.effect("cancels when it is interrupted while the commit is unanswered", () =>
    Effect.gen(function* () {
      const { device, runs, session } = yield* open()
      device.faults.add(Faults.late("5 seconds"), { on: "commit", times: 1 })
      const fiber = yield* Effect.forkChild(session.confirmedCommit(options, () => Effect.never))
      yield* settle
      const interrupting = yield* Effect.forkChild(Fiber.interrupt(fiber))
      yield* settle
      yield* TestClock.adjust("6 seconds")
      yield* Fiber.join(interrupting)
      yield* settle
      assert.isFalse(runs("r1"))
      nothingLeft(device)
    })
  )

  it.effect("never confirms later than a margin before the timeout", () =>
    Effect.gen(function* () {
      const { device, runs, session } = yield* open()
      const fiber = yield* Effect.forkChild(Effect.flip(session.confirmedCommit(options, () => Effect.never)))
      yield* settle
      yield* TestClock.adjust("49 seconds")
      assert.isTrue(runs("r1"))
      yield* TestClock.adjust("2 seconds")
      const error = yield* Fiber.join(fiber)
      assert.isTrue(error._tag === "DeadlineError" && error.phase === "verify", error.message)
      assert.isFalse(runs("r1"))
      nothingLeft(device)
    })
  )

  it.effect("confirms from a new session when its own is lost, with a clean candidate", () =>
    Effect.gen(function* () {
      const { device, log, runs, session } = yield* open()
      yield* session
        .confirmedCommit(options, () =>
          Effect.sync(() => {
            device.sessions.get(1)!.cut()
            device.edit(hostname("stray"), "candidate")
          }).pipe(Effect.andThen(settle))
        )
        .pipe(Effect.exit)
      assert.isTrue(runs("r1"))
      assert.deepStrictEqual(
        log().filter((entry) => entry.startsWith("3:")),
        ["3:lock", "3:discard-changes", "3:commit", "3:unlock", "3:close-session"]
      )
      nothingLeft(device)
    })
  )

  it.effect("says between which two moments the device rolls back when not even cancelling reached it", () =>
    Effect.gen(function* () {
      const { device, runs, session } = yield* open()
      device.faults.add(Faults.refuse(Refusal.operationFailed("no")), { on: "cancel-commit" })
      const exit = yield* Effect.exit(session.confirmedCommit(options, () => Effect.fail("unhealthy" as const)))
      const [cancelling] = failures(exit)
      assert.include(
        cancelling!.message,
        "rolls back by itself between 1970-01-01T00:01:00.000Z and 1970-01-01T00:01:00.000Z"
      )
      assert.isTrue(runs("r1"))
      yield* TestClock.adjust("61 seconds")
      assert.isFalse(runs("r1"))
    })
  )

  it.effect("takes a commit back by ending the session where there is no cancel-commit", () =>
    Effect.gen(function* () {
      const { device, runs, session } = yield* open({ without: [":confirmed-commit:1.1"] })
      const fiber = yield* Effect.forkChild(
        Effect.flip(session.confirmedCommit(options, () => Effect.fail("no" as const)))
      )
      yield* settle
      assert.strictEqual(yield* Fiber.join(fiber), "no")
      assert.isFalse(runs("r1"))
      assert.deepInclude(yield* session.closed, { by: "us" })
      nothingLeft(device)
    })
  )

  it.effect("cancels by its id when the commit is refused", () =>
    Effect.gen(function* () {
      const { device, log, runs, session } = yield* open()
      device.faults.add(Faults.refuse(Refusal.operationFailed("no")), { on: "commit", times: 1 })
      const error = yield* Effect.flip(session.confirmedCommit(options, () => Effect.void))
      assert.strictEqual(error._tag, "RpcError")
      assert.isFalse(runs("r1"))
      assert.include(log(), "1:cancel-commit")
      nothingLeft(device)
    })
  )

  it.effect("commits what a program has loaded under its locks, and nothing without them", () =>
    Effect.gen(function* () {
      const { device, runs, session } = yield* open()
      const error = yield* Effect.flip(session.confirmedCommit({ timeout: "1 minute" }, () => Effect.void))
      assert.strictEqual(error._tag, "InputError")
      yield* session.locked(
        ["running", "candidate"],
        Effect.andThen(
          session.editConfig({ target: "candidate", config: hostname("r2") }),
          session.confirmedCommit({ timeout: "1 minute", verifyOn: "this-session" }, (self) => self.getConfig())
        )
      )
      assert.isTrue(runs("r2"))
      nothingLeft(device)
    })
  )

  it.effect("refuses times that leave no room", () =>
    Effect.gen(function* () {
      const { session } = yield* open()
      for (const wrong of [{ timeout: 0 }, { timeout: "10 seconds", margin: "10 seconds" }] as const) {
        const error = yield* Effect.flip(session.confirmedCommit({ ...options, ...wrong }, () => Effect.void))
        assert.strictEqual(error._tag, "InputError")
      }
    })
  )
})

describe("a check that does not say yes", () => {
  for (const verifyOn of ["new-session", "this-session"] as const) {
    it.effect(`cancels the commit when it returns false on ${verifyOn}`, () =>
      Effect.gen(function* () {
        const { device, log, runs, session } = yield* open()
        const error = yield* Effect.flip(session.confirmedCommit({ ...options, verifyOn }, () => Effect.succeed(false)))
        assert.match(
          error.message,
          /^commit on leaf-01.*: verify: it returned false; fail the check instead; the commit/
        )
        assert(error._tag === "InputError")
        assert.isFalse(wasNotSent(error))
        assert.include(log().join(), "cancel-commit")
        assert.isFalse(runs("r1"))
        nothingLeft(device)
      })
    )
  }

  it.effect("takes what is only as good as false for a yes: a check says no by failing", () =>
    Effect.gen(function* () {
      const { runs, session } = yield* open()
      assert.strictEqual(yield* session.confirmedCommit(options, () => Effect.succeed(0)), 0)
      assert.isTrue(runs("r1"))
    })
  )

  const returned: ReadonlyArray<readonly [string, () => unknown, RegExp]> = [
    ["a promise", async () => true, /got a Promise; wrap it: Effect.promise/],
    ["a promise that rejects", () => Promise.reject(new Error("no")), /got a Promise/],
    ["nothing", () => undefined, /got nothing; is a return missing\?/],
    [
      "a generator",
      function* () {
        yield* Effect.void
      },
      /got a generator; wrap it: Effect.fn/
    ]
  ]
  for (const [what, verify, message] of returned) {
    it.effect(`cancels the commit when it returns ${what}, and leaves no session behind`, () =>
      Effect.gen(function* () {
        const { device, runs, session } = yield* open()
        const error = yield* Effect.flip(session.confirmedCommit(options, verify as () => Effect.Effect<void>))
        assert.match(error.message, /^commit on leaf-01.*verify: expected it to return an Effect/)
        assert.match(error.message, message)
        assert.isFalse(runs("r1"))
        assert.strictEqual(device.sessions.size, 1)
        nothingLeft(device)
      })
    )
  }

  it.effect("commits nothing when record returns a promise", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const record = (async () => {}) as never
      const error = yield* Effect.flip(session.confirmedCommit({ ...options, record }, () => Effect.void))
      assert.match(error.message, /record: expected it to return an Effect, got a Promise/)
      assert.strictEqual(device.commits, 0)
      nothingLeft(device)
    })
  )
})
