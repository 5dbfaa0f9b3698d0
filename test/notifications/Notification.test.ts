import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { inspect } from "node:util"
import { DataError, ProtocolError } from "../../src/errors.ts"
import * as EventTime from "../../src/notifications/EventTime.ts"
import * as Notification from "../../src/notifications/Notification.ts"
import { toPlain } from "../../src/notifications/PlainNotification.ts"
import * as Element from "../../src/xml/Element.ts"
import * as NotificationHead from "../../src/xml/NotificationHead.ts"

const ns = "urn:ietf:params:xml:ns:netconf:notification:1.0"

const arrived = (content: string, eventTime = "2026-11-22T10:00:00.123456789Z"): Notification.Notification => {
  const bytes = Buffer.from(
    `<notification xmlns="${ns}">${eventTime === "" ? "" : `<eventTime>${eventTime}</eventTime>`}${content}</notification>`
  )
  const head = NotificationHead.read(bytes) ?? assert.fail("no head")
  return Notification.make({ bytes, head, receivedAt: 5, context: { label: "leaf-01", sessionId: 7 } })
}

const linkDown = `<link-down xmlns="urn:e"><name>eth0</name><mtu>1500</mtu></link-down>`

describe("Notification", () => {
  it.effect("has time, name, namespace, text, tree and data", () =>
    Effect.gen(function* () {
      const notification = arrived(linkDown)
      assert.strictEqual(notification._tag, "Notification")
      assert.strictEqual(notification.eventTime, "2026-11-22T10:00:00.123456789Z")
      assert.strictEqual(DateTime.formatIso(notification.time!), "2026-11-22T10:00:00.123Z")
      assert.strictEqual(notification.nanoseconds! % 1_000_000_000n, 123456789n)
      assert.deepInclude({ ...notification }, { name: "link-down", namespace: "urn:e", receivedAt: 5 })
      assert.strictEqual(notification.bytes, Buffer.byteLength(notification.xml))
      assert.isTrue(notification.xml.endsWith("</link-down></notification>"))
      assert.strictEqual((yield* notification.tree).name, "notification")
      assert.strictEqual((yield* notification.data).name, "link-down")
    })
  )

  it.effect("parses once, whoever asks, also after the text was asked for", () =>
    Effect.gen(function* () {
      const notification = arrived(linkDown)
      assert.isNotEmpty(notification.xml)
      assert.strictEqual(yield* notification.data, yield* notification.data)
      assert.strictEqual(Notification.dataOf(notification), yield* notification.data)
      const broken = arrived("<link-down><a></link-down>")
      assert.strictEqual(yield* Effect.flip(broken.data), yield* Effect.flip(broken.tree))
    })
  )

  it.effect("decodes what is inside of the event", () =>
    Effect.gen(function* () {
      const notification = arrived(linkDown)
      const value = yield* notification.decode(Schema.Struct({ name: Schema.String, mtu: Schema.Int }))
      assert.deepStrictEqual(value, { name: "eth0", mtu: 1500 })
      const error = yield* Effect.flip(notification.decode(Schema.Struct({ name: Schema.Int })))
      assert.instanceOf(error, DataError)
      assert.strictEqual(
        error.message,
        "notification on leaf-01 (session 7): /link-down/name: expected a string representing a finite number"
      )
    })
  )

  it.effect("fails, and throws in plain code, for what is not XML, says where, and shows no content", () =>
    Effect.gen(function* () {
      const notification = arrived("<link-down><secret>secret</wrong></link-down>")
      const error = yield* Effect.flip(notification.data)
      assert.instanceOf(error, ProtocolError)
      assert.deepInclude({ ...error }, { layer: "xml", label: "leaf-01", bytes: notification.bytes })
      assert.match(error.message, /^notification on leaf-01 \(session 7\): unexpected close tag/)
      assert.notInclude(error.message, ">secret<")
      assert.throws(() => Notification.dataOf(notification), ProtocolError)
      assert.strictEqual(notification.name, "link-down")
    })
  )

  it.effect("says that it holds no event", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(arrived("").data)
      assert.match(error.message, /holds no event/)
      assert.strictEqual(arrived("").name, "")
    })
  )

  it("takes the element beside eventTime, whatever it is called", () => {
    const inner = `<notification xmlns="urn:x"><eventTime>x</eventTime></notification>`
    assert.isTrue(Element.equals(Notification.dataOf(arrived(inner)), Notification.dataOf(arrived(inner, ""))))
    assert.strictEqual(Notification.dataOf(arrived(inner)).namespace, "urn:x")
  })

  it("has no time where there is none", () => {
    for (const text of ["", "yesterday"]) {
      const { eventTime, nanoseconds, time } = arrived(linkDown, text)
      assert.deepStrictEqual([eventTime, time, nanoseconds], [text === "" ? undefined : text, undefined, undefined])
    }
  })

  it("shows in logs what it is about, never its content", () => {
    const shown = inspect(arrived(linkDown)) + JSON.stringify(arrived(linkDown))
    assert.include(shown, "link-down")
    assert.notInclude(shown, "eth0")
  })
})

