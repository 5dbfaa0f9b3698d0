/** Every write is recorded before and after, and none starts that is not: docs/change-safety.md, "Who changed what". */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/testing/TestClock"
import { createHash } from "node:crypto"
import { userInfo } from "node:os"
import * as Audit from "../../src/api/Audit.ts"
import * as Netconf from "../../src/api/Netconf.ts"
import * as Profile from "../../src/profiles/Profile.ts"
import { Redaction } from "../../src/telemetry/Redaction.ts"
import { Faults, SimulatedDevice } from "../../src/testing.ts"
import * as Element from "../../src/xml/Element.ts"
import { decode } from "../../src/xml/Parse.ts"
import { print } from "../../src/xml/Print.ts"
import { xml } from "../../src/xml/Template.ts"
import { connect, everything, failure, obliging, rpcError, settle, start } from "../rpc/peer.ts"

const config = xml`<system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><hostname>leaf-01</hostname></system>`

/** A sink that keeps what it is given, until it is told to break. */
class Kept implements Audit.Sink {
  readonly entries: Array<Audit.Entry> = []
  broken: Effect.Effect<void, unknown> | undefined
  readonly record = (entry: Audit.Entry) =>
    Effect.suspend(() => this.broken ?? Effect.sync(() => void this.entries.push(entry)))
  get outcomes() {
    return this.entries.map(({ operation, outcome }) => `${operation} ${outcome}`)
  }
}

const auditing =
  (sink: Audit.Sink) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.provide(self, Audit.layer(sink))

const connected = (options: SimulatedDevice.Options = {}) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make(options)
    const session = yield* Netconf.connect({ label: "leaf-01", transport: device.transport })
    return { device, session, sink: new Kept() }
  })

/** Runs an effect and gives what it logs as errors. */
const errorsOf = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const logged: Array<string> = []
    const logger = Logger.make(({ logLevel, message }) => {
      if (logLevel === "Error") logged.push(String(message))
    })
    return Effect.map(Effect.exit(Effect.provide(self, Logger.layer([logger]))), (exit) => ({ exit, logged }))
  })

