import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Arbitrary } from "effect"
import { TestClock } from "effect/testing"
import * as Tracer from "effect/Tracer"
import * as Netconf from "../../../src/api/Netconf.ts"
import type { Session } from "../../../src/api/Session.ts"
import type { OperationError } from "../../../src/errors.ts"
import * as Metrics from "../../../src/telemetry/Metrics.ts"
import * as OperationOutcome from "../../../src/telemetry/OperationOutcome.ts"
import { Faults, SimulatedDevice } from "../../../src/testing.ts"
import { xml } from "../../../src/xml/Template.ts"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { vi } from "vitest"
import { Eyes } from "../../telemetry/eyes.ts"
import { connect, data, failure, obliging, rpcError, settle, start } from "../../rpc/peer.ts"

const opened = (options: SimulatedDevice.Options = {}) =>
  Effect.gen(function* () {
    const eyes = new Eyes()
    const device = yield* SimulatedDevice.make({ name: "[2001:db8::1]:830", ...options })
    const session = yield* eyes.on(Netconf.connect({ label: "leaf-01", transport: device.transport }))
    return { device, eyes, session }
  })

const config = xml`<system xmlns="urn:example:system"><hostname>leaf-01</hostname></system>`

describe("the span of an operation", () => {
  it.effect("says by the RPC conventions what was called, where, and what came of it", () =>
    Effect.gen(function* () {
      const { eyes, session } = yield* opened()
      const before = session.statistics()
      const reply = yield* eyes.on(session.getConfig({ source: "running" }))
      const frame = session.statistics().bytesOut - before.bytesOut
      const span = eyes.spans.at(-1)!
      assert.strictEqual(span.name, "netconf.get-config")
      assert.strictEqual(span.kind, "client")
      assert.strictEqual(span.status._tag, "Ended")
      assert.deepStrictEqual(Object.fromEntries(span.attributes), {
        "rpc.system.name": "netconf",
        "server.address": "2001:db8::1",
        "server.port": 830,
        "netconf.label": "leaf-01",
        "netconf.session_id": session.sessionId,
        "rpc.method": "get-config",
        "netconf.datastore": "running",
        "netconf.message_id": "1",
        "netconf.bytes_sent": frame,
        "netconf.bytes_received": reply.bytes,
        "netconf.outcome": "ok"
      })
      assert.deepStrictEqual(
        span.events.map(([name]) => name),
        ["netconf.sent"]
      )
    })
  )

  it.effect("is a child of the caller's span, and links to its session's", () =>
    Effect.gen(function* () {
      const { eyes, session } = yield* opened()
      yield* eyes.on(Effect.withSpan(session.get(), "backup"))
      const [ofSession, backup, get] = eyes.spans
      assert.deepStrictEqual(eyes.names, ["netconf.session", "backup", "netconf.get"])
      assert.strictEqual(Option.getOrUndefined(get!.parent), backup)
      assert.deepStrictEqual(
        get!.links.map((link) => link.span),
        [ofSession!]
      )
    })
  )

  it.effect("is not made while nobody listens", () =>
    Effect.gen(function* () {
      const { eyes, session } = yield* opened()
      let made = 0
      const span = Tracer.nativeTracer.span
      const counting = Tracer.make({
        span(options) {
          made++
          return span.call(this, options)
        }
      })
      yield* eyes.heard(session.get())
      const native = vi.spyOn(Tracer.nativeTracer, "span")
      yield* eyes.heard(Effect.provideService(session.get(), Tracer.Tracer, Tracer.nativeTracer))
      const ours = native.mock.calls.map(([options]) => options.name)
      native.mockRestore()
      assert.deepStrictEqual(ours, [])
      yield* Effect.withTracerEnabled(Effect.provideService(session.get(), Tracer.Tracer, counting), false)
      assert.strictEqual(made, 0)
      assert.deepStrictEqual(eyes.names, ["netconf.session"])
      yield* Effect.provideService(session.get(), Tracer.Tracer, counting)
      assert.strictEqual(made, 1)
    })
  )

  it.effect("carries the error's tag and the device's error-tag", () =>
    Effect.gen(function* () {
      const eyes = new Eyes()
      const { peer, session } = yield* eyes.on(connect())
      peer.onRpc = (rpc) => peer.reply(rpc, rpcError("lock-denied"))
      yield* Effect.ignore(eyes.on(session.lock({ target: "candidate" })))
      assert.deepInclude(eyes.attributes("netconf.lock"), {
        "netconf.outcome": "refused",
        "error.type": "RpcError",
        "rpc.response.status_code": "lock-denied",
        "netconf.datastore": "candidate"
      })
    })
  )

  it.effect("says how many octets had come before nobody waited any longer", () =>
    Effect.gen(function* () {
      const { device, eyes, session } = yield* opened()
      device.faults.add(Faults.silence(), { on: "commit" })
      const fiber = yield* Effect.forkChild(Effect.flip(eyes.on(session.commit())), { startImmediately: true })
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "CommitUnknownError")
      assert.deepInclude(eyes.attributes("netconf.commit"), {
        "netconf.outcome": "unknown",
        "error.type": "CommitUnknownError",
        "netconf.bytes_received": 0
      })
    })
  )

  it.effect("is named rpc for an element of no RFC, so that names stay few", () =>
    Effect.gen(function* () {
      const eyes = new Eyes()
      const { peer, session } = yield* eyes.on(connect())
      peer.onRpc = obliging
      for (let i = 0; i < 20; i++) yield* eyes.on(session.rpc(`<clear-${i} xmlns="urn:vendor"/>`))
      assert.deepStrictEqual([...new Set(eyes.names)], ["netconf.session", "netconf.rpc"])
      assert.deepInclude(eyes.attributes("netconf.rpc"), { "rpc.method": "_OTHER", "rpc.method_original": "clear-19" })
      assert.deepStrictEqual(eyes.series("netconf.operations"), { "rpc ok": 20 })
    })
  )

  it.effect("says nothing of user and password of a URL", () =>
    Effect.gen(function* () {
      const eyes = new Eyes()
      const { peer, session } = yield* eyes.on(connect())
      peer.onRpc = obliging
      const target = { url: "ftp://admin:p@ss@host/file" }
      yield* Effect.ignore(eyes.on(session.copyConfig({ target, source: "running" })))
      assert.strictEqual(eyes.attributes("netconf.copy-config")["netconf.datastore"], "ftp://host/file")
    })
  )

  it.effect("says nothing of the token of a URL", () =>
    Effect.gen(function* () {
      const eyes = new Eyes()
      const { peer, session } = yield* eyes.on(connect())
      peer.onRpc = obliging
      const target = { url: "https://host/file?token=hunter2" }
      yield* Effect.ignore(eyes.on(session.copyConfig({ target, source: "running" })))
      assert.strictEqual(
        eyes.attributes("netconf.copy-config")["netconf.datastore"],
        "https://host/file?token=[redacted]"
      )
    })
  )

  for (const name of ["netconf.session", "netconf.get-config"]) {
    for (const call of ["span", "attribute", "event", "end"] as const) {
      it.effect(`is lost when the tracer throws at ${call} of ${name}, and nothing else is`, () =>
        Effect.gen(function* () {
          let thrown = 0
          const fail = () => {
            thrown++
            throw new Error(`${call} throws`)
          }
          const tracer = Tracer.make({
            span: (options) => {
              if (options.name !== name) return new Tracer.NativeSpan(options)
              if (call === "span") return fail()
              return Object.assign(new Tracer.NativeSpan(options), { [call]: fail })
            }
          })
          const eyes = new Eyes()
          const program = Effect.gen(function* () {
            const device = yield* SimulatedDevice.make()
            const session = yield* Netconf.connect({ transport: device.transport })
            yield* session.getConfig({ source: "running" })
            return (yield* session.getConfig({ source: "running" })).xml
          })
          const heard = Effect.provideService(Effect.scoped(program), Tracer.Tracer, tracer)
          assert.include(yield* eyes.heard(heard), "<")
          assert.isAbove(thrown, 0)
          assert.deepStrictEqual(eyes.series("netconf.operations")["get-config ok"], 2)
        })
      )
    }
  }
})

