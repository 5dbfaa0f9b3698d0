/** `Netconf.reconnecting`: when it connects again, what it repeats (docs/reconnecting.md), and when it gives up. */
import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Netconf from "../../src/api/Netconf.ts"
import type { Session } from "../../src/api/Session.ts"
import * as Metrics from "../../src/telemetry/Metrics.ts"
import { Faults } from "../../src/testing.ts"
import { countingSleepers, failure, isWaiting, settle, start, success } from "../rpc/peer.ts"
import { auth, both, garbage, hostKey, hostname, open, pass, refused, setUp } from "./comingBack.ts"

describe("reconnecting", () => {
  it.effect("is a session: programs for one run on it", () =>
    Effect.gen(function* () {
      const { cut, runs, session } = yield* open()
      const program = Effect.gen(function* () {
        const one: Session = yield* Netconf.NetconfSession
        yield* one.edit(hostname("r1"), { save: true })
        return one.sessionId
      })
      const layer = Layer.succeed(Netconf.NetconfSession, session)
      assert.strictEqual(yield* Effect.provide(program, layer), 1)
      yield* cut
      yield* pass("2 seconds")
      assert.isTrue(runs("r1"))
      assert.strictEqual(session.sessionId, 2)
      assert.strictEqual(session.label, "leaf-01")
      assert.strictEqual(session.peer, "simulated")
      assert.isTrue(session.capabilities.has(":candidate"))
      assert.strictEqual(session.framing, "chunked")
      assert.strictEqual(session.transport["transport"], "memory")
      assert.deepStrictEqual(session.notes, [])
      assert.isDefined(session.profile.name)
      assert.isAbove(session.statistics().bytesIn, 0)
    })
  )

  it.effect("comes back when it is cut, closed by the peer, or killed", () =>
    Effect.gen(function* () {
      const { cut, device, session } = yield* open()
      yield* cut
      yield* pass("2 seconds")
      device.faults.add(Faults.closeBefore("peer"), { on: "discard-changes", times: 1 })
      yield* Effect.flip(session.discardChanges())
      yield* pass("3 seconds")
      const other = yield* Netconf.connect({ transport: device.transport })
      assert.strictEqual(session.sessionId, 3)
      yield* other.killSession({ sessionId: 3 })
      yield* settle
      assert.strictEqual(session.state._tag, "Down")
      yield* pass("6 seconds")
      assert.strictEqual(session.sessionId, 5)
    })
  )

  it.effect("tries the first connection again, and fails at once where that is useless", () =>
    Effect.gen(function* () {
      for (const error of [auth, hostKey, garbage]) {
        const { attempts, block, connect } = yield* setUp()
        block(error)
        const failed = yield* Effect.flip(connect())
        assert.strictEqual(failed._tag, error._tag)
        assert.strictEqual(failed.label, "leaf-01")
        assert.lengthOf(attempts, 1)
      }
      const { block, connect } = yield* setUp()
      block(refused)
      const connecting = yield* start(connect())
      yield* pass("5 seconds")
      assert.isTrue(isWaiting(connecting))
      block(undefined)
      yield* pass("10 seconds")
      assert.strictEqual(success(connecting).sessionId, 1)
    })
  )

  it.effect("waits longer and longer, at most a minute, by default", () =>
    Effect.gen(function* () {
      const { block, cut, session } = yield* open()
      const states = yield* start(
        Stream.runCollect(Stream.takeUntil(session.states, (state) => state._tag === "Down" && state.attempt === 12))
      )
      block(refused)
      yield* cut
      for (let i = 0; i < 11; i++) yield* pass("72 seconds")
      const waits = success(states).flatMap((state) => (state._tag === "Down" ? [state.retryIn / 1000] : []))
      for (const [i, wait] of waits.entries()) {
        const middle = Math.min(60, 2 ** i)
        assert.isTrue(wait >= middle * 0.8 - 0.001 && wait <= middle * 1.2 + 0.001, `${wait} instead of ${middle}`)
      }
      assert.isAtLeast(waits.length, 10)
    })
  )

  it.effect("tells its states, the present one first", () =>
    Effect.gen(function* () {
      const { block, cut, session } = yield* open()
      const states = yield* start(Stream.runCollect(session.states))
      yield* cut
      block(auth)
      yield* pass("2 seconds")
      const [up, down, connecting, stopped] = success(states)
      assert(up?._tag === "Up" && down?._tag === "Down" && stopped?._tag === "Stopped")
      assert.strictEqual(up.sessionId, 1)
      assert.strictEqual(DateTime.toEpochMillis(up.since), 0)
      assert.deepInclude(down.why, { by: "network" })
      assert.strictEqual(down.attempt, 2)
      assert.isTrue(down.retryIn >= 800 && down.retryIn <= 1200)
      assert.deepStrictEqual(connecting, { _tag: "Connecting", attempt: 2 })
      assert.isTrue("_tag" in stopped.why && stopped.why._tag === "AuthError")
      assert.deepStrictEqual(session.state, stopped)
    })
  )

  it.effect("counts its reconnects", () =>
    Effect.gen(function* () {
      const before = (yield* Metric.value(Metrics.reconnects)).count
      const { cut } = yield* open()
      assert.strictEqual((yield* Metric.value(Metrics.reconnects)).count, before)
      yield* cut
      yield* pass("2 seconds")
      assert.strictEqual(Number((yield* Metric.value(Metrics.reconnects)).count), Number(before) + 1)
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map()))
  )

  it.effect("refuses options that cannot be", () =>
    Effect.gen(function* () {
      const { attempts, connect } = yield* setUp()
      const wrong: ReadonlyArray<readonly [object, string]> = [
        [{ whileDown: "retry" }, "whileDown"],
        [{ waitLimit: 0 }, "waitLimit"],
        [{ readRetries: -1 }, "readRetries"],
        [{ readRetries: 1.5 }, "readRetries"],
        [{ shedule: 1 }, "shedule"]
      ]
      for (const [options, what] of wrong) {
        const error = yield* Effect.flip(connect(options))
        assert.isTrue(error._tag === "InputError" && error.what === what, error.message)
      }
      assert.lengthOf(attempts, 0)
    })
  )
})