describe("Audit", () => {
  it.effect("records a write before it is sent and when its outcome is known", () =>
    Effect.gen(function* () {
      const { device, session, sink } = yield* connected()
      device.faults.add(Faults.late("2 seconds"), { on: "edit-config" })
      const call = yield* start(
        session.editConfig({ target: "running", config }).pipe(Audit.withChangeId("CHG-1"), auditing(sink))
      )
      assert.deepStrictEqual(sink.outcomes, ["edit-config started"])
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(call)
      const [before, after] = sink.entries
      const sent = Element.elements(decode(device.log.at(-1)!.xml))[0]!
      const { payload, ...told } = before!
      assert.include(payload, "<hostname>")
      const { id, payloadHash } = told
      assert.match(id, /^[0-9a-f-]{36}$/)
      assert.match(payloadHash, /^sha256:[0-9a-f]{64}$/)
      const same = {
        id,
        user: userInfo().username,
        label: "leaf-01",
        peer: "simulated",
        sessionId: 1,
        operation: "edit-config",
        target: "running",
        changeId: "CHG-1",
        payloadHash
      }
      assert.deepStrictEqual(told, { ...same, outcome: "started", time: "1970-01-01T00:00:00.000Z" })
      assert.deepStrictEqual(after, { ...same, outcome: "ok", time: "1970-01-01T00:00:02.000Z", elapsed: 2000 })
      assert.strictEqual(payloadHash, `sha256:${createHash("sha256").update(print(sent)).digest("hex")}`)
    })
  )

  it.effect("records every write of a change and nothing that only reads, locks or discards", () =>
    Effect.gen(function* () {
      const { session, sink } = yield* connected()
      yield* auditing(sink)(Effect.andThen(session.getConfig(), session.edit(config, { save: true })))
      assert.deepStrictEqual(
        sink.outcomes,
        ["edit-config", "commit", "copy-config"].flatMap((name) => [`${name} started`, `${name} ok`])
      )
      assert.lengthOf(new Set(sink.entries.map(({ id }) => id)), 3)
    })
  )

  it.effect("records nothing where it is not provided", () =>
    Effect.gen(function* () {
      const { session, sink } = yield* connected()
      yield* session.edit(config)
      yield* auditing(sink)(session.get())
      assert.deepStrictEqual(sink.outcomes, [])
    })
  )

  const endings: ReadonlyArray<readonly [string, string, Faults.Fault]> = [
    ["refused", "RpcError: access-denied", Faults.refuse({ tag: "access-denied" })],
    ["unknown", "CommitUnknownError, RpcError: rollback-failed", Faults.refuse({ tag: "rollback-failed" })],
    ["unknown", "CommitUnknownError, ChannelError", Faults.closeAfter()],
    ["unknown", "CommitUnknownError, ProtocolError", Faults.garbage]
  ]
  for (const [outcome, error, fault] of endings) {
    it.effect(`says ${outcome} of a write that ends with ${error}`, () =>
      Effect.gen(function* () {
        const { device, session, sink } = yield* connected()
        device.faults.add(fault, { on: "commit" })
        yield* Effect.flip(auditing(sink)(session.commit()))
        assert.deepStrictEqual(sink.outcomes, ["commit started", `commit ${outcome}`])
        assert.strictEqual(sink.entries[1]!.error, error)
      })
    )
  }

  it.effect("says partial of a refused edit that may have been made in part", () =>
    Effect.gen(function* () {
      const { device, session, sink } = yield* connected({ without: [":rollback-on-error"] })
      device.faults.add(Faults.refuse({ tag: "operation-failed" }), { on: "edit-config" })
      yield* Effect.flip(auditing(sink)(session.editConfig({ config })))
      assert.deepStrictEqual(sink.outcomes, ["edit-config started", "edit-config partial"])
    })
  )

  it.effect("says ok of a write that was done with warnings which its caller does not accept", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      const sink = new Kept()
      peer.onRpc = (rpc) => peer.reply(rpc, rpcError("operation-failed", "", "warning") + "<ok/>")
      yield* Effect.flip(auditing(sink)(session.commit({ warnings: "fail" })))
      assert.deepStrictEqual(sink.outcomes, ["commit started", "commit ok"])
    })
  )

  it.effect("says not-sent of what certainly did not reach the device", () =>
    Effect.gen(function* () {
      const { device, session, sink } = yield* connected()
      device.reboot()
      yield* session.closed
      yield* Effect.flip(auditing(sink)(session.commit()))
      assert.deepStrictEqual(sink.outcomes, ["commit started", "commit not-sent"])
    })
  )

  it.effect("says unknown of a write that was interrupted", () =>
    Effect.gen(function* () {
      const { device, session, sink } = yield* connected()
      device.faults.add(Faults.silence(), { on: "commit" })
      const call = yield* start(auditing(sink)(session.commit()))
      yield* Fiber.interrupt(call)
      assert.deepStrictEqual(sink.outcomes, ["commit started", "commit unknown"])
      assert.strictEqual(sink.entries[1]!.error, "interrupted")
    })
  )

  it.effect("says unknown of an edit of a locked candidate whose reply is lost, and goes on", () =>
    Effect.gen(function* () {
      const { device, session, sink } = yield* connected()
      device.faults.add(Faults.silence(), { on: "edit-config" })
      const call = yield* start(auditing(sink)(session.edit(config)))
      yield* TestClock.adjust("60 seconds")
      yield* settle
      assert.strictEqual(failure(call)._tag, "DeadlineError")
      assert.deepStrictEqual(sink.outcomes, ["edit-config started", "edit-config unknown"])
    })
  )

  it.effect("records an operation sent as it is, and a kill-session", () =>
    Effect.gen(function* () {
      const { device, session, sink } = yield* connected()
      const other = yield* Netconf.connect({ transport: device.transport })
      yield* auditing(sink)(Effect.ignore(session.rpc(`<reset xmlns="urn:a"/>`)))
      yield* auditing(sink)(session.killSession({ sessionId: other.sessionId! }))
      assert.deepStrictEqual(sink.outcomes, [
        "reset started",
        "reset refused",
        "kill-session started",
        "kill-session ok"
      ])
    })
  )

  it.effect("leaves what cannot be encoded to its own error", () =>
    Effect.gen(function* () {
      const { session, sink } = yield* connected()
      const error = yield* Effect.flip(auditing(sink)(session.editConfig({ config: "<a>" })))
      assert.strictEqual(error._tag, "InputError")
      assert.deepStrictEqual(sink.outcomes, [])
    })
  )

  it.effect("records the cancel-commit that follows a refused confirmed commit", () =>
    Effect.gen(function* () {
      const { device, session, sink } = yield* connected()
      device.faults.add(Faults.refuse({ tag: "operation-failed" }), { on: "commit" })
      yield* Effect.flip(auditing(sink)(session.commit({ confirmed: true, persist: "p" })))
      assert.deepStrictEqual(sink.outcomes.slice(0, 3), ["commit started", "commit refused", "cancel-commit started"])
    })
  )

  it.effect(
    "records the cancel-commit by which a session gives back what succeeded late, under the same change id",
    () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect()
        const sink = new Kept()
        const commit = session.commit({ confirmed: true, persist: "p" })
        const call = yield* start(commit.pipe(Audit.withChangeId("CHG-2"), auditing(sink)))
        yield* Fiber.interrupt(call)
        const late = peer.last
        peer.onRpc = obliging
        peer.reply(late)
        yield* settle
        assert.deepStrictEqual(sink.outcomes, [
          "commit started",
          "commit unknown",
          "cancel-commit started",
          "cancel-commit ok"
        ])
        assert.strictEqual(sink.entries[2]!.changeId, "CHG-2")
      })
  )
})

