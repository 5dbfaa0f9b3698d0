/** Subscriptions of `NetconfClient`: what it promises of them (docs/notifications.md, "Promise users"). */
import { assert, describe, it } from "@effect/vitest"
import * as Schedule from "effect/Schedule"
import * as Errors from "../../../src/errors.ts"
import { NetconfClient, NetconfFleet } from "../../../src/promise.ts"
import { Faults } from "../../../src/testing.ts"
import { event } from "../../notifications/events.ts"
import { burst, later, numberOf, range, rejection, taken, withDevice } from "./subscribing.ts"

const long = "10 seconds"

describe("NetconfClient.subscribe", () => {
  it("works without connect, on a session of its own, and disconnect ends it", async () => {
    await withDevice(async (client, device) => {
      device.faults.add(Faults.delay("30 millis"), { on: "close-session" })
      const handle = await client.subscribe()
      assert.strictEqual(device.sessions.size, 1)
      assert.throws(() => client.sessionId, /not connected/)
      assert.deepStrictEqual([handle.stream, handle.isActive, client.isSubscriptionActive()], ["NETCONF", true, true])
      await burst(device, 0, 3)
      await client.disconnect()
      assert.strictEqual(device.sessions.size, 0)
      assert.deepStrictEqual([handle.isActive, client.isSubscriptionActive()], [false, false])
      assert.deepStrictEqual((await taken(client.notifications())).map(numberOf), [0, 1, 2])
    })
  })

  it("takes a session besides that of a connected client, which goes on working", async () => {
    await withDevice(async (client, device) => {
      await client.connect()
      await using handle = await client.subscribe({ stream: "NETCONF" })
      assert.strictEqual(device.sessions.size, 2)
      await burst(device, 0, 1)
      assert.include((await client.getConfig()).xml, "<rpc-reply")
      assert.strictEqual(numberOf(await handle.next({ timeout: long })), 0)
      await handle.close()
      assert.deepStrictEqual([...device.sessions.keys()], [client.sessionId])
    })
  })

  it("shares the client's session when asked to, and says what that needs", async () => {
    await withDevice(async (client, device) => {
      assert.match((await rejection(client.subscribe({ session: "shared" }))).message, /not connected/)
      await client.connect()
      const error = await rejection(client.subscribe({ session: "shared", policy: "suspend" }))
      assert.match(error.message, /policy: suspend would hold back/)
      const handle = await client.subscribe({ session: "shared" })
      assert.strictEqual(device.sessions.size, 1)
      await burst(device, 0, 2)
      await client.get()
      assert.deepStrictEqual(handle.peek().map(numberOf), [0, 1])
      await handle.close()
      assert.strictEqual(device.sessions.size, 1)
      assert.include((await client.get()).xml, "<rpc-reply")
    })
  })

  it("is refused by the device with its RpcError, active at no time, and leaves no session behind", async () => {
    await withDevice(async (client, device) => {
      const error = await rejection(client.subscribe({ stream: "nowhere" }))
      assert.instanceOf(error, Errors.RpcError)
      assert.match(error.message, /^create-subscription on sim/)
      assert.isFalse(client.isSubscriptionActive())
      assert.strictEqual(device.sessions.size, 0)
    })
  })

  it("names what the device lacks, connected or not", async () => {
    await withDevice(
      async (client, device) => {
        for (const sessions of [0, 1]) {
          const error = await rejection(client.subscribe())
          assert.instanceOf(error, Errors.CapabilityError)
          assert.include(error.message, ":notification")
          assert.strictEqual(device.sessions.size, sessions)
          if (sessions === 0) await client.connect()
        }
      },
      {},
      { without: [":notification", ":interleave"] }
    )
  })

  it("rejects as connect does, in connectTimeout", async () => {
    await withDevice(
      async (client, device) => {
        device.faults.add(Faults.silence(), { on: "hello" })
        const error = await rejection(client.subscribe())
        assert(error instanceof Errors.DeadlineError)
        assert.deepStrictEqual([error.phase, error.label], ["connect", "sim"])
        assert.strictEqual(device.sessions.size, 0)
      },
      { connectTimeout: "50 millis" }
    )
  })

  it("is given up with its signal's reason, and by disconnect", async () => {
    await withDevice(async (client, device) => {
      device.faults.add(Faults.silence(), { on: "create-subscription" })
      const controller = new AbortController()
      const aborted = rejection(client.subscribe({ signal: controller.signal }))
      await later()
      assert.strictEqual(device.sessions.size, 1)
      const reason = new Error("enough")
      controller.abort(reason)
      assert.strictEqual(await aborted, reason)
      assert.strictEqual(await rejection(client.subscribe({ signal: controller.signal })), reason)
      const stopped = rejection(client.subscribe())
      await later()
      await client.disconnect()
      assert.match((await stopped).message, /disconnect\(\) was called/)
      await later()
      assert.strictEqual(device.sessions.size, 0)
      device.faults.clear()
      await client.subscribe()
      assert.isTrue(client.isSubscriptionActive())
    })
  })

  it("that comes during a disconnect is not ended by it, but by the next", async () => {
    await withDevice(async (client, device) => {
      await client.connect()
      device.faults.add(Faults.delay("30 millis"), { on: "close-session" })
      const closing = client.disconnect()
      const first = await client.subscribe()
      await closing
      assert.isTrue(first.isActive)
      const again = client.disconnect()
      device.faults.add(Faults.silence(), { on: "create-subscription" })
      const second = rejection(client.subscribe())
      await client.disconnect()
      await again
      assert.match((await second).message, /disconnect\(\) was called/)
      assert.isFalse(first.isActive)
    })
  })

  it("replays what was logged, tells where that ends, and ends at stopTime", async () => {
    await withDevice(async (client, device) => {
      await burst(device, 0, 3)
      const live = await client.subscribe({ startTime: new Date(0) })
      await burst(device, 3, 4)
      const tags = (await taken(live, 5)).map(({ _tag }) => _tag)
      assert.deepStrictEqual(tags, [...Array<string>(3).fill("Notification"), "ReplayComplete", "Notification"])
      await live.close()
      const past = await client.subscribe({ startTime: "1970-01-01T00:00:00Z", stopTime: new Date(Date.now() - 1000) })
      await past.ended
      assert.strictEqual((await past.next())?._tag, "ReplayComplete")
      assert.isUndefined(await past.next())
      await later()
      assert.strictEqual(device.sessions.size, 0)
    })
  })
})