describe("reads of a session that comes back", () => {
  const other = `<get xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"/>`

  it.effect("are repeated on the next session when the connection is lost", () =>
    Effect.gen(function* () {
      const { device, log, session } = yield* open()
      const calls = [
        ["get", session.get()],
        ["get-config", session.getConfig()],
        ["get", session.rpc(other, { read: true })]
      ] as const
      for (const [i, [name, call]] of calls.entries()) {
        device.faults.add(Faults.closeBefore(i === 1 ? "peer" : "network"), { on: name, times: 1 })
        const reading = yield* start(call)
        yield* pass(`${2 ** (i + 1)} seconds`)
        assert.isAbove(success(reading).bytes, 0)
      }
      assert.deepStrictEqual(log(), ["1:get", "2:get", "2:get-config", "3:get-config", "3:get", "4:get"])
    })
  )

  it.effect("are repeated when they waited for their turn", () =>
    Effect.gen(function* () {
      const { cut, device, session } = yield* open()
      device.faults.add(Faults.silence(), { on: "get", times: 1 })
      const first = yield* start(session.get())
      const second = yield* start(session.getConfig())
      yield* cut
      yield* pass("2 seconds")
      success(first)
      success(second)
    })
  )

  it.effect("are repeated no more often than they may be", () =>
    Effect.gen(function* () {
      for (const [readRetries, sent] of [
        [undefined, 3],
        [0, 1],
        [1, 2]
      ] as const) {
        const { device, log, session } = yield* open(readRetries === undefined ? {} : { readRetries })
        device.faults.add(Faults.closeBefore("network"), { on: "get" })
        const reading = yield* start(session.get())
        for (let i = 0; i < 4; i++) yield* pass("10 seconds")
        const error = failure(reading)
        assert.isTrue(error._tag === "ChannelError" && error.phase === "closed", error.message)
        assert.lengthOf(log(), sent)
      }
    })
  )

  it.effect("are not repeated after a deadline, a refusal, or an end by ourselves", () =>
    Effect.gen(function* () {
      const { device, log, session } = yield* open({}, {}, { maxAbandoned: 0 })
      const late = yield* start(session.get({ deadline: "1 second" }))
      device.faults.add(Faults.silence(), { on: "get" })
      const silent = yield* start(session.get({ deadline: "1 second" }))
      const besides = yield* start(session.getConfig({ deadline: "1 hour" }))
      success(late)
      yield* pass("1 second")
      assert.strictEqual(failure(silent)._tag, "DeadlineError")
      // The abandoned rpc has ended the session.
      const error = failure(besides)
      assert.isTrue(error._tag === "ChannelError" && error.by === "us", error.message)
      yield* pass("10 seconds")
      assert.deepStrictEqual(log(), ["1:get", "1:get"])
    })
  )

  it.effect("fail with what ended the connection, and not at once again, where callers are not made to wait", () =>
    Effect.gen(function* () {
      const { device, log, session } = yield* open({ whileDown: "fail" })
      device.faults.add(Faults.closeBefore("network"), { on: "get", times: 1 })
      const error = failure(yield* start(session.get()))
      assert.isTrue(error._tag === "ChannelError" && error.phase === "closed")
      assert.notInclude(error.message, "is down")
      const next = failure(yield* start(session.get()))
      assert.match(next.message, /^session on leaf-01: the session is down: .*; attempt 2 follows in/)
      assert.deepStrictEqual(log(), ["1:get"])
    })
  )

  it.effect("say that they had been sent when no session comes", () =>
    Effect.gen(function* () {
      const { block, device, session } = yield* open()
      device.faults.add(Faults.closeBefore("network"), { on: "get", times: 1 })
      block(refused)
      const reading = yield* start(session.get())
      yield* pass("59 seconds")
      assert.isTrue(isWaiting(reading))
      yield* pass("1 second")
      const error = failure(reading)
      assert.isTrue(error._tag === "ChannelError" && error.phase === "closed", error.message)
    })
  )

  it.effect("are only what is a read: an rpc that is not marked is sent once", () =>
    Effect.gen(function* () {
      const { device, log, session } = yield* open()
      device.faults.add(Faults.closeBefore("network"), { on: "restart" })
      const error = yield* Effect.flip(session.rpc(`<restart xmlns="urn:a"/>`))
      assert.strictEqual(error._tag, "CommitUnknownError")
      yield* pass("10 seconds")
      assert.lengthOf(log(), 1)
    })
  )
})

