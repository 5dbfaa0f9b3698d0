import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Dialects from "../../src/testing/Dialects.ts"
import * as Faults from "../../src/testing/Faults.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import * as Transcript from "../../src/testing/Transcript.ts"
import * as Deadlines from "../../src/transport/Deadlines.ts"
import * as Ssh from "../../src/transport/Ssh.ts"
import type { Connection, Transport } from "../../src/transport/Transport.ts"
import { helloText, open, settle } from "./client.ts"

const system = "urn:ietf:params:xml:ns:yang:ietf-system"
const getConfig = "<get-config><source><running/></source></get-config>"
const setPassword = (name: string, hash: string) =>
  `<edit-config><target><running/></target><config><system xmlns="${system}"><authentication><user><name>${name}</name>` +
  `<password>${hash}</password></user></authentication></system></config></edit-config>`
const secret = "$6$salt$verysecrethashverysecret"

const conversation = (transport: Transport, versions?: ReadonlyArray<string>, first = 1, hash = secret) =>
  Effect.scoped(
    Effect.gen(function* () {
      const client = yield* open(transport, versions)
      const ids = [first, first + 1, first + 2].map((id) => `message-id="${id}"`)
      const replies = [
        yield* client.rpc(setPassword("ops", hash), ids[0]),
        yield* client.rpc(getConfig, ids[1]),
        yield* client.rpc("<close-session/>", ids[2])
      ]
      return { replies, end: yield* client.ended }
    })
  )

const recorded = (options: SimulatedDevice.Options = {}, versions?: ReadonlyArray<string>, redact = true) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make(options)
    const recorder = Transcript.record(device.transport, { redact })
    yield* conversation(recorder.transport, versions)
    return recorder.transcripts()[0]!
  })

