import { assert, describe, it } from "@effect/vitest"
import { idOf } from "../../../src/notifications/push/SubscriptionId.ts"
import { notification, received, sn, yp } from "./own.ts"

describe("idOf", () => {
  it("finds the id whatever prefix, layout, attributes and order it has", () => {
    for (const content of [
      `<push-update xmlns="${yp}"><id>7</id></push-update>`,
      `<push-update xmlns="${yp}">\n  <id>\n    7\n  </id>\n</push-update>`,
      `<yp:push-change-update xmlns:yp="${yp}" xmlns:x="a>b"><yp:id x:y="1">7</yp:id></yp:push-change-update>`,
      `<push-update xmlns="${yp}"><datastore-contents><a xmlns="urn:a"><id>8</id></a></datastore-contents><id>7</id></push-update>`,
      `<push-update xmlns="${yp}"><!-- <id>8</id> --><id>7</id></push-update>`,
      `<subscription-resumed xmlns="${sn}"><id> 7 </id></subscription-resumed>`,
      `<push-update xmlns="${yp}" ${"x".repeat(4000)}="1"><id>7</id></push-update>`
    ]) {
      assert.strictEqual(idOf(notification(content)), 7, content.slice(0, 200))
    }
  })

  it("finds none where there is none", () => {
    assert.isUndefined(idOf(notification(`<push-update xmlns="${yp}"><datastore-contents/></push-update>`)))
    assert.isUndefined(idOf(notification(`<push-update xmlns="${yp}"><id>x</id></push-update>`)))
    const broken = `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>x</eventTime><push-update xmlns="${yp}"><a></push-update></notification>`
    assert.isUndefined(idOf(received(broken)))
  })
})
