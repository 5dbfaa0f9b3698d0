import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import * as References from "effect/References"
import * as TestClock from "effect/testing/TestClock"
import { NetconfClient } from "../../src/api/promise.ts"
import type { InputError } from "../../src/errors.ts"
import { maxShown, type WireLogEntry } from "../../src/rpc/WireLogEntry.ts"
import { placeholder } from "../../src/telemetry/Redaction.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import { connect, data, failure, replyOf, rpcError, settle, start, success } from "./peer.ts"

const secret = "hunter2"
const config = `<user xmlns="urn:u"><name>ops</name><password>${secret}</password></user>`

/** A function that keeps what it is given. */
const keeping = () => {
  const entries: Array<WireLogEntry> = []
  return { entries, wireLog: (entry: WireLogEntry) => Effect.sync(() => void entries.push(entry)) }
}

interface Line {
  readonly level: string
  readonly message: string
  readonly annotations: Readonly<Record<string, unknown>>
}

/** Runs a test with all log lines kept, down to Trace. */
const withLines = <A, E, R>(test: (lines: ReadonlyArray<Line>) => Effect.Effect<A, E, R>) => {
  const lines: Array<Line> = []
  const logger = Logger.map(Logger.formatStructured, (line) => {
    lines.push({ level: line.level, message: String(line.message), annotations: line.annotations })
  })
  return test(lines).pipe(
    Effect.provide(Logger.layer([logger])),
    Effect.provideService(References.MinimumLogLevel, "Trace")
  )
}

const about = (entries: ReadonlyArray<WireLogEntry>) =>
  entries.map(
    ({ direction, message, messageId }) => `${direction} ${message}${messageId === undefined ? "" : ` ${messageId}`}`
  )