describe("Transcript", () => {
  for (const versions of [["1.0"], ["1.0", "1.1"]]) {
    // Chunks of 7 bytes cut every secret several times.
    it.effect(`hides secrets that lie across chunks, under base ${versions.at(-1)}`, () =>
      Effect.gen(function* () {
        const transcript = yield* recorded({ dialect: { chunkSize: 7 } }, versions)
        const open = yield* recorded({}, versions, false)
        assert.include(Transcript.toJson(open), secret)
        const text = transcript.entries.map((entry) => entry.text).join("")
        const plain = text.replace(/\n#\d+\n/g, "")
        assert.notInclude(plain, "verysecret")
        assert.notInclude(plain, "SkZOQ1hSZkM0bDJYYzRsMg")
        assert.match(plain, /<password>\*{32}<\/password>/)
        assert.include(plain, "<hostname>sim</hostname>")
      })
    )

    it.effect(`replays to a client with other message-ids and the same requests, under base ${versions.at(-1)}`, () =>
      Effect.gen(function* () {
        const transcript = yield* recorded({}, versions)
        const again = yield* Transcript.fromJson(Transcript.toJson(transcript))
        assert.deepStrictEqual(again, transcript)
        // Another password of another length: the transcript does not know which it was.
        const { end, replies } = yield* conversation(Transcript.replay(again), versions, 70, "$6$a$other")
        assert.include(replies[0]!, `message-id="70"`)
        assert.include(replies[1]!, "<hostname>sim</hostname>")
        assert.include(replies[2]!, `message-id="72"`)
        assert.strictEqual(end.by, "peer")
      })
    )
  }

  it.effect("tells a client that diverges where it does", () =>
    Effect.gen(function* () {
      const client = yield* open(Transcript.replay(yield* recorded()))
      client.send(`<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1"><lock/></rpc>`)
      const { detail } = yield* client.ended
      assert.include(detail, "diverges from the transcript at message 3")
      assert.include(detail, "<lock/>")
    })
  )

  it.effect("replays half a frame and the cut behind it", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      device.faults.add(Faults.halfFrame(), { on: "get-config" })
      const recorder = Transcript.record(device.transport)
      const once = yield* Effect.scoped(
        Effect.gen(function* () {
          const client = yield* open(recorder.transport)
          client.send(`<rpc message-id="5" xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">${getConfig}</rpc>`)
          yield* client.ended
          return client.received()
        })
      )
      const client = yield* open(Transcript.replay(recorder.transcripts()[0]!))
      client.send(`<rpc message-id="5" xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">${getConfig}</rpc>`)
      assert.strictEqual((yield* client.ended).by, "peer")
      assert.strictEqual(client.received().length, once.length)
    })
  )

  it.effect("replays half a frame that came in the same bytes as a whole one, and neither of them twice", () =>
    Effect.gen(function* () {
      const hello = helloText(["1.0"])
      const received = `${hello}]]>]]>`
      const tail = `<rpc-reply message-id="5"/>]]>]]><rpc-re`
      const transcript: Transcript.Transcript = {
        format: "effect-netconf transcript 1",
        peer: "leaf-01",
        redacted: false,
        entries: [
          { at: 0, direction: "sent", text: `${hello}]]>]]>` },
          { at: 0, direction: "received", text: received },
          { at: 1, direction: "sent", text: `<rpc message-id="5"><get/></rpc>]]>]]>` },
          { at: 2, direction: "received", text: tail }
        ],
        end: { at: 3, by: "peer", detail: "closed" }
      }
      const client = yield* open(Transcript.replay(transcript), ["1.0"])
      client.send(`<rpc message-id="5"><get/></rpc>`)
      yield* client.ended
      assert.strictEqual(client.received(), received + tail)
    })
  )

  it.effect("records a connection whose methods belong to its class", () =>
    Effect.gen(function* () {
      const calls: Array<string> = []
      class ClassConnection implements Connection {
        readonly #calls = calls
        get details() {
          return { cipher: "none" }
        }
        get notes() {
          return ["a note"]
        }
        write(frame: Uint8Array) {
          return this.#calls.push(`write ${frame.length}`) > 0
        }
        pause() {
          this.#calls.push("pause")
        }
        resume() {
          this.#calls.push("resume")
        }
      }
      const recorder = Transcript.record({ peer: "leaf-01", open: () => Effect.succeed(new ClassConnection()) })
      const handler = { data: () => {}, drain: () => {}, end: () => {} }
      const recorded = yield* recorder.transport.open(handler, { label: undefined, deadlines: Deadlines.defaults })
      recorded.pause()
      recorded.resume()
      assert.isTrue(recorded.write(Buffer.from("abc")))
      assert.deepStrictEqual(calls, ["pause", "resume", "write 3"])
      assert.deepStrictEqual([recorded.details, recorded.notes], [{ cipher: "none" }, ["a note"]])
    })
  )

  it.live("records a session over SSH, which replays", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      const { fingerprint, host, password, port, username } = yield* device.ssh()
      const recorder = Transcript.record(
        Ssh.make({ host, port, username, auth: { password }, hostKey: { fingerprint } })
      )
      yield* Effect.scoped(
        Effect.gen(function* () {
          const connection = yield* recorder.transport.open(
            { data: () => {}, drain: () => {}, end: () => {} },
            { label: undefined, deadlines: Deadlines.defaults }
          )
          connection.pause()
          connection.resume()
          assert.include(connection.details["hostKey"], fingerprint)
        })
      )
      const { replies } = yield* conversation(recorder.transport)
      const again = yield* conversation(Transcript.replay(recorder.transcripts()[1]!))
      assert.strictEqual(again.replies[2], replies[2])
      assert.include(again.replies[1]!, "<hostname>sim</hostname>")
    })
  )

  it.effect("keeps bytes that are not UTF-8", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      device.faults.add(Faults.reply(Buffer.from([0x3c, 0xff, 0xfe])), { on: "get" })
      const recorder = Transcript.record(device.transport)
      yield* Effect.scoped(Effect.flatMap(open(recorder.transport), (client) => client.rpc("<get/>")))
      assert.isTrue(recorder.transcripts()[0]!.entries.some((entry) => entry.base64 !== undefined))
    })
  )

  it.effect("records times by the Clock and replays them when asked to", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make({ dialect: Dialects.slowCommit })
      const recorder = Transcript.record(device.transport)
      const commit = (transport: Transport) =>
        Effect.scoped(Effect.flatMap(open(transport), (client) => client.rpc("<commit/>")))
      const wait = (transport: Transport) =>
        Effect.gen(function* () {
          const fiber = yield* Effect.forkChild(commit(transport), { startImmediately: true })
          yield* settle
          yield* TestClock.adjust("299 seconds")
          assert.isUndefined(fiber.pollUnsafe())
          yield* TestClock.adjust("1 second")
          assert.include(yield* Fiber.join(fiber), "<ok/>")
        })
      yield* wait(recorder.transport)
      const transcript = recorder.transcripts()[0]!
      assert.strictEqual(transcript.entries.at(-1)?.at, 300_000)
      yield* wait(Transcript.replay(transcript, { timing: true }))
      assert.include(yield* commit(Transcript.replay(transcript)), "<ok/>")
    })
  )

  it.effect("refuses JSON that is no transcript", () =>
    Effect.gen(function* () {
      for (const text of ["", "{}", `{"format":"something"}`, "[1]"]) {
        assert.strictEqual((yield* Effect.flip(Transcript.fromJson(text))).what, "transcript")
      }
    })
  )
})
