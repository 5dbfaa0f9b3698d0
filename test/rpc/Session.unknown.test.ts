/** What an ended or garbled call means: docs/change-safety.md, "Replies that are late, lost or wrong". */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { operations } from "../../src/api/operations/Operations.ts"
import type { Operation } from "../../src/rpc/Operation.ts"
import type { Connected, Peer } from "./peer.ts"
import {
  connect,
  data,
  everything,
  failure,
  isWaiting,
  obliging,
  replyOf,
  rpcError,
  settle,
  start,
  success
} from "./peer.ts"

const change = `<top xmlns="urn:a"/>`

/** Each way in which a request is left without a clear reply. */
const ways: ReadonlyArray<readonly [string, (peer: Peer, id: string) => Effect.Effect<void>]> = [
  ["the peer closes", (peer) => Effect.sync(() => peer.endpoint.close())],
  ["the network breaks", (peer) => Effect.sync(() => peer.endpoint.close({ by: "network", detail: "cut" }))],
  ["the deadline passes", () => TestClock.adjust("20 minutes")],
  ["the framing breaks", (peer) => Effect.sync(() => peer.bytes("nonsense\n\n\n"))],
  [
    "the peer closes in the middle of the reply",
    (peer, id) =>
      Effect.andThen(
        Effect.sync(() => peer.bytes(peer.frame(replyOf(id)).subarray(0, 90))),
        Effect.sync(() => peer.endpoint.close())
      )
  ],
  ["the reply is not XML", (peer) => Effect.sync(() => peer.send("%$ <<< not XML"))],
  ["the reply is truncated", (peer, id) => Effect.sync(() => peer.send(replyOf(id).slice(0, -8)))],
  ["the reply has a DOCTYPE", (peer, id) => Effect.sync(() => peer.send(`<!DOCTYPE a>${replyOf(id)}`))],
  [
    "the reply is not UTF-8",
    (peer, id) => Effect.sync(() => peer.send(Buffer.from(replyOf(id, "<ok/><!-- \u00e9 -->"), "latin1")))
  ],
  ["the reply is empty", (peer, id) => Effect.sync(() => peer.send(replyOf(id, "")))],
  [
    "the reply says ok in a foreign namespace",
    (peer, id) => Effect.sync(() => peer.send(replyOf(id, `<ok xmlns="urn:x"/>`)))
  ],
  ["the reply holds something else", (peer, id) => Effect.sync(() => peer.send(replyOf(id, "<data/>")))],
  ["the reply carries an id that was never sent", (peer) => Effect.sync(() => peer.send(replyOf("not-yours")))]
]

const writes: ReadonlyArray<readonly [string, Operation<unknown>, string]> = [
  ["commit", operations.commit(), "running"],
  ["cancel-commit", operations.cancelCommit({ persistId: "a" }), "running"],
  ["delete-config", operations.deleteConfig({ target: "startup" }), "startup"],
  ["edit-config of running", operations.editConfig({ target: "running", config: change }), "running"],
  ["edit-config of an unlocked candidate", operations.editConfig({ target: "candidate", config: change }), "candidate"],
  ["copy-config", operations.copyConfig({ source: "running", target: "startup" }), "startup"]
]

/** `<data/>` would be an answer to these. */
const calls: ReadonlyArray<readonly [string, Operation<unknown>]> = [
  ["an action", operations.rpc(`<action xmlns="urn:ietf:params:xml:ns:yang:1"><reset xmlns="urn:a"/></action>`)],
  ["any rpc that is not marked as a read", operations.rpc(`<get-it xmlns="urn:a"/>`)]
]

const reads: ReadonlyArray<readonly [string, Operation<unknown>]> = [
  ["get", operations.get()],
  ["get-config", operations.getConfig()],
  ["validate", operations.validate()],
  ["lock", operations.lock()],
  ["discard-changes", operations.discardChanges()],
  ["an rpc marked as a read", operations.rpc(`<show xmlns="urn:a"/>`, { read: true })],
  ["edit-config test-only", operations.editConfig({ target: "running", config: change, testOption: "test-only" })]
]