describe("changes on a session that comes back", () => {
  it.effect("are never sent twice", () =>
    Effect.gen(function* () {
      const names = ["edit-config", "commit", "lock", "copy-config", "discard-changes", "validate"] as const
      for (const name of names) {
        const { device, log, session } = yield* open()
        device.faults.add(Faults.closeAfter("network"), { on: name, times: 1 })
        const calls = {
          "edit-config": session.editConfig({ config: hostname("r1") }),
          commit: session.commit(),
          lock: session.lock(),
          "copy-config": session.copyConfig({ source: "running", target: "startup" }),
          "discard-changes": session.discardChanges(),
          validate: session.validate()
        }
        const call = yield* start(calls[name] as Effect.Effect<unknown, Error>)
        yield* pass("1 minute")
        if (name === "validate") {
          success(call)
          continue
        }
        failure(call)
        assert.deepStrictEqual(log(), [`1:${name}`])
      }
    })
  )

  it.effect("are not sent again when they were certainly not sent", () =>
    Effect.gen(function* () {
      const { cut, device, log, session } = yield* open()
      device.faults.add(Faults.silence(), { on: "get" })
      yield* start(session.get())
      const edit = yield* start(session.editConfig({ config: hostname("r1") }))
      yield* cut
      const error = failure(edit)
      assert.isTrue(error._tag === "ChannelError" && error.phase === "write", error.message)
      yield* pass("10 seconds")
      assert.notInclude(log().join(" "), "edit-config")
    })
  )

  it.effect("wait for the next session when they come while it is down", () =>
    Effect.gen(function* () {
      const { cut, log, runs, session } = yield* open()
      yield* cut
      const call = yield* start(session.edit(hostname("r1")))
      assert.isTrue(isWaiting(call))
      yield* pass("2 seconds")
      success(call)
      assert.isTrue(runs("r1"))
      assert.isTrue(log().every((entry) => entry.startsWith("2:")))
    })
  )

  it.effect("find it down who go on after a call that was lost", () =>
    Effect.gen(function* () {
      const { device, log, runs, session } = yield* open()
      const program = Effect.andThen(Effect.ignore(session.commit()), session.edit(hostname("r1")))
      device.faults.add(Faults.closeBefore("network"), { on: "commit", times: 1 })
      const call = yield* start(program)
      assert.isTrue(isWaiting(call))
      yield* pass("2 seconds")
      success(call)
      assert.deepStrictEqual(log().slice(0, 2), ["1:commit", "2:lock"])
      assert.isTrue(runs("r1"))
    })
  )

  it.effect("wait no longer than they may, and say why it is down and when it is tried again", () =>
    Effect.gen(function* () {
      const { block, cut, session } = yield* open({ waitLimit: "10 seconds" })
      block(refused)
      yield* cut
      const call = yield* start(session.editConfig({ config: hostname("r1") }))
      yield* pass("9 seconds")
      assert.isTrue(isWaiting(call))
      yield* pass("1 second")
      const error = failure(call)
      assert(error._tag === "ChannelError")
      assert.strictEqual(error.phase, "write")
      assert.match(
        error.message,
        /^session on leaf-01: the session is down: ConnectionError: refused: nobody listens; attempt [45] follows in \d+\.\d s \(not sent\)$/
      )
      assert.isTrue(error.isRetryable)
    })
  )

  it.effect("fail at once by option", () =>
    Effect.gen(function* () {
      const { cut, session } = yield* open({ whileDown: "fail" })
      yield* cut
      const failures = [
        yield* Effect.flip(session.editConfig({ config: hostname("r1") })),
        yield* Effect.flip(session.locked(both, Effect.void)),
        yield* Effect.flip(session.current)
      ]
      for (const error of failures) assert.isTrue(error._tag === "ChannelError" && error.phase === "write")
      yield* pass("2 seconds")
      assert.strictEqual((yield* session.current).sessionId, 2)
    })
  )

  it.effect("free their caller at once who is interrupted while waiting", () =>
    countingSleepers((sleepers) =>
      Effect.gen(function* () {
        const { cut, session } = yield* open()
        yield* cut
        const before = sleepers()
        const call = yield* start(session.save())
        assert.strictEqual(sleepers(), before + 1)
        yield* Fiber.interrupt(call)
        assert.strictEqual(sleepers(), before)
      })
    )
  )
})

