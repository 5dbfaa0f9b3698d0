/**
 * `session.edit` and `session.save` over the simulated device and its dialects: docs/change-safety.md, "One change from
 * lock to save".
 */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as TestClock from "effect/testing/TestClock"
import * as Netconf from "../../../src/api/Netconf.ts"
import * as Profile from "../../../src/profiles/Profile.ts"
import { Dialects, Faults, Refusal, SampleModel, SimulatedDevice } from "../../../src/testing.ts"
import { print } from "../../../src/xml/Print.ts"
import { connect, everything, failure, obliging, rpcError, settle, start, success } from "../../rpc/peer.ts"

const hostname = (name: string) => `<system xmlns="${SampleModel.system}"><hostname>${name}</hostname></system>`
const invalid = `<interfaces xmlns="${SampleModel.interfaces}"><interface><name>eth0</name><ipv4 xmlns="${SampleModel.ip}"><mtu>1</mtu></ipv4></interface></interfaces>`

const open = (options: SimulatedDevice.Options = {}, more: Partial<Netconf.ConnectOptions> = {}) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make(options)
    const session = yield* Netconf.connect({ transport: device.transport, ...more })
    const operations = () =>
      device.log.filter((entry) => entry.session === session.sessionId).map((entry) => entry.operation)
    return {
      device,
      session,
      operations,
      runs: (name: string) => print(device.running).includes(`<hostname>${name}</hostname>`)
    }
  })

const nothingLeft = (device: SimulatedDevice.SimulatedDevice) => {
  assert.strictEqual(device.locks.size, 0)
  assert.isFalse(device.candidateIsDirty)
}

const candidateSteps = ["lock", "lock", "discard-changes", "edit-config", "validate", "commit", "unlock", "unlock"]