const left = (
  operation: Operation<unknown>,
  way: (peer: Peer, id: string) => Effect.Effect<void>,
  before?: (connected: Connected) => Effect.Effect<unknown, unknown, Scope.Scope>
) =>
  Effect.gen(function* () {
    const connected = yield* connect()
    if (before !== undefined) yield* before(connected)
    const { peer, session } = connected
    peer.onRpc = () => {}
    const call = yield* start(session.run(operation))
    yield* way(peer, peer.last.id)
    yield* settle
    if (peer.end === undefined) peer.endpoint.close()
    return failure(call)
  })

describe("Session, left without a clear reply", () => {
  for (const [name, operation, datastore] of writes) {
    for (const [how, way] of ways) {
      it.effect(`calls ${name} unknown when ${how}`, () =>
        Effect.gen(function* () {
          const error = yield* left(operation, way)
          assert.strictEqual(error._tag, "CommitUnknownError", error.message)
          if (error._tag !== "CommitUnknownError") return
          assert.deepInclude({ ...error }, { phase: "sent", datastore, operation: operation.name, sessionId: 7 })
          assert.include(error.message, "unknown")
          assert.isFalse(error.isRetryable)
        })
      )
    }
  }
  for (const [name, operation] of calls) {
    for (const [how, way] of ways.filter(([how]) => !how.includes("something else"))) {
      it.effect(`calls ${name} unknown when ${how}`, () =>
        Effect.gen(function* () {
          assert.strictEqual((yield* left(operation, way))._tag, "CommitUnknownError")
        })
      )
    }
  }
  for (const [name, operation] of reads) {
    it.effect(`gives the plain reason for ${name}`, () =>
      Effect.gen(function* () {
        for (const [how, way] of ways) {
          if (how.includes("something else") && operation.expects !== "ok") continue
          const { _tag } = yield* left(operation, way)
          assert.include(["ChannelError", "ProtocolError", "DeadlineError"], _tag, how)
        }
      })
    )
  }

  const locked = ({ peer, session }: Connected) =>
    Effect.suspend(() => {
      peer.onRpc = obliging
      return session.lock({ target: "candidate" })
    })
  for (const [name, operation] of [
    ["edit-config", operations.editConfig({ target: "candidate", config: change })],
    ["copy-config", operations.copyConfig({ source: "running", target: "candidate" })]
  ] as const) {
    it.effect(`gives the plain reason for ${name} of a candidate that is held locked`, () =>
      Effect.gen(function* () {
        for (const [how, way] of ways) {
          const error = yield* left(operation, way, locked)
          assert.include(["ChannelError", "ProtocolError", "DeadlineError"], error._tag, how)
        }
      })
    )
  }

  it.effect("does not take a candidate for locked once its unlock has been sent", () =>
    Effect.gen(function* () {
      const error = yield* left(
        operations.editConfig({ target: "candidate", config: change }),
        ways[0]![1],
        (connected) =>
          Effect.andThen(
            locked(connected),
            Effect.suspend(() => {
              connected.peer.onRpc = () => {}
              return Effect.flatMap(start(connected.session.unlock({ target: "candidate" })), Fiber.interrupt)
            })
          )
      )
      assert.strictEqual(error._tag, "CommitUnknownError")
    })
  )

  for (const tag of ["rollback-failed", "partial-operation"]) {
    it.effect(`calls a write unknown whose reply says ${tag}, and only a write`, () =>
      Effect.gen(function* () {
        const says = (peer: Peer, id: string) =>
          Effect.sync(() => peer.reply(id, rpcError("invalid-value") + rpcError(tag)))
        const error = yield* left(operations.editConfig({ config: change }), says)
        assert.strictEqual(error._tag, "CommitUnknownError")
        assert.deepInclude({ ...error }, { phase: "replied" })
        assert.include(error.message, tag)
        assert.strictEqual((yield* left(operations.get(), says))._tag, "RpcError")
        assert.strictEqual(
          (yield* left(operations.editConfig({ target: "candidate", config: change }), says, locked))._tag,
          "RpcError"
        )
      })
    )
  }

  it.effect("says certainly not sent for what waited while the transport was full", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ maxOutstanding: 2, memory: { highWaterMark: 1000 } })
      yield* settle
      peer.pause()
      const sent = yield* start(session.editConfig({ config: `<a>${"x".repeat(2000)}</a>` }))
      const waiting = yield* start(session.commit())
      peer.endpoint.close({ by: "network", detail: "cut" })
      yield* settle
      assert.strictEqual(failure(sent)._tag, "CommitUnknownError")
      const error = failure(waiting)
      assert.deepInclude({ ...error }, { _tag: "ChannelError", phase: "write", by: "network" })
      assert.include(error.message, "not sent")
      const later = yield* Effect.flip(session.commit())
      assert.deepInclude({ ...later }, { _tag: "ChannelError", phase: "write" })
    })
  )

  it.effect("says what ended it to every call that waits, and to later ones", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ maxOutstanding: 2, label: "leaf" })
      const two = [yield* start(session.get()), yield* start(session.getConfig())]
      const queued = yield* start(session.get())
      peer.bytes("\n#x\n")
      yield* settle
      for (const call of two) assert.deepInclude({ ...failure(call) }, { _tag: "ProtocolError", layer: "framing" })
      assert.deepInclude({ ...failure(queued) }, { _tag: "ChannelError", phase: "write", by: "us" })
      const reason = yield* session.closed
      assert.strictEqual(reason.by, "us")
      assert.strictEqual(reason.error?.layer, "framing")
    })
  )

  it.effect("fails what waits when its scope closes", () =>
    Effect.gen(function* () {
      const { close, peer, session } = yield* connect({ maxOutstanding: 2 })
      const read = yield* start(session.get())
      const write = yield* start(session.commit())
      const queued = yield* start(session.commit())
      yield* close
      yield* settle
      assert.deepInclude({ ...failure(read) }, { _tag: "ChannelError", phase: "closed", by: "us" })
      assert.strictEqual(failure(write)._tag, "CommitUnknownError")
      assert.deepInclude({ ...failure(queued) }, { _tag: "ChannelError", phase: "write" })
      assert.deepStrictEqual(peer.names, ["get", "commit", "close-session"])
      assert.isDefined(peer.end)
    })
  )
})

