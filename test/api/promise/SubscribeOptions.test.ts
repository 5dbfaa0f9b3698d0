/** The options of subscriptions in plain async code: pyNetX's defaults, the client's, and those of one subscription. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Errors from "../../../src/errors.ts"
import {
  clearNotificationEvents,
  type HealthEvent,
  NetconfClient,
  type NetconfClientOptions,
  NetconfFleet,
  nextNotificationEvent,
  type SubscribeClientOptions
} from "../../../src/promise.ts"
import { BrokenNotifications } from "../../../src/testing.ts"
import * as Memory from "../../../src/transport/Memory.ts"
import { event } from "../../notifications/events.ts"
import { burst, numberOf, range, rejection, taken, withDevice } from "./subscribing.ts"

describe("the queue of a subscription", () => {
  const ends: ReadonlyArray<
    readonly [what: string, client: NetconfClientOptions, own: SubscribeClientOptions, left: ReadonlyArray<number>]
  > = [
    ["has no limit by default", {}, {}, range(0, 40)],
    ["drops what does not fit, where a size is given", { notificationQueueSize: 4 }, {}, range(0, 4)],
    ["drops the oldest", { notificationQueueSize: 4, notificationPolicy: "dropOldest" }, {}, range(36, 40)],
    ["has a size of its own", { notificationQueueSize: 4 }, { queueSize: 6 }, range(0, 6)],
    [
      "has a size of its own, by the client's policy",
      { notificationPolicy: "dropOldest" },
      { queueSize: 6 },
      range(34, 40)
    ],
    [
      "has a policy of its own, by the client's size",
      { notificationQueueSize: 4 },
      { policy: "dropOldest" },
      range(36, 40)
    ],
    ["has no limit where it says so", { notificationQueueSize: 4 }, { queueSize: -1 }, range(0, 40)],
    ["has no limit by its policy", { notificationQueueSize: 4 }, { policy: "unbounded" }, range(0, 40)],
    ["has a size where the client has none", { notificationPolicy: "unbounded" }, { queueSize: 4 }, range(0, 4)],
    [
      "has a policy where the client has no limit",
      { notificationQueueSize: -1 },
      { policy: "dropNewest" },
      range(0, 40)
    ],
    ["has a limit of bytes where it says so", { notificationQueueSize: 4 }, { maxBytes: 900 }, range(0, 1)],
    ["has a limit of bytes alone", {}, { maxBytes: 900 }, range(0, 1)],
    [
      "has a limit of bytes where the client has none",
      { notificationPolicy: "unbounded" },
      { maxBytes: 900 },
      range(0, 1)
    ]
  ]
  for (const [what, options, own, left] of ends) {
    it(`${what}`, async () => {
      await withDevice(async (client, device) => {
        const handle = await client.subscribe(own)
        await burst(device, 0, 40)
        assert.deepStrictEqual(handle.peek(1000).map(numberOf), left)
        assert.strictEqual(handle.statistics().dropped, 40 - left.length)
      }, options)
    })
  }

  it("does not count bytes where only a size is given", async () => {
    await withDevice(
      async (client, device) => {
        const handle = await client.subscribe()
        const large = `<large xmlns="urn:large">${"x".repeat(1024 * 1024)}</large>`
        for (let n = 0; n < 20; n++) device.notify(large)
        for (let round = 0; round < 200 && client.notificationQueueSize() < 20; round++) {
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
        assert.deepInclude(handle.statistics(), { size: 20, dropped: 0 })
      },
      { notificationQueueSize: 20, notificationIncompleteMaxBytes: 4 * 1024 * 1024 }
    )
  })

  it("holds the device back with suspend, and loses nothing", async () => {
    await withDevice(
      async (client, device) => {
        const handle = await client.subscribe()
        const flood = Effect.runPromise(device.flood(2000, event))
        const all = taken(client.notifications(), 2000)
        let paused = false
        const watch = setInterval(() => (paused ||= handle.statistics().paused), 0)
        assert.deepStrictEqual((await all).map(numberOf), range(0, 2000))
        clearInterval(watch)
        await flood
        assert.isAtMost(handle.statistics().highWatermark, 2000)
        assert.strictEqual(handle.statistics().dropped, 0)
      },
      { notificationQueueSize: 8, notificationPolicy: "suspend" }
    )
  })

  it("is held back while nobody reads, and goes on when somebody does", async () => {
    await withDevice(async (client, device) => {
      const handle = await client.subscribe({ policy: "suspend", queueSize: 3 })
      await burst(device, 0, 10)
      await burst(device, 10, 20)
      assert.isTrue(handle.statistics().paused)
      assert.isBelow(handle.statistics().size, 20)
      assert.deepStrictEqual((await taken(handle, 20)).map(numberOf), range(0, 20))
      assert.isFalse(handle.statistics().paused)
    })
  })
})

describe("an unfinished notification", () => {
  const eventOf = async (tag: HealthEvent["_tag"]): Promise<HealthEvent> => {
    for (;;) {
      const found = await nextNotificationEvent({ timeout: "10 seconds" })
      assert.isDefined(found)
      if (found!._tag === tag) return found!
    }
  }

  it("is given up at the client's size, which is 1 MiB unless it says otherwise", async () => {
    for (const [given, bytes, isTold] of [
      [{}, 900_000, false],
      [{}, 1_200_000, true],
      [{ notificationIncompleteMaxBytes: 2_000 }, 3_000, true]
    ] as const) {
      clearNotificationEvents()
      await withDevice(async (client, device) => {
        const handle = await client.subscribe()
        device.sendBroken(BrokenNotifications.unfinished(`<a xmlns="urn:a">${"x".repeat(bytes)}</a>`, 0.99))
        if (isTold) assert.propertyVal(await eventOf("IncompleteNotification"), "guard", "size")
        else await burst(device, 0, 1)
        assert.strictEqual(handle.statistics().gaps, isTold ? 1 : 0)
      }, given)
    }
  })

  it("is told of after the client's time", async () => {
    clearNotificationEvents()
    await withDevice(
      async (client, device) => {
        await client.subscribe()
        device.sendBroken(BrokenNotifications.unfinished())
        assert.propertyVal(await eventOf("IncompleteNotification"), "guard", "time")
      },
      { notificationIncompleteTimeout: "20 millis" }
    )
  })
})

describe("mistaken options", () => {
  const transport = Memory.make(() => {})
  const ofClients: ReadonlyArray<readonly [options: object, message: RegExp]> = [
    [{ notificationQueuSize: 5 }, /notificationQueuSize: .*mean notificationQueueSize\?/],
    [{ notificationQueueSize: 0 }, /notificationQueueSize: expected a whole number from 1, or -1 for no limit, got 0/],
    [{ notificationQueueSize: "5" }, /notificationQueueSize: expected .*got "5"/],
    [{ notificationQueueSize: -1, notificationPolicy: "suspend" }, /notificationQueueSize: -1 is no limit, .*suspend/],
    [{ notificationQueueSize: 5, notificationPolicy: "unbounded" }, /notificationQueueSize: the policy unbounded/],
    [{ notificationPolicy: "drop" }, /notificationPolicy: expected suspend, dropNewest.*got "drop"/],
    [{ notificationIncompleteMaxBytes: 0 }, /notificationIncompleteMaxBytes: expected a whole number from 1/],
    [{ notificationIncompleteTimeout: 5 }, /notificationIncompleteTimeout: .*write "5 seconds"/],
    [{ notificationDropEventThreshold: 0 }, /notificationDropEventThreshold: expected a whole number from 1/]
  ]
  for (const [options, message] of ofClients) {
    it(`are refused by the client: ${JSON.stringify(options)}`, () => {
      assert.throws(() => new NetconfClient({ transport, ...options }), Errors.InputError, message)
    })
  }

  it("are refused in a fleet, whose programs say it of each subscription", () => {
    const device = { name: "sw-01", transport, notificationQueueSize: 5 }
    assert.throws(() => new NetconfFleet([device as never]), /notificationQueueSize: it is no option of a device/)
  })

  const ofSubscriptions: ReadonlyArray<readonly [options: object, message: RegExp]> = [
    [{ streem: "NETCONF" }, /streem: .*mean stream\?/],
    [{ stream: "" }, /stream: expected the name of an event stream/],
    [{ queueSize: 0 }, /queueSize: expected a whole number from 1, or -1/],
    [{ queueSize: -1, policy: "dropOldest" }, /queueSize: -1 is no limit/],
    [{ policy: "drop" }, /policy: expected suspend/],
    [{ maxBytes: -5 }, /maxBytes: expected a whole number from 1/],
    [{ maxBytes: 5, policy: "unbounded" }, /maxBytes: the policy unbounded/],
    [{ session: "mine" }, /session: expected own or shared, got "mine"/],
    [{ resume: "yes" }, /resume: expected \{ times: 3/],
    [{ stopTime: "2026-01-31T12:00:00Z" }, /stopTime: it needs startTime/],
    [{ startTime: "yesterday" }, /startTime: expected a date-time/],
    [{ filter: "<a" }, /filter/],
    [{ incompleteTimeout: 5 }, /incompleteTimeout: .*write "5 seconds"/],
    [{ signal: new AbortController() }, /signal: .*give its signal/]
  ]
  for (const [options, message] of ofSubscriptions) {
    it(`are refused before anything is opened: ${JSON.stringify(options)}`, async () => {
      await withDevice(async (client, device) => {
        const error = await rejection(client.subscribe(options as never))
        assert.instanceOf(error, Errors.InputError)
        assert.match(error.message, message)
        assert.strictEqual(device.log.length, 0)
        assert.strictEqual(device.sessions.size, 0)
      })
    })
  }

  it("are refused by readers", async () => {
    await withDevice(async (client) => {
      const handle = await client.subscribe()
      assert.match((await rejection(client.nextNotification({ timeout: 10 }))).message, /timeout: .*write "10 seconds"/)
      assert.match((await rejection(handle.next({ timout: "1 second" } as never))).message, /timout: .*mean timeout\?/)
      assert.throws(() => client.notifications({ signl: 1 } as never), /signl: .*mean signal\?/)
      assert.throws(() => client.peekNotifications(-1), /max: expected a whole number from 0/)
    })
  })
})
