import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import * as Capabilities from "../../src/rpc/Capabilities.ts"
import * as TraceContext from "../../src/telemetry/TraceContext.ts"
import * as Element from "../../src/xml/Element.ts"
import { decode } from "../../src/xml/Parse.ts"
import { connect, everything, obliging } from "../rpc/peer.ts"
import { Eyes } from "./eyes.ts"

const modules = "urn:ietf:params:xml:ns:yang:ietf-trace-ctx-"
const of = (...texts: ReadonlyArray<string>) => TraceContext.understood(Capabilities.make(texts))
const ids = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" }

describe("TraceContext", () => {
  it("takes a peer's word for both by the capability, for each by its YANG module, and for nothing else", () => {
    assert.deepStrictEqual(of("urn:ietf:params:netconf:capability:w3ctc:1.0"), { traceparent: true, tracestate: true })
    const parent = `${modules}traceparent-1.0?module=ietf-trace-ctx-traceparent-1.0&revision=2024-11-07`
    assert.deepStrictEqual(of(parent), { traceparent: true, tracestate: false })
    assert.deepStrictEqual(of(parent, `${modules}tracestate-1.0`), { traceparent: true, tracestate: true })
    assert.deepStrictEqual(of(`${modules}tracestate-1.0`), { traceparent: false, tracestate: false })
    assert.deepStrictEqual(of("urn:ietf:params:netconf:base:1.1"), { traceparent: false, tracestate: false })
  })

  it("writes the traceparent of W3C's example", () => {
    assert.deepStrictEqual(TraceContext.of(Tracer.externalSpan(ids), "rojo=1"), {
      traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      tracestate: "rojo=1"
    })
  })

  it("says nothing of a span that is not sampled, nor of ids that are none of W3C's", () => {
    for (const span of [
      { ...ids, sampled: false },
      { ...ids, traceId: "not-hexadecimal-not-hexadecimal-" },
      { ...ids, traceId: "0".repeat(32) },
      { ...ids, spanId: "0".repeat(16) },
      { ...ids, spanId: "00F067AA0BA902B7" }
    ]) {
      assert.isUndefined(TraceContext.of(Tracer.externalSpan(span), undefined), JSON.stringify(span))
    }
  })

  it("leaves out a tracestate that cannot be passed on, rather than fail an operation for it", () => {
    for (const tracestate of ["a=\u0000", "a=\n", "ü=1", "", "x".repeat(513)]) {
      const header = TraceContext.of(Tracer.externalSpan(ids), tracestate)
      assert.isDefined(header)
      assert.isUndefined(header?.tracestate, tracestate)
    }
  })

  const sent = (peer: ReadonlyArray<string>, tracestate?: string) =>
    Effect.gen(function* () {
      const eyes = new Eyes()
      const { peer: far, session } = yield* eyes.on(connect({ peer: [...everything, ...peer] }))
      far.onRpc = obliging
      const call = eyes.on(Effect.asVoid(session.getConfig()))
      yield* Effect.provideService(call, TraceContext.TraceState, tracestate)
      return { rpc: decode(far.last.xml), span: eyes.spans.at(-1)! }
    })
  const inContext = (rpc: Element.Element) =>
    Object.fromEntries(
      rpc.attributes
        .filter(({ namespace }) => namespace === "urn:ietf:params:xml:ns:netconf:w3ctc:1.0")
        .map(({ name, value }) => [name, value])
    )

  it.effect("goes on the rpc to a peer that understands it", () =>
    Effect.gen(function* () {
      const { rpc, span } = yield* sent([":w3ctc:1.0"], `congo="t61"`)
      assert.deepStrictEqual(inContext(rpc), {
        traceparent: `00-${span.traceId}-${span.spanId}-01`,
        tracestate: `congo="t61"`
      })
      assert.strictEqual(span.name, "netconf.get-config")
      assert.lengthOf(rpc.attributes, 3)
      assert.strictEqual(Element.elements(rpc)[0]?.name, "get-config")
    })
  )

  it.effect("goes without tracestate where there is none, or where the peer does not understand it", () =>
    Effect.gen(function* () {
      const without = yield* sent([":w3ctc:1.0"])
      assert.deepStrictEqual(Object.keys(inContext(without.rpc)), ["traceparent"])
      const unknown = yield* sent([`${modules}traceparent-1.0`], "rojo=1")
      assert.deepStrictEqual(Object.keys(inContext(unknown.rpc)), ["traceparent"])
    })
  )

  it.effect("never goes to a peer that has not said so", () =>
    Effect.gen(function* () {
      const { rpc } = yield* sent([], "rojo=1")
      assert.deepStrictEqual(
        rpc.attributes.map(({ name }) => name),
        ["message-id"]
      )
    })
  )

  it.effect("never goes without a listener, nor for a span that is not sampled", () =>
    Effect.gen(function* () {
      const eyes = new Eyes()
      const { peer, session } = yield* connect({ peer: [...everything, ":w3ctc:1.0"] })
      peer.onRpc = obliging
      yield* eyes.heard(session.getConfig())
      assert.notInclude(peer.last.xml, "traceparent")
      const parent = Tracer.externalSpan({ ...ids, sampled: false })
      yield* eyes.on(Effect.withParentSpan(session.getConfig(), parent))
      assert.notInclude(peer.last.xml, "traceparent")
      yield* eyes.on(Effect.withParentSpan(session.getConfig(), Tracer.externalSpan(ids)))
      assert.include(peer.last.xml, `"00-${ids.traceId}-`)
    })
  )
})
