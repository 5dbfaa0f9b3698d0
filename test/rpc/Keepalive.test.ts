import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { connectOptions } from "../../src/api/promise/ClientOptions.ts"
import type { KeepaliveOptions } from "../../src/api/session/Keepalive.ts"
import * as Filter from "../../src/api/operations/Filter.ts"
import { operations } from "../../src/api/operations/Operations.ts"
import * as Netconf from "../../src/api/Netconf.ts"
import type { Session } from "../../src/api/Session.ts"
import { NetconfClient } from "../../src/promise.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import { xml } from "../../src/xml/Template.ts"
import {
  connect as connectPeer,
  countingSleepers,
  data,
  failure,
  isWaiting,
  obliging,
  type Options,
  type Peer,
  rpcError,
  settle,
  start,
  success,
  transport
} from "./peer.ts"

const pass = (time: string) => Effect.andThen(TestClock.adjust(time as "1 second"), settle)

/** A minute of silence, then half a minute for an answer. */
const connect = (options: Options = {}) =>
  connectPeer({ label: "leaf", keepalive: { every: "1 minute" }, maxOutstanding: 4, ...options })

/** Looks are less than two seconds apart: one after each of the three things that are noticed by looking. */
const looks = "6 seconds"

const endOf = Effect.fnUntraced(function* (session: Session) {
  const end = yield* Effect.forkChild(session.closed, { startImmediately: true })
  yield* settle
  assert.isDefined(end.pollUnsafe(), "the session has not ended")
  return yield* Fiber.join(end)
})

const lives = (session: Session) =>
  Effect.map(Effect.forkChild(session.closed, { startImmediately: true }), (end) => {
    assert.isUndefined(end.pollUnsafe(), "the session has ended")
    end.interruptUnsafe()
  })

/** Answers what has not been answered yet, in order. */
const answer = (peer: Peer, from = 0) => {
  for (const rpc of peer.rpcs.slice(from)) obliging(rpc, peer)
}