describe("edit of the candidate", () => {
  it.effect("locks, edits, validates, commits and unlocks", () =>
    Effect.gen(function* () {
      const { device, operations, runs, session } = yield* open()
      const report = yield* session.edit(hostname("r1"))
      assert.deepStrictEqual(operations(), candidateSteps)
      assert.isTrue(runs("r1"))
      assert.deepInclude(report, { target: "candidate", saved: "no", notes: [] })
      assert.lengthOf(report.replies, 2)
      nothingLeft(device)
    })
  )

  it.effect("leaves validate out where told to, or where the peer has none", () =>
    Effect.gen(function* () {
      for (const { operations, session } of [yield* open({ without: [":validate"] }), yield* open()]) {
        yield* session.edit(hostname("r1"), { validate: false })
        assert.notInclude(operations(), "validate")
      }
      const { operations, session } = yield* open({ without: [":validate"] })
      const error = yield* Effect.flip(session.edit(hostname("r1"), { validate: true }))
      assert.strictEqual(error._tag, "CapabilityError")
      assert.notInclude(operations(), "commit")
    })
  )

  it.effect("edits nothing when a lock is refused", () =>
    Effect.gen(function* () {
      for (const datastore of ["running", "candidate"] as const) {
        const { device, operations, session } = yield* open()
        device.lock(datastore)
        const error = yield* Effect.flip(session.edit(hostname("r1")))
        assert.isTrue(error._tag === "RpcError" && error.has("lock-denied"))
        assert.notInclude(operations(), "edit-config")
        assert.notInclude(operations(), "discard-changes")
        assert.deepStrictEqual([...device.locks], [[datastore, 0]])
      }
    })
  )

  it.effect("does not touch a candidate that is somebody's work", () =>
    Effect.gen(function* () {
      const { device, operations, session } = yield* open()
      const other = yield* Netconf.connect({ transport: device.transport })
      yield* other.editConfig({ target: "candidate", config: hostname("theirs") })
      const error = yield* Effect.flip(session.edit(hostname("r1")))
      assert.strictEqual(error._tag, "RpcError")
      assert.deepStrictEqual(operations(), ["lock", "lock", "unlock"])
      assert.include(print(device.candidate), "theirs")
    })
  )

  for (const step of ["edit-config", "validate", "commit"]) {
    it.effect(`commits nothing, discards and unlocks when ${step} is refused, and gives that error`, () =>
      Effect.gen(function* () {
        const { device, operations, runs, session } = yield* open()
        device.faults.add(Faults.refuse(Refusal.operationFailed("the first refusal")), { on: step, times: 1 })
        const error = yield* Effect.flip(session.edit(hostname("r1")))
        assert.include(error.message, "the first refusal")
        assert.isUndefined(error.state)
        assert.isFalse(runs("r1"))
        assert.deepStrictEqual(operations().slice(-3), ["discard-changes", "unlock", "unlock"])
        assert.strictEqual(device.commits, 0)
        nothingLeft(device)
      })
    )
  }

  it.effect("gives the first error, with what failed in the clean-up attached", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      device.faults.add(Faults.refuse(Refusal.operationFailed("the first refusal")), { on: "commit" })
      device.faults.add(Faults.refuse(Refusal.operationFailed("the second")), { on: "discard-changes", after: 1 })
      device.faults.add(Faults.refuse(Refusal.operationFailed("the third")), { on: "unlock" })
      const exit = yield* Effect.exit(session.edit(hostname("r1")))
      const messages = Exit.isFailure(exit)
        ? exit.cause.reasons.map((reason) => (Cause.isFailReason(reason) ? reason.error.message : ""))
        : []
      assert.include(messages[0], "the first refusal")
      assert.lengthOf(messages, 4)
      assert.include(messages[1], "the second")
    })
  )

  it.effect("says that the change is applied when only an unlock failed", () =>
    Effect.gen(function* () {
      const { device, runs, session } = yield* open()
      device.faults.add(Faults.refuse(Refusal.operationFailed("no unlock")), { on: "unlock", times: 1 })
      const error = yield* Effect.flip(session.edit(hostname("r1")))
      assert.strictEqual(error.state, "the change is applied")
      assert.include(error.message, "; the change is applied")
      assert.isTrue(runs("r1"))
    })
  )

  it.effect("calls a commit that nobody answered unknown, and does not call it applied", () =>
    Effect.gen(function* () {
      for (const by of ["peer", "network"] as const) {
        const { device, runs, session } = yield* open()
        device.faults.add(Faults.closeAfter(by), { on: "commit" })
        const error = yield* Effect.flip(session.edit(hostname("r1")))
        assert.strictEqual(error._tag, "CommitUnknownError")
        assert.isUndefined(error.state)
        assert.isTrue(runs("r1"))
      }
    })
  )

  it.effect("takes a lost edit of the locked candidate for what it is: nothing happened", () =>
    Effect.gen(function* () {
      const { device, runs, session } = yield* open()
      device.faults.add(Faults.closeAfter(), { on: "edit-config" })
      const error = yield* Effect.flip(session.edit(hostname("r1")))
      assert.strictEqual(error._tag, "ChannelError")
      assert.isFalse(runs("r1"))
    })
  )

  it.effect("waits out a commit of five minutes", () =>
    Effect.gen(function* () {
      const { runs, session } = yield* open({ dialect: Dialects.slowCommit })
      const call = yield* start(session.edit(hostname("r1")))
      yield* TestClock.adjust("299 seconds")
      assert.isFalse(runs("r1"))
      yield* TestClock.adjust("1 seconds")
      yield* settle
      success(call)
      assert.isTrue(runs("r1"))
    })
  )

  it.effect("refuses a wrong change before it locks anything", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      const error = yield* Effect.flip(session.edit("<a>"))
      assert.deepInclude({ ...error }, { _tag: "InputError", what: "config" })
      nothingLeft(device)
      assert.strictEqual(device.commits, 0)
    })
  )

  const dialects: ReadonlyArray<
    readonly [
      string,
      Partial<Dialects.Dialect> | ReadonlyArray<Partial<Dialects.Dialect>>,
      Partial<Netconf.ConnectOptions>
    ]
  > = [
    ["a private candidate", Dialects.privateCandidate, {}],
    ["a stale candidate", Dialects.staleCandidate, {}],
    ["edits that outlive unlock", Dialects.dirtyCandidate, {}],
    ["values that it normalises", Dialects.normalisedValues, {}],
    ["hidden sub-trees", Dialects.nacm("system/authentication"), {}],
    ["no session-id", Dialects.noSessionId, { missingSessionId: "tolerate" }],
    ["noise between frames", Dialects.noise, {}],
    ["declarations in each message", Dialects.declarations, {}],
    ["replies without message-id", Dialects.iosXe171501, {}],
    ["Junos' ways", Dialects.junos, {}],
    ["yuma's ways", Dialects.yuma, { profile: { ...Profile.yuma, firstRpcDelay: 0 } }],
    ["SR OS' ways", Dialects.srOs, { profile: Profile.srOs }],
    ["one lock for both datastores", Dialects.oneLock, { profile: Profile.srOs }],
    ["base:1.0 alone", { framing: "end-of-message" }, {}],
    ["chunks of three bytes", { chunkSize: 3 }, {}]
  ]
  for (const [what, dialect, more] of dialects) {
    it.effect(`changes a device with ${what}, and leaves nothing on a refusal`, () =>
      Effect.gen(function* () {
        const { device, runs, session } = yield* open({ dialect }, more)
        yield* session.edit(hostname("r1"))
        assert.isTrue(runs("r1"))
        nothingLeft(device)
        const error = yield* Effect.flip(session.edit(invalid))
        assert.strictEqual(error._tag, "RpcError", error.message)
        device.faults.add(Faults.refuse(Refusal.operationFailed("no")), { on: "commit", times: 1 })
        yield* Effect.flip(session.edit(hostname("r2")))
        assert.isFalse(runs("r2"))
        nothingLeft(device)
        yield* session.edit(hostname("r3"))
        assert.isTrue(runs("r3"))
      })
    )
  }

  it.live("changes a device that never answers close-session, and leaves it in time", () =>
    Effect.gen(function* () {
      const { device, runs, session } = yield* Effect.scoped(
        open({ dialect: Dialects.silentClose }, { deadlines: { close: "5 millis" } }).pipe(
          Effect.tap(({ session }) => session.edit(hostname("r1")))
        )
      )
      assert.isTrue(runs("r1"))
      assert.strictEqual(device.log.at(-1)?.operation, "close-session")
      assert.deepInclude(yield* session.closed, { by: "us" })
    })
  )

  it.effect("keeps what others changed in running where the candidate goes stale", () =>
    Effect.gen(function* () {
      const { device, runs, session } = yield* open({ dialect: Dialects.staleCandidate })
      device.edit(`<system xmlns="${SampleModel.system}"><contact>theirs</contact></system>`)
      yield* session.edit(hostname("r1"))
      assert.isTrue(runs("r1"))
      assert.include(print(device.running), "<contact>theirs</contact>")
    })
  )

  it.effect("ends at the second lock where one lock covers both and nobody said so", () =>
    Effect.gen(function* () {
      const { device, operations, session } = yield* open({ dialect: Dialects.oneLock })
      assert.strictEqual((yield* Effect.flip(session.edit(hostname("r1"))))._tag, "RpcError")
      assert.deepStrictEqual(operations(), ["lock", "lock", "unlock"])
      nothingLeft(device)
    })
  )

  for (const [what, dialect] of [
    ["no tag", Dialects.untaggedLockDenied],
    ["no holder", Dialects.anonymousLockDenied]
  ] as const) {
    it.effect(`ends at a lock-denied that says ${what}`, () =>
      Effect.gen(function* () {
        const { device, operations, session } = yield* open({ dialect })
        device.lock("running")
        assert.strictEqual((yield* Effect.flip(session.edit(hostname("r1"))))._tag, "RpcError")
        assert.deepStrictEqual(operations(), ["lock"])
      })
    )
  }

  it.effect("leaves validate out for yuma and says so: a commit behind it would apply nothing", () =>
    Effect.gen(function* () {
      const { operations, runs, session } = yield* open(
        { dialect: Dialects.yuma },
        { profile: { ...Profile.yuma, firstRpcDelay: 0 } }
      )
      const report = yield* session.edit(hostname("r1"), { validate: true })
      assert.isTrue(runs("r1"))
      assert.notInclude(operations(), "validate")
      assert.include(report.notes.join(), "validate left out")
    })
  )
})