/** One operation, with what the peer does about it, and how that is counted. */
const endings: ReadonlyArray<{
  readonly outcome: OperationOutcome.OperationOutcome
  readonly run: (session: Session) => Effect.Effect<unknown, OperationError>
  readonly answer: (session: Effect.Success<ReturnType<typeof connect>>["peer"]) => void
}> = [
  { outcome: "ok", run: (session) => session.get(), answer: (peer) => peer.reply(peer.last, data) },
  { outcome: "refused", run: (session) => session.get(), answer: (peer) => peer.reply(peer.last, rpcError("in-use")) },
  {
    outcome: "warned",
    run: (session) => session.validate({ warnings: "fail" }),
    answer: (peer) => peer.reply(peer.last, `${rpcError("operation-failed", "", "warning")}<ok/>`)
  },
  { outcome: "unreadable", run: (session) => session.get(), answer: (peer) => peer.reply(peer.last, "<nothing/>") },
  { outcome: "lost", run: (session) => session.get(), answer: (peer) => peer.endpoint.close() },
  { outcome: "unknown", run: (session) => session.commit(), answer: (peer) => peer.endpoint.close() }
]

describe("the metrics of an operation", () => {
  for (const { answer, outcome, run } of endings) {
    it.effect(`count it as ${outcome}, once, with and without a listener`, () =>
      Effect.gen(function* () {
        for (const way of ["on", "heard"] as const) {
          const eyes = new Eyes()
          const { peer, session } = yield* connect()
          peer.onRpc = () => {}
          const fiber = yield* start(Effect.exit(eyes[way](run(session))))
          answer(peer)
          yield* settle
          const exit = yield* Fiber.join(fiber)
          assert.strictEqual(OperationOutcome.of(exit), outcome)
          const { name } = peer.last
          assert.deepStrictEqual(eyes.series("netconf.operations"), { [`${name} ${outcome}`]: 1 })
          assert.deepStrictEqual(eyes.series("netconf.operation.duration"), { [`${name} ${outcome}`]: 1 })
          peer.endpoint.close()
        }
      })
    )
  }

  it.effect("count timeouts, what was never sent, and what its caller gave up", () =>
    Effect.gen(function* () {
      const eyes = new Eyes()
      const { peer, session } = yield* connect()
      peer.onRpc = () => {}
      const late = yield* start(eyes.on(session.get({ deadline: "2 seconds" })))
      yield* TestClock.adjust("2 seconds")
      yield* settle
      assert.strictEqual(failure(late)._tag, "DeadlineError")
      const interrupted = yield* start(eyes.on(session.get()))
      yield* Fiber.interrupt(interrupted)
      yield* Effect.ignore(eyes.on(session.editConfig({ target: "running", config, url: "file:x" })))
      peer.endpoint.close()
      yield* settle
      yield* Effect.ignore(eyes.on(session.get()))
      assert.deepStrictEqual(eyes.series("netconf.operations"), {
        "get timeout": 1,
        "get interrupted": 1,
        "edit-config not-sent": 1,
        "get not-sent": 1
      })
      assert.strictEqual(eyes.attributes("netconf.get")["netconf.outcome"], "not-sent")
    })
  )

  it.effect("measure seconds from the call on, waiting for its turn included", () =>
    Effect.gen(function* () {
      const { device, eyes, session } = yield* opened()
      device.faults.add(Faults.delay("3 seconds"), { on: "get" })
      const calls = Effect.all([session.get(), session.getConfig()], { concurrency: 2 })
      const fiber = yield* Effect.forkChild(eyes.on(calls), { startImmediately: true })
      yield* TestClock.adjust("3 seconds")
      yield* Fiber.join(fiber)
      for (const name of ["get", "get-config"]) {
        const state = [...eyes.registry.values()].find(
          ({ attributes, id }) => id === "netconf.operation.duration" && attributes?.["operation"] === name
        )
        const { max } = state!.hooks.get(yield* Effect.context<never>()) as { readonly max: number }
        assert.closeTo(max, 3, 0.01, name)
      }
    })
  )

  const commands = Arbitrary.array(
    Arbitrary.schema(
      Schema.Struct({
        operation: Schema.Literals(["get", "lock", "commit", "kill", "vendor"]),
        device: Schema.Literals(["answers", "answers", "refuses", "garbles", "is late", "says more", "lies"])
      })
    ),
    { maxLength: 25 }
  )
  const vendor = `<clear-arp xmlns="urn:vendor"/>`
  const operationsOf = (session: Session): Record<string, Effect.Effect<unknown, OperationError>> => ({
    get: session.get(),
    lock: session.lock({ target: "running" }),
    commit: session.commit(),
    kill: session.killSession({ sessionId: 4000 }),
    vendor: session.rpc(vendor, { read: true })
  })
  const names: Readonly<Record<string, string>> = { kill: "kill-session", vendor: "rpc" }

  it.effect.prop(
    "add up to the outcomes that callers saw and to what the session has seen",
    [commands],
    ([commands]) =>
      Effect.gen(function* () {
        const eyes = new Eyes()
        const { close, peer, session } = yield* eyes.heard(connect({ maxAbandoned: 100 }))
        const seen: Record<string, number> = {}
        const count = (key: string) => (seen[key] = (seen[key] ?? 0) + 1)
        const owed: Array<string> = []
        for (const { device, operation } of commands) {
          peer.onRpc = () => {}
          const fiber = yield* start(Effect.exit(eyes.heard(operationsOf(session)[operation]!)))
          const { id, name } = peer.last
          const good = name === "get" ? data : "<ok/>"
          if (device === "refuses") peer.reply(id, rpcError("in-use"))
          else if (device === "garbles") peer.reply(id, "<what/>")
          else if (device === "is late") {
            fiber.interruptUnsafe()
            owed.push(id)
          } else {
            if (device === "says more") peer.send('<hint xmlns="urn:x"/>')
            if (device === "lies") peer.reply("1", good)
            peer.reply(id, good)
          }
          yield* settle
          const exit = yield* Fiber.await(fiber)
          const inner = exit._tag === "Success" ? exit.value : exit
          count(`${names[operation] ?? operation} ${OperationOutcome.of(inner)}`)
        }
        for (const id of owed) peer.reply(id, "<ok/>")
        yield* settle
        const consistent = () => {
          const { bytesIn, bytesOut, foreignReplies, lateReplies, tolerated, unexpectedMessages } = session.statistics()
          assert.strictEqual(eyes.number("netconf.bytes.received"), bytesIn)
          assert.strictEqual(eyes.number("netconf.bytes.sent"), bytesOut)
          assert.strictEqual(eyes.number("netconf.replies.late"), lateReplies)
          assert.strictEqual(eyes.number("netconf.replies.foreign"), foreignReplies)
          assert.strictEqual(eyes.number("netconf.messages.unexpected"), unexpectedMessages)
          assert.deepStrictEqual(eyes.series("netconf.tolerated"), { ...tolerated })
        }
        assert.deepStrictEqual(eyes.series("netconf.operations"), seen)
        assert.deepStrictEqual(eyes.series("netconf.operation.duration"), seen)
        consistent()
        peer.onRpc = obliging
        const closing = yield* start(close)
        yield* TestClock.adjust("1 minute")
        yield* Fiber.join(closing)
        consistent()
        assert.deepStrictEqual(eyes.series("netconf.sessions"), { connecting: 0, up: 0, closing: 0 })
      }),
    { arbitrary: { seed: 7, runs: 25, size: 25 } }
  )
})