describe("Session, when a late reply acquired something", () => {
  it.effect("gives back a lock that was granted to nobody", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      const call = yield* start(session.lock({ target: "candidate" }))
      yield* Fiber.interrupt(call)
      peer.reply(peer.rpc("lock"))
      yield* settle
      assert.deepStrictEqual(peer.names, ["lock", "unlock"])
      assert.include(peer.last.xml, "<target><candidate/></target>")
      peer.reply(peer.last)
      yield* settle
      peer.onRpc = obliging
      yield* session.get()
    })
  )

  it.effect("also when the lock timed out, or was sent as a plain rpc", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      for (const lock of [
        session.lock({ deadline: "1 second" }),
        session.rpc("<lock><target><running/></target></lock>", { deadline: "1 second" })
      ]) {
        const call = yield* start(lock)
        const { last } = peer
        yield* TestClock.adjust("1 second")
        yield* settle
        failure(call)
        peer.reply(last)
        yield* settle
        assert.strictEqual(peer.last.name, "unlock")
        assert.include(peer.last.xml, "<running/>")
        peer.reply(peer.last)
        yield* settle
      }
      assert.isUndefined(peer.end)
    })
  )

  it.effect("does nothing for a lock that was refused late", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      yield* Effect.flatMap(start(session.lock()), Fiber.interrupt)
      peer.reply(peer.last, rpcError("lock-denied"))
      yield* settle
      assert.deepStrictEqual(peer.names, ["lock"])
      assert.isUndefined(peer.end)
    })
  )

  it.effect("closes the session when the lock cannot be given back", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      yield* Effect.flatMap(start(session.lock()), Fiber.interrupt)
      peer.reply(peer.last)
      yield* settle
      peer.reply(peer.last, rpcError("operation-failed"))
      yield* settle
      assert.include((yield* session.closed).detail, "could not be undone")
      assert.isDefined(peer.end)
    })
  )

  for (const [what, garble] of [
    ["makes no sense", (id: string) => Buffer.from(replyOf(id, ""))],
    ["is not UTF-8", (id: string) => Buffer.from(replyOf(id, "<ok/><!-- \u00e9 -->"), "latin1")],
    ["is larger than the limit", (id: string) => Buffer.from(replyOf(id, `<ok/><!-- ${"x".repeat(5000)} -->`))]
  ] as const) {
    it.effect(`closes the session when the late reply of a lock ${what}`, () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect({ limits: { bytes: 4000 } })
        yield* Effect.flatMap(start(session.lock()), Fiber.interrupt)
        peer.send(garble(peer.last.id))
        yield* settle
        assert.isDefined(peer.end, "the lock may be held by nobody")
        assert.strictEqual(session.statistics().lateReplies, 1)
      })
    )
  }

  it.effect("cancels a confirmed commit by its id", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      yield* Effect.flatMap(start(session.commit({ confirmed: true, persist: "abc" })), Fiber.interrupt)
      peer.reply(peer.last)
      yield* settle
      assert.strictEqual(peer.last.name, "cancel-commit")
      assert.include(peer.last.xml, "<persist-id>abc</persist-id>")
      peer.reply(peer.last)
    })
  )

  it.effect("closes the session to cancel a confirmed commit of version 1.0", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ peer: everything.filter((name) => name !== ":confirmed-commit:1.1") })
      yield* Effect.flatMap(start(session.commit({ confirmed: true })), Fiber.interrupt)
      peer.reply(peer.last)
      yield* settle
      assert.isDefined(peer.end)
    })
  )

  it.effect("leaves a plain commit alone", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      yield* Effect.flatMap(start(session.commit()), Fiber.interrupt)
      peer.reply(peer.last)
      yield* settle
      assert.deepStrictEqual(peer.names, ["commit"])
      assert.isUndefined(peer.end)
    })
  )

  it.effect("does not count a lock that is being given back as held", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      yield* Effect.flatMap(start(session.lock()), Fiber.interrupt)
      peer.reply(peer.last)
      yield* settle
      const program = yield* start(session.locked(["running"], session.get()))
      assert.deepStrictEqual(peer.names, ["lock", "unlock", "lock"])
      peer.reply(peer.rpcs[1]!)
      peer.reply(peer.rpcs[2]!)
      peer.onRpc = obliging
      yield* settle
      assert.include(success(program).xml, data)
      assert.deepStrictEqual(peer.names.slice(3), ["get", "unlock"])
    })
  )

  it.effect("does not count it as held either while its unlock waits for room", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ maxOutstanding: 9, memory: { highWaterMark: 1000 } })
      yield* settle
      yield* Effect.flatMap(start(session.lock()), Fiber.interrupt)
      const lock = peer.last
      peer.pause()
      yield* start(session.rpc(`<fill xmlns="urn:a">${"x".repeat(2000)}</fill>`))
      peer.reply(lock)
      yield* settle
      const program = yield* start(session.locked(["running"], session.get()))
      peer.onRpc = obliging
      peer.resume()
      yield* settle
      success(program)
      assert.deepStrictEqual(peer.names, ["lock", "fill", "unlock", "lock", "get", "unlock"])
    })
  )

  it.effect("gives back a lock whose caller was interrupted by another caller in the same batch", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ maxOutstanding: 2 })
      let second: Fiber.Fiber<unknown, unknown> | undefined
      const first = yield* start(Effect.tap(session.get(), () => Effect.suspend(() => Fiber.interrupt(second!))))
      second = yield* start(session.lock())
      peer.bytes(Buffer.concat([peer.frame(replyOf(peer.rpcs[0]!.id, data)), peer.frame(replyOf(peer.rpcs[1]!.id))]))
      yield* settle
      success(first)
      assert.isFalse(isWaiting(second))
      assert.deepStrictEqual(peer.names, ["get", "lock", "unlock"])
      peer.reply(peer.last)
    })
  )
})
