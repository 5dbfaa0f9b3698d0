import { assert, describe, it } from "@effect/vitest"
import type { Notification } from "../../../src/notifications/Notification.ts"
import * as Router from "../../../src/notifications/push/Router.ts"
import { notification, sn, yp } from "./own.ts"

const update = (id: number) =>
  notification(`<push-update xmlns="${yp}"><id>${id}</id><datastore-contents/></push-update>`)
const record = notification(`<vrrp-protocol-error-event xmlns="urn:ietf:params:xml:ns:yang:ietf-vrrp"/>`)

/** Notes what it is given. */
class Receiver implements Router.Receiver {
  readonly got: Array<string> = []
  state: "active" | "ended" = "active"
  own({ name }: Notification) {
    this.got.push(name)
  }
  record({ name }: Notification) {
    this.got.push(`record ${name}`)
  }
  notificationLost(_bytes: number, why: string) {
    this.got.push(`lost: ${why}`)
  }
  tolerated(_bytes: number, why: string) {
    this.got.push(`tolerated: ${why}`)
  }
  replayed() {
    this.got.push("replayed")
  }
}

/** One that says how many it has discarded. */
const counting = () => {
  let discarded = 0
  const router = new Router.Router(1000, 1000, (count) => void (discarded += count))
  return Object.assign(router, { discarded: () => discarded })
}

describe("Router", () => {
  it("gives each its own, and records to the one that takes them", () => {
    const router = counting()
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
    assert.strictEqual(router.discarded(), 1)
    router.leave(second, 2)
    assert.isFalse(router.hasRecords)
    router.notification(update(2))
    router.notification(record)
    assert.strictEqual(router.discarded(), 3)
  })

  it("gives what comes under an id to whoever has it now, and nothing to one that is over", () => {
    const router = counting()
    const [first, second, third] = [new Receiver(), new Receiver(), new Receiver()]
    router.expect(first, true)
    router.attach(1, first)
    first.state = "ended"
    assert.isFalse(router.hasRecords)
    router.notification(update(1))
    router.notification(record)
    router.notificationLost(5, "cut", "size")
    assert.deepStrictEqual(first.got, [])
    assert.strictEqual(router.discarded(), 2)
    router.expect(second, true)
    router.notification(update(1))
    router.attach(1, second)
    router.leave(first, 1)
    assert.isTrue(router.hasRecords)
    router.notification(update(1))
    assert.deepStrictEqual(second.got, ["push-update", "push-update"])
    assert.isTrue(router.isAnothers(1, first))
    assert.isFalse(router.isAnothers(1, second))
    router.expect(third, false)
    assert.isTrue(router.isAnothers(7, second), "it may be the one that is asked for")
    router.leave(third)
    assert.isFalse(router.isAnothers(7, second))
  })

  it("keeps what comes early while somebody waits for an id, and in its order", () => {
    const router = counting()
    const [first, second] = [new Receiver(), new Receiver()]
    router.expect(first, false)
    router.expect(second, false)
    router.notification(update(2))
    router.notification(notification(`<subscription-suspended xmlns="${sn}"><id>1</id></subscription-suspended>`))
    router.notification(update(1))
    router.notification(update(9))
    router.attach(1, first)
    assert.deepStrictEqual(first.got, ["subscription-suspended", "push-update"])
    assert.strictEqual(router.discarded(), 0)
    router.attach(2, second)
    assert.deepStrictEqual(second.got, ["push-update"])
    assert.strictEqual(router.discarded(), 1)
  })

  it("keeps nothing when the last that waited was refused", () => {
    const router = counting()
    const refused = new Receiver()
    router.expect(refused, true)
    router.notification(update(1))
    router.notification(record)
    router.leave(refused)
    assert.strictEqual(router.discarded(), 1)
    const next = new Receiver()
    router.expect(next, false)
    router.attach(1, next)
    assert.deepStrictEqual(next.got, [])
  })

  it("tells all of what is lost, because nobody knows whose it was", () => {
    const router = counting()
    const [first, second] = [new Receiver(), new Receiver()]
    router.expect(first, false)
    router.attach(1, first)
    router.expect(second, false)
    router.notification(notification(`<push-update xmlns="${yp}"><datastore-contents/></push-update>`))
    router.notificationLost(5, "cut", "size")
    router.tolerated(5, "strange", "malformed")
    const told = ["lost: a push-update names no subscription", "lost: cut", "tolerated: strange"]
    assert.deepStrictEqual([first.got, second.got], [told, told])
  })
})
