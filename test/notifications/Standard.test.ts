import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { DataError } from "../../src/errors.ts"
import * as Notification from "../../src/notifications/Notification.ts"
import * as Standard from "../../src/notifications/Standard.ts"
import * as NotificationHead from "../../src/xml/NotificationHead.ts"

const event = (name: string, content: string, xmlns = ` xmlns="${Standard.namespace}"`) => {
  const bytes = Buffer.from(
    `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>2011-07-06T12:00:00Z</eventTime>` +
      `<${name}${xmlns}>${content}</${name}></notification>`
  )
  return Notification.make({ bytes, head: NotificationHead.read(bytes)!, receivedAt: 0 })
}

const fields = (name: string, content: string, xmlns?: string) =>
  Effect.gen(function* () {
    const notification = event(name, content, xmlns)
    const { notification: from, ...rest } = (yield* Standard.decode(notification)) as Standard.StandardEvent
    assert.strictEqual(from, notification)
    return rest as object
  })

const admin = `<username>admin</username><session-id>4</session-id><source-host>192.0.2.1</source-host>`
const adminFields = { username: "admin", sessionId: 4, sourceHost: "192.0.2.1" }

describe("Standard.decode", () => {
  it.effect("reads netconf-config-change", () =>
    Effect.gen(function* () {
      const content =
        `<changed-by>${admin}</changed-by><datastore>startup</datastore>` +
        `<edit><target xmlns:ex="urn:ex">/ex:top/ex:a[ex:name='1']</target><operation>create</operation></edit><edit/>`
      assert.deepStrictEqual(yield* fields("netconf-config-change", content), {
        _tag: "ConfigChange",
        changedBy: adminFields,
        datastore: "startup",
        edit: [{ target: { path: "/ex:top/ex:a[ex:name='1']", namespaces: { ex: "urn:ex" } }, operation: "create" }, {}]
      })
    })
  )

  it.effect("takes running for the datastore that is not named, and the server for who it is", () =>
    Effect.gen(function* () {
      for (const server of ["<server/>", "<server></server>"]) {
        assert.deepStrictEqual(yield* fields("netconf-config-change", `<changed-by>${server}</changed-by>`), {
          _tag: "ConfigChange",
          changedBy: { server: true },
          datastore: "running",
          edit: []
        })
      }
    })
  )

  it.effect("reads netconf-capability-change", () =>
    Effect.gen(function* () {
      const content =
        `<changed-by><server/></changed-by><added-capability>urn:a</added-capability>` +
        `<deleted-capability>urn:b</deleted-capability><added-capability>urn:c</added-capability>` +
        `<modified-capability>urn:d?x=1&amp;y=2</modified-capability>`
      assert.deepStrictEqual(yield* fields("netconf-capability-change", content), {
        _tag: "CapabilityChange",
        changedBy: { server: true },
        addedCapability: ["urn:a", "urn:c"],
        deletedCapability: ["urn:b"],
        modifiedCapability: ["urn:d?x=1&y=2"]
      })
    })
  )

  it.effect("reads netconf-session-start, of a session that is not NETCONF too", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* fields("netconf-session-start", admin), { _tag: "SessionStart", ...adminFields })
      const console = "<username>root</username><session-id>0</session-id>"
      assert.deepStrictEqual(yield* fields("netconf-session-start", console), {
        _tag: "SessionStart",
        username: "root",
        sessionId: 0
      })
    })
  )

  it.effect("reads netconf-session-end", () =>
    Effect.gen(function* () {
      const killed = `${admin}<killed-by>9</killed-by><termination-reason>killed</termination-reason>`
      assert.deepStrictEqual(yield* fields("netconf-session-end", killed), {
        _tag: "SessionEnd",
        ...adminFields,
        killedBy: 9,
        terminationReason: "killed"
      })
      for (const reason of ["closed", "dropped", "timeout", "bad-hello", "other"]) {
        const ended = yield* fields("netconf-session-end", `${admin}<termination-reason>${reason}</termination-reason>`)
        assert.deepInclude(ended, { terminationReason: reason })
      }
    })
  )

  it.effect("reads netconf-confirmed-commit", () =>
    Effect.gen(function* () {
      const start = `${admin}<confirm-event>start</confirm-event><timeout>600</timeout>`
      assert.deepStrictEqual(yield* fields("netconf-confirmed-commit", start), {
        _tag: "ConfirmedCommit",
        ...adminFields,
        confirmEvent: "start",
        timeout: 600
      })
      assert.deepStrictEqual(yield* fields("netconf-confirmed-commit", "<confirm-event>timeout</confirm-event>"), {
        _tag: "ConfirmedCommit",
        confirmEvent: "timeout"
      })
    })
  )

  it.effect("understands a device that strips namespaces", () =>
    Effect.gen(function* () {
      assert.deepInclude(yield* fields("netconf-session-start", admin, ` xmlns=""`), { _tag: "SessionStart" })
    })
  )

  it.effect("leaves everything else as it is", () =>
    Effect.gen(function* () {
      for (const other of [
        event("netconf-session-start", admin, ` xmlns="urn:vendor"`),
        event("link-down", ""),
        event("toString", ""),
        event("replayComplete", "", ` xmlns="urn:ietf:params:xml:ns:netmod:notification"`)
      ]) {
        assert.strictEqual(yield* Standard.decode(other), other)
        assert.isFalse(Standard.isStandard(other))
      }
    })
  )

  const broken: ReadonlyArray<readonly [string, string, string]> = [
    ["netconf-config-change", "", "/netconf-config-change/changed-by: expected an element, found none"],
    [
      "netconf-session-start",
      "<username>a</username>",
      "/netconf-session-start/session-id: expected an element, found none"
    ],
    [
      "netconf-session-start",
      "<username>a</username><session-id>-1</session-id>",
      "/netconf-session-start/session-id: expected a value between 0 and 4294967295"
    ],
    [
      "netconf-confirmed-commit",
      "<confirm-event>secret</confirm-event>",
      `/netconf-confirmed-commit/confirm-event: expected "start" or "cancel" or "timeout" or "extend" or "complete"`
    ]
  ]
  for (const [name, content, expected] of broken) {
    it.effect(`says ${expected}`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(Standard.decode(event(name, content)))
        assert.instanceOf(error, DataError)
        assert.strictEqual(error.summary, expected)
      })
    )
  }
})