describe("the names of metrics", () => {
  it.effect("are those that docs/observability.md lists", () =>
    Effect.gen(function* () {
      const { eyes, session } = yield* opened()
      yield* eyes.on(session.get())
      Metrics.reconnects.updateUnsafe(0, yield* eyes.heard(Effect.context<never>()))
      Metrics.sessionsEnded.us.updateUnsafe(0, yield* eyes.heard(Effect.context<never>()))
      assert.deepStrictEqual(eyes.metricNames, [
        "netconf.bytes.received",
        "netconf.bytes.sent",
        "netconf.connects",
        "netconf.messages.unexpected",
        "netconf.notifications.discarded",
        "netconf.operation.duration",
        "netconf.operations",
        "netconf.pool.running",
        "netconf.pool.size",
        "netconf.pool.waiting",
        "netconf.reconnects",
        "netconf.replies.foreign",
        "netconf.replies.late",
        "netconf.sessions",
        "netconf.sessions.ended",
        "netconf.tolerated"
      ])
      const page = readFileSync(join(import.meta.dirname, "..", "..", "..", "docs", "observability.md"), "utf8")
      const attributes = [
        ...eyes.spans.flatMap((span) => [...span.attributes.keys()]),
        "netconf.ended_by",
        "error.type"
      ]
      for (const name of [...eyes.metricNames, ...attributes]) assert.match(page, new RegExp(`\`${name}\``), name)
    })
  )
})
