/** `session.locked`: docs/change-safety.md, "Locks". */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import * as Netconf from "../../../src/api/Netconf.ts"
import type { OperationError } from "../../../src/errors.ts"
import { SimulatedDevice } from "../../../src/testing.ts"
import * as Profile from "../../../src/profiles/Profile.ts"
import type { Peer, Rpc } from "../../rpc/peer.ts"
import {
  connect,
  data,
  everything,
  failure,
  isWaiting,
  obliging,
  rpcError,
  settle,
  start,
  success
} from "../../rpc/peer.ts"

const both = ["running", "candidate"] as const
const edit = { target: "candidate", config: "<a/>" } as const
const target = ({ name, xml }: Rpc) =>
  `${name}${/<target><([a-z]+)\/>/.exec(xml)?.[1] === undefined ? "" : ` ${/<target><([a-z]+)\/>/.exec(xml)![1]}`}`
const steps = (peer: Peer) => peer.rpcs.map(target)

/** Refuses these steps, answers the others; `silent` are never answered. */
const scripted = (peer: Peer, refuse: Readonly<Record<string, string>>, silent: ReadonlyArray<string> = []) => {
  peer.onRpc = (rpc) => {
    const step = target(rpc)
    if (silent.includes(step)) return
    if (refuse[step] === undefined) obliging(rpc, peer)
    else peer.reply(rpc, rpcError(refuse[step]))
  }
}

const taken = ["lock running", "lock candidate", "discard-changes"]
const released = ["unlock candidate", "unlock running"]

