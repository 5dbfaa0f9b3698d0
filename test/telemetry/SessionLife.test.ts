import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import * as Tracer from "effect/Tracer"
import * as Netconf from "../../src/api/Netconf.ts"
import * as Profile from "../../src/profiles/Profile.ts"
import * as OperationPool from "../../src/sessions/OperationPool.ts"
import { SimulatedDevice } from "../../src/testing.ts"
import type { Transport } from "../../src/transport/Transport.ts"
import { settle, start, transport } from "../rpc/peer.ts"
import { Eyes } from "./eyes.ts"

/** A session in a scope of its own. */
const open = (eyes: Eyes, device: SimulatedDevice.SimulatedDevice, label = "leaf-01") =>
  Effect.gen(function* () {
    const scope = Scope.makeUnsafe()
    const connecting = eyes.on(Netconf.connect({ label, transport: device.transport }))
    const session = yield* Scope.provide(connecting, scope)
    return { session, close: Scope.close(scope, Exit.void) }
  })

const device = SimulatedDevice.make({ name: "192.0.2.1:830" })

describe("SessionLife", () => {
  it.effect("makes one span from connecting to the end, which says who ended it and why", () =>
    Effect.gen(function* () {
      const eyes = new Eyes()
      const { close, session } = yield* open(eyes, yield* device)
      assert.deepStrictEqual(eyes.names, ["netconf.session"])
      const [span] = eyes.spans
      assert.strictEqual(span?.status._tag, "Started")
      assert.strictEqual(span?.kind, "client")
      yield* close
      const { bytesIn, bytesOut } = session.statistics()
      assert.deepStrictEqual(eyes.attributes("netconf.session"), {
        "rpc.system.name": "netconf",
        "server.address": "192.0.2.1",
        "server.port": 830,
        "netconf.label": "leaf-01",
        "netconf.session_id": session.sessionId,
        "netconf.ended_by": "us",
        "netconf.end_reason": "the session was closed",
        "netconf.bytes_sent": bytesOut,
        "netconf.bytes_received": bytesIn
      })
      assert.strictEqual(span?.status._tag, "Ended")
      assert.deepStrictEqual(
        span?.events.map(([name]) => name),
        ["netconf.up"]
      )
    })
  )

  it.effect("gives the span a trace of its own that links to what the session was opened for", () =>
    Effect.gen(function* () {
      const eyes = new Eyes()
      const far = yield* device
      const opening = eyes.on(Effect.withSpan(Netconf.connect({ transport: far.transport }), "deploy"))
      yield* Effect.scoped(opening)
      const [deploy, session] = eyes.spans
      assert.strictEqual(session?.name, "netconf.session")
      assert.isTrue(Option.isNone(session!.parent))
      assert.strictEqual(session?.links[0]?.span, deploy)
      assert.isTrue(session?.sampled)
      const unsampled = Tracer.externalSpan({ traceId: "1".repeat(32), spanId: "1".repeat(16), sampled: false })
      yield* Effect.scoped(eyes.on(Effect.withParentSpan(Netconf.connect({ transport: far.transport }), unsampled)))
      assert.isFalse(eyes.spans.at(-1)?.sampled)
    })
  )

  it.effect("says that the peer, or the network, has ended it", () =>
    Effect.gen(function* () {
      const eyes = new Eyes()
      const far = yield* device
      const { session } = yield* open(eyes, far)
      far.reboot()
      yield* session.closed
      yield* settle
      const { by, detail } = yield* session.closed
      const attributes = eyes.attributes("netconf.session")
      assert.strictEqual(attributes["netconf.ended_by"], by)
      assert.strictEqual(attributes["netconf.end_reason"], detail)
      assert.notStrictEqual(by, "us")
      const last = eyes.lines.at(-1)
      assert.deepStrictEqual(last, {
        level: "Debug",
        message: `session closed by the ${by}: ${detail}`,
        annotations: { label: "leaf-01", peer: "192.0.2.1:830", sessionId: session.sessionId }
      })
      assert.deepStrictEqual(eyes.series("netconf.sessions.ended"), { [by]: 1 })
    })
  )

  it.effect("says at Debug, with label, peer and session-id, that a session was opened and closed", () =>
    Effect.gen(function* () {
      const eyes = new Eyes()
      const { close, session } = yield* open(eyes, yield* device)
      yield* close
      yield* settle
      const annotations = { label: "leaf-01", peer: "192.0.2.1:830", sessionId: session.sessionId }
      assert.deepStrictEqual(eyes.lines, [
        { level: "Debug", message: "session opened: chunked framing, profile generic", annotations },
        { level: "Debug", message: "session closed by us: the session was closed", annotations }
      ])
    })
  )

  it.effect("leaves no span, state or count behind a session that could not be opened", () =>
    Effect.gen(function* () {
      const eyes = new Eyes()
      const { peers, transport: silent } = transport({ peer: "192.0.2.9" })
      const fiber = yield* start(Effect.exit(Effect.scoped(eyes.on(Netconf.connect({ transport: silent })))))
      assert.deepStrictEqual(eyes.series("netconf.sessions"), { connecting: 1, up: 0, closing: 0 })
      yield* TestClock.adjust("1 minute")
      yield* settle
      assert.isDefined(fiber.pollUnsafe())
      assert.lengthOf(peers, 1)
      assert.deepStrictEqual(eyes.series("netconf.sessions"), { connecting: 0, up: 0, closing: 0 })
      assert.deepStrictEqual(eyes.series("netconf.connects"), { DeadlineError: 1 })
      assert.deepStrictEqual(eyes.series("netconf.sessions.ended"), {})
      assert.deepInclude(eyes.attributes("netconf.session"), {
        "server.address": "192.0.2.9",
        "error.type": "DeadlineError"
      })
      assert.strictEqual(eyes.spans[0]?.status._tag, "Ended")
      assert.match(eyes.lines.at(-1)!.message, /^session not opened: .*phase hello/)
    })
  )

  it.effect("counts a session as opened and as ended that had ended before its opening was over", () =>
    Effect.gen(function* () {
      const eyes = new Eyes()
      const hello = `<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.1</capability></capabilities><session-id>7</session-id></hello>]]>]]>`
      const brief: Transport = {
        peer: "192.0.2.1:830",
        open: (handler) =>
          Effect.sync(() => {
            handler.data(Buffer.from(hello))
            handler.end({ by: "peer", detail: "gone" })
            return { write: () => false, pause: () => {}, resume: () => {}, details: {}, notes: [] }
          })
      }
      const exit = yield* Effect.exit(Effect.scoped(eyes.on(Netconf.connect({ transport: brief }))))
      yield* settle
      assert.isTrue(Exit.isSuccess(exit))
      assert.deepStrictEqual(eyes.series("netconf.connects"), { ok: 1 })
      assert.deepStrictEqual(eyes.series("netconf.sessions.ended"), { peer: 1 })
      assert.deepStrictEqual(eyes.series("netconf.sessions"), { connecting: 0, up: 0, closing: 0 })
      assert.strictEqual(eyes.spans[0]?.status._tag, "Ended")
      assert.lengthOf(eyes.lines, 2)
    })
  )

  it.effect("counts a connect that was interrupted as interrupted", () =>
    Effect.gen(function* () {
      const eyes = new Eyes()
      const { transport: silent } = transport()
      const fiber = yield* start(Effect.scoped(eyes.on(Netconf.connect({ transport: silent }))))
      fiber.interruptUnsafe()
      yield* settle
      assert.deepStrictEqual(eyes.series("netconf.connects"), { interrupted: 1 })
      assert.deepStrictEqual(eyes.series("netconf.sessions"), { connecting: 0, up: 0, closing: 0 })
      assert.strictEqual(eyes.spans[0]?.status._tag, "Ended")
    })
  )

  it.effect("counts a connect as ok that was interrupted when both hellos were read", () =>
    Effect.gen(function* () {
      const eyes = new Eyes()
      const far = yield* device
      const profile = { ...Profile.generic, firstRpcDelay: 1_000 }
      const fiber = yield* start(Effect.scoped(eyes.on(Netconf.connect({ transport: far.transport, profile }))))
      fiber.interruptUnsafe()
      yield* settle
      assert.isDefined(fiber.pollUnsafe())
      assert.deepStrictEqual(eyes.series("netconf.connects"), { ok: 1 })
      assert.deepStrictEqual(eyes.series("netconf.sessions.ended"), { us: 1 })
    })
  )

  it.effect("sums over the sessions of its registry, live and gone, and over their pools", () =>
    Effect.gen(function* () {
      const eyes = new Eyes()
      const far = yield* device
      const first = yield* open(eyes, far)
      const second = yield* open(eyes, far, "leaf-02")
      const elsewhere = new Eyes()
      const other = yield* open(elsewhere, far)
      const sum = (key: "bytesIn" | "bytesOut") => first.session.statistics()[key] + second.session.statistics()[key]
      assert.deepStrictEqual(eyes.series("netconf.sessions"), { connecting: 0, up: 2, closing: 0 })
      assert.strictEqual(eyes.number("netconf.pool.size"), OperationPool.operationPoolSize())
      yield* first.close
      assert.strictEqual(eyes.number("netconf.bytes.received"), sum("bytesIn"))
      yield* second.session.getConfig()
      assert.strictEqual(eyes.number("netconf.bytes.received"), sum("bytesIn"))
      assert.strictEqual(eyes.number("netconf.bytes.sent"), sum("bytesOut"))
      yield* second.close
      assert.strictEqual(eyes.number("netconf.bytes.received"), sum("bytesIn"))
      assert.strictEqual(eyes.number("netconf.bytes.sent"), sum("bytesOut"))
      assert.deepStrictEqual(eyes.series("netconf.sessions"), { connecting: 0, up: 0, closing: 0 })
      assert.strictEqual(elsewhere.number("netconf.bytes.sent"), other.session.statistics().bytesOut)
      yield* other.close
    })
  )

  it.effect("shows a session that is closing, and one pool of many sessions once", () =>
    Effect.gen(function* () {
      const eyes = new Eyes()
      const { peers, transport: far } = transport()
      const scope = Scope.makeUnsafe()
      const opening = Effect.provide(
        Effect.all([1, 2].map(() => eyes.on(Netconf.connect({ transport: far })))),
        OperationPool.layer(7)
      )
      const fiber = yield* start(Scope.provide(opening, scope))
      for (let i = 0; i < 2; i++) {
        peers[i]!.onRpc = () => {}
        peers[i]!.sayHello(
          '<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.1</capability></capabilities><session-id>7</session-id></hello>'
        )
        yield* settle
      }
      assert.isDefined(fiber.pollUnsafe())
      assert.strictEqual(eyes.number("netconf.pool.size"), 7)
      const closing = yield* start(Scope.close(scope, Exit.void))
      assert.deepStrictEqual(eyes.series("netconf.sessions"), { connecting: 0, up: 1, closing: 1 })
      peers[1]!.reply(peers[1]!.last)
      yield* settle
      peers[0]!.reply(peers[0]!.last)
      yield* settle
      assert.isDefined(closing.pollUnsafe())
      assert.deepStrictEqual(eyes.series("netconf.sessions"), { connecting: 0, up: 0, closing: 0 })
    })
  )
})