describe("NETCONF keepalive", () => {
  it.effect("is off unless it is asked for", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connectPeer()
      yield* pass("10 days")
      assert.deepStrictEqual(peer.names, [])
      yield* lives(session)
    })
  )

  it.effect("asks an idle session for nothing at all, once, and again after each answer", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      yield* pass("59 seconds")
      assert.deepStrictEqual(peer.names, [])
      yield* pass(looks)
      assert.deepStrictEqual(peer.names, ["get"])
      assert.match(peer.last.xml, /<get><filter type="subtree"\/><\/get>/)
      yield* pass("20 seconds")
      assert.lengthOf(peer.rpcs, 1)
      peer.reply(peer.last, "<data/>")
      yield* pass("59 seconds")
      assert.lengthOf(peer.rpcs, 1)
      yield* pass(looks)
      assert.lengthOf(peer.rpcs, 2)
      yield* lives(session)
    })
  )

  it.effect("ends a session whose peer is dead, by network, within every, deadline and a quarter", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      yield* pass("89 seconds")
      yield* lives(session)
      yield* pass("16 seconds")
      assert.deepStrictEqual(yield* endOf(session), {
        by: "network",
        detail: "no answer came to the keepalive within 30000 ms"
      })
      assert.lengthOf(peer.rpcs, 1)
      const error = yield* Effect.flip(session.get())
      assert.include(
        error.message,
        "get on leaf (session 7): no answer came to the keepalive within 30000 ms (not sent)"
      )
      assert.isTrue(error.isRetryable)
    })
  )

  it.effect("keeps to that bound wherever between two looks the last byte came", () =>
    Effect.gen(function* () {
      for (const odd of [1, 700, 1_300, 1_874, 1_875, 1_876, 59_999]) {
        const { peer, session } = yield* connect({ peer: [":base:1.0"] })
        yield* pass(`${odd} millis`)
        peer.send("<notification/>")
        yield* pass("90 seconds")
        yield* lives(session)
        yield* pass("15 seconds")
        assert.strictEqual((yield* endOf(session)).by, "network")
      }
    })
  )

  it.effect("takes an own deadline", () =>
    Effect.gen(function* () {
      const { session } = yield* connect({ keepalive: { every: "1 hour", deadline: "2 seconds" } })
      yield* pass("1 hour")
      yield* lives(session)
      yield* pass("3 seconds")
      assert.include((yield* endOf(session)).detail, "within 2000 ms")
    })
  )

  for (const [what, content] of [
    ["an rpc-error", rpcError("access-denied")],
    ["what nobody understands", "<a><b></a>"]
  ] as const) {
    it.effect(`takes ${what} for a sign of life`, () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect()
        yield* pass("1 minute")
        peer.reply(peer.last, content)
        yield* pass("50 seconds")
        yield* lives(session)
        yield* pass(looks)
        yield* pass(looks)
        assert.lengthOf(peer.rpcs, 2)
      })
    )
  }

  it.effect("asks nothing while bytes come, whoever they are for", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      for (let i = 0; i < 20; i++) {
        yield* pass("55 seconds")
        peer.send("<notification/>")
        yield* settle
      }
      assert.deepStrictEqual(peer.names, [])
      yield* lives(session)
    })
  )

  it.effect("asks and judges nothing while a commit takes five minutes, nor while one that was given up may", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      const commit = yield* start(session.commit())
      yield* pass("5 minutes")
      assert.deepStrictEqual(peer.names, ["commit"])
      peer.reply(peer.last)
      yield* settle
      success(commit)
      const slow = yield* start(session.commit())
      yield* Fiber.interrupt(slow)
      // Its own deadline, which nobody waits for any more, and a minute.
      yield* pass("659 seconds")
      assert.deepStrictEqual(peer.names, ["commit", "commit"])
      yield* lives(session)
      peer.reply(peer.last)
      yield* pass("59 seconds")
      assert.lengthOf(peer.rpcs, 2)
      yield* pass(looks)
      assert.lengthOf(peer.rpcs, 3)
      yield* lives(session)
    })
  )

  it.effect("asks behind a read that was given up when it is overdue by the interval, and ends what says nothing", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ deadlines: { rpc: "20 seconds" } })
      const read = yield* start(session.getConfig())
      yield* pass("79 seconds")
      assert.strictEqual(failure(read)._tag, "DeadlineError")
      assert.deepStrictEqual(peer.names, ["get-config"])
      yield* pass(looks)
      assert.deepStrictEqual(peer.names, ["get-config", "get"])
      yield* pass("23 seconds")
      yield* lives(session)
      yield* pass("10 seconds")
      assert.deepStrictEqual(yield* endOf(session), {
        by: "network",
        detail: "no answer came to the keepalive within 30000 ms"
      })
    })
  )

  it.effect("takes any answer behind it for life: of the keepalive, of the late read, a notification", () =>
    Effect.gen(function* () {
      const lively: ReadonlyArray<(peer: Peer) => void> = [
        (peer) => peer.reply(peer.rpcs[1]!, "<data/>"),
        (peer) => peer.reply(peer.rpcs[0]!, data),
        (peer) => peer.send("<notification/>")
      ]
      for (const liven of lively) {
        const { peer, session } = yield* connect({ deadlines: { rpc: "20 seconds" } })
        yield* start(session.getConfig())
        yield* pass("86 seconds")
        assert.deepStrictEqual(peer.names, ["get-config", "get"])
        yield* pass("20 seconds")
        liven(peer)
        yield* pass("27 seconds")
        yield* lives(session)
        peer.endpoint.close()
      }
    })
  )

  it.effect("asks and judges nothing behind a read that was given up while a caller waits", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ deadlines: { rpc: "20 seconds" } })
      yield* start(session.getConfig())
      yield* pass("70 seconds")
      const commit = yield* start(session.commit())
      yield* pass("9 minutes")
      assert.deepStrictEqual(peer.names, ["get-config", "commit"])
      yield* lives(session)
      answer(peer)
      yield* settle
      success(commit)
      yield* start(session.getConfig())
      yield* pass("86 seconds")
      assert.deepStrictEqual(peer.names, ["get-config", "commit", "get-config", "get"])
      const behind = yield* start(session.commit())
      yield* pass("9 minutes")
      assert.isTrue(isWaiting(behind))
      yield* lives(session)
      peer.endpoint.close()
    })
  )

  it.live("notices a device that died during a read on the clock of the process too", () =>
    Effect.gen(function* () {
      const { session } = yield* connectPeer({
        keepalive: { every: "50 millis", deadline: "50 millis" },
        deadlines: { rpc: "20 millis" }
      })
      assert.strictEqual((yield* Effect.flip(session.getConfig()))._tag, "DeadlineError")
      assert.strictEqual((yield* Effect.timeout(session.closed, "10 seconds")).by, "network")
    })
  )

  it.effect("does not fail a commit that comes while it is under way, however long both take", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      yield* pass("65 seconds")
      const commit = yield* start(session.commit())
      assert.deepStrictEqual(peer.names, ["get", "commit"])
      yield* pass("5 minutes")
      assert.isTrue(isWaiting(commit))
      answer(peer)
      yield* settle
      success(commit)
      yield* pass("50 seconds")
      yield* lives(session)
      assert.strictEqual(session.statistics().lateReplies, 0)
    })
  )

  it.effect("ends with a call that came while it was under way when the peer is dead", () =>
    Effect.gen(function* () {
      const { session } = yield* connect()
      yield* pass("65 seconds")
      const get = yield* start(session.get())
      yield* pass("59 seconds")
      yield* lives(session)
      yield* pass("2 seconds")
      assert.deepInclude({ ...failure(get) }, { _tag: "DeadlineError", phase: "rpc" })
      yield* pass("2 seconds")
      assert.strictEqual((yield* endOf(session)).by, "network")
    })
  )

  it.effect("waits from the last byte on when its answer comes in pieces, and ends when the rest never comes", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ peer: [":base:1.0"] })
      yield* pass("65 seconds")
      const reply = peer.frame(`<rpc-reply message-id="1" xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><data>`)
      const beginning = reply.subarray(0, reply.length - 6)
      for (const byte of beginning.subarray(0, 8)) {
        peer.bytes(Buffer.of(byte))
        yield* pass("25 seconds")
      }
      yield* lives(session)
      peer.bytes(beginning.subarray(8))
      yield* pass("40 seconds")
      assert.include(
        (yield* endOf(session)).detail,
        "no answer came to the keepalive within 30000 ms, in the middle of"
      )
    })
  )

  it.effect("takes no turn and no permit from others, and is no abandoned rpc", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ maxOutstanding: 1, maxAbandoned: 0, deadlines: { rpc: "10 minutes" } })
      yield* pass("65 seconds")
      const get = yield* start(session.get())
      assert.deepStrictEqual(peer.names, ["get", "get"])
      yield* pass("2 minutes")
      yield* lives(session)
      answer(peer)
      yield* settle
      assert.include(success(get).xml, data)
    })
  )

  it.effect("does not feed or cut a reply that comes slowly", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({
        peer: [":base:1.0"],
        keepalive: { every: 1000, deadline: 1000 },
        deadlines: { rpc: "2 seconds" }
      })
      const get = yield* start(session.get())
      const reply = peer.frame(
        `<rpc-reply message-id="1" xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">${data}</rpc-reply>`
      )
      peer.bytes(reply.subarray(0, 100))
      yield* pass("29 seconds")
      assert.isTrue(isWaiting(get))
      peer.bytes(reply.subarray(100))
      yield* settle
      success(get)
      const stalled = yield* start(session.get())
      peer.bytes(reply.subarray(0, 100).toString().replace(`"1"`, `"${peer.last.id}"`))
      yield* pass("29 seconds")
      assert.isTrue(isWaiting(stalled))
      assert.deepStrictEqual(peer.names, ["get", "get"])
      yield* pass("1 second")
      assert.deepInclude({ ...failure(stalled) }, { _tag: "DeadlineError", phase: "progress" })
      peer.endpoint.close()
    })
  )

  it.effect("is not sent after close-session, nor mistaken for the same operation sent by the caller", () =>
    Effect.gen(function* () {
      const operation = operations.getConfig({ filter: Filter.subtree(xml`<a xmlns="urn:a"/>`) })
      const { close, peer, session } = yield* connect({ keepalive: { every: "1 minute", rpc: operation } })
      const call = yield* start(session.run(operation))
      yield* pass("50 seconds")
      assert.isTrue(isWaiting(call))
      answer(peer)
      yield* pass("70 seconds")
      assert.deepStrictEqual(peer.names, ["get-config", "get-config"])
      answer(peer, 1)
      yield* settle
      peer.onRpc = () => {}
      const closing = yield* start(close)
      yield* pass("10 minutes")
      assert.isFalse(isWaiting(closing))
      assert.deepStrictEqual(peer.names, ["get-config", "get-config", "close-session"])
      assert.strictEqual((yield* session.closed).by, "us")
    })
  )

  it.effect("keeps no timer after the last session, which all share", () =>
    countingSleepers((sleepers) =>
      Effect.gen(function* () {
        const before = sleepers()
        const sessions = yield* Effect.forEach([1, 2, 3], () => connect())
        yield* settle
        assert.strictEqual(sleepers() - before, 1)
        sessions[0]!.peer.endpoint.close()
        yield* sessions[1]!.close
        yield* settle
        assert.strictEqual(sleepers() - before, 1)
        yield* sessions[2]!.close
        yield* settle
        assert.strictEqual(sleepers() - before, 0)
      })
    )
  )

  it.effect("is answered by a device", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      const session = yield* Netconf.connect({ transport: device.transport, keepalive: { every: "10 seconds" } })
      const idle = session.statistics().bytesIn
      yield* pass("1 minute")
      assert.isAbove(session.statistics().bytesIn, idle + 200)
      yield* lives(session)
    })
  )
})

