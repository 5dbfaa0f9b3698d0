import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import type { Transferable } from "node:worker_threads"
import { MessageChannel, receiveMessageOnPort } from "node:worker_threads"
import * as Crossing from "../../../src/api/sync/Crossing.ts"
import * as Errors from "../../../src/errors.ts"
import { behind, toPlain, type RpcReply } from "../../../src/api/promise/RpcReply.ts"
import * as Notification from "../../../src/notifications/Notification.ts"
import * as PlainNotification from "../../../src/notifications/PlainNotification.ts"
import * as Capabilities from "../../../src/rpc/Capabilities.ts"
import * as Reply from "../../../src/rpc/Reply.ts"
import * as Element from "../../../src/xml/Element.ts"
import { xml } from "../../../src/xml/Template.ts"

/** What arrives on the far side of a port. */
const across = (packed: unknown, transfer: Array<Transferable> = []): unknown => {
  const { port1, port2 } = new MessageChannel()
  port1.postMessage(packed, transfer)
  const { message } = receiveMessageOnPort(port2) as { readonly message: unknown }
  port1.close()
  return Crossing.unpack(message)
}
const given = (value: unknown): unknown => across(Crossing.pack(value, "options"))
const thrown = (error: unknown): unknown => across(Crossing.packThrown(error))

const inputError = (use: () => unknown): Errors.InputError => {
  try {
    use()
  } catch (error) {
    if (error instanceof Errors.InputError) return error
  }
  return assert.fail("no InputError")
}

const replyOf = (bytes: Buffer): RpcReply =>
  toPlain(
    Reply.make({
      message: { bytes, messageId: "7" },
      judgement: { _tag: "Success", warnings: [{ tag: "w", severity: "warning" }], tree: undefined },
      context: { label: "leaf-01" },
      limits: {},
      elapsed: 5,
      receivedAt: 9
    })
  )
const text = (content: string): string =>
  `<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><data><a>${content}</a></data></rpc-reply>`