describe("a session that does not come back", () => {
  const logged = (messages: Array<string>) =>
    Layer.merge(
      Logger.layer([
        Logger.make(({ logLevel, message }) => {
          messages.push(`${logLevel} ${String(message)}`)
        })
      ]),
      Layer.succeed(References.MinimumLogLevel, "All")
    )

  it.effect("has failed to log in: it stops for good, tells everybody, and warns the operator", () => {
    const messages: Array<string> = []
    return Effect.gen(function* () {
      const { attempts, block, cut, session } = yield* open()
      const waitingFor = yield* start(session.closed)
      block(auth)
      yield* cut
      const reading = yield* start(session.get())
      const editing = yield* start(session.edit(hostname("r1")))
      yield* pass("2 seconds")
      const later = yield* start(Effect.flip(session.getConfig()))
      for (const error of [failure(reading), failure(editing), success(later)]) {
        assert(error._tag === "ChannelError")
        assert.include(error.message, "it does not connect again: AuthError: ")
        assert.isFalse(error.isRetryable)
      }
      const reason = success(waitingFor)
      assert.deepInclude(reason, { by: "us" })
      assert.include(reason.detail, "AuthError")
      yield* pass("1 day")
      assert.deepStrictEqual(attempts, ["open", auth])
      assert.strictEqual(session.sessionId, 1)
      assert.lengthOf(
        messages.filter((message) => message.startsWith("Warn stopped: AuthError")),
        1
      )
      const others = messages.filter((message) => !message.startsWith("Debug") && !message.startsWith("Trace"))
      assert.lengthOf(others, 1, others.join("\n"))
    }).pipe(Effect.provide(logged(messages)))
  })

  it.effect("keeps trying after bytes that are no hello, once it was one", () =>
    Effect.gen(function* () {
      const { block, cut, session } = yield* open()
      block(garbage)
      yield* cut
      yield* pass("2 seconds")
      assert.strictEqual(session.state._tag, "Down")
      block(undefined)
      yield* pass("10 seconds")
      assert.strictEqual(session.state._tag, "Up")
    })
  )

  it.effect("has been left: callers who wait are told, closed completes, and nothing warns", () => {
    const messages: Array<string> = []
    return countingSleepers((sleepers) =>
      Effect.gen(function* () {
        const { attempts, connect, cut, device } = yield* setUp()
        for (const down of [false, true]) {
          const scope = Scope.makeUnsafe()
          const session = yield* Scope.provide(connect(), scope)
          if (down) yield* cut
          const waiting = down ? yield* start(session.get()) : undefined
          yield* Scope.close(scope, Exit.void)
          yield* settle
          if (waiting !== undefined) assert.include(failure(waiting).message, "the session was closed")
          assert.deepInclude(yield* session.closed, { by: "us", detail: "the session was closed" })
          assert.strictEqual((yield* Effect.flip(session.get()))._tag, "ChannelError")
        }
        assert.strictEqual(sleepers(), 0)
        assert.strictEqual(device.sessions.size, 0)
        yield* pass("1 hour")
        assert.lengthOf(attempts, 2)
        assert.isFalse(messages.some((message) => message.startsWith("Warn")))
      })
    ).pipe(Effect.provide(logged(messages)))
  })
})