describe("The option keepalive", () => {
  it.effect("sends what it is given: text, an element, a whole rpc, an operation, an rpc nobody knows", () =>
    Effect.gen(function* () {
      const given: ReadonlyArray<readonly [NonNullable<KeepaliveOptions["rpc"]>, string]> = [
        [`<get-schema xmlns="urn:x"/>`, "get-schema"],
        [xml`<get-clock-information xmlns="urn:junos"/>`, "get-clock-information"],
        [`<rpc><get-config><source><running/></source></get-config></rpc>`, "get-config"],
        [operations.get({ filter: xml`<a xmlns="urn:a"/>` }), "get"]
      ]
      for (const [rpc, name] of given) {
        const { peer } = yield* connect({ keepalive: { every: "1 minute", rpc } })
        yield* pass("65 seconds")
        assert.deepStrictEqual(peer.names, [name])
      }
    })
  )

  const wrong: ReadonlyArray<readonly [KeepaliveOptions, what: string, why: string]> = [
    [{ every: 0 }, "keepalive.every", "not a duration above zero"],
    [{ every: "soon" as "1 second" }, "keepalive.every", "not a duration above zero"],
    [{ every: "Infinity" as "1 second" }, "keepalive.every", "leave keepalive out"],
    [{ every: "1 minute", deadline: -1 }, "keepalive.deadline", "not a duration above zero"],
    [{ every: "1 minute", deadline: "none" as "1 second" }, "keepalive.deadline", "it must end"],
    [{ every: "1 minute", rpc: "" }, "keepalive.rpc", "expected one operation element, got 0"],
    [{ every: "1 minute", rpc: "<a/><b/>" }, "keepalive.rpc", "got 2"],
    [{ every: "1 minute", rpc: "<a>" }, "keepalive.rpc", "unexpected close tag"],
    [{ every: "1 minute", rpc: 5 as never }, "keepalive.rpc", "expected XML text"],
    [{ every: "1 minute", rpc: "<commit/>" }, "keepalive.rpc", "commit is not a read"],
    [{ every: "1 minute", rpc: "<lock><target><running/></target></lock>" }, "keepalive.rpc", "lock is not a read"],
    [
      {
        every: "1 minute",
        rpc: `<create-subscription xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"/>`
      },
      "keepalive.rpc",
      "create-subscription is not a read"
    ],
    [{ every: "1 minute", rpc: operations.discardChanges() }, "keepalive.rpc", "discard-changes is not a read"]
  ]
  for (const [keepalive, what, why] of wrong) {
    it.effect(`refuses ${JSON.stringify(keepalive)} before it connects`, () =>
      Effect.gen(function* () {
        const { peers, transport: reach } = transport()
        const error = yield* Effect.flip(Netconf.connect({ transport: reach, keepalive }))
        assert(error._tag === "InputError", error.message)
        assert.strictEqual(error.what, what)
        assert.include(error.why, why)
        assert.lengthOf(peers, 0)
      })
    )
  }

  it("is an option of NetconfClient too, where a bare number was meant as seconds", () => {
    const { transport: reach } = transport()
    const keepalive = { every: "1 minute", deadline: 5_000 } as const
    assert.deepStrictEqual(connectOptions({ transport: reach, keepalive }).keepalive, keepalive)
    assert.throws(() => new NetconfClient({ transport: reach, keepalive: { every: 60 } }), /write "60 seconds"/)
  })

  it.effect("leaves the calls of the session as they are", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      peer.onRpc = obliging
      for (let i = 0; i < 5; i++) {
        yield* pass("70 seconds")
        assert.include((yield* session.get()).xml, data)
      }
      assert.isAtLeast(peer.rpcs.length, 9)
    })
  )
})