describe("edit of running", () => {
  it.effect("tests before it sets and rolls back on error, under the lock of running alone", () =>
    Effect.gen(function* () {
      const { device, operations, runs, session } = yield* open({ without: [":candidate"] })
      const report = yield* session.edit(hostname("r1"))
      assert.deepStrictEqual(operations(), ["lock", "edit-config", "unlock"])
      const { xml } = device.log.find((entry) => entry.operation === "edit-config")!
      assert.include(xml, "<test-option>test-then-set</test-option><error-option>rollback-on-error</error-option>")
      assert.strictEqual(report.target, "running")
      assert.isTrue(runs("r1"))
      nothingLeft(device)
    })
  )

  it.effect("takes running where told to, and sends no option that the peer lacks", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open({ without: [":validate", ":rollback-on-error"] })
      yield* session.edit(hostname("r1"), { target: "running" })
      const { xml } = device.log.find((entry) => entry.operation === "edit-config")!
      assert.notInclude(xml, "option>")
      const error = yield* Effect.flip(session.edit(invalid, { target: "running" }))
      assert.strictEqual(error._tag === "RpcError" && error.partial, "possible")
      assert.include(error.message, "part of the change may have been made")
    })
  )

  it.effect("does not call it partial where the peer rolls back", () =>
    Effect.gen(function* () {
      const { session } = yield* open({ without: [":candidate"] })
      const error = yield* Effect.flip(session.edit(invalid))
      assert.isUndefined(error._tag === "RpcError" ? error.partial : "wrong")
    })
  )

  it.effect("never locks a device that can do neither", () =>
    Effect.gen(function* () {
      const { operations, session } = yield* open({ without: [":candidate", ":writable-running"] })
      const error = yield* Effect.flip(session.edit(hostname("r1")))
      assert.deepInclude({ ...error }, { _tag: "CapabilityError", needed: [":candidate", ":writable-running"] })
      assert.deepStrictEqual(operations(), [])
    })
  )
})