describe("an audit that cannot be written", () => {
  it.effect("lets no write start, and lets it again once a record can be made", () =>
    Effect.gen(function* () {
      const { device, session, sink } = yield* connected()
      sink.broken = Effect.fail("no space left on device")
      const error = yield* Effect.flip(auditing(sink)(session.edit(config)))
      assert.strictEqual(error._tag, "AuditError")
      assert.strictEqual(
        error.message,
        "edit-config on leaf-01 (session 1): the audit cannot be written: no space left on device (not sent)"
      )
      assert.isFalse(error.isRetryable)
      assert.notInclude(
        device.log.map(({ operation }) => operation),
        "edit-config"
      )
      assert.strictEqual(device.locks.size, 0)
      sink.broken = undefined
      yield* auditing(sink)(session.edit(config))
      assert.strictEqual(device.commits, 1)
    })
  )

  it.effect("sends no cancel-commit for a confirmed commit that was not sent, and keeps the session", () =>
    Effect.gen(function* () {
      for (const without of [[], [":confirmed-commit:1.1"]]) {
        const { device, session, sink } = yield* connected({ without })
        const record = ({ operation, outcome }: Audit.Entry) =>
          operation === "commit" && outcome === "started" ? Effect.fail("full") : Effect.void
        const committed = session.confirmedCommit({ timeout: "1 minute", config }, () => Effect.void)
        assert.strictEqual((yield* Effect.flip(auditing({ record })(committed)))._tag, "AuditError")
        assert.notInclude(
          device.log.map(({ operation }) => operation),
          "cancel-commit"
        )
        assert.strictEqual(device.locks.size, 0)
        yield* auditing(sink)(session.edit(config))
      }
    })
  )

  it.effect("takes a sink that dies or never answers for broken", () =>
    Effect.gen(function* () {
      const { device, session, sink } = yield* connected()
      sink.broken = Effect.die(new Error("a defect"))
      assert.include((yield* Effect.flip(auditing(sink)(session.commit()))).message, "a defect")
      sink.broken = Effect.never
      const call = yield* start(auditing(sink)(session.commit()))
      yield* TestClock.adjust("10 seconds")
      yield* settle
      assert.include(failure(call).message, "no answer within 10000 ms")
      assert.strictEqual(device.commits, 0)
    })
  )

  it.effect("lets no write start whose secrets cannot be hidden", () =>
    Effect.gen(function* () {
      const { device, session, sink } = yield* connected()
      const { element } = Redaction.prototype
      Redaction.prototype.element = () => {
        throw new Error("no redaction")
      }
      const error = yield* Effect.flip(auditing(sink)(session.commit()))
      Redaction.prototype.element = element
      assert.include(error.message, "the audit cannot be written: no redaction (not sent)")
      assert.strictEqual(device.commits, 0)
    })
  )

  it.effect("leaves the outcome of a write what it was when the sink interrupts itself", () =>
    Effect.gen(function* () {
      const { session } = yield* connected()
      const record = ({ outcome }: Audit.Entry) => (outcome === "started" ? Effect.void : Effect.interrupt)
      const { exit, logged } = yield* errorsOf(auditing({ record })(session.commit()))
      assert.isTrue(Exit.isSuccess(exit))
      assert.lengthOf(logged, 1)
    })
  )

  it.effect("leaves the outcome of a write what it was, and tells the operator", () =>
    Effect.gen(function* () {
      const { device, session, sink } = yield* connected()
      device.faults.add(Faults.late("2 seconds"), { on: "commit" })
      const call = yield* start(errorsOf(auditing(sink)(session.commit())))
      sink.broken = Effect.fail("full")
      yield* TestClock.adjust("2 seconds")
      const { exit, logged } = yield* Fiber.join(call)
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(logged, ["commit ended as ok, which could not be audited: full"])
      assert.strictEqual((yield* Effect.flip(auditing(sink)(session.commit())))._tag, "AuditError")
    })
  )

  it.effect("holds a write up no longer than its patience when the second record hangs", () =>
    Effect.gen(function* () {
      const { device, session, sink } = yield* connected()
      device.faults.add(Faults.silence(), { on: "commit" })
      const call = yield* start(auditing(sink)(session.commit()))
      sink.broken = Effect.never
      const interrupting = yield* start(Fiber.interrupt(call))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(interrupting)
    })
  )

  it.effect("never holds back what takes a change back or confirms it", () =>
    Effect.gen(function* () {
      const { device, session, sink } = yield* connected()
      yield* session.commit({ confirmed: true, persist: "p" })
      sink.broken = Effect.fail("full")
      const { exit, logged } = yield* errorsOf(auditing(sink)(session.commit({ persistId: "p" })))
      assert.isTrue(Exit.isSuccess(exit))
      assert.isUndefined(device.confirmedCommit)
      assert.deepStrictEqual(logged, [
        "commit is sent though it cannot be audited: full",
        "commit ended as ok, which could not be audited: full"
      ])
      yield* session.commit({ confirmed: true, persist: "q" })
      yield* auditing(sink)(session.cancelCommit({ persistId: "q" }))
      yield* session.commit({ confirmed: true })
      yield* auditing(sink)(session.commit())
      yield* auditing(sink)(session.discardChanges())
    })
  )

  it.effect("sends at once what takes a change back or confirms it, and does not wait for its records", () =>
    Effect.gen(function* () {
      for (const hanging of [Effect.never, Effect.uninterruptible(Effect.never)]) {
        const { device, session, sink } = yield* connected()
        yield* session.commit({ confirmed: true, persist: "p" })
        sink.broken = hanging
        const confirming = yield* start(auditing(sink)(session.commit({ persistId: "p" })))
        assert.isUndefined(device.confirmedCommit)
        yield* TestClock.adjust("250 millis")
        yield* Fiber.join(confirming)
        const committing = yield* start(session.commit({ confirmed: true, confirmTimeout: "30 seconds" }))
        yield* Fiber.join(committing)
        const cancelling = yield* start(auditing(sink)(session.cancelCommit()))
        assert.isUndefined(device.confirmedCommit)
        yield* TestClock.adjust("250 millis")
        yield* Fiber.join(cancelling)
      }
    })
  )

  it.effect("does not hold up the reply of a confirmed commit, whose timeout runs, for its second record", () =>
    Effect.gen(function* () {
      for (const options of [{}, { persist: "p" }]) {
        const { session } = yield* connected()
        const record = ({ outcome }: Audit.Entry) => (outcome === "started" ? Effect.void : Effect.never)
        const call = yield* start(auditing({ record })(session.commit({ confirmed: true, ...options })))
        yield* TestClock.adjust("250 millis")
        yield* Fiber.join(call)
      }
    })
  )

  it.effect("records what was not waited for as soon as the sink takes it, in its order", () =>
    Effect.gen(function* () {
      const { session } = yield* connected()
      yield* session.commit({ confirmed: true, persist: "p" })
      const kept: Array<string> = []
      const slow: Audit.Sink = {
        record: ({ outcome }) =>
          Effect.andThen(
            Effect.sleep(outcome === "started" ? "6 seconds" : "1 second"),
            Effect.sync(() => void kept.push(outcome))
          )
      }
      const call = yield* start(auditing(slow)(session.commit({ persistId: "p" })))
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(call)
      assert.deepStrictEqual(kept, [])
      yield* TestClock.adjust("6 seconds")
      assert.deepStrictEqual(kept, ["started", "ok"])
    })
  )

  it.effect("lets no change start after a confirmed commit of the session was rolled back", () =>
    Effect.gen(function* () {
      const { device, session, sink } = yield* connected()
      yield* session.commit({ confirmed: true, confirmTimeout: "5 seconds" })
      yield* TestClock.adjust("5 seconds")
      yield* session.editConfig({ target: "candidate", config })
      sink.broken = Effect.fail("full")
      assert.strictEqual((yield* Effect.flip(auditing(sink)(session.commit())))._tag, "AuditError")
      assert.strictEqual(device.commits, 1)
    })
  )

  it.effect("lets no commit start that carries a change, whatever it confirms, nor one that has to be confirmed", () =>
    Effect.gen(function* () {
      for (const persist of [{}, { persist: "p" }]) {
        const { device, session, sink } = yield* connected()
        const persistId = "persist" in persist ? { persistId: "p" } : {}
        const refused = (options: Parameters<typeof session.commit>[0]) =>
          Effect.map(Effect.flip(auditing(sink)(session.commit(options))), (error) => {
            assert.strictEqual(error._tag, "AuditError")
            assert.strictEqual(device.commits, 1)
          })
        yield* session.commit({ confirmed: true, ...persist })
        sink.broken = Effect.fail("full")
        yield* refused({ confirmed: true, ...persistId })
        yield* session.editConfig({ target: "candidate", config })
        yield* refused(persistId)
        yield* refused({ confirmed: true, ...persistId })
        yield* session.discardChanges()
        yield* auditing(sink)(session.commit(persistId))
        assert.isUndefined(device.confirmedCommit)
        assert.strictEqual(device.commits, 2)
      }
    })
  )

  it.effect("asks what a commit is when its turn has come, not before", () =>
    Effect.gen(function* () {
      const { device, session, sink } = yield* connected()
      yield* session.commit({ confirmed: true, confirmTimeout: "5 seconds" })
      yield* start(session.locked(["candidate"], Effect.sleep("10 seconds")))
      sink.broken = Effect.fail("full")
      const waiting = yield* start(auditing(sink)(session.commit()))
      yield* TestClock.adjust("10 seconds")
      yield* settle
      assert.strictEqual(failure(waiting)._tag, "AuditError")
      assert.strictEqual(device.commits, 1)
    })
  )

  it.effect("waits no longer for a sink that cannot be interrupted, nor does the end of the session", () =>
    Effect.gen(function* () {
      const { device, session } = yield* connected()
      const stuck = Effect.uninterruptible(Effect.never)
      const first = yield* start(auditing({ record: () => stuck })(session.commit()))
      yield* TestClock.adjust("10 seconds")
      assert.include(failure(first).message, "no answer within 10000 ms (not sent)")
      const record = ({ outcome }: Audit.Entry) => (outcome === "started" ? Effect.void : stuck)
      const second = yield* start(auditing({ record })(session.commit()))
      yield* TestClock.adjust("10 seconds")
      yield* Fiber.join(second)
      assert.strictEqual(device.commits, 1)
      const acquiring = Effect.acquireUseRelease(
        stuck,
        () => Effect.void,
        () => Effect.void
      )
      const third = yield* start(auditing({ record: () => acquiring })(session.commit()))
      const interrupting = yield* start(Fiber.interrupt(third))
      assert.isDefined(interrupting.pollUnsafe())
    })
  )

  it.effect("says not-sent in the records too when the first one came too late, or failed", () =>
    Effect.gen(function* () {
      const { device, session } = yield* connected()
      for (const { broken, error } of [
        { broken: Effect.promise(() => new Promise<never>(() => {})), error: "no answer within 10000 ms" },
        { broken: Effect.fail("written, but who knows"), error: "written, but who knows" }
      ]) {
        const kept: Array<string> = []
        const record = ({ outcome }: Audit.Entry) =>
          Effect.suspend((): Effect.Effect<void, string> => {
            kept.push(outcome)
            return outcome === "started" ? broken : Effect.void
          })
        const call = yield* start(auditing({ record })(session.commit()))
        yield* TestClock.adjust("10 seconds")
        yield* settle
        assert.include(failure(call).message, error)
        assert.deepStrictEqual(kept, ["started", "not-sent"])
      }
      assert.strictEqual(device.commits, 0)
    })
  )

  it.effect("holds back a kill-session, which takes another session's work", () =>
    Effect.gen(function* () {
      const { device, session, sink } = yield* connected()
      const other = yield* Netconf.connect({ transport: device.transport })
      sink.broken = Effect.fail("full")
      const error = yield* Effect.flip(auditing(sink)(session.killSession({ sessionId: other.sessionId! })))
      assert.strictEqual(error._tag, "AuditError")
      assert.isTrue(device.sessions.has(other.sessionId!))
    })
  )

  it.effect("sends nothing of a write that is interrupted before it is recorded", () =>
    Effect.gen(function* () {
      const { device, session, sink } = yield* connected()
      sink.broken = Effect.never
      const call = yield* start(auditing(sink)(session.commit()))
      sink.broken = undefined
      yield* Fiber.interrupt(call)
      const exit = yield* Fiber.await(call)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause))
      assert.deepStrictEqual(sink.outcomes, ["commit not-sent"])
      assert.strictEqual(device.commits, 0)
      yield* auditing(sink)(session.commit())
    })
  )
})