describe("WireLog", () => {
  for (const framing of ["chunked", "end-of-message"] as const) {
    it.effect(`gives every message of a session in order, hellos and close-session included (${framing})`, () =>
      Effect.gen(function* () {
        const { entries, wireLog } = keeping()
        const { close, peer, session } = yield* connect({ label: "leaf", framing, wireLog })
        const call = yield* start(session.editConfig({ config }))
        const xml = replyOf("1")
        peer.send(xml)
        yield* settle
        success(call)
        yield* close
        assert.deepStrictEqual(about(entries).slice(0, 2).toSorted(), ["received hello", "sent hello"])
        assert.deepStrictEqual(about(entries).slice(2), [
          "sent rpc 1",
          "received rpc-reply 1",
          "sent rpc 2",
          "received rpc-reply 2"
        ])
        const [sent, received] = entries.filter(({ messageId }) => messageId === "1")
        assert.include(sent!.xml, `<name>ops</name><password>${placeholder}</password>`)
        assert.strictEqual(sent!.bytes, peer.rpcs[0]!.xml.length)
        assert.deepStrictEqual(received, {
          direction: "received",
          time: 0,
          label: "leaf",
          peer: "peer",
          sessionId: 7,
          message: "rpc-reply",
          messageId: "1",
          bytes: xml.length,
          xml,
          whole: true,
          dropped: 0
        })
      })
    )
  }

  it.effect("writes lines at Debug, annotated, with control characters escaped", () =>
    withLines((lines) =>
      Effect.gen(function* () {
        const { close, peer, session } = yield* connect({ label: "leaf", wireLog: true })
        const call = yield* start(session.get())
        peer.reply("1", `<data><a xmlns="urn:a">1\u009b2\n</a></data>`)
        yield* settle
        success(call)
        yield* close
        const wire = lines.filter(({ annotations }) => annotations["direction"] !== undefined)
        assert.strictEqual(wire.length, 6)
        assert.isTrue(wire.every(({ level }) => level === "DEBUG"))
        const line = wire.find(({ message }) => message.startsWith("received rpc-reply 1 ("))!
        assert.include(line.message, "bytes): <rpc-reply")
        assert.include(line.message, "1\\u{9b}2\\u{a}")
        const { bytes, ...annotations } = line.annotations
        assert.isAbove(bytes as number, 100)
        assert.deepStrictEqual(annotations, {
          label: "leaf",
          peer: "peer",
          sessionId: 7,
          messageId: "1",
          direction: "received"
        })
      })
    )
  )

  it.effect("is off by default", () =>
    withLines((lines) =>
      Effect.gen(function* () {
        const { close } = yield* connect()
        yield* close
        assert.isTrue(lines.every(({ annotations }) => annotations["direction"] === undefined))
      })
    )
  )

  it.effect("hides what the session's redaction hides", () =>
    Effect.gen(function* () {
      const { entries, wireLog } = keeping()
      const { close, session } = yield* connect({ wireLog, redaction: { names: ["licence"], values: [/ACME-\d+/] } })
      yield* start(session.editConfig({ config: `<a xmlns="urn:a"><licence>one</licence><b>ACME-77 x</b></a>` }))
      yield* close
      const { xml } = entries.find(({ messageId }) => messageId === "1")!
      assert.include(xml, `<licence>${placeholder}</licence><b>${placeholder} x</b>`)
    })
  )

  it.effect("hides a secret that was sent wherever it comes back", () =>
    Effect.gen(function* () {
      const { entries, wireLog } = keeping()
      const { close, peer, session } = yield* connect({ wireLog })
      const call = yield* start(session.editConfig({ config }))
      peer.reply("1", rpcError("invalid-value", `<error-message>no ${secret} here</error-message>`))
      yield* settle
      failure(call)
      yield* start(session.get())
      peer.reply("2", `<data><log xmlns="urn:l">they tried ${secret}</log></data>`)
      yield* close
      assert.notInclude(JSON.stringify(entries), secret)
      assert.include(
        entries.find(({ messageId, direction }) => messageId === "2" && direction === "received")!.xml,
        `they tried ${placeholder}`
      )
    })
  )

  it.effect("shows only markup of what is broken, too large, no text, or cut", () =>
    Effect.gen(function* () {
      const { entries, wireLog } = keeping()
      const { close, peer, session } = yield* connect({ wireLog, limits: { bytes: 200_000 } })
      const large = `<data><a xmlns="urn:a">${secret.repeat(maxShown / 7)}</a></data>`
      const beyond = `<data><a xmlns="urn:a">${secret.repeat(40_000)}</a></data>`
      for (const text of [
        `<rpc-reply message-id="1"><password>${secret}</passw></rpc-reply>`,
        `%$ ${secret} <<<`,
        replyOf("1", large),
        replyOf("1", beyond),
        Buffer.concat([Buffer.from(`<a>${secret}`), Buffer.from([0xff]), Buffer.from("</a>")])
      ]) {
        yield* start(session.get())
        peer.send(text)
        yield* settle
      }
      peer.bytes(`\n#100\n<notification><a>${secret}`)
      yield* settle
      peer.endpoint.close()
      yield* settle
      yield* close
      const received = entries.filter(({ direction, whole }) => direction === "received" && !whole)
      assert.strictEqual(received.length, 6)
      assert.notInclude(JSON.stringify(entries), secret)
      assert.deepStrictEqual(
        received.map(({ messageId }) => messageId),
        ["1", undefined, "1", "1", undefined, undefined]
      )
      assert.isTrue(received.every(({ xml }) => xml.length <= maxShown))
      assert.include(received[5]!.xml, "<notification><a>[")
    })
  )

  it.effect("shows only markup of what is refused after a request that was too large to be read", () =>
    Effect.gen(function* () {
      const { entries, wireLog } = keeping()
      const { close, peer, session } = yield* connect({ wireLog })
      yield* start(
        session.editConfig({ config: `<a xmlns="urn:a">${"x".repeat(maxShown)}<password>${secret}</password></a>` })
      )
      peer.reply("1", rpcError("invalid-value", `<error-message>no ${secret} here</error-message>`))
      yield* start(session.get())
      peer.reply("2", data)
      yield* close
      assert.notInclude(JSON.stringify(entries), secret)
      // Nor of what comes later: a peer may repeat it anywhere.
      assert.isFalse(entries.find(({ direction, messageId }) => direction === "received" && messageId === "2")!.whole)
    })
  )

  it.effect("shows nothing of the echo in a reply that is no refusal, after a request that was too large", () =>
    Effect.gen(function* () {
      const { entries, wireLog } = keeping()
      const { close, peer, session } = yield* connect({ wireLog })
      yield* start(
        session.editConfig({ config: `<a xmlns="urn:a">${"x".repeat(maxShown)}<password>${secret}</password></a>` })
      )
      peer.reply("1", `<warning xmlns="urn:w">${secret}</warning><ok/>`)
      yield* close
      assert.notInclude(JSON.stringify(entries), secret)
    })
  )

  for (const [where, reply] of [
    ["the name of an element", `<data><${secret} xmlns="urn:a"/></data>`],
    ["a namespace", `<data><a xmlns="urn:${secret}"/></data>`],
    ["the name of an attribute", `<data><a xmlns="urn:a" ${secret}="1"/></data>`]
  ] as const) {
    it.effect(`shows the size alone of a message with a known secret in ${where}`, () =>
      Effect.gen(function* () {
        const { entries, wireLog } = keeping()
        const { close, peer, session } = yield* connect({ wireLog })
        yield* start(session.editConfig({ config }))
        const bytes = replyOf("1", reply)
        peer.send(bytes)
        peer.send(`<${secret}/>`)
        yield* close
        assert.notInclude(JSON.stringify(entries), secret)
        const shown = entries.find(({ direction, messageId }) => direction === "received" && messageId === "1")!
        assert.isFalse(shown.whole)
        if (where !== "a namespace") assert.strictEqual(shown.xml, `[${bytes.length}]`)
      })
    )
  }

  for (const [how, wireLog, said] of [
    [
      "throws",
      () => {
        throw new TypeError(`bad ftp://a:${secret}@b\u0007`)
      },
      "TypeError: bad"
    ],
    ["dies", () => Effect.die("x"), "string"],
    ["interrupts itself", () => Effect.interrupt, "switched off"],
    ["returns no effect", () => 5 as unknown as Effect.Effect<void>, "switched off"]
  ] as const) {
    it.effect(`reports a function that ${how} once, switches it off, and lets the session go on`, () =>
      withLines((lines) =>
        Effect.gen(function* () {
          let called = 0
          const { close, peer, session } = yield* connect({
            label: "leaf",
            wireLog: () => {
              called++
              return wireLog()
            }
          })
          const call = yield* start(session.get())
          peer.reply("1", data)
          yield* settle
          assert.include(success(call).xml, "<data>")
          yield* close
          assert.strictEqual(called, 1)
          const warnings = lines.filter(({ level }) => level === "WARN")
          assert.strictEqual(warnings.length, 1)
          assert.match(warnings[0]!.message, /^the wire log failed and is switched off/)
          assert.include(warnings[0]!.message, said)
          assert.notInclude(warnings[0]!.message, secret)
          assert.strictEqual(warnings[0]!.annotations["label"], "leaf")
        })
      )
    )
  }

  it.effect("drops and counts what a slow function cannot keep up with, and never holds the session up", () =>
    Effect.gen(function* () {
      const entries: Array<WireLogEntry> = []
      const gate = Deferred.makeUnsafe<void>()
      const { close, peer, session } = yield* connect({
        wireLog: (entry) =>
          Effect.andThen(
            Deferred.await(gate),
            Effect.sync(() => void entries.push(entry))
          )
      })
      for (let n = 1; n <= 200; n++) {
        const call = yield* start(session.get())
        peer.reply(String(n), data)
        yield* settle
        success(call)
      }
      Deferred.doneUnsafe(gate, Effect.void)
      yield* settle
      yield* start(session.get())
      yield* close
      // One is with the function, 256 wait: two hellos and 200 calls are 402 messages.
      assert.strictEqual(entries[0]!.dropped, 0)
      assert.isTrue(entries.slice(1, 257).every(({ dropped }) => dropped === 402 - 257))
      assert.strictEqual(entries.length, 257 + 3)
    })
  )

  it.effect("tells how many messages are missing when no entry could say it", () =>
    withLines((lines) =>
      Effect.gen(function* () {
        const { close, peer, session } = yield* connect({
          label: "leaf",
          deadlines: { close: "1 second" },
          wireLog: () => Effect.never
        })
        for (let n = 1; n <= 3; n++) {
          yield* start(session.get())
          peer.reply(String(n), data)
          yield* settle
        }
        const closing = yield* start(close)
        yield* TestClock.adjust("1 second")
        yield* settle
        success(closing)
        const warnings = lines.filter(({ level }) => level === "WARN")
        assert.strictEqual(warnings.length, 1)
        // One hello is with the function; close-session and its reply are messages as well.
        assert.match(
          warnings[0]!.message,
          /^the wire log did not keep up: (?:8|9) messages of this session are missing/
        )
        assert.strictEqual(warnings[0]!.annotations["label"], "leaf")
      })
    )
  )

  it.effect("tells nothing when nothing is missing", () =>
    withLines((lines) =>
      Effect.gen(function* () {
        const { close, session } = yield* connect({ wireLog: keeping().wireLog })
        yield* start(session.get())
        yield* close
        assert.isTrue(lines.every(({ level }) => level !== "WARN"))
      })
    )
  )

  for (const [how, never] of [
    ["its function never does", Effect.never],
    ["its function cannot be interrupted", Effect.uninterruptible(Effect.never)],
    [
      "its function hangs in what it acquires",
      Effect.acquireUseRelease(
        Effect.never,
        () => Effect.void,
        () => Effect.void
      )
    ]
  ] as const) {
    it.effect(`ends with its session even when ${how}`, () =>
      Effect.gen(function* () {
        const { close } = yield* connect({ deadlines: { close: "3 seconds" }, wireLog: () => never })
        const closing = yield* start(close)
        yield* TestClock.adjust("2 seconds")
        yield* settle
        assert.isUndefined(closing.pollUnsafe())
        yield* TestClock.adjust("1 second")
        yield* settle
        success(closing)
      })
    )
  }

  it.effect("interrupts a function that did not end in its time", () =>
    Effect.gen(function* () {
      let interrupted = false
      const { close } = yield* connect({
        deadlines: { close: "3 seconds" },
        wireLog: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => void (interrupted = true)))
      })
      const closing = yield* start(close)
      yield* TestClock.adjust("3 seconds")
      yield* settle
      success(closing)
      assert.isTrue(interrupted)
    })
  )

  it.effect("refuses what is neither true nor a function", () =>
    Effect.gen(function* () {
      const error = (yield* Effect.flip(connect({ wireLog: "yes" as unknown as true }))) as InputError
      assert.strictEqual(error.message, "input on peer: wireLog: expected true or a function, got a string")
      const names = (yield* Effect.flip(connect({ redaction: { names: [""] } }))) as InputError
      assert.strictEqual(names.what, "redaction.names")
    })
  )

  it("gives entries to a function of the Promise API, which may return a promise", async () => {
    const entries: Array<WireLogEntry> = []
    await Effect.runPromise(
      Effect.scoped(
        Effect.gen(function* () {
          const device = yield* SimulatedDevice.make()
          const client = new NetconfClient({
            transport: device.transport,
            wireLog: async (entry) => {
              await Promise.resolve()
              entries.push(entry)
            }
          })
          yield* Effect.promise(async () => {
            await client.connect()
            await client.getConfig({ source: "running" })
            await client.disconnect()
          })
        })
      )
    )
    assert.strictEqual(entries.length, 6)
  })
})
