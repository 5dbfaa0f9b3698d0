/** Bytes of a peer that are not what they should be, once the session is open: who fails, what is said, what goes on. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { connect, data, failure, isWaiting, obliging, replyOf, rpcError, settle, start, success } from "./peer.ts"
import type { Peer } from "./peer.ts"

const latin1 = (text: string) => Buffer.from(text, "latin1")
const note = (content = "") =>
  `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0">${content}</notification>`

describe("Session's input", () => {
  const unusable: ReadonlyArray<readonly [string, (id: string) => string | Buffer, "xml" | "message", string]> = [
    ["is not XML", () => "%$ this is not XML <<<>&;", "xml", ""],
    ["is a comment alone", () => "<!-- a -->", "xml", "ends inside its first element"],
    ["ends inside its first tag", (id) => replyOf(id).slice(0, 40), "xml", "ends inside its first element"],
    ["has a DOCTYPE", (id) => `<!DOCTYPE x [<!ENTITY a "&b;&b;">]>${replyOf(id, data)}`, "xml", "DOCTYPE"],
    ["is truncated", (id) => replyOf(id, rpcError("in-use")).slice(0, -30), "xml", ""],
    ["is truncated inside data", (id) => replyOf(id, data).slice(0, -14), "xml", ""],
    ["is not UTF-8", (id) => latin1(replyOf(id, "<data>\u00e9</data>")), "xml", `invalidUtf8: "replace"`],
    [
      "is not UTF-8 far inside",
      (id) => latin1(replyOf(id, `<data>${"x".repeat(3000)}\u00e9</data>`)),
      "xml",
      "not valid UTF-8"
    ],
    [
      "is larger than the limit",
      (id) => replyOf(id, `<data>${"x".repeat(5000)}</data>`),
      "message",
      "more than the limit of 4000 (limits.bytes)"
    ],
    ["holds nothing", (id) => replyOf(id, ""), "message", "holds nothing where <data> was expected"],
    ["holds ok", (id) => replyOf(id, "<ok/>"), "message", "<ok> where <data> was expected"],
    [
      "has data in a foreign namespace",
      (id) => replyOf(id, `<data xmlns="urn:x"/>`),
      "message",
      `in namespace "urn:x"`
    ],
    [
      "is in a foreign namespace",
      (id) => replyOf(id, data).replace(":base:1.0", ":base:7"),
      "message",
      "expected an rpc-reply"
    ],
    ["carries a second root", (id) => `${replyOf(id, data)}<rpc-reply/>`, "xml", ""],
    [
      "is deeper than the limit around an error",
      (id) => replyOf(id, `<data/>${"<a>".repeat(300)}${rpcError("in-use")}${"</a>".repeat(300)}`),
      "xml",
      "limit"
    ]
  ]
  for (const framing of ["chunked", "end-of-message"] as const) {
    for (const [what, make, layer, said] of unusable) {
      it.effect(`fails the call alone whose reply ${what} (${framing})`, () =>
        Effect.gen(function* () {
          const { peer, session } = yield* connect({ framing, label: "leaf", limits: { bytes: 4000 } })
          const call = yield* start(session.get())
          peer.send(make(peer.last.id))
          yield* settle
          const error = failure(call)
          assert.deepInclude({ ...error }, { _tag: "ProtocolError", layer, operation: "get", label: "leaf" })
          assert.include(error.message, said)
          assert.isBelow(error.message.length, 800)
          peer.onRpc = obliging
          assert.include((yield* session.get()).xml, data)
          assert.isUndefined(peer.end)
        })
      )
    }
  }

  it.effect("fails each of many calls whose replies are too large or not UTF-8, none waits for its deadline", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ limits: { bytes: 2000 } })
      for (let round = 0; round < 8; round++) {
        const call = yield* start(session.get())
        const { id } = peer.last
        peer.send(
          round % 2 === 0 ? replyOf(id, `<data>${"x".repeat(3000)}</data>`) : latin1(replyOf(id, "<data>\u00e9</data>"))
        )
        yield* settle
        assert.strictEqual(failure(call)._tag, "ProtocolError")
      }
      assert.isUndefined(peer.end)
    })
  )

  it.effect("says whose an oversized reply is when it comes in small chunks", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ maxOutstanding: 2, limits: { bytes: 2000 } })
      const older = yield* start(session.get())
      const call = yield* start(session.get())
      const text = replyOf(peer.last.id, `<data>${"x".repeat(3000)}</data>`)
      peer.bytes([...text].map((character) => `\n#1\n${character}`).join("") + "\n##\n")
      yield* settle
      failure(call)
      assert.isTrue(isWaiting(older))
      yield* Fiber.interrupt(older)
    })
  )

  for (const [what, message] of [
    ["is not UTF-8", latin1(note("\u00e9"))],
    ["is larger than the limit", Buffer.from(note("x".repeat(3000)))]
  ] as const) {
    it.effect(`lets no call suffer from a notification that ${what}`, () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect({ limits: { bytes: 2000 } })
        const call = yield* start(session.commit())
        peer.send(message)
        yield* settle
        assert.isTrue(isWaiting(call))
        assert.strictEqual(session.statistics().unexpectedMessages, 1)
        peer.reply(peer.last)
        yield* settle
        success(call)
      })
    )
  }

  it.effect("reads bytes that are not UTF-8 where told to replace them", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ invalidUtf8: "replace" })
      const call = yield* start(session.get())
      peer.send(latin1(replyOf(peer.last.id, "<data><a>caf\u00e9</a></data>")))
      yield* settle
      assert.include(success(call).xml, "<a>caf\ufffd</a>")
    })
  )

  it.effect("takes data that is not well-formed inside, and says so when the data is asked for", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ label: "leaf" })
      for (const inside of [
        "<a><b></a></b>",
        "<a>&unknown;</a>",
        `${"<a>".repeat(300)}${"</a>".repeat(300)}`,
        "<a b='1' b='2'/>",
        "<p:a/>"
      ]) {
        const call = yield* start(session.get())
        peer.reply(peer.last, `<data>${inside}</data>`)
        yield* settle
        const reply = success(call)
        assert.include(reply.xml, inside)
        for (const part of [reply.data, reply.tree]) {
          const error = yield* Effect.flip(part)
          assert.deepInclude({ ...error }, { _tag: "ProtocolError", layer: "xml", operation: "get", label: "leaf" })
        }
      }
    })
  )

  it.effect("parses data once, also after its text was taken", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      peer.onRpc = obliging
      const reply = yield* session.get()
      const text = reply.xml
      assert.strictEqual(yield* reply.data, yield* reply.data)
      assert.strictEqual(reply.xml, text)
      assert.strictEqual((yield* reply.data).name, "data")
    })
  )

  const faults: ReadonlyArray<readonly [string, string]> = [
    ["a size of zero", "\n#0\nx\n##\n"],
    ["a size with a leading zero", "\n#01\nx\n##\n"],
    ["a size that is no number", "\n#x\nx\n##\n"],
    ["a negative size", "\n#-1\nx\n##\n"],
    ["a size beyond 2^32 - 1", "\n#4294967296\nx\n##\n"],
    ["a size of many digits", `\n#${"9".repeat(400)}\n`],
    ["an end without a chunk", "\n##\n"],
    ["data after a chunk that is no header", "\n#1\nxgarbage\n##\n"],
    ["a size without its line feed", "\n#1 x\n##\n"],
    ["plain XML", `${replyOf("1", data)}\n##\n`],
    ["end-of-message framing", `${replyOf("1", data)}]]>]]>`]
  ]
  for (const [what, bytes] of faults) {
    it.effect(`ends the session for ${what} in chunked framing, at once and saying so`, () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect({ label: "leaf", maxOutstanding: 2 })
        const calls = [yield* start(session.get()), yield* start(session.get())]
        peer.bytes(bytes)
        yield* settle
        for (const call of calls) {
          const error = failure(call)
          assert.deepInclude({ ...error }, { _tag: "ProtocolError", layer: "framing", label: "leaf", operation: "get" })
          assert.match(error.message, /at byte \d+/)
        }
        assert.isDefined(peer.end)
        assert.include((yield* session.closed).detail, "not NETCONF")
      })
    )
  }

  const ends: ReadonlyArray<readonly [string, (peer: Peer) => void]> = [
    ["between messages", () => {}],
    ["inside a chunk's size", (peer) => peer.bytes("\n#1")],
    ["inside a chunk", (peer) => peer.bytes("\n#100\n<rpc-reply")],
    ["between the chunks of a message", (peer) => peer.bytes("\n#10\n<rpc-reply")]
  ]
  for (const [where, begin] of ends) {
    it.effect(`fails the call when the peer closes ${where}`, () =>
      Effect.gen(function* () {
        const { peer, session } = yield* connect()
        const call = yield* start(session.get())
        begin(peer)
        peer.endpoint.close()
        yield* settle
        const error = failure(call)
        assert.deepInclude({ ...error }, { _tag: "ChannelError", phase: "closed", by: "peer" })
        assert.isTrue(error._tag === "ChannelError" && error.isRetryable)
      })
    )
  }

  it.effect("tolerates white space, NUL and BEL between messages, and counts them", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({ framing: "end-of-message" })
      const call = yield* start(session.get())
      peer.bytes("\r\n \u0000\u0007")
      peer.reply(peer.last, data)
      peer.bytes("\n")
      yield* settle
      success(call)
      assert.isAbove(
        Object.values(session.statistics().tolerated).reduce((sum, count) => sum + count, 0),
        0
      )
    })
  )

  it.effect("reads a reply that comes byte by byte", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect({
        memory: { cut: (bytes) => Array.from(bytes, (_, at) => bytes.subarray(at, at + 1)) }
      })
      peer.onRpc = obliging
      assert.include((yield* session.get()).xml, data)
      assert.include((yield* session.commit()).xml, "<ok/>")
    })
  )

  it.effect("says nothing of the content in its errors", () =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      const call = yield* start(session.get())
      peer.reply(peer.last, `<secret hidden="s3cret">s3cret</secret>`)
      yield* settle
      const error = failure(call)
      assert.notInclude(error.message + JSON.stringify(error), "s3cret")
      assert.include(error.message, "<secret")
    })
  )
})