describe("locked", () => {
  it.effect("locks running before candidate, discards once, and unlocks in reverse", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      peer.onRpc = obliging
      const value = yield* session.locked(["startup", "candidate", "running"], Effect.as(session.get(), 42))
      assert.strictEqual(value, 42)
      assert.deepStrictEqual(steps(peer), [
        "lock running",
        "lock candidate",
        "lock startup",
        "discard-changes",
        "get",
        "unlock startup",
        ...released
      ])
    })
  )

  it.effect("touches nothing when the first lock is refused", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      scripted(peer, { "lock running": "lock-denied" })
      const error = yield* Effect.flip(session.locked(both, session.editConfig(edit)))
      assert.isTrue(error._tag === "RpcError" && error.has("lock-denied"))
      assert.deepStrictEqual(steps(peer), ["lock running"])
    })
  )

  it.effect("gives back the first lock alone when the second is refused", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      scripted(peer, { "lock candidate": "lock-denied" })
      yield* Effect.flip(session.locked(both, session.editConfig(edit)))
      assert.deepStrictEqual(steps(peer), ["lock running", "lock candidate", "unlock running"])
    })
  )

  it.effect("sends no step behind a lock that may still be refused", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ maxOutstanding: 10 })
      const call = yield* start(session.locked(both, session.editConfig(edit)))
      assert.deepStrictEqual(steps(peer), ["lock running"])
      peer.reply(peer.last)
      yield* settle
      assert.deepStrictEqual(steps(peer), ["lock running", "lock candidate"])
      peer.onRpc = obliging
      peer.reply(peer.last)
      yield* settle
      success(call)
    })
  )

  it.effect("ends at an unanswered lock, and gives it back when it is granted after all", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      scripted(peer, {}, ["lock candidate"])
      const call = yield* start(session.locked(both, session.editConfig(edit)))
      yield* TestClock.adjust("60 seconds")
      yield* settle
      assert.strictEqual(failure(call)._tag, "DeadlineError")
      assert.deepStrictEqual(steps(peer), ["lock running", "lock candidate", "unlock running"])
      peer.onRpc = obliging
      peer.reply(peer.rpc("lock"))
      yield* settle
      assert.deepStrictEqual(steps(peer).slice(3), ["unlock candidate"])
    })
  )

  it.effect("touches nothing of a capability that the peer lacks", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ peer: everything.filter((name) => name !== ":candidate") })
      peer.onRpc = obliging
      const error = yield* Effect.flip(session.locked(both, session.get()))
      assert.strictEqual(error._tag, "CapabilityError")
      assert.deepStrictEqual(steps(peer), ["lock running", "unlock running"])
    })
  )

  it.effect("ends when the discard after the locks is refused", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      scripted(peer, { "discard-changes": "operation-failed" })
      yield* Effect.flip(session.locked(both, session.editConfig(edit)))
      assert.deepStrictEqual(steps(peer), [...taken, ...released])
    })
  )

  const endings: ReadonlyArray<readonly [string, Effect.Effect<never, string>]> = [
    ["fails", Effect.fail("no")],
    ["is interrupted", Effect.interrupt],
    ["dies", Effect.die(new Error("defect"))]
  ]
  for (const [how, ending] of endings) {
    it.effect(`discards what was edited and unlocks when the program ${how}, which stays what it was`, () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect()
        peer.onRpc = obliging
        const exit = yield* Effect.exit(session.locked(both, Effect.andThen(session.editConfig(edit), ending)))
        assert.deepStrictEqual(steps(peer), [...taken, "edit-config candidate", "discard-changes", ...released])
        assert.deepStrictEqual(exit._tag === "Failure" && exit.cause.reasons.map((reason) => reason._tag), [
          how === "fails" ? "Fail" : how === "dies" ? "Die" : "Interrupt"
        ])
      })
    )
  }

  it.effect("discards and unlocks when it is interrupted from outside, in any step", () =>
    Effect.gen(function* () {
      for (const [at, expected] of [
        ["lock running", []],
        ["lock candidate", ["unlock running"]],
        ["discard-changes", released],
        ["edit-config candidate", ["discard-changes", ...released]],
        ["commit", ["discard-changes", ...released]]
      ] as const) {
        const { peer, session } = yield* connect()
        const seen = new Set<string>()
        peer.onRpc = (rpc) => {
          const first = !seen.has(target(rpc))
          seen.add(target(rpc))
          if (target(rpc) !== at || !first) obliging(rpc, peer)
        }
        const call = yield* start(session.locked(both, Effect.andThen(session.editConfig(edit), session.commit())))
        assert.strictEqual(target(peer.last), at)
        yield* Fiber.interrupt(call)
        const interrupted = steps(peer).indexOf(at)
        assert.deepStrictEqual(steps(peer).slice(interrupted + 1), [...expected], at)
      }
    })
  )

  it.effect("does not discard what was committed, or never edited", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      peer.onRpc = obliging
      yield* session.locked(both, Effect.andThen(session.editConfig(edit), session.commit()))
      assert.deepStrictEqual(steps(peer), [...taken, "edit-config candidate", "commit", ...released])
    })
  )

  it.effect("fails when the program succeeded and an unlock did not, and tries every step", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      scripted(peer, { "unlock candidate": "operation-failed" })
      const error = yield* Effect.flip(session.locked(both, session.get()))
      assert.include(error.message, "unlock on peer (session 7): operation-failed")
      assert.deepStrictEqual(steps(peer), [...taken, "get", ...released])
    })
  )

  it.effect("lets the program's error win and attaches what failed in the clean-up", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      const call = yield* start(
        session.locked(both, Effect.andThen(session.editConfig(edit), Effect.fail("the program's" as const)))
      )
      const seen: Array<string> = []
      const answer = (rpc: Rpc) => {
        seen.push(target(rpc))
        const cleaning = seen.includes("edit-config candidate") && rpc.name !== "edit-config"
        peer.reply(rpc, cleaning ? rpcError(rpc.name === "unlock" ? "operation-failed" : "resource-denied") : "<ok/>")
      }
      peer.onRpc = answer
      answer(peer.last)
      yield* settle
      assert.strictEqual(failure(call), "the program's")
      const exit = call.pollUnsafe()!
      const messages = Exit.isFailure(exit)
        ? exit.cause.reasons.map((reason) =>
            Cause.isFailReason(reason) ? String((reason.error as Error).message ?? reason.error) : reason._tag
          )
        : []
      assert.lengthOf(messages, 4)
      assert.include(messages[1], "resource-denied")
      assert.include(messages[2], "operation-failed")
    })
  )

  it.effect("gives each step of the clean-up its own deadline", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ deadlines: { close: "5 seconds" }, maxAbandoned: 9 })
      scripted(peer, {}, ["unlock candidate", "unlock running"])
      const call = yield* start(session.locked(both, session.get()))
      yield* TestClock.adjust("5 seconds")
      yield* settle
      assert.deepStrictEqual(steps(peer).slice(-2), released)
      assert.isTrue(isWaiting(call))
      yield* TestClock.adjust("5 seconds")
      yield* settle
      assert.strictEqual(failure(call)._tag, "DeadlineError")
    })
  )

  for (const [how, refuse, silent] of [
    ["refused", { "unlock running": "operation-failed" }, []],
    ["never answered", {}, ["unlock running"]]
  ] as const) {
    it.effect(`ends the session, and says so, when an unlock is ${how}: a lock is not left behind unseen`, () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect()
        scripted(peer, refuse, silent)
        const said: Array<string> = []
        const log = Logger.make(({ logLevel, message }) => void said.push(`${logLevel}: ${String(message)}`))
        const program = session.locked(["running"], Effect.never).pipe(Effect.provide(Logger.layer([log])))
        const call = yield* start(program)
        const interrupting = yield* Effect.forkChild(Fiber.interrupt(call))
        yield* settle
        yield* TestClock.adjust("5 seconds")
        yield* Fiber.join(interrupting)
        const { by, detail } = yield* session.closed
        assert.deepStrictEqual([by, detail], ["us", "unlock failed, and the end of the session gives back its locks"])
        assert.lengthOf(said, 1)
        assert.match(said[0]!, /^Warn: the session is ended, which gives back its locks: unlock on peer/)
      })
    )
  }

  it.effect("says what ended it when the session ends, and sends nothing more", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      scripted(peer, {}, ["edit-config candidate"])
      const call = yield* start(session.locked(both, session.editConfig(edit)))
      peer.endpoint.close()
      yield* settle
      const exit = call.pollUnsafe()!
      assert.strictEqual(failure(call)._tag, "ChannelError")
      assert.lengthOf(Exit.isFailure(exit) ? exit.cause.reasons : [], 1)
      assert.deepStrictEqual(steps(peer), [...taken, "edit-config candidate"])
    })
  )

  it.effect("lets reads of other fibers pass, and keeps their writes, locks and discards outside", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ maxOutstanding: 10 })
      peer.onRpc = obliging
      let leave!: () => void
      const wait = Effect.callback<void>((resume) => {
        leave = () => resume(Effect.void)
      })
      const program = yield* start(session.locked(both, Effect.andThen(wait, session.commit())))
      const outside = [
        yield* start(session.editConfig({ config: "<b/>" })),
        yield* start(session.commit({ persistId: "x" })),
        yield* start(session.discardChanges()),
        yield* start(session.unlock()),
        yield* start(session.lock({ target: "startup" })),
        yield* start(session.rpc(`<reset xmlns="urn:a"/>`)),
        yield* start(session.locked(["startup"], session.get()))
      ]
      const read = yield* start(session.get())
      success(read)
      yield* start(session.validate())
      yield* start(session.killSession({ sessionId: 9 }))
      assert.deepStrictEqual(outside.map(isWaiting), Array(7).fill(true))
      assert.deepStrictEqual(steps(peer), [...taken, "get", "validate", "kill-session"])
      leave()
      yield* settle
      success(program)
      for (const call of outside) success(call)
      assert.deepStrictEqual(steps(peer).slice(6, 9), ["commit", ...released])
    })
  )

  it.effect("lets a program's own fibers in, and nests without locking twice", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ maxOutstanding: 10 })
      peer.onRpc = obliging
      const inner = session.locked(["candidate", "startup"], session.commit())
      yield* session.locked(both, Effect.all([session.editConfig(edit), inner], { concurrency: 2 }))
      assert.deepStrictEqual(
        steps(peer).toSorted(),
        [...taken, "edit-config candidate", "lock startup", "commit", "unlock startup", ...released].toSorted()
      )
      assert.deepStrictEqual(steps(peer).slice(-2), released)
    })
  )

  it.effect("runs programs one after the other, and lets a waiting one be interrupted", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      const first = yield* start(session.locked(["running"], session.get()))
      const second = yield* start(session.locked(["running"], session.get()))
      const third = yield* start(session.locked(["running"], session.getConfig()))
      yield* Fiber.interrupt(second)
      peer.onRpc = obliging
      peer.reply(peer.last)
      yield* settle
      success(first)
      success(third)
      assert.deepStrictEqual(steps(peer), [
        "lock running",
        "get",
        "unlock running",
        "lock running",
        "get-config",
        "unlock running"
      ])
    })
  )

  it.effect("takes the candidate's lock alone where one lock covers both", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ profile: Profile.srOs })
      peer.onRpc = obliging
      yield* session.locked(both, session.get())
      yield* session.locked(["running"], session.get())
      assert.deepStrictEqual(steps(peer), [
        "lock candidate",
        "discard-changes",
        "get",
        "unlock candidate",
        "lock running",
        "get",
        "unlock running"
      ])
    })
  )

  it.effect("leaves a lock alone that the session held before", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      peer.onRpc = obliging
      yield* session.lock()
      yield* session.locked(["running"], session.get())
      assert.deepStrictEqual(steps(peer), ["lock running", "get"])
    })
  )

  it.effect("gives back a lock of the step in which another caller of the same batch interrupts it", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ maxOutstanding: 2 })
      let program: Fiber.Fiber<unknown, unknown> | undefined
      const first = yield* start(Effect.tap(session.get(), () => Effect.sync(() => program!.interruptUnsafe())))
      program = yield* start(session.locked(["running"], session.get()))
      const [get, lock] = peer.rpcs
      peer.onRpc = obliging
      peer.bytes(
        Buffer.concat([
          peer.frame(
            `<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="${get!.id}">${data}</rpc-reply>`
          ),
          peer.frame(
            `<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="${lock!.id}"><ok/></rpc-reply>`
          )
        ])
      )
      yield* settle
      success(first)
      assert.isFalse(isWaiting(program))
      assert.deepStrictEqual(steps(peer), ["get", "lock running", "unlock running"])
    })
  )
})