describe("save", () => {
  it.effect("copies running to startup where there is one", () =>
    Effect.gen(function* () {
      const { device, operations, session } = yield* open()
      const report = yield* session.edit(hostname("r1"), { save: true })
      assert.strictEqual(report.saved, "yes")
      assert.include(print(device.startup), "r1")
      assert.strictEqual(operations().at(-1), "copy-config")
    })
  )

  it.effect("is not needed where running is what the device boots from", () =>
    Effect.gen(function* () {
      const { operations, session } = yield* open({ without: [":startup"] })
      assert.strictEqual((yield* session.edit(hostname("r1"), { save: true })).saved, "not-needed")
      assert.strictEqual(yield* session.save(), "not-needed")
      assert.notInclude(operations(), "copy-config")
    })
  )

  it.effect("uses the profile's own rpc", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({
        profile: Profile.iosXe,
        peer: everything.filter((name) => name !== ":startup")
      })
      peer.onRpc = obliging
      assert.strictEqual(yield* session.save(), "yes")
      assert.include(peer.last.xml, `<save-config xmlns="http://cisco.com/yang/cisco-ia"/>`)
    })
  )

  it.effect("tells applied from saved when saving fails", () =>
    Effect.gen(function* () {
      const { device, runs, session } = yield* open()
      device.faults.add(Faults.refuse(Refusal.operationFailed("flash is full")), { on: "copy-config" })
      const error = yield* Effect.flip(session.edit(hostname("r1"), { save: true }))
      assert.strictEqual(error.state, "the change is applied, not saved")
      assert.include(error.message, "flash is full; the change is applied, not saved")
      assert.isTrue(runs("r1"))
      nothingLeft(device)
    })
  )

  it.effect("tells applied from saved when nobody answers the saving", () =>
    Effect.gen(function* () {
      const { device, session } = yield* open()
      device.faults.add(Faults.closeAfter(), { on: "copy-config" })
      const error = yield* Effect.flip(session.edit(hostname("r1"), { save: true }))
      assert.deepInclude(
        { ...error },
        { _tag: "CommitUnknownError", datastore: "startup", state: "the change is applied, not saved" }
      )
      assert.strictEqual(error._tag === "CommitUnknownError" && error.cause._tag, "ChannelError")
    })
  )

  it.effect("saves nothing that was refused", () =>
    Effect.gen(function* () {
      const { operations, session } = yield* open()
      yield* Effect.flip(session.edit(invalid, { save: true }))
      assert.notInclude(operations(), "copy-config")
    })
  )
})

