/** Reading what the subscriptions of `NetconfClient` bring: nothing that others of its kind lose is lost, whoever reads, waits or gives up. */
import { assert, describe, it } from "@effect/vitest"
import { getEventListeners } from "node:events"
import * as Errors from "../../../src/errors.ts"
import type {
  NetconfClient,
  PlainNotification,
  PlainSubscriptionEvent,
  SubscriptionHandle
} from "../../../src/promise.ts"
import { Faults } from "../../../src/testing.ts"
import { make as random } from "../../framing/random.ts"
import { event } from "../../notifications/events.ts"
import { burst, later, numberOf, range, rejection, taken, withDevice } from "./subscribing.ts"

const long = "10 seconds"

describe("what is lost elsewhere", () => {
  for (const [where, fault] of [
    ["right behind the reply", Faults.eventsWithReply],
    ["before the reply", Faults.eventsBeforeReply]
  ] as const) {
    it(`is here: a burst ${where}`, async () => {
      await withDevice(async (client, device) => {
        device.faults.add(fault(...range(0, 20).map(event)), { on: "create-subscription" })
        await client.subscribe()
        assert.strictEqual(client.notificationQueueSize(), 20)
        assert.deepStrictEqual((await taken(client.notifications(), 20)).map(numberOf), range(0, 20))
      })
    })
  }

  it("is here: what is unread when its session is closed or cut", async () => {
    await withDevice(async (client, device) => {
      const closed = await client.subscribe()
      await burst(device, 0, 3)
      await client.deleteSubscription()
      const cut = await client.subscribe()
      await burst(device, 3, 5)
      for (const session of device.sessions.values()) session.cut()
      await later()
      assert.deepStrictEqual([closed.isActive, cut.isActive, client.notificationQueueSize()], [false, false, 5])
      assert.deepStrictEqual((await taken(closed)).map(numberOf), [0, 1, 2])
      assert.strictEqual(numberOf(await client.nextNotification()), 3)
      await client.disconnect()
      assert.strictEqual(numberOf(await client.nextNotification()), 4)
      assert.instanceOf(await rejection(client.nextNotification()), Errors.ChannelError)
      assert.isUndefined(await client.nextNotification())
    })
  })

  it("is here: one whose reader was cancelled, or ran out of time", async () => {
    await withDevice(async (client, device) => {
      const handle = await client.subscribe()
      const controller = new AbortController()
      const waiting = [client, handle].map((each) => {
        const options = { timeout: long, signal: controller.signal } as const
        return rejection("next" in each ? each.next(options) : each.nextNotification(options))
      })
      const inLoop = rejection(taken(client.notifications({ signal: controller.signal })))
      assert.isUndefined(await client.nextNotification({ timeout: "1 milli" }))
      await later()
      // What is on its way when they give up, and what comes in the same turn.
      device.notify(event(0))
      const reason = new Error("enough")
      controller.abort(reason)
      for (const each of [...waiting, inLoop]) assert.strictEqual(await each, reason)
      await burst(device, 1, 3)
      assert.strictEqual(await rejection(client.nextNotification({ signal: controller.signal })), reason)
      assert.deepStrictEqual((await taken(client.notifications(), 3)).map(numberOf), [0, 1, 2])
    })
  })

  it("is here: what fits, when a reader before was cancelled", async () => {
    await withDevice(async (client, device) => {
      const handle = await client.subscribe({ queueSize: 1 })
      const { signal } = new AbortController()
      for (let n = 0; n < 3; n++) assert.isUndefined(await client.nextNotification({ timeout: "1 milli", signal }))
      assert.isUndefined(await handle.next({ timeout: "1 milli", signal }))
      assert.deepStrictEqual(getEventListeners(signal, "abort"), [])
      await burst(device, 0, 3)
      assert.deepInclude(handle.statistics(), { size: 1, dropped: 2, delivered: 0 })
    })
  })

  it("is here: one that comes in the very turn in which its reader is cancelled", async () => {
    await withDevice(async (client, device) => {
      const handle = await client.subscribe()
      let got: Array<number> = []
      for (let n = 0; n < 40; n++) {
        const controller = new AbortController()
        const waiting = client.nextNotification({ timeout: long, signal: controller.signal }).then(
          (one) => void got.push(numberOf(one)),
          () => {}
        )
        await later()
        device.notify(event(n))
        // After as many steps as the number says: before it is read, while it is handed over, and after that.
        for (let step = 0; step < n; step++) await Promise.resolve()
        controller.abort(new Error("enough"))
        await waiting
        await later()
        got = [...got, ...handle.peek().map(numberOf)]
        for (const _ of handle.peek()) await handle.next()
      }
      assert.deepStrictEqual(got, range(0, 40))
    })
  })

  it("is here: one that holds an element called notification", async () => {
    await withDevice(async (client, device) => {
      await client.subscribe()
      const inner = `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>1970-01-01T00:00:00Z</eventTime><x/></notification>`
      device.notify(`<seen xmlns="urn:seen">${inner}<notification xmlns="urn:seen"/></seen>`)
      await burst(device, 1, 2)
      const [first, second] = await taken(client.notifications(), 2)
      assert.deepStrictEqual([first?.name, numberOf(second)], ["seen", 1])
      assert.include(first!.xml, inner)
      assert.strictEqual(client.notificationQueueSize(), 0)
    })
  })

  it("is here: a first subscription when there is a second", async () => {
    await withDevice(async (client, device) => {
      const first = await client.subscribe()
      const second = await client.subscribe({ stream: "other" })
      await burst(device, 0, 2)
      await burst(device, 10, 12, "other")
      assert.deepStrictEqual([first.isActive, second.isActive, device.sessions.size], [true, true, 2])
      assert.deepStrictEqual([first.peek().map(numberOf), second.peek().map(numberOf)], [range(0, 2), range(10, 12)])
      await second.close()
      await burst(device, 2, 3)
      assert.isTrue(client.isSubscriptionActive())
      assert.deepStrictEqual(first.peek().map(numberOf), range(0, 3))
    })
  })
})