describe("PlainNotification", () => {
  it("has the same as plain properties", () => {
    const notification = arrived(linkDown)
    const plain = toPlain(notification)
    for (const key of [
      "_tag",
      "eventTime",
      "nanoseconds",
      "name",
      "namespace",
      "xml",
      "receivedAt",
      "bytes"
    ] as const) {
      assert.strictEqual(plain[key], notification[key])
    }
    assert.strictEqual(plain.time?.toISOString(), "2026-11-22T10:00:00.123Z")
    assert.strictEqual(plain.data, Notification.dataOf(notification))
    assert.isUndefined(toPlain(arrived(linkDown, "")).time)
  })

  it("throws where its data is asked for, and not before", () => {
    const plain = toPlain(arrived("<link-down><secret>secret</wrong></link-down>"))
    assert.strictEqual(plain.name, "link-down")
    assert.throws(() => plain.data, ProtocolError)
    assert.notInclude(inspect(plain) + JSON.stringify(plain), ">secret<")
  })
})

describe("EventTime.parse", () => {
  const moments: ReadonlyArray<readonly [string, string, bigint]> = [
    ["2026-11-22T10:00:00Z", "2026-11-22T10:00:00.000Z", 0n],
    ["2026-11-22T10:00:00.5Z", "2026-11-22T10:00:00.500Z", 500_000_000n],
    ["2026-11-22T10:00:00.123456Z", "2026-11-22T10:00:00.123Z", 123_456_000n],
    ["2026-11-22T10:00:00.9999999999Z", "2026-11-22T10:00:00.999Z", 999_999_999n],
    ["2026-11-22T12:30:00+02:30", "2026-11-22T10:00:00.000Z", 0n],
    ["2026-11-22T08:00:00.25-02:00", "2026-11-22T10:00:00.250Z", 250_000_000n],
    ["2026-11-22T10:00:00-00:00", "2026-11-22T10:00:00.000Z", 0n],
    ["2026-11-22T10:00:00+0000", "2026-11-22T10:00:00.000Z", 0n],
    ["2026-11-22t10:00:00z", "2026-11-22T10:00:00.000Z", 0n],
    [" 2026-11-22 10:00:00Z\n", "2026-11-22T10:00:00.000Z", 0n],
    ["2026-12-31T23:59:60Z", "2027-01-01T00:00:00.000Z", 0n],
    ["2024-02-29T00:30:00+01:00", "2024-02-28T23:30:00.000Z", 0n],
    ["1969-12-31T23:59:59.25Z", "1969-12-31T23:59:59.250Z", 250_000_000n],
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z", 0n]
  ]
  for (const [text, iso, fraction] of moments) {
    it(`reads ${JSON.stringify(text)}`, () => {
      const moment = EventTime.parse(text)!
      assert.strictEqual(DateTime.formatIso(moment.time), iso)
      const seconds = BigInt(Math.floor(Date.parse(iso) / 1000))
      assert.strictEqual(moment.nanoseconds, seconds * 1_000_000_000n + fraction)
    })
  }

  for (const text of [
    "",
    "now",
    "2026-11-22",
    "2026-11-22T10:00:00",
    "2026-11-22T10:00Z",
    "2026-11-22T10:00:00.Z",
    "2026-02-30T10:00:00Z",
    "2023-02-29T10:00:00Z",
    "2026-13-01T10:00:00Z",
    "2026-00-01T10:00:00Z",
    "2026-11-22T24:00:00Z",
    "2026-11-22T10:60:00Z",
    "2026-11-22T10:00:61Z",
    "2026-11-22T10:00:00+24:00",
    "2026-11-22T10:00:00+01:60",
    "٢٠٢٦-11-22T10:00:00Z",
    `2026-11-22T10:00:00.${"9".repeat(10)}`
  ]) {
    it(`knows no moment in ${JSON.stringify(text)}`, () => assert.isUndefined(EventTime.parse(text)))
  }
})
