/** What a session hears, told apart into events, marks and what is broken; however the network cuts it. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { Feed, type Sink } from "../../src/notifications/Feed.ts"
import type { Notification } from "../../src/notifications/Notification.ts"
import { Notifications } from "../../src/rpc/Notifications.ts"
import { Reader } from "../../src/rpc/Reader.ts"
import { defaultLimits } from "../../src/xml/Parse.ts"
import { everyCut, everyCutWithTrailing } from "../framing/everyCut.ts"
import { event } from "./events.ts"

const netmod = "urn:ietf:params:xml:ns:netmod:notification"
const notification = (content: string, time = "2026-01-31T12:00:00Z") =>
  `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>${time}</eventTime>${content}</notification>`
const mark = (name: string, namespace = ` xmlns="${netmod}"`) => notification(`<${name}${namespace}/>`)
const reply = `<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1"><ok/></rpc-reply>`

/** Notes what a feed brings, in words. */
class Noted implements Sink {
  readonly maxBytes: number = 1000
  readonly patience = 5000
  readonly all: Array<string> = []

  notification({ eventTime, name }: Notification): void {
    this.all.push(`${name} at ${eventTime}`)
  }
  replayComplete(eventTime: string | undefined): void {
    this.all.push(`replayed at ${eventTime}`)
  }
  completed(): void {
    this.all.push("completed")
  }
  notificationLost(bytes: number, why: string, kind: string): void {
    this.all.push(`lost ${bytes}, ${kind}: ${why}`)
  }
  tolerated(bytes: number, why: string, kind: string): void {
    this.all.push(`tolerated ${bytes}, ${kind}: ${why}`)
  }
}

const feedOf = (sink: Noted, limits = defaultLimits): Feed =>
  new Feed(sink, {
    context: {},
    limits,
    receivedAt: 0,
    message: (bytes) => void sink.all.push(`message ${bytes.length}`)
  })

/** Bytes of a session after its hello, in end-of-message framing, as far as they are no replies. */
const heard = (pieces: ReadonlyArray<Uint8Array>): ReadonlyArray<string> => {
  const sink = new Noted()
  const notifications = new Notifications(Effect.runSync(Clock.Clock), () => false)
  const stop = notifications.listen(feedOf(sink))
  const reader = new Reader(defaultLimits.bytes, {
    message: (bytes) => void (notifications.recall(bytes) || notifications.take(bytes)),
    oversized: (_beginning, bytes) => void sink.all.push(`oversized ${bytes}`)
  })
  for (const piece of pieces) reader.push(piece)
  stop()
  return sink.all
}

const end = "]]>]]>"
const one = notification(event(1))

describe("Feed", () => {
  it("tells events and marks apart, in order, wherever their bytes are cut", () => {
    const bytes = [
      one,
      mark("replayComplete"),
      notification(event(2), "2026-01-31T12:00:01Z"),
      mark("notificationComplete")
    ]
    const sent = Buffer.from(bytes.map((message) => message + end).join("\n"))
    const expected = [
      "tick at 2026-01-31T12:00:00Z",
      "replayed at 2026-01-31T12:00:00Z",
      "tick at 2026-01-31T12:00:01Z",
      "completed"
    ]
    everyCutWithTrailing(
      sent,
      Buffer.from(one + end),
      (pieces) => heard(pieces),
      (whole, longer) => {
        assert.deepStrictEqual(whole, expected)
        assert.deepStrictEqual(longer, [...expected, expected[0]!])
      }
    )
  })

  it("delivers what shares a frame, and what follows what broke off, wherever their bytes are cut", () => {
    const cutOff = one.slice(0, 130)
    assert.deepStrictEqual(
      everyCut(Buffer.from(one + one + end + cutOff + one + end), (pieces) => heard(pieces)),
      [
        "tick at 2026-01-31T12:00:00Z",
        "tick at 2026-01-31T12:00:00Z",
        "lost 130, next-notification: a notification broke off after 130 bytes",
        "tick at 2026-01-31T12:00:00Z"
      ]
    )
  })

  it("takes a mark of the namespaces of RFC 5277, or of none, for one of the protocol", () => {
    for (const namespace of [` xmlns="${netmod}"`, "", ` xmlns=""`]) {
      assert.deepStrictEqual(
        heard([Buffer.from(mark("notificationComplete", namespace) + end)]),
        ["completed"],
        namespace
      )
    }
  })

  it("takes an event of a device's own for one, whatever it is called", () => {
    for (const name of ["replayComplete", "notificationComplete"]) {
      const sent = Buffer.from(mark(name, ` xmlns="urn:example:events"`) + end)
      assert.deepStrictEqual(heard([sent]), [`${name} at 2026-01-31T12:00:00Z`])
    }
  })

  it("gives back a reply that shares its frame with what is broken, and loses nothing of either", () => {
    const sink = new Noted()
    feedOf(sink).malformed(Buffer.from(one + reply), "x")
    assert.deepStrictEqual(sink.all, ["tick at 2026-01-31T12:00:00Z", `message ${reply.length}`])
    const behind = new Noted()
    const own = feedOf(behind).behindReply(Buffer.from(reply + one))
    assert.strictEqual(own.toString(), reply)
    assert.deepStrictEqual(behind.all, ["tick at 2026-01-31T12:00:00Z"])
  })

  it("tolerates what mentions no notification, and says what it was", () => {
    const sink = new Noted()
    feedOf(sink).malformed(Buffer.from("stray"), "text before the root element")
    assert.deepStrictEqual(sink.all, ["tolerated 5, malformed: text before the root element"])
  })

  it("loses what is too large, and tolerates what may still come", () => {
    const sink = new Noted()
    const feed = feedOf(sink)
    for (const guard of ["size", "time", "end-of-session"] as const) feed.incomplete(guard, 1200)
    assert.deepStrictEqual(sink.all, [
      "lost 1200, size: an unfinished notification has 1200 bytes, more than the limit of 1000",
      "tolerated 1200, time: of an unfinished notification 1200 bytes came, and nothing more for 5000 ms",
      "tolerated 1200, end-of-session: the session ended after 1200 bytes of a message"
    ])
  })

  it("has the limit of its sink, and at most that of the session", () => {
    assert.strictEqual(feedOf(new Noted()).maxBytes, 1000)
    assert.strictEqual(feedOf(new Noted(), { ...defaultLimits, bytes: 500 }).maxBytes, 500)
  })
})