describe("what crosses between the threads of a blocking client", () => {
  it("is every plain value as it is", () => {
    const plain = { a: [1, "two", null, undefined, true, 3n], date: new Date(5), values: [/x/i], nested: { b: {} } }
    assert.deepStrictEqual(given(plain), plain)
  })

  it("is durations, moments, secrets and bytes", () => {
    assert.isTrue(Duration.equals(given(Duration.seconds(3)) as Duration.Duration, Duration.seconds(3)))
    assert.isTrue(Duration.equals(given(Duration.infinity) as Duration.Duration, Duration.infinity))
    assert.strictEqual(DateTime.toEpochMillis(given(DateTime.makeUnsafe(1234)) as DateTime.Utc), 1234)
    assert.strictEqual(Redacted.value(given(Redacted.make("pw")) as Redacted.Redacted<string>), "pw")
    const bytes = given({ privateKey: Buffer.from("key") }) as { privateKey: Buffer }
    assert.isTrue(Buffer.isBuffer(bytes.privateKey))
    assert.strictEqual(bytes.privateKey.toString(), "key")
  })

  it("is no more of a buffer than its own bytes", () => {
    const packed = Crossing.pack(Buffer.from("key"), "privateKey") as { readonly bytes: Uint8Array }
    assert.strictEqual(packed.bytes.buffer.byteLength, 3)
  })

  it("is elements, alone and in lists, that the library takes for its own", () => {
    const element = xml`<a xmlns="urn:a" xmlns:p="urn:p"><b p:c="1">${"<&>"}</b><t>p:x</t></a>`
    const { one, several } = given({ one: element, several: [element, element] }) as {
      readonly one: Element.Element
      readonly several: ReadonlyArray<Element.Element>
    }
    assert.isTrue(Element.isMade(one))
    assert.isTrue(Element.equals(one, element))
    assert.strictEqual(several.length, 2)
  })

  it("is no function and no object with methods, which are refused by their name", () => {
    for (const [value, what] of [
      [{ wireLog: () => {} }, "wireLog"],
      [{ a: { b: [() => {}] } }, "a.b[0]"],
      [{ signal: AbortSignal.abort() }, "signal"],
      [{ map: new Map() }, "map"]
    ] as const) {
      const error = inputError(() => Crossing.pack(value, ""))
      assert.strictEqual(error.what, what)
      assert.include(error.why, "NetconfClient of effect-netconf/promise")
    }
  })

  it("is no element that cannot be printed", () => {
    assert.strictEqual(inputError(() => Crossing.pack({ config: Element.make("a b", "") }, "")).what, "config")
  })

  it("is every error of the library, with its class and fields", () => {
    const cause = new Errors.DeadlineError({ phase: "rpc", deadline: 5, bytes: 0, label: "leaf", elapsed: 5 })
    const errors: ReadonlyArray<Errors.NetconfError> = [
      cause,
      new Errors.CommitUnknownError({ phase: "sent", cause, datastore: "running", operation: "commit" }),
      new Errors.RpcError({
        errors: [{ tag: "lock-denied", severity: "error", info: { sessionId: 4, xml: "<a/>" } }],
        partial: "possible",
        state: "the change is applied"
      }),
      new Errors.InputError({ what: "x", why: "y", problems: ["a", "b"] })
    ]
    for (const error of errors) {
      const there = thrown(error) as Errors.NetconfError
      assert.strictEqual(there.constructor, error.constructor)
      assert.isTrue(Errors.isNetconfError(there))
      assert.strictEqual(there.message, error.message)
      assert.strictEqual(there.isRetryable, error.isRetryable)
      assert.deepStrictEqual({ ...there }, { ...error })
    }
    const unknown = thrown(errors[1]) as Errors.CommitUnknownError
    assert.instanceOf(unknown.cause, Errors.DeadlineError)
  })

  it("is any other error by its name, message and stack", () => {
    const error = new TypeError("no")
    const there = thrown(error) as Error
    assert.deepStrictEqual([there.name, there.message, there.stack], [error.name, error.message, error.stack])
    assert.strictEqual((thrown("text") as Error).message, "text")
  })

  it("is something of whatever was thrown, also where it cannot be described", () => {
    const strange = Object.assign(new Error("x"), { message: () => 1, name: 5 })
    const own = Object.create(Errors.InputError.prototype) as unknown
    for (const value of [Object.create(null), strange, own, Symbol("s"), { toString: 5 }]) {
      assert.instanceOf(thrown(value), Error)
    }
  })

  it("is capabilities, asked as before", () => {
    const capabilities = Capabilities.make(["urn:ietf:params:netconf:capability:candidate:1.0"])
    const there = across(Crossing.packResult(capabilities, [])) as Capabilities.Capabilities
    assert.isTrue(there.has(":candidate"))
  })

  it("is a small reply as a copy, whose parts are made when asked for", () => {
    const transfer: Array<Transferable> = []
    const reply = replyOf(Buffer.from(text("ä")))
    const there = across(Crossing.packResult({ replies: [reply] }, transfer), transfer) as { replies: [RpcReply] }
    const [{ bytes, data, elapsed, messageId, warnings, xml }] = there.replies
    assert.deepStrictEqual(transfer, [])
    assert.strictEqual(xml, text("ä"))
    assert.strictEqual(Element.text(Element.find(data, ["a"])!), "ä")
    assert.deepStrictEqual([bytes, elapsed, messageId, warnings.length], [reply.bytes, 5, "7", 1])
  })

  it("is a notification, whose parts are made when asked for", () => {
    const xml = `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>2026-11-22T20:00:00.5Z</eventTime><e xmlns="urn:e"><f>ä</f></e></notification>`
    const head = { eventTime: "2026-11-22T20:00:00.5Z", name: "e", namespace: "urn:e" }
    const plain = PlainNotification.toPlain(Notification.make({ bytes: Buffer.from(xml), head, receivedAt: 4 }))
    const there = across(Crossing.packResult([plain], [])) as [PlainNotification.PlainNotification]
    assert.deepStrictEqual([there[0].name, there[0].namespace, there[0].xml], ["e", "urn:e", xml])
    assert.deepStrictEqual(there[0].nanoseconds, plain.nanoseconds)
    assert.strictEqual(Element.text(Element.find(there[0].data, ["f"])!), "ä")
  })

  it("is a large reply without a copy", () => {
    const bytes = Buffer.allocUnsafeSlow(4_000_000)
    const length = bytes.write(text("x".repeat(300_000)))
    const transfer: Array<Transferable> = []
    const packed = Crossing.packResult(replyOf(bytes.subarray(0, length)), transfer)
    assert.deepStrictEqual(transfer, [bytes.buffer])
    const there = across(packed, transfer) as RpcReply
    assert.strictEqual(bytes.buffer.byteLength, 0)
    assert.strictEqual(there.xml.length, length)
    assert.isDefined(behind(there))
  })
})