describe("readers of a client", () => {
  it("get what all subscriptions bring, fairly, each in its order", async () => {
    await withDevice(async (client, device) => {
      await client.subscribe()
      await client.subscribe({ stream: "other" })
      await burst(device, 0, 50)
      await burst(device, 100, 103, "other")
      assert.strictEqual(client.notificationQueueSize(), 53)
      const peeked = client.peekNotifications(6).map(numberOf)
      const got = (await taken(client.notifications(), 53)).map(numberOf)
      assert.deepStrictEqual(got.slice(0, 6), [0, 100, 1, 101, 2, 102])
      assert.deepStrictEqual(peeked, got.slice(0, 6))
      assert.deepStrictEqual(got.slice(6), range(3, 50))
    })
  })

  it("get items of their own, in the order in which they asked", async () => {
    await withDevice(async (client, device) => {
      await client.subscribe()
      const asked = Array.from({ length: 5 }, () => client.nextNotification({ timeout: long }))
      await later()
      device.notify(event(0))
      asked.push(client.nextNotification({ timeout: long }))
      await burst(device, 1, 6)
      assert.deepStrictEqual((await Promise.all(asked)).map(numberOf), range(0, 6))
      const loops = [client.notifications(), client.notifications()].map((each) => taken(each, 10))
      await burst(device, 6, 26)
      const both = (await Promise.all(loops)).map((each) => each.map(numberOf))
      assert.deepStrictEqual(
        both.flat().toSorted((a, b) => a - b),
        range(6, 26)
      )
      for (const each of both)
        assert.deepStrictEqual(
          each,
          each.toSorted((a, b) => a - b)
        )
    })
  })

  it("share with the handle's: each event is given out once", async () => {
    await withDevice(async (client, device) => {
      const handle = await client.subscribe()
      await burst(device, 0, 2)
      assert.strictEqual(numberOf(await handle.next()), 0)
      assert.strictEqual(numberOf(await client.nextNotification()), 1)
      assert.strictEqual(handle.statistics().delivered, 2)
    })
  })

  it("wait 10 ms, or as long as they say", async () => {
    await withDevice(async (client, device) => {
      await client.subscribe()
      assert.isUndefined(await client.nextNotification())
      assert.isUndefined(await client.nextNotification({ timeout: 0 }))
      const waiting = client.nextNotification({ timeout: long })
      await burst(device, 0, 2)
      assert.strictEqual(numberOf(await waiting), 0)
      assert.strictEqual(numberOf(await client.nextNotification({ timeout: 0 })), 1)
    })
  })

  it("go on after a loop that was left", async () => {
    await withDevice(async (client, device) => {
      const handle = await client.subscribe()
      await burst(device, 0, 6)
      for await (const one of client.notifications()) if (numberOf(one) === 1) break
      for await (const one of handle) if (numberOf(one) === 3) break
      assert.deepStrictEqual(client.peekNotifications().map(numberOf), [4, 5])
      const items = client.notifications()
      await items.return!()
      assert.deepStrictEqual(await items.next(), { done: true, value: undefined })
      assert.strictEqual(client.notificationQueueSize(), 2)
    })
  })

  it("are not held by a return while they wait", async () => {
    await withDevice(async (client) => {
      await client.subscribe()
      const items = client.notifications()
      const next = items.next()
      await items.return!()
      assert.deepStrictEqual(await next, { done: true, value: undefined })
    })
  })

  it("get notifications alone; subscriptionEvents has the marks too", async () => {
    await withDevice(async (client, device) => {
      await burst(device, 0, 2)
      const startTime = "1970-01-01T00:00:00Z"
      await client.subscribe({ startTime })
      await burst(device, 2, 3)
      assert.strictEqual(client.notificationQueueSize(), 4)
      assert.deepStrictEqual(client.peekNotifications(3).map(numberOf), [0, 1, 2])
      assert.deepStrictEqual((await taken(client.notifications(), 3)).map(numberOf), [0, 1, 2])
      await client.deleteSubscription()
      await client.subscribe({ startTime })
      const tags = (await taken(client.subscriptionEvents(), 4)).map(({ _tag }) => _tag)
      assert.deepStrictEqual(tags, ["Notification", "Notification", "Notification", "ReplayComplete"])
    })
  })

  it("wait for the first subscription, and end with the last", async () => {
    await withDevice(async (client, device) => {
      const waiting = client.nextNotification({ timeout: long })
      const early = taken(client.notifications(), 1)
      await later()
      await client.subscribe()
      await burst(device, 8, 10)
      assert.deepStrictEqual([await waiting, ...(await early)].map(numberOf), [8, 9])
      const all = taken(client.notifications())
      const second = await client.subscribe({ stream: "other" })
      await burst(device, 0, 2)
      await client.deleteSubscription(second)
      await burst(device, 2, 3)
      await client.deleteSubscription()
      assert.deepStrictEqual((await all).map(numberOf), [0, 1, 2])
      assert.deepStrictEqual(await taken(client.notifications()), [])
      const third = client.subscribe()
      const next = taken(client.notifications())
      await third
      await burst(device, 3, 4)
      await client.disconnect()
      assert.deepStrictEqual((await next).map(numberOf), [3])
      assert.deepStrictEqual(await taken(client.notifications()), [])
    })
  })

  it("do not end while another subscription is under way", async () => {
    await withDevice(async (client, device) => {
      await client.subscribe()
      const all = taken(client.notifications(), 1)
      device.faults.add(Faults.delay("50 millis"), { on: "create-subscription" })
      const second = client.subscribe()
      await client.deleteSubscription()
      await second
      await burst(device, 0, 1)
      assert.deepStrictEqual((await all).map(numberOf), [0])
    })
  })

  it("are released by disconnect; who comes later waits his time", async () => {
    await withDevice(async (client) => {
      for (let round = 0; round < 2; round++) {
        await client.subscribe()
        const waiting = client.nextNotification({ timeout: "1 hour" })
        const inLoop = taken(client.notifications())
        await client.disconnect()
        assert.isUndefined(await waiting)
        assert.deepStrictEqual(await inLoop, [])
      }
      const began = performance.now()
      assert.isUndefined(await client.nextNotification({ timeout: "30 millis" }))
      assert.isAtLeast(performance.now() - began, 25)
    })
  })

  it("get the error of one that fails once, after what it had brought; others go on", async () => {
    await withDevice(async (client, device) => {
      const failing = await client.subscribe()
      const lost = [...device.sessions.values()]
      const lasting = await client.subscribe({ stream: "other" })
      await burst(device, 0, 2)
      for (const session of lost) session.cut()
      await later()
      const got: Array<PlainNotification> = []
      const read = async () => {
        for await (const one of client.notifications()) got.push(one)
      }
      const error = await rejection(read())
      assert.instanceOf(error, Errors.ChannelError)
      assert.match(error.message, /^create-subscription on sim|on sim/)
      assert.deepStrictEqual(got.map(numberOf), [0, 1])
      assert.strictEqual(await rejection(failing.next()), error)
      assert.strictEqual(await rejection(failing.ended), error)
      await burst(device, 2, 3, "other")
      assert.deepStrictEqual((await taken(client.notifications(), 1)).map(numberOf), [2])
      assert.isTrue(lasting.isActive)
    })
  })

  it("are not told again what the handle's reader was told", async () => {
    await withDevice(async (client, device) => {
      const handle = await client.subscribe()
      for (const session of device.sessions.values()) session.cut()
      await later()
      assert.instanceOf(await rejection(taken(handle)), Errors.ChannelError)
      assert.instanceOf(await rejection(taken(handle)), Errors.ChannelError)
      assert.isUndefined(await client.nextNotification())
    })
  })
})

