import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Netconf from "../../src/api/Netconf.ts"
import * as Framing from "../../src/framing/Framing.ts"
import {
  connect,
  data,
  everything,
  failure,
  helloOf,
  isWaiting,
  obliging,
  replyOf,
  rpcError,
  settle,
  start,
  success,
  transport
} from "./peer.ts"

describe("Session", () => {
  describe("opening", () => {
    for (const [framing, version] of [
      ["chunked", ":base:1.1"],
      ["end-of-message", ":base:1.0"]
    ] as const) {
      it.effect(`speaks ${framing} framing with a peer of ${version}`, () =>
        Effect.gen(function* () {
          const { peer, session } = yield* connect({ peer: [version, ":candidate"] })
          peer.onRpc = obliging
          assert.strictEqual(session.framing, framing)
          assert.strictEqual(session.sessionId, 7)
          const reply = yield* session.getConfig()
          assert.include(reply.xml, data)
          const wire = Buffer.concat(peer.received).toString()
          const rpc = peer.last.xml
          const expected = framing === "chunked" ? `\n#${Buffer.byteLength(rpc)}\n${rpc}\n##\n` : `${rpc}]]>]]>`
          assert.strictEqual(wire.slice(wire.indexOf("]]>]]>") + 6), expected)
        })
      )
    }

    it.effect("sends its own hello without waiting for the peer's, and no rpc before that was read", () =>
      Effect.gen(function* () {
        const { peers, transport: memory } = transport()
        const connecting = yield* start(
          Effect.flatMap(Netconf.connect({ transport: memory }), (session) => session.get())
        )
        const peer = peers[0]!
        assert.include(peer.hello, "urn:ietf:params:netconf:base:1.1")
        assert.notInclude(peer.hello, "session-id")
        yield* TestClock.adjust("29 seconds")
        assert.strictEqual(peer.received.length, 1)
        peer.onRpc = obliging
        peer.sayHello(helloOf(everything))
        yield* settle
        assert.deepStrictEqual(peer.names.slice(0, 1), ["get"])
        assert.isTrue(success(connecting).xml.includes(data))
      })
    )

    it.effect("waits as long as the profile says before the first rpc", () =>
      Effect.gen(function* () {
        const { peers, transport: memory } = transport()
        const connecting = yield* start(
          Effect.flatMap(Netconf.connect({ transport: memory }), (session) => session.get())
        )
        const peer = peers[0]!
        peer.sayHello(helloOf([...everything, "http://netconfcentral.org/ns/yuma-system?module=yuma-system"]))
        yield* TestClock.adjust("4 millis")
        yield* settle
        assert.deepStrictEqual(peer.names, [])
        yield* TestClock.adjust("1 millis")
        yield* settle
        assert.deepStrictEqual(peer.names, ["get"])
        yield* Fiber.interrupt(connecting)
      })
    )

    it.effect("reads chunked messages in the same bytes as the hello", () =>
      Effect.gen(function* () {
        const { peers, transport: memory } = transport()
        const connecting = yield* start(Netconf.connect({ transport: memory }))
        const note = `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"/>`
        peers[0]!.sayHello(
          helloOf(everything),
          Framing.encode("chunked", note),
          Framing.encode("chunked", replyOf("1"))
        )
        yield* settle
        const session = success(connecting)
        const { discardedNotifications, foreignReplies } = session.statistics()
        assert.deepStrictEqual([discardedNotifications, foreignReplies], [1, 1])
      })
    )

    it.effect("fails within its deadline when no hello comes, says what came, and leaves nothing", () =>
      Effect.gen(function* () {
        const { peers, transport: memory } = transport()
        const connecting = yield* start(
          Netconf.connect({ label: "leaf", transport: memory, deadlines: { hello: "3 seconds" } })
        )
        peers[0]!.bytes("<hello>")
        yield* TestClock.adjust("2999 millis")
        assert.isTrue(isWaiting(connecting))
        yield* TestClock.adjust("1 millis")
        yield* settle
        const error = failure(connecting)
        assert.strictEqual(error._tag, "DeadlineError")
        assert.include(error.message, "hello on leaf: no answer within 3000 ms (phase hello, 7 bytes received)")
        assert.strictEqual(peers[0]!.end?.by, "peer")
      })
    )

    for (const by of ["peer", "network"] as const) {
      it.effect(`fails at once when ${by} ends the connection before the hello`, () =>
        Effect.gen(function* () {
          const { peers, transport: memory } = transport()
          const connecting = yield* start(Netconf.connect({ transport: memory }))
          peers[0]!.endpoint.close({ by, detail: "gone" })
          yield* settle
          const error = failure(connecting)
          assert.strictEqual(error._tag, by === "network" ? "ConnectionError" : "ChannelError")
          assert.include(error.message, "gone before the peer's hello")
        })
      )
    }

    it.effect("leaves nothing behind when it is interrupted while waiting for the hello", () =>
      Effect.gen(function* () {
        const { peers, transport: memory } = transport()
        const connecting = yield* start(Netconf.connect({ transport: memory }))
        assert.isTrue(isWaiting(connecting))
        yield* Fiber.interrupt(connecting)
        yield* settle
        assert.strictEqual(peers[0]!.end?.by, "peer")
      })
    )

    const badHellos: ReadonlyArray<readonly [string, string | Buffer, string]> = [
      ["is not XML", "%$ nonsense", "not a hello"],
      ["is not well-formed", `<hello xmlns="x"><capabilities></hello>`, "unexpected close tag (line 1, column"],
      [
        "is another message",
        `<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><ok/></rpc-reply>`,
        "not a hello"
      ],
      ["is an rpc-error", `<rpc-error><error-tag>access-denied</error-tag></rpc-error>`, "an rpc-error came instead"],
      ["has a DOCTYPE", `<!DOCTYPE hello [<!ENTITY a "b">]>${helloOf(everything)}`, "DOCTYPE"],
      ["has a DOCTYPE inside", helloOf(everything).replace("<capabilities>", "<!DOCTYPE a><capabilities>"), ""],
      [
        "has no capabilities",
        `<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><session-id>1</session-id></hello>`,
        "no capabilities"
      ],
      ["has empty capabilities", helloOf([]), "no capabilities"],
      ["is in a foreign namespace", helloOf(everything).replace(":base:1.0", ":base:9.9"), "foreign namespace"],
      ["has no base version", helloOf([":candidate"]), "no base version in common"],
      ["has no session-id", helloOf(everything, null), "missingSessionId"],
      ["has session-id 0", helloOf(everything, "0"), "session-id is not a number from 1"],
      ["has a session-id in words", helloOf(everything, "seven"), "session-id is not a number from 1"],
      ["has a session-id beyond 32 bits", helloOf(everything, "4294967296"), "session-id is not a number from 1"],
      [
        "is deeper than the limit",
        helloOf(everything).replace("<capabilities>", `${"<a>".repeat(300)}${"</a>".repeat(300)}<capabilities>`),
        "limit"
      ],
      ["is larger than the limit", helloOf([...everything, "x".repeat(20_000)]), "more than the limit of 10000"]
    ]
    for (const [what, hello, said] of badHellos) {
      it.effect(`refuses a hello that ${what}`, () =>
        Effect.gen(function* () {
          const { peers, transport: memory } = transport()
          const connecting = yield* start(
            Netconf.connect({ label: "leaf", transport: memory, limits: { bytes: 10_000 } })
          )
          peers[0]!.bytes(Buffer.concat([Buffer.from(hello), Buffer.from("]]>]]>")]))
          yield* settle
          const error = failure(connecting)
          assert.strictEqual(error._tag, "ProtocolError")
          assert.strictEqual(error._tag === "ProtocolError" && error.layer, "hello")
          assert.include(error.message, said)
          assert.include(error.message, "on leaf")
          assert.strictEqual(peers[0]!.end?.by, "peer")
        })
      )
    }

    it.effect("tolerates a missing session-id where told to, and reports it", () =>
      Effect.gen(function* () {
        const { peers, transport: memory } = transport()
        const connecting = yield* start(Netconf.connect({ transport: memory, missingSessionId: "tolerate" }))
        peers[0]!.sayHello(`A banner\n${helloOf(everything, null)}\n<!-- end -->`)
        yield* settle
        const session = success(connecting)
        assert.isUndefined(session.sessionId)
        assert.deepStrictEqual(session.notes, ["text before the hello", "a hello without session-id"])
      })
    )

    const offers: ReadonlyArray<
      readonly [ours: "auto" | "end-of-message" | "chunked", theirs: ReadonlyArray<string>, result: string]
    > = [
      ["auto", [":base:1.0"], "end-of-message"],
      ["auto", [":base:1.1"], "chunked"],
      ["auto", [":base:1.0", ":base:1.1"], "chunked"],
      ["end-of-message", [":base:1.0"], "end-of-message"],
      ["end-of-message", [":base:1.0", ":base:1.1"], "end-of-message"],
      ["end-of-message", [":base:1.1"], "refused"],
      ["chunked", [":base:1.1"], "chunked"],
      ["chunked", [":base:1.0", ":base:1.1"], "chunked"],
      ["chunked", [":base:1.0"], "refused"]
    ]
    for (const [ours, theirs, result] of offers) {
      it.effect(`with framing ${ours} and a peer of ${theirs.join(" and ")} comes to ${result}`, () =>
        Effect.gen(function* () {
          const { peers, transport: memory } = transport()
          const connecting = yield* start(Netconf.connect({ transport: memory, framing: ours }))
          const offered = (version: string) => peers[0]!.hello!.includes(`urn:ietf:params:netconf:base:${version}`)
          assert.deepStrictEqual([offered("1.0"), offered("1.1")], [ours !== "chunked", ours !== "end-of-message"])
          peers[0]!.sayHello(helloOf(theirs))
          yield* settle
          if (result === "refused") assert.include(failure(connecting).message, `connect with framing: "auto"`)
          else assert.strictEqual(success(connecting).framing, result)
        })
      )
    }
  })

  describe("calls", () => {
    it.effect("gives each of many answers to its own call, in whatever order they come", () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect({ maxOutstanding: 10 })
        const fibers = yield* Effect.forEach(Array.from({ length: 10 }), () => start(session.get()))
        const rpcs = peer.rpcs.slice(-10)
        for (const rpc of rpcs.toReversed()) peer.reply(rpc, `<data><id>${rpc.id}</id></data>`)
        yield* settle
        fibers.forEach((fiber, index) => assert.include(success(fiber).xml, `<id>${rpcs[index]!.id}</id>`))
        assert.strictEqual(new Set(rpcs.map((rpc) => rpc.id)).size, 10)
      })
    )

    it.effect("keeps to maxOutstanding, and is in order", () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect({ maxOutstanding: 2 })
        const fibers = yield* Effect.forEach(["running", "candidate", "startup"] as const, (source) =>
          start(session.getConfig({ source }))
        )
        assert.strictEqual(peer.rpcs.length, 2)
        peer.reply(peer.rpcs[0]!, data)
        yield* settle
        assert.strictEqual(peer.rpcs.length, 3)
        assert.include(peer.rpcs[2]!.xml, "<startup/>")
        assert.deepStrictEqual(fibers.map(isWaiting), [false, true, true])
      })
    )

    it.effect("drops and counts replies for nobody", () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect()
        const call = yield* start(session.get())
        peer.reply(peer.last, data)
        peer.reply(peer.last, data)
        peer.reply("", data)
        peer.reply("from-another-session", data)
        yield* settle
        success(call)
        assert.strictEqual(session.statistics().foreignReplies, 3)
        peer.onRpc = obliging
        yield* session.get()
      })
    )

    it.effect("fails the oldest call for a reply with an id that was never sent, and goes on", () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect()
        const call = yield* start(session.get())
        peer.reply("not-yours", data)
        yield* settle
        const error = failure(call)
        assert.strictEqual(error._tag, "ProtocolError")
        assert.include(error.message, `message-id "not-yours"`)
        // Its own reply may still come: dropped.
        peer.reply(peer.last, data)
        yield* settle
        assert.deepStrictEqual([session.statistics().foreignReplies, session.statistics().lateReplies], [2, 0])
        peer.onRpc = obliging
        assert.include((yield* session.get()).xml, data)
      })
    )

    it.effect("does not blame a call for a foreign id while an abandoned one is unanswered", () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect()
        const abandoned = yield* start(session.get())
        yield* Fiber.interrupt(abandoned)
        const call = yield* start(session.get())
        peer.reply("not-yours", data)
        yield* settle
        assert.isTrue(isWaiting(call))
        peer.reply(peer.last, data)
        yield* settle
        success(call)
      })
    )

    it.effect("takes a reply without id for the oldest rpc's, abandoned ones included", () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect()
        const abandoned = yield* start(session.get())
        yield* Fiber.interrupt(abandoned)
        const call = yield* start(session.get())
        peer.send(replyOf(undefined, "<data><old/></data>"))
        yield* settle
        assert.isTrue(isWaiting(call))
        peer.send(replyOf(undefined, "<data><own/></data>"))
        yield* settle
        assert.include(success(call).xml, "<own/>")
        assert.strictEqual(session.statistics().lateReplies, 1)
      })
    )

    it.effect("hands the late reply of an interrupted call to nobody: the next call gets its own", () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect()
        const first = yield* start(session.getConfig({ source: "running" }))
        yield* Fiber.interrupt(first)
        const second = yield* start(session.getConfig({ source: "candidate" }))
        const [one, two] = peer.rpcs
        peer.reply(one!, "<data><one/></data>")
        yield* settle
        assert.isTrue(isWaiting(second))
        peer.reply(two!, "<data><two/></data>")
        yield* settle
        assert.include(success(second).xml, "<two/>")
        assert.strictEqual(session.statistics().lateReplies, 1)
      })
    )

    it.effect("never writes a call that was interrupted while it waited for its turn", () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect()
        const first = yield* start(session.get())
        const second = yield* start(session.editConfig({ target: "running", config: "<a/>" }))
        yield* Fiber.interrupt(second)
        peer.reply(peer.last, data)
        yield* settle
        success(first)
        assert.deepStrictEqual(peer.names, ["get"])
        peer.onRpc = obliging
        yield* session.get()
        assert.deepStrictEqual(peer.names, ["get", "get"])
      })
    )

    it.effect("never writes a call that was interrupted while the transport was full", () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect({ maxOutstanding: 3, memory: { highWaterMark: 300 } })
        peer.pause()
        const config = `<a xmlns="urn:a">${"x".repeat(400)}</a>`
        const first = yield* start(session.editConfig({ target: "candidate", config }))
        const second = yield* start(session.editConfig({ target: "startup", config: "<b/>" }))
        const third = yield* start(session.get())
        yield* Fiber.interrupt(second)
        peer.onRpc = obliging
        peer.resume()
        yield* settle
        success(first)
        success(third)
        assert.deepStrictEqual(peer.names, ["edit-config", "get"])
        assert.strictEqual(session.statistics().lateReplies, 0)
      })
    )

    it.effect("ends the session when more rpcs than allowed are abandoned and unanswered", () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect({ maxAbandoned: 2 })
        const abandon = Effect.flatMap(start(session.get()), Fiber.interrupt)
        yield* abandon
        yield* abandon
        peer.reply(peer.rpcs[0]!, data)
        yield* settle
        yield* abandon
        assert.isUndefined(peer.end)
        yield* abandon
        yield* settle
        const reason = yield* session.closed
        assert.deepStrictEqual([reason.by, reason.detail], ["us", "more than 2 abandoned rpcs are unanswered"])
        assert.strictEqual(peer.endedBy, "peer")
        const error = yield* Effect.flip(session.get())
        assert.strictEqual(error._tag === "ChannelError" && error.phase, "write")
      })
    )

    it.effect("counts messages that are no reply, and goes on", () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect()
        const call = yield* start(session.get())
        peer.send("<notification/>")
        peer.send(helloOf(everything))
        peer.send("<rpc/>")
        yield* settle
        assert.isTrue(isWaiting(call))
        const { discardedNotifications, unexpectedMessages } = session.statistics()
        assert.deepStrictEqual([unexpectedMessages, discardedNotifications], [2, 1])
        peer.reply(peer.last, data)
        yield* settle
        success(call)
      })
    )

    it.effect("does not hang when the caller's own predicate throws", () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect({ maxOutstanding: 2 })
        const warnings = () => {
          throw new Error("the caller's mistake")
        }
        const bad = yield* start(session.commit({ warnings }))
        const good = yield* start(session.get())
        peer.reply(peer.rpc("commit"), `${rpcError("x", "", "warning")}<ok/>`)
        peer.reply(peer.rpc("get"), data)
        yield* settle
        const exit = bad.pollUnsafe()
        assert.include(String(exit), "the caller's mistake")
        success(good)
      })
    )
  })
})
