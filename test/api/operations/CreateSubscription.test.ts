/** create-subscription on the wire (RFC 5277 §2.1.1, §5), and the list of streams (§3.2.5). */
import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import {
  createSubscription,
  type CreateSubscriptionOptions,
  timeText
} from "../../../src/api/operations/CreateSubscription.ts"
import * as Filter from "../../../src/api/operations/Filter.ts"
import { InputError } from "../../../src/errors.ts"
import * as Element from "../../../src/xml/Element.ts"
import * as Parse from "../../../src/xml/Parse.ts"
import * as Print from "../../../src/xml/Print.ts"
import { xml } from "../../../src/xml/Template.ts"
import { connect, settle, start, success } from "../../rpc/peer.ts"
import { capabilitiesOf } from "../wire.ts"

const ns = "urn:ietf:params:xml:ns:netconf:notification:1.0"
const printed = (options?: CreateSubscriptionOptions): string =>
  Print.print(createSubscription(options).encode(capabilitiesOf()))

describe("create-subscription", () => {
  it("asks for nothing that was not asked for", () => {
    assert.strictEqual(printed(), `<create-subscription xmlns="${ns}"/>`)
  })

  it("names stream, filter, startTime and stopTime in their order, in the namespace of the operation", () => {
    const filter = xml`<event xmlns="http://example.com/event/1.0"><eventClass>fault</eventClass></event>`
    assert.strictEqual(
      printed({ stream: "snmp", filter, startTime: "2026-01-31T12:00:00Z", stopTime: "2026-01-31T13:00:00Z" }),
      `<create-subscription xmlns="${ns}"><stream>snmp</stream><filter type="subtree">` +
        `<event xmlns="http://example.com/event/1.0"><eventClass>fault</eventClass></event></filter>` +
        `<startTime>2026-01-31T12:00:00Z</startTime><stopTime>2026-01-31T13:00:00Z</stopTime></create-subscription>`
    )
  })

  it("takes an XPath filter with its prefixes, and needs :xpath for it", () => {
    const filter = Filter.xpath("/ex:event[ex:severity<='4']", { ex: "http://example.com/event/1.0" })
    assert.include(
      printed({ filter }),
      `<filter xmlns:ex="http://example.com/event/1.0" type="xpath" select="/ex:event[ex:severity&lt;='4']"/>`
    )
    assert.deepStrictEqual(createSubscription({ filter }).needs, [[":notification"], [":xpath"]])
  })

  it("cannot be broken out of by the name of a stream", () => {
    const encoded = createSubscription({ stream: "x</stream><startTime>" }).encode(capabilitiesOf())
    const read = Parse.decode(Print.print(encoded))
    assert.strictEqual(Element.text(Element.child(read, "stream")!), "x</stream><startTime>")
    assert.strictEqual(read.children.length, 1)
  })

  it("ends its session when it succeeds for nobody", () => {
    assert.strictEqual(createSubscription().undo?.(capabilitiesOf()), "close-session")
  })
})

describe("a moment", () => {
  it("is sent as it is when it is text, and in UTC otherwise", () => {
    assert.strictEqual(
      timeText("startTime", "2026-01-31T13:00:00.123456789+01:00"),
      "2026-01-31T13:00:00.123456789+01:00"
    )
    assert.strictEqual(timeText("startTime", new Date(Date.UTC(2026, 0, 31, 12))), "2026-01-31T12:00:00.000Z")
    assert.strictEqual(
      timeText("startTime", DateTime.makeUnsafe(Date.UTC(2026, 0, 31, 12))),
      "2026-01-31T12:00:00.000Z"
    )
  })

  for (const wrong of ["yesterday", "2026-01-31", "2026-01-31T12:00:00", new Date(Number.NaN), 12 as never]) {
    it(`is not ${String(wrong)}`, () => {
      assert.throws(() => timeText("startTime", wrong), InputError, /startTime.*date-time with an offset/)
    })
  }

  it("stopTime without startTime is refused before anything is sent", () => {
    assert.throws(() => printed({ stopTime: "2026-01-31T12:00:00Z" }), InputError, /needs startTime/)
  })
})

describe("streams", () => {
  const stream = (content: string) => `<stream>${content}</stream>`
  const listed = (data: string) =>
    Effect.gen(function* () {
      const { peer, session } = yield* connect()
      const asking = yield* start(session.streams())
      yield* settle
      peer.reply(peer.last, `<data>${data}</data>`)
      yield* settle
      return success(asking)
    })

  it.effect("are read from RFC 5277's list and from RFC 8639's, each stream once", () =>
    Effect.gen(function* () {
      const old = `<netconf xmlns="urn:ietf:params:xml:ns:netmod:notification"><streams>${stream(
        "<name>NETCONF</name><description>default</description><replaySupport>true</replaySupport>" +
          "<replayLogCreationTime>2026-01-01T00:00:00Z</replayLogCreationTime>"
      )}</streams></netconf>`
      const dynamic = `<streams xmlns="urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications">${stream(
        "<name>NETCONF</name>"
      )}${stream(
        "<name>push</name><replay-support/><replay-log-creation-time>2026-01-01T00:00:00Z</replay-log-creation-time>" +
          "<replay-log-aged-time>2026-01-02T00:00:00Z</replay-log-aged-time>"
      )}</streams>`
      const found = yield* listed(old + dynamic)
      assert.deepStrictEqual(found, [
        {
          name: "NETCONF",
          description: "default",
          replaySupport: true,
          replayLogCreationTime: "2026-01-01T00:00:00Z",
          replayLogAgedTime: undefined
        },
        {
          name: "push",
          description: undefined,
          replaySupport: true,
          replayLogCreationTime: "2026-01-01T00:00:00Z",
          replayLogAgedTime: "2026-01-02T00:00:00Z"
        }
      ])
    })
  )

  it.effect("may be none", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* listed(""), [])
    })
  )
})
