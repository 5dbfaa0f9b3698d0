import { assert, describe, it } from "@effect/vitest"
import { standardEvent } from "../../../src/api/promise/StandardEvents.ts"
import { DataError, InputError } from "../../../src/errors.ts"
import * as Notification from "../../../src/notifications/Notification.ts"
import { toPlain } from "../../../src/notifications/PlainNotification.ts"
import * as Standard from "../../../src/notifications/Standard.ts"
import * as NotificationHead from "../../../src/xml/NotificationHead.ts"

const plain = (event: string) => {
  const bytes = Buffer.from(
    `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>2026-01-31T12:00:00Z</eventTime>${event}</notification>`
  )
  return toPlain(Notification.make({ bytes, head: NotificationHead.read(bytes)!, receivedAt: 0 }))
}

describe("standardEvent", () => {
  it("gives a config-change its fields, and the notification that it was", () => {
    const notification = plain(
      `<netconf-config-change xmlns="${Standard.namespace}"><changed-by><username>admin</username><session-id>7</session-id></changed-by></netconf-config-change>`
    )
    const event = standardEvent(notification)
    assert.isTrue(event?._tag === "ConfigChange" && event.datastore === "running")
    assert.deepInclude(event, { changedBy: { username: "admin", sessionId: 7 } })
    assert.strictEqual(event?.notification, notification)
  })

  it("is undefined for any other", () => {
    assert.isUndefined(standardEvent(plain(`<a xmlns="urn:a"/>`)))
  })

  it("throws for one that has the name and not the fields, and for what no client has handed out", () => {
    assert.throws(() => standardEvent(plain(`<netconf-config-change xmlns="${Standard.namespace}"/>`)), DataError)
    assert.throws(() => standardEvent({ name: "netconf-config-change" } as never), InputError, /handed out/)
  })
})
