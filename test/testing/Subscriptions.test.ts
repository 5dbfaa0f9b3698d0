import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Dialects from "../../src/testing/Dialects.ts"
import * as Faults from "../../src/testing/Faults.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import type { Connection, Transport } from "../../src/transport/Transport.ts"
import { base, open, settle } from "./client.ts"
import { all, create, event, events, nameOf, notificationNamespace, take } from "./notifications.ts"
import { accepted, getConfig, refused } from "./requests.ts"

const quiet = { standardEvents: false } as const
const make = (options: SimulatedDevice.Options = {}) => SimulatedDevice.make({ notifications: quiet, ...options })

const at = (second: number) => new Date(second * 1000).toISOString()
const startTime = (text: string) => `<startTime>${text}</startTime>`
const stopTime = (text: string) => `<stopTime>${text}</stopTime>`

/** The transport, and what arrives over it, read by read. */
const observed = (transport: Transport, data: (bytes: Uint8Array) => void): Transport => ({
  ...transport,
  open: (handler, options) =>
    transport.open({ ...handler, data: (bytes) => (data(bytes), handler.data(bytes)) }, options)
})

describe("create-subscription", () => {
  it.effect("sends events behind its ok, in the shape of RFC 5277 §4", () =>
    Effect.gen(function* () {
      const device = yield* make()
      const client = yield* open(device.transport)
      device.notify(event("before"))
      yield* accepted(client, create())
      device.notify(event("link-up", "<port>1</port>"))
      assert.strictEqual(
        yield* client.next,
        `<notification xmlns="${notificationNamespace}"><eventTime>1970-01-01T00:00:00.000Z</eventTime>` +
          `<link-up xmlns="${events}"><port>1</port></link-up></notification>`
      )
      assert.deepStrictEqual(yield* all(client), ["link-up"])
    })
  )

  it.effect("advertises :notification and :interleave", () =>
    Effect.gen(function* () {
      const client = yield* open((yield* make()).transport)
      assert.include(client.hello, "urn:ietf:params:netconf:capability:notification:1.0")
      assert.include(client.hello, "urn:ietf:params:netconf:capability:interleave:1.0")
    })
  )

  it.effect("is refused without :notification", () =>
    Effect.gen(function* () {
      const client = yield* open((yield* make({ without: [":notification"] })).transport)
      yield* refused(client, create(), "operation-not-supported")
      assert.notInclude(yield* client.rpc("<get/>"), "replayLogCreationTime")
    })
  )

  it.effect("keeps each stream to its subscribers", () =>
    Effect.gen(function* () {
      const device = yield* make({ notifications: { ...quiet, streams: [{ name: "SNMP", replay: false }] } })
      const one = yield* open(device.transport)
      const other = yield* open(device.transport)
      yield* accepted(one, create())
      yield* accepted(other, create("<stream>SNMP</stream>"))
      device.notify(event("a"))
      device.notify(event("b"), { stream: "SNMP" })
      assert.deepStrictEqual(yield* all(one), ["a"])
      assert.deepStrictEqual(yield* all(other), ["b"])
    })
  )

  it.effect("applies the subtree filter of RFC 5277 §5.1, and sends what matches whole", () =>
    Effect.gen(function* () {
      const device = yield* make()
      const client = yield* open(device.transport)
      yield* accepted(
        client,
        create(
          `<filter type="subtree"><event xmlns="${events}"><eventClass>fault</eventClass><severity>critical</severity></event>` +
            `<event xmlns="${events}"><eventClass>fault</eventClass><severity>major</severity></event></filter>`
        )
      )
      const send = (eventClass: string, severity: string) =>
        device.notify(event("event", `<eventClass>${eventClass}</eventClass><severity>${severity}</severity><n>1</n>`))
      send("fault", "minor")
      send("state", "major")
      send("fault", "major")
      assert.include(yield* client.next, "<eventClass>fault</eventClass><severity>major</severity><n>1</n>")
      assert.deepStrictEqual(yield* all(client), ["event"])
    })
  )

  it.effect("applies the XPath filter of RFC 5277 §5.2", () =>
    Effect.gen(function* () {
      const device = yield* make()
      const client = yield* open(device.transport)
      const select = `/ex:event[ex:eventClass='fault' and (ex:severity='minor' or ex:severity='major' or ex:severity='critical')]`
      yield* accepted(client, create(`<filter xmlns:ex="${events}" type="xpath" select="${select}"/>`))
      for (const [eventClass, severity] of [
        ["fault", "info"],
        ["state", "major"],
        ["fault", "critical"]
      ]) {
        device.notify(event("event", `<eventClass>${eventClass}</eventClass><severity>${severity}</severity>`))
      }
      assert.include(yield* client.next, "critical")
      assert.deepStrictEqual(yield* all(client), ["event"])
    })
  )

  it.effect("refuses a filter that it cannot evaluate", () =>
    Effect.gen(function* () {
      const client = yield* open((yield* make()).transport)
      yield* refused(client, create(`<filter type="xpath" select="/a:b"/>`), "invalid-value")
      yield* refused(client, create(`<filter type="xpath"/>`), "missing-attribute")
      yield* refused(client, create(`<filter type="regex"/>`), "bad-attribute")
      yield* accepted(client, create())
    })
  )

  it.effect("refuses parameters by RFC 5277 §2.1.1", () =>
    Effect.gen(function* () {
      const device = yield* make({ notifications: { ...quiet, streams: [{ name: "live", replay: false }] } })
      yield* TestClock.adjust("100 seconds")
      const client = yield* open(device.transport)
      const no = (parameters: string, ...tags: ReadonlyArray<string>) => refused(client, create(parameters), ...tags)
      assert.include(yield* no(stopTime(at(200)), "missing-element"), "<bad-element>startTime</bad-element>")
      const order = yield* no(startTime(at(50)) + stopTime(at(40)), "bad-element")
      assert.include(order, "<bad-element>stopTime</bad-element>")
      assert.include(yield* no(startTime(at(101)), "bad-element"), "<bad-element>startTime</bad-element>")
      assert.include(yield* no(startTime("yesterday"), "bad-element"), "<bad-element>startTime</bad-element>")
      yield* no(`<stream>live</stream>${startTime(at(50))}`, "operation-failed")
      yield* no("<stream>none</stream>", "invalid-value")
      yield* no("<begin/>", "unknown-element")
      yield* accepted(client, create())
      yield* no("", "operation-failed")
    })
  )

  it.effect("lets a session do everything else with :interleave, and nothing but close without it", () =>
    Effect.gen(function* () {
      for (const without of [[], [":interleave"]]) {
        const device = yield* make({ without })
        const client = yield* open(device.transport)
        yield* accepted(client, create())
        if (without.length === 0) assert.include(yield* client.rpc(getConfig()), "<data")
        else yield* refused(client, getConfig(), "operation-not-supported")
        yield* accepted(client, "<close-session/>")
        yield* client.ended
        device.notify(event("late"))
        assert.deepStrictEqual(yield* all(client), [])
      }
    })
  )
})