describe("deleteSubscription", () => {
  it("ends one, or all of the client's, and nothing else", async () => {
    await withDevice(async (client, device) => {
      await client.deleteSubscription()
      const [first, second] = [await client.subscribe(), await client.subscribe()]
      await client.deleteSubscription(first)
      await client.deleteSubscription(first)
      assert.deepStrictEqual([first.isActive, second.isActive, device.sessions.size], [false, true, 1])
      await using other = new NetconfClient({ transport: device.transport })
      const foreign = await other.subscribe()
      const error = await rejection(client.deleteSubscription(foreign))
      assert.match(error.message, /subscription: .*another client's/)
      assert.match((await rejection(client.deleteSubscription("NETCONF" as never))).message, /got "NETCONF"/)
      await client.deleteSubscription()
      assert.deepStrictEqual([second.isActive, foreign.isActive], [false, true])
    })
  })
})

describe("with reconnect", () => {
  const soon = Schedule.spaced(1)

  it("subscriptions come back too, by the client's schedule, and lose nothing", async () => {
    await withDevice(
      async (client, device) => {
        const handle = await client.subscribe()
        await burst(device, 0, 3)
        for (const session of device.sessions.values()) session.cut()
        device.notify(event(3))
        for (let round = 0; round < 100 && !handle.isActive; round++) await new Promise((done) => setTimeout(done, 5))
        await burst(device, 4, 6)
        assert.deepStrictEqual((await taken(client.notifications(), 6)).map(numberOf), range(0, 6))
        assert.strictEqual(handle.statistics().resumed, 1)
      },
      { reconnect: { schedule: soon } }
    )
  })

  it("one of them can do so by a plan of its own, or not", async () => {
    await withDevice(async (client, device) => {
      const resuming = await client.subscribe({ resume: { times: 50, delay: "2 millis" } })
      for (const session of device.sessions.values()) session.cut()
      await burst(device, 0, 1)
      const next = await resuming.next({ timeout: long })
      assert.strictEqual(next?._tag, "Gap")
      assert.match((await rejection(client.subscribe({ resume: { tries: 1 } as never }))).message, /resume.tries/)
    })
    await withDevice(
      async (client, device) => {
        const handle = await client.subscribe({ resume: false })
        for (const session of device.sessions.values()) session.cut()
        assert.instanceOf(await rejection(handle.ended), Errors.ChannelError)
      },
      { reconnect: true }
    )
    await withDevice(
      async (client, device) => {
        const handle = await client.subscribe()
        for (const session of device.sessions.values()) session.cut()
        assert.instanceOf(await rejection(handle.ended), Errors.ChannelError)
      },
      { reconnect: { schedule: { times: 0 } } }
    )
  })
})

describe("a program's client", () => {
  it("subscribes too, until the program is over", async () => {
    await withDevice(async (client, device) => {
      await client.connect()
      const handle = await client.locked(["running"], async (inside) => {
        const subscription = await inside.subscribe()
        assert.strictEqual(device.sessions.size, 2)
        await burst(device, 0, 2)
        assert.strictEqual(numberOf(await subscription.next()), 0)
        return subscription
      })
      assert.isFalse(handle.isActive)
      assert.deepStrictEqual([...device.sessions.keys()], [client.sessionId])
      assert.deepStrictEqual((await taken(handle)).map(numberOf), [1])
      assert.strictEqual(client.notificationQueueSize(), 0)
    })
  })
})

describe("a fleet's program", () => {
  it("subscribes by the client that it is given, until it is over", async () => {
    await withDevice(async (_client, device) => {
      await using fleet = new NetconfFleet([{ name: "leaf-01", transport: device.transport }])
      const run = fleet.run(async (client) => {
        const subscription = await client.subscribe({ queueSize: 10 })
        await burst(device, 0, 1)
        assert.strictEqual(numberOf(await subscription.next({ timeout: long })), 0)
        return [subscription.isActive, device.sessions.size, subscription] as const
      })
      const [result] = await taken(run)
      assert.deepStrictEqual([result?.error, result?.value?.[0], result?.value?.[1]], [undefined, true, 2])
      assert.isFalse(result!.value![2].isActive)
      assert.strictEqual(device.sessions.size, 1)
    })
  })
})

describe("streams", () => {
  it("lists what the device offers", async () => {
    await withDevice(async (client) => {
      await client.connect()
      const streams = await client.streams()
      assert.deepStrictEqual(streams.map(({ name }) => name).toSorted(), ["NETCONF", "other"])
      assert.isTrue(streams.find(({ name }) => name === "NETCONF")!.replaySupport)
    })
  })
})
