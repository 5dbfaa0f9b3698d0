import { assert, describe, it } from "@effect/vitest"
import type { Notification } from "../../../src/notifications/Notification.ts"
import * as Router from "../../../src/notifications/push/Router.ts"
import { notification, received, sn, yp } from "./own.ts"

const update = (id: number) =>
  notification(`<push-update xmlns="${yp}"><id>${id}</id><datastore-contents/></push-update>`)
const record = notification(`<vrrp-protocol-error-event xmlns="urn:ietf:params:xml:ns:yang:ietf-vrrp"/>`)

/** Notes what it is given. */
class Receiver implements Router.Receiver {
  readonly got: Array<string> = []
  own({ name }: Notification) {
    this.got.push(name)
  }
  record({ name }: Notification) {
    this.got.push(`record ${name}`)
  }
  lost(_bytes: number, why: string) {
    this.got.push(`lost: ${why}`)
  }
  odd(_bytes: number, why: string) {
    this.got.push(`odd: ${why}`)
  }
  replayed() {
    this.got.push("replayed")
  }
}

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
      assert.strictEqual(Router.idOf(notification(content)), 7, content.slice(0, 200))
    }
  })

  it("finds none where there is none", () => {
    assert.isUndefined(Router.idOf(notification(`<push-update xmlns="${yp}"><datastore-contents/></push-update>`)))
    assert.isUndefined(Router.idOf(notification(`<push-update xmlns="${yp}"><id>x</id></push-update>`)))
    const broken = `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>x</eventTime><push-update xmlns="${yp}"><a></push-update></notification>`
    assert.isUndefined(Router.idOf(received(broken)))
  })
})

describe("Router", () => {
  it("gives each its own, and records to the one that takes them", () => {
    const router = new Router.Router(1000, 1000)
    const [first, second] = [new Receiver(), new Receiver()]
    router.expect(first, false)
    router.attach(1, first)
    router.expect(second, true)
    router.attach(2, second)
    router.notification(update(1))
    router.notification(update(2))
    router.notification(record)
    router.notification(update(3))
    router.replayComplete("x")
    assert.deepStrictEqual(first.got, ["push-update"])
    assert.deepStrictEqual(second.got, ["push-update", "record vrrp-protocol-error-event", "replayed"])
    assert.strictEqual(router.discarded, 1)
    router.leave(second, 2)
    assert.isFalse(router.hasRecords)
    router.notification(update(2))
    router.notification(record)
    assert.strictEqual(router.discarded, 3)
  })

  it("keeps what comes early while somebody waits for an id, and in its order", () => {
    const router = new Router.Router(1000, 1000)
    const [first, second] = [new Receiver(), new Receiver()]
    router.expect(first, false)
    router.expect(second, false)
    router.notification(update(2))
    router.notification(notification(`<subscription-suspended xmlns="${sn}"><id>1</id></subscription-suspended>`))
    router.notification(update(1))
    router.notification(update(9))
    router.attach(1, first)
    assert.deepStrictEqual(first.got, ["subscription-suspended", "push-update"])
    assert.strictEqual(router.discarded, 0)
    router.attach(2, second)
    assert.deepStrictEqual(second.got, ["push-update"])
    assert.strictEqual(router.discarded, 1)
  })

  it("keeps nothing when the last that waited was refused", () => {
    const router = new Router.Router(1000, 1000)
    const refused = new Receiver()
    router.expect(refused, true)
    router.notification(update(1))
    router.notification(record)
    router.leave(refused)
    assert.strictEqual(router.discarded, 1)
    const next = new Receiver()
    router.expect(next, false)
    router.attach(1, next)
    assert.deepStrictEqual(next.got, [])
  })

  it("tells all of what is lost, because nobody knows whose it was", () => {
    const router = new Router.Router(1000, 1000)
    const [first, second] = [new Receiver(), new Receiver()]
    router.expect(first, false)
    router.attach(1, first)
    router.expect(second, false)
    router.notification(notification(`<push-update xmlns="${yp}"><datastore-contents/></push-update>`))
    router.lostOne(5, "cut", "size")
    router.odd(5, "strange", "malformed")
    const told = ["lost: a push-update names no subscription", "lost: cut", "odd: strange"]
    assert.deepStrictEqual([first.got, second.got], [told, told])
  })
})
