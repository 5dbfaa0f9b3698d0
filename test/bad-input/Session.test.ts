/** Issue 2's list of bad input, over real SSH: a typed error that says what was seen, nothing leaked, the next session fine. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { ServerChannel } from "ssh2"
import type * as Netconf from "../../src/api/Netconf.ts"
import * as Framing from "../../src/framing/Framing.ts"
import { everything, helloOf, replyOf, rpcError } from "../rpc/peer.ts"
import { against, answer, data, eventually, sayHello, session, type Script } from "./ssh.ts"

const bytes = (text: string | Uint8Array) => (channel: ServerChannel) => void channel.write(text)
const hello = (text: string) => bytes(`${text}]]>]]>`)
const big = helloOf([
  ...everything,
  ...Array.from({ length: 1000 }, (_, n) => `http://example.com/ns/yang/${"x".repeat(120)}-${n}?module=m${n}`)
])

describe("bad input: hello", () => {
  const refused: ReadonlyArray<readonly [string, (channel: ServerChannel) => void, string, string]> = [
    ["never comes", () => {}, "DeadlineError", "phase hello, nothing received"],
    [
      "never ends",
      bytes(helloOf(everything)),
      "DeadlineError",
      `${Buffer.byteLength(helloOf(everything))} bytes received`
    ],
    ["comes in chunked framing", bytes(Framing.encode("chunked", helloOf(everything))), "", ""],
    ["is not XML", hello("%$ nonsense <<<"), "ProtocolError", "not a hello"],
    ["is not a hello", hello(replyOf("1")), "ProtocolError", "not a hello; seen: <rpc-reply"],
    ["is an rpc-error", hello(rpcError("access-denied")), "ProtocolError", "an rpc-error came instead"],
    ["has a DOCTYPE", hello(`<!DOCTYPE a [<!ENTITY b "c">]>${helloOf(everything)}`), "ProtocolError", "DOCTYPE"],
    ["has no capabilities", hello(helloOf([])), "ProtocolError", "no capabilities"],
    ["has no session-id", hello(helloOf(everything, null)), "ProtocolError", "no session-id"],
    ["has session-id 0", hello(helloOf(everything, "0")), "ProtocolError", "session-id"],
    ["is cut off", (channel) => void channel.end("<hello xmlns="), "ChannelError", "before the peer's hello"],
    ["is replaced by a close", (channel) => channel.close(), "ChannelError", "before the peer's hello"]
  ]
  for (const [what, script, tag, said] of refused) {
    it.live(`that ${what}`, () =>
      against({ hello: script }, (port) =>
        Effect.gen(function* () {
          const error = yield* Effect.flip(session(port, { deadlines: { hello: "60 millis" } }))
          if (tag !== "") assert.strictEqual(error._tag, tag, error.message)
          else assert.include(["DeadlineError", "ProtocolError"], error._tag)
          assert.include(error.message, said)
          assert.include(error.message, "leaf")
        })
      )
    )
  }

  for (const [what, text, framing] of [
    ["has base:1.1 only", helloOf(everything.filter((name) => name !== ":base:1.0")), "chunked"],
    ["is 150 kB long", big, "chunked"],
    ["stands between banner and comments", `Login at noon.\n<!-- a -->\n${helloOf(everything)}\n<!-- b -->`, "chunked"]
  ] as const) {
    it.live(`that ${what} is taken`, () =>
      against({ hello: hello(text) }, (port) =>
        Effect.gen(function* () {
          const open = yield* session(port)
          assert.strictEqual(open.framing, framing)
          assert.include((yield* open.get()).xml, "<data/>")
        })
      )
    )
  }

  it.live("that comes in pieces is taken", () =>
    against(
      {
        hello: (channel) => {
          const whole = Framing.encode("end-of-message", helloOf(everything))
          const next = (at: number) => {
            channel.write(whole.subarray(at, at + 37))
            if (at + 37 < whole.length) setImmediate(() => next(at + 37))
          }
          next(0)
        }
      },
      (port) => Effect.flatMap(session(port), (open) => open.get())
    )
  )
})

describe("bad input: framing", () => {
  const faults: ReadonlyArray<readonly [string, string]> = [
    ["zero", "\n#0\n"],
    ["leading zero", "\n#01\n"],
    ["no number", "\n#a\n"],
    ["huge", "\n#4294967296\n"],
    ["endless digits", `\n#${"1".repeat(50)}`],
    ["no chunk before the end", "\n##\n"],
    ["data after a chunk", "\n#1\nxx"],
    ["no header", "<rpc-reply/>]]>]]>"]
  ]
  for (const [what, text] of faults) {
    it.live(`with ${what} ends the session`, () =>
      against({ rpc: (channel) => bytes(text)(channel) }, (port) =>
        Effect.gen(function* () {
          const open = yield* session(port)
          const error = yield* Effect.flip(open.get())
          assert.deepInclude({ ...error }, { _tag: "ProtocolError", layer: "framing", operation: "get", label: "leaf" })
          const unsent = yield* Effect.flip(open.commit())
          assert.deepInclude({ ...unsent }, { _tag: "ChannelError", phase: "write" })
        })
      )
    )
  }
})

describe("bad input: reply", () => {
  const deep = `${"<a>".repeat(400)}${"</a>".repeat(400)}`
  const replies: ReadonlyArray<
    readonly [string, (id: string) => string | Buffer, Partial<Netconf.ConnectOptions>, string]
  > = [
    ["is not XML", () => "%$ <<< &;", {}, ""],
    ["is truncated", (id) => data(id).slice(0, -5), {}, ""],
    ["has a DOCTYPE", (id) => `<!DOCTYPE a>${data(id)}`, {}, "DOCTYPE"],
    [
      "is larger than the limit",
      (id) => replyOf(id, `<data>${"x".repeat(300_000)}</data>`),
      { limits: { bytes: 200_000 } },
      "limit of 200000"
    ],
    ["is not UTF-8", (id) => Buffer.from(replyOf(id, "<data>\u00e9</data>"), "latin1"), {}, "not valid UTF-8"],
    ["is for nobody", () => replyOf("nobody", "<data/>"), {}, "never sent"],
    ["holds nothing", (id) => replyOf(id, ""), {}, "holds nothing"]
  ]
  for (const [what, make, options, said] of replies) {
    it.live(`that ${what} fails its call and the session goes on`, () =>
      against({ rpc: (channel, id, index) => answer(channel, index === 0 ? make(id) : data(id)) }, (port) =>
        Effect.gen(function* () {
          const open = yield* session(port, options)
          const error = yield* Effect.flip(open.get())
          assert.strictEqual(error._tag, "ProtocolError", error.message)
          assert.include(error.message, said)
          assert.include(error.message, "get on leaf")
          assert.include((yield* open.get()).xml, "<data/>")
        })
      )
    )
  }

  it.live("that is deeper than the limit is text, and an error once it is asked for as data", () =>
    against({ rpc: (channel, id) => answer(channel, replyOf(id, `<data>${deep}</data>`)) }, (port) =>
      Effect.gen(function* () {
        const reply = yield* Effect.flatMap(session(port), (open) => open.get())
        assert.include(reply.xml, deep)
        const error = yield* Effect.flip(reply.data)
        assert.include(error.message, "limit")
      })
    )
  )

  for (const [what, end] of [
    ["ends the channel", (channel: ServerChannel) => channel.end()],
    ["closes the channel", (channel: ServerChannel) => channel.close()]
  ] as const) {
    it.live(`that stops in the middle because the peer ${what} fails at once`, () =>
      against(
        {
          rpc: (channel, id) => {
            channel.write(Framing.encode("chunked", data(id)).subarray(0, 50))
            end(channel)
          }
        },
        (port) =>
          Effect.gen(function* () {
            const open = yield* session(port)
            assert.deepInclude(
              { ...(yield* Effect.flip(open.get())) },
              { _tag: "ChannelError", phase: "closed", by: "peer" }
            )
            assert.strictEqual((yield* open.closed).by, "peer")
          })
      )
    )
  }

  it.live("that never comes ends with its deadline, and closing with its own", () =>
    against({ rpc: () => {} }, (port) =>
      Effect.gen(function* () {
        const open = yield* session(port, { deadlines: { rpc: "40 millis" } })
        assert.deepInclude({ ...(yield* Effect.flip(open.get())) }, { _tag: "DeadlineError", phase: "rpc" })
        assert.strictEqual((yield* Effect.flip(open.commit({ deadline: "40 millis" })))._tag, "CommitUnknownError")
      })
    )
  )
})

describe("interruption", () => {
  /** Interrupted once a thing has been seen on the server's side. */
  const phases: ReadonlyArray<readonly [string, (seen: () => void) => Script]> = [
    ["the hello is awaited", (seen) => ({ hello: seen })],
    [
      "half of the hello is there",
      (seen) => ({
        hello: (channel) => {
          channel.write(helloOf(everything).slice(0, 60))
          seen()
        }
      })
    ],
    ["an rpc is unanswered", (seen) => ({ rpc: seen })],
    [
      "half of a reply is there",
      (seen) => ({
        rpc: (channel, id) => {
          channel.write(Framing.encode("chunked", data(id)).subarray(0, 60))
          seen()
        }
      })
    ]
  ]
  for (const [when, make] of phases) {
    it.live(`while ${when} leaves nothing`, () => {
      let reached = false
      const script = make(() => {
        reached = true
      })
      return against(script, (port) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkScoped(Effect.scoped(Effect.flatMap(session(port), (open) => open.get())), {
            startImmediately: true
          })
          yield* eventually(() => reached)
          yield* Fiber.interrupt(fiber)
        })
      )
    })
  }

  it.live("at any moment of connecting leaves nothing", () =>
    Effect.gen(function* () {
      for (let turns = 0; turns < 24; turns += 3) {
        yield* against({ hello: sayHello }, (port) =>
          Effect.gen(function* () {
            const fiber = yield* Effect.forkScoped(Effect.scoped(session(port)), { startImmediately: true })
            for (let turn = 0; turn < turns; turn++)
              yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
            yield* Fiber.interrupt(fiber)
          })
        )
      }
    })
  )

  it.live("of an rpc leaves the session fit for the next", () => {
    let late = (): void => {}
    let reached = false
    return against(
      {
        rpc: (channel, id, index) => {
          if (index > 0) {
            late()
            return answer(channel, replyOf(id, "<data><own/></data>"))
          }
          reached = true
          late = () => answer(channel, replyOf(id, "<data><late/></data>"))
        }
      },
      (port) =>
        Effect.gen(function* () {
          const open = yield* session(port)
          const fiber = yield* Effect.forkScoped(open.get(), { startImmediately: true })
          yield* eventually(() => reached)
          yield* Fiber.interrupt(fiber)
          assert.include((yield* open.get()).xml, "<own/>")
          assert.strictEqual(open.statistics().lateReplies, 1)
        })
    )
  })
})
