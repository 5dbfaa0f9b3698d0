import { assert, describe, it } from "@effect/vitest"
import * as api from "../../../src/sync.ts"
import { client, connected, device, eventually, thrownBy, withDevice } from "./harness.ts"

withDevice()

describe("a subscription of a blocking client", { timeout: 30_000 }, () => {
  const numberOf = (event: api.PlainSubscriptionEvent): number =>
    event._tag === "Notification" ? Number(api.Element.text(api.Element.find(event.data, ["n"])!)) : -1

  it("collects while nobody looks, and is read in order, by the client and by itself", async () => {
    const session = connected()
    assert.include(
      session.streams().map(({ name }) => name),
      "NETCONF"
    )
    assert.isFalse(session.isSubscriptionActive())
    const subscription = session.subscribe({ stream: "NETCONF" })
    assert.strictEqual(subscription.stream, "NETCONF")
    assert.isTrue(subscription.isActive && session.isSubscriptionActive())
    await device.ask("notify", { from: 1, to: 20 })
    await eventually(() => session.notificationQueueSize() === 20)
    assert.deepStrictEqual(session.peekNotifications(2).map(numberOf), [1, 2])
    const first = session.nextNotification()!
    assert.deepStrictEqual([first.name, first.namespace, numberOf(first)], ["event", "urn:test", 1])
    assert.instanceOf(first.time, Date)
    assert.strictEqual(numberOf(subscription.next()!), 2)
    assert.strictEqual(numberOf(subscription.peek(1)[0]!), 3)
    const read: Array<number> = []
    for (const event of session.notifications()) {
      read.push(numberOf(event))
      if (read.length === 10) break
    }
    for (const event of subscription) {
      read.push(numberOf(event))
      if (read.length === 18) break
    }
    assert.deepStrictEqual(
      read,
      [...Array(18).keys()].map((n) => n + 3)
    )
    assert.isUndefined(session.nextNotification({ timeout: 0 }))
    assert.strictEqual(subscription.statistics().received, 20)
  })

  it("is ended by deleteSubscription, and what is unread can be read, also after disconnect", async () => {
    const session = client()
    const subscription = session.subscribe()
    await device.ask("notify", { from: 1, to: 3 })
    await eventually(() => session.notificationQueueSize() === 3)
    session.deleteSubscription(subscription)
    assert.isFalse(session.isSubscriptionActive())
    assert.strictEqual(numberOf(session.nextNotification()!), 1)
    session.disconnect()
    assert.strictEqual(numberOf(session.nextNotification()!), 2)
    assert.deepStrictEqual([...session.notifications()].map(numberOf), [3])
    session.disconnect()
    assert.include(
      (thrownBy(() => subscription.statistics()) as api.InputError).why,
      "it is closed: its client is disconnected"
    )
    assert.strictEqual((thrownBy(() => session.deleteSubscription({} as never)) as api.InputError).what, "subscription")
  })

  it("throws the RpcError of a device that refuses", () => {
    const session = connected()
    assert.instanceOf(
      thrownBy(() => session.subscribe({ stream: "no-such-stream" })),
      api.RpcError
    )
    assert.include(
      (thrownBy(() => session.subscribe({ resume: { times: 1, delay: () => 1 } } as never)) as api.InputError).what,
      "resume.delay"
    )
  })

  it("tells its health to the functions of the process", async () => {
    api.clearNotificationEvents()
    const session = connected()
    session.subscribe({ queueSize: 2, policy: "dropNewest" })
    await device.ask("notify", { from: 1, to: 5 })
    const tags: Array<string> = []
    await eventually(() => {
      const event = api.nextNotificationEvent({ timeout: "1 second" })
      if (event !== undefined) tags.push(event._tag)
      return tags.includes("NotificationQueueFull")
    })
    assert.include(tags, "SubscriptionUp")
    session.deleteSubscription()
    await eventually(() => api.pendingNotificationEventCount() > 0)
    assert.isAbove(api.clearNotificationEvents(), 0)
    assert.strictEqual(api.pendingNotificationEventCount(), 0)
  })
})