describe("a change id", () => {
  const srOs = [...everything, "urn:nokia.com:sros:ns:yang:sr:ietf-netconf-augments?module=a"]
  const comment = `<comment xmlns="urn:nokia.com:sros:ns:yang:sr:ietf-netconf-augments">CHG &lt;1&gt;</comment>`
  const named = Audit.withChangeId("CHG <1>")

  it.effect("goes into the comment of the commit, escaped, where the profile has one and the peer announces it", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ peer: srOs, profile: Profile.srOs })
      peer.onRpc = obliging
      yield* named(session.commit({ confirmed: true, confirmTimeout: "1 minute", persist: "p" }))
      assert.include(
        peer.last.xml,
        `<confirmed/><confirm-timeout>60</confirm-timeout><persist>p</persist>${comment}</commit>`
      )
      yield* named(session.commit({ persistId: "p" }))
      assert.notInclude(peer.last.xml, "CHG")
      yield* named(session.rpc("<commit/>"))
      assert.include(peer.last.xml, `<commit>${comment}</commit>`)
      yield* named(session.rpc(`<commit>${comment.replace("CHG", "own")}</commit>`))
      assert.include(peer.last.xml, "own")
      assert.notInclude(peer.last.xml, "CHG")
      yield* session.commit()
      assert.notInclude(peer.last.xml, "comment")
    })
  )

  it.effect(
    "goes into a commit that follows a confirmed commit which was rolled back, and into one with a change",
    () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect({ peer: srOs, profile: Profile.srOs })
        peer.onRpc = obliging
        yield* session.commit({ confirmed: true, confirmTimeout: "5 seconds" })
        yield* named(session.commit())
        assert.notInclude(peer.last.xml, "CHG")
        yield* session.commit({ confirmed: true, confirmTimeout: "5 seconds" })
        yield* session.editConfig({ target: "candidate", config })
        yield* named(session.commit())
        assert.include(peer.last.xml, comment)
        yield* session.commit({ confirmed: true, confirmTimeout: "5 seconds" })
        yield* TestClock.adjust("5 seconds")
        yield* named(session.commit())
        assert.include(peer.last.xml, comment)
      })
  )

  it.effect("stays out of the commit of a device that does not announce that it takes comments", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ profile: Profile.srOs })
      peer.onRpc = obliging
      yield* named(session.commit())
      assert.notInclude(peer.last.xml, "comment")
      const other = yield* connect({ peer: srOs, profile: Profile.generic })
      other.peer.onRpc = obliging
      yield* named(other.session.commit())
      assert.notInclude(other.peer.last.xml, "comment")
    })
  )

  it.effect("that XML cannot carry is refused before the commit is sent", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ peer: srOs, profile: Profile.srOs })
      const error = yield* Effect.flip(Audit.withChangeId("CHG\u0000")(session.commit()))
      assert.strictEqual(error._tag, "InputError")
      assert.deepStrictEqual(peer.names, [])
    })
  )
})