describe("readers of all kinds, at random", () => {
  /** A reader: what it took, in its order. */
  const reads = (
    client: NetconfClient,
    handles: ReadonlyArray<SubscriptionHandle>,
    roll: (below: number) => number
  ) => {
    const got: Array<number> = []
    const add = (one: PlainSubscriptionEvent | undefined) => {
      if (one !== undefined) got.push(numberOf(one))
    }
    const giveUp = new AbortController()
    const { signal } = giveUp
    const take = async (): Promise<void> => {
      const kind = roll(5)
      if (kind === 0) return add(await client.nextNotification({ timeout: `${roll(3) + 1} millis`, signal }))
      if (kind === 1) return add(await client.nextNotification({ timeout: "none", signal }))
      if (kind === 2) return add(await handles[roll(2)]!.next({ timeout: "none", signal }))
      const left = roll(4)
      for await (const one of kind === 3 ? handles[roll(2)]! : client.notifications({ signal })) {
        add(one)
        if (got.length > left) break
      }
    }
    return { got, giveUp: () => giveUp.abort(new Error("enough")), over: take().catch(() => {}) }
  }

  for (const seed of [1, 2, 3, 4]) {
    it(`lose nothing, double nothing and keep the order (seed ${seed})`, async () => {
      await withDevice(async (client, device) => {
        const { below: roll } = random(seed)
        const handles = [await client.subscribe(), await client.subscribe({ stream: "other" })]
        const sent = [0, 0]
        const readers: Array<ReturnType<typeof reads>> = []
        for (let step = 0; step < 400; step++) {
          const kind = roll(10)
          if (kind < 4) {
            const stream = roll(2)
            device.notify(event(stream * 1000 + sent[stream]!++), { stream: stream === 0 ? "NETCONF" : "other" })
          } else if (kind < 7) readers.push(reads(client, handles, roll))
          else if (kind < 9) readers[roll(Math.max(1, readers.length))]?.giveUp()
          else for (let n = roll(4); n > 0; n--) await new Promise((resolve) => setImmediate(resolve))
          for (let n = roll(3); n > 0; n--) await Promise.resolve()
        }
        await later()
        for (const reader of readers) reader.giveUp()
        await client.disconnect()
        await Promise.all(readers.map(({ over }) => over))
        const rest = (await taken(client.notifications())).map(numberOf)
        const all = [...readers.map(({ got }) => got), rest]
        const wanted = [...range(0, sent[0]!), ...range(1000, 1000 + sent[1]!)]
        assert.deepStrictEqual(
          all.flat().toSorted((a, b) => a - b),
          wanted
        )
        assert.isAbove(all.flat().length - rest.length, 20)
        for (const each of all) {
          for (const stream of [0, 1000]) {
            const own = each.filter((n) => n >= stream && n < stream + 1000)
            assert.deepStrictEqual(
              own,
              own.toSorted((a, b) => a - b)
            )
          }
        }
      })
    })
  }
})