describe("replay", () => {
  it.effect("sends the log from startTime, replayComplete, and then what happens, in order", () =>
    Effect.gen(function* () {
      const device = yield* make()
      for (const name of ["a", "b", "c"]) {
        device.notify(event(name))
        yield* TestClock.adjust("10 seconds")
      }
      const client = yield* open(device.transport)
      yield* accepted(client, create(startTime("1970-01-01T01:00:10+01:00")))
      device.notify(event("d"))
      assert.deepStrictEqual(yield* take(client, 4), ["b", "c", "replayComplete", "d"])
    })
  )

  it.effect("lets live events of the time of the replay follow it", () =>
    Effect.gen(function* () {
      const device = yield* make({ dialect: { replayPace: "1 second" } })
      device.notify(event("a"))
      device.notify(event("b"))
      yield* TestClock.adjust("1 second")
      const client = yield* open(device.transport)
      yield* accepted(client, create(startTime(at(0))))
      device.notify(event("c"))
      assert.deepStrictEqual(yield* all(client), ["a"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* all(client), ["a", "b"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* all(client), ["a", "b", "replayComplete", "c"])
    })
  )

  it.effect("ends at a stopTime in the past, and leaves the session free for another", () =>
    Effect.gen(function* () {
      const device = yield* make({ without: [":interleave"] })
      for (const name of ["a", "b", "c"]) {
        device.notify(event(name))
        yield* TestClock.adjust("10 seconds")
      }
      const client = yield* open(device.transport)
      yield* accepted(client, create(startTime(at(0)) + stopTime(at(10))))
      assert.deepStrictEqual(yield* take(client, 4), ["a", "b", "replayComplete", "notificationComplete"])
      yield* accepted(client, getConfigOk, create())
      device.notify(event("d"))
      assert.deepStrictEqual(yield* take(client, 1), ["d"])
    })
  )

  it.effect("ends at a stopTime to come", () =>
    Effect.gen(function* () {
      const device = yield* make()
      yield* TestClock.adjust("10 seconds")
      const client = yield* open(device.transport)
      yield* accepted(client, create(startTime(at(10)) + stopTime(at(20))))
      yield* TestClock.adjust("9 seconds")
      device.notify(event("a"))
      device.notify(event("after"), { eventTime: at(20.5) })
      yield* TestClock.adjust("1 second")
      yield* settle
      device.notify(event("b"))
      assert.deepStrictEqual(yield* all(client), ["replayComplete", "a", "notificationComplete"])
    })
  )

  it.effect("lists its streams, and says what its log has lost", () =>
    Effect.gen(function* () {
      const device = yield* make({
        notifications: { ...quiet, logSize: 2, streams: [{ name: "live", description: "no log", replay: false }] }
      })
      const client = yield* open(device.transport)
      const list = `<get><filter><netconf xmlns="urn:ietf:params:xml:ns:netmod:notification"><streams/></netconf></filter></get>`
      yield* TestClock.adjust("1 second")
      const first = yield* client.rpc(list)
      assert.include(
        first,
        `<stream><name>NETCONF</name><description>default event stream</description><replaySupport>true</replaySupport>` +
          `<replayLogCreationTime>${at(0)}</replayLogCreationTime></stream>` +
          `<stream><name>live</name><description>no log</description><replaySupport>false</replaySupport></stream>`
      )
      for (const name of ["a", "b", "c"]) {
        device.notify(event(name))
        yield* TestClock.adjust("1 second")
      }
      assert.include(yield* client.rpc(list), `<replayLogAgedTime>${at(1)}</replayLogAgedTime>`)
      device.ageReplayLog({ count: 1 })
      assert.include(yield* client.rpc(list), `<replayLogAgedTime>${at(2)}</replayLogAgedTime>`)
      yield* accepted(client, create(startTime(at(0))))
      assert.deepStrictEqual(yield* take(client, 2), ["c", "replayComplete"])
    })
  )

  it.effect("loses its log at a reboot", () =>
    Effect.gen(function* () {
      const device = yield* make()
      device.notify(event("a"))
      yield* TestClock.adjust("5 seconds")
      device.reboot()
      const client = yield* open(device.transport)
      assert.include(yield* client.rpc("<get/>"), `<replayLogCreationTime>${at(5)}</replayLogCreationTime>`)
      yield* accepted(client, create(startTime(at(0))))
      assert.deepStrictEqual(yield* take(client, 1), ["replayComplete"])
    })
  )
})

const getConfigOk = `<lock><target><running/></target></lock>`

describe("unusual devices", () => {
  it.effect("stamp whole seconds, and replay every event of the second", () =>
    Effect.gen(function* () {
      const device = yield* make({ dialect: Dialects.wholeSeconds })
      yield* TestClock.adjust("1200 millis")
      device.notify(event("a"))
      yield* TestClock.adjust("500 millis")
      device.notify(event("b"))
      const client = yield* open(device.transport)
      yield* accepted(client, create(startTime("1970-01-01T00:00:01Z")))
      assert.include(yield* client.next, "<eventTime>1970-01-01T00:00:01Z</eventTime>")
      assert.include(yield* client.next, "<eventTime>1970-01-01T00:00:01Z</eventTime>")
    })
  )

  it.effect("send notifications before the ok, or in one write with it", () =>
    Effect.gen(function* () {
      const device = yield* make()
      device.faults.add(Faults.eventsBeforeReply(event("a"), event("b")), { on: "create-subscription", times: 1 })
      const early = yield* open(device.transport)
      assert.strictEqual(nameOf(yield* early.rpc(create())), "a")
      assert.deepStrictEqual(yield* take(early, 1), ["b"])
      assert.include(yield* early.next, "<ok/>")
      device.faults.add(Faults.eventsWithReply(event("c"), event("d")), { on: "create-subscription", times: 1 })
      const pieces: Array<string> = []
      const transport = observed(device.transport, (bytes) => pieces.push(Buffer.from(bytes).toString()))
      const together = yield* open(transport)
      assert.include(yield* together.rpc(create()), "<ok/>")
      assert.deepStrictEqual(yield* take(together, 2), ["c", "d"])
      assert.match(pieces.at(-1)!, /<ok\/>.*<c .*<d /s)
    })
  )

  it.effect("flood, no faster than the writer takes it, and lose nothing", () =>
    Effect.gen(function* () {
      const device = yield* make({ notifications: { ...quiet, logSize: 10 } })
      const client = yield* open(device.transport)
      yield* accepted(client, create())
      yield* Effect.forkChild(device.flood(2000, (n) => event("e", `<n>${n}</n><pad>${"x".repeat(200)}</pad>`)))
      for (let n = 0; n < 2000; n++) assert.include(yield* client.next, `<n>${n}</n>`)
    })
  )

  it.effect("wait with a flood, and with a replay, for a client that does not read", () =>
    Effect.gen(function* () {
      const device = yield* make({ notifications: { ...quiet, logSize: 5000 } })
      let connection: Connection | undefined
      const transport: Transport = {
        ...device.transport,
        open: (handler, options) =>
          Effect.tap(device.transport.open(handler, options), (opened) => Effect.sync(() => void (connection = opened)))
      }
      const client = yield* open(transport)
      yield* accepted(client, create())
      connection!.pause()
      let sent = 0
      const text = (n: number) => ((sent = n), event("e", `<n>${n}</n><pad>${"x".repeat(200)}</pad>`))
      const fiber = yield* Effect.forkChild(device.flood(2000, text))
      yield* settle
      assert.isAbove(sent, 100)
      assert.isBelow(sent, 1000)
      connection!.resume()
      yield* Fiber.join(fiber)
      for (let n = 0; n < 2000; n++) assert.include(yield* client.next, `<n>${n}</n>`)
      yield* accepted(client, "<close-session/>")
      const other = yield* open(transport)
      other.send(`<rpc xmlns="${base}" message-id="1">${create(startTime(at(0)))}</rpc>`)
      connection!.pause()
      yield* settle
      connection!.resume()
      yield* settle
      assert.include(yield* other.next, "<ok/>")
      for (let n = 0; n < 2000; n++) assert.include(yield* other.next, `<n>${n}</n>`)
      assert.deepStrictEqual(yield* take(other, 1), ["replayComplete"])
    })
  )

  it.effect("throw what is no event at the test that made it", () =>
    Effect.gen(function* () {
      const device = yield* make()
      assert.throws(() => device.notify("<a>"), /a/)
      assert.throws(() => device.notify("<a/>", { stream: "none" }), /no stream none/)
      assert.throws(() => device.notify("<a/>", { eventTime: "noon" }), /no date-and-time/)
    })
  )
})