describe("locked with wait", () => {
  const denied = (fiber: Fiber.Fiber<unknown, OperationError>) => {
    const error = failure(fiber)
    assert.isTrue(error._tag === "RpcError" && error.has("lock-denied"), error.message)
  }

  it.effect("asks again while another holds the lock, and goes on when it is free", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      const session = yield* Netconf.connect({ transport: device.transport })
      const free = device.lock("running")
      const wait = Schedule.spaced("2 seconds")
      const fiber = yield* start(session.locked(["running"], Effect.succeed("in"), { wait }))
      yield* settle
      yield* TestClock.adjust("3 seconds")
      yield* settle
      assert.isUndefined(fiber.pollUnsafe())
      free()
      yield* TestClock.adjust("2 seconds")
      yield* settle
      assert.strictEqual(success(fiber), "in")
      assert.strictEqual(device.locks.size, 0)
    })
  )

  it.effect("fails with the refusal when the schedule ends, and at once without one", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      const session = yield* Netconf.connect({ transport: device.transport })
      device.lock("candidate")
      const wait = Schedule.spaced("2 seconds").pipe(Schedule.upTo({ times: 2 }))
      const waiting = yield* start(session.locked(["running", "candidate"], Effect.void, { wait }))
      yield* settle
      for (let i = 0; i < 3; i++) {
        yield* TestClock.adjust("2 seconds")
        yield* settle
      }
      denied(waiting)
      assert.strictEqual(device.log.filter((entry) => entry.operation === "lock").length, 4)
      const once = yield* start(session.locked(["candidate"], Effect.void))
      yield* settle
      denied(once)
      assert.deepStrictEqual([...device.locks], [["candidate", 0]])
    })
  )
})