describe("what a session that comes back is given", () => {
  it.effect("has to be a schedule, before anything is connected", () =>
    Effect.gen(function* () {
      const { attempts, connect } = yield* setUp()
      for (const schedule of ["1 second", { times: 3, delay: "1 second" }, 5]) {
        const error = yield* Effect.flip(connect({ schedule: schedule as never }))
        assert.match(error.message, /schedule: expected a Schedule \(Schedule.spaced/)
      }
      const error = yield* Effect.flip(connect({ waitLimit: 30 }))
      assert.match(error.message, /waitLimit: 30 would be milliseconds; write "30 seconds"/)
      assert.lengthOf(attempts, 0)
    })
  )

  it.effect("stops it when it dies, and everybody is told why", () =>
    Effect.gen(function* () {
      const schedule = Schedule.modifyDelay(Schedule.recurs(9), () => {
        throw new Error("no such delay")
      })
      const { cut, session } = yield* open({ schedule })
      yield* cut
      assert.strictEqual(session.state._tag, "Stopped")
      const error = yield* Effect.flip(session.get())
      assert.match(error.message, /it does not connect again, because that has failed by itself: no such delay/)
      assert.strictEqual((yield* session.closed).by, "us")
    })
  )

  it.effect("is refused before anything is sent: a check or a program that is none", () =>
    Effect.gen(function* () {
      const { log, session } = yield* open()
      const minute = { timeout: "1 minute", config: hostname("r1") } as const
      const calls: ReadonlyArray<Effect.Effect<unknown, { readonly _tag: string }>> = [
        session.confirmedCommit(minute, undefined as never),
        session.confirmedCommit({ ...minute, verifyon: "this-session" } as never, () => Effect.void),
        session.locked(["running"], (() => Effect.void) as never),
        session.locked("running" as never, Effect.void)
      ]
      for (const call of calls) {
        assert.strictEqual((yield* Effect.flip(call))._tag, "InputError")
      }
      assert.deepStrictEqual(log(), [])
    })
  )

  it.effect("has its check cancelled that returns a promise, or false", () =>
    Effect.gen(function* () {
      const { device, runs, session } = yield* open()
      const minute = { timeout: "1 minute", config: hostname("r1") } as const
      for (const verify of [async () => true, () => Effect.succeed(false)]) {
        const error = yield* Effect.flip(session.confirmedCommit(minute, verify as () => Effect.Effect<boolean>))
        assert.match(error.message, /verify: /)
        assert.isUndefined(device.confirmedCommit)
        assert.isFalse(runs("r1"))
      }
    })
  )
})