describe("commit", () => {
  it.effect("says between which two moments an unconfirmed commit is rolled back", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      yield* TestClock.adjust("1000 seconds")
      const call = yield* start(session.commit({ confirmed: true, confirmTimeout: "90500 millis" }))
      yield* TestClock.adjust("3 seconds")
      peer.reply(peer.last)
      yield* settle
      const { rollback } = success(call)
      assert.deepStrictEqual(
        [rollback?.earliest.epochMilliseconds, rollback?.latest.epochMilliseconds],
        [1_091_000, 1_094_000]
      )
      const usual = yield* start(session.commit({ confirmed: true }))
      peer.reply(peer.last)
      yield* settle
      assert.strictEqual(success(usual).rollback?.latest.epochMilliseconds, 1_603_000)
      const plain = yield* start(session.commit())
      peer.reply(peer.last)
      yield* settle
      assert.isUndefined(success(plain).rollback)
    })
  )

  it.effect("cancels a refused confirmed commit by its id, where the peer can, and gives the refusal", () =>
    Effect.gen(function* () {
      for (const [names, last] of [
        [everything, "cancel-commit"],
        [everything.filter((name) => name !== ":confirmed-commit:1.1"), "commit"]
      ] as const) {
        const { peer, session } = yield* connect({ peer: names })
        peer.onRpc = (rpc) =>
          peer.reply(
            rpc,
            rpc.name === "commit"
              ? rpcError("operation-failed")
              : rpc.name === "cancel-commit"
                ? rpcError("invalid-value")
                : "<ok/>"
          )
        const error = yield* Effect.flip(
          session.commit({ confirmed: true, ...(last === "cancel-commit" ? { persist: "my-id" } : {}) })
        )
        assert.isTrue(error._tag === "RpcError" && error.has("operation-failed"))
        assert.strictEqual(peer.last.name, last)
        if (last === "cancel-commit") assert.include(peer.last.xml, "<persist-id>my-id</persist-id>")
      }
    })
  )

  it.effect("passes a full device: what ends or frees something waits for no permit", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ maxOutstanding: 1 })
      yield* start(session.get({ deadline: "none" }))
      for (const [name, call] of [
        ["unlock", session.unlock()],
        ["discard-changes", session.discardChanges()],
        ["commit", session.commit({ persistId: "a" })],
        ["cancel-commit", session.cancelCommit({ persistId: "a" })],
        ["kill-session", session.killSession({ sessionId: 9 })],
        ["close-session", session.closeSession()]
      ] as const) {
        yield* start(call as Effect.Effect<unknown, unknown>)
        assert.strictEqual(peer.last.name, name)
      }
      yield* start(session.commit({ confirmed: true, persistId: "a" }))
      assert.strictEqual(peer.last.name, "commit")
      const queued = yield* start(session.commit())
      assert.strictEqual(peer.names.filter((name) => name === "commit").length, 2)
      peer.endpoint.close()
      yield* settle
      failure(queued)
    })
  )
})
