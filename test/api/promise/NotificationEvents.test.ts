/** The health events of subscriptions for plain async code, and that no reader that waits keeps the process alive. */
import { assert, beforeEach, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  clearNotificationEvents,
  type HealthEvent,
  nextNotificationEvent,
  notificationEvents,
  pendingNotificationEventCount
} from "../../../src/promise.ts"
import { Items, Readers } from "../../../src/api/promise/Readers.ts"
import { burst, later, rejection, taken, withDevice } from "./subscribing.ts"

const tags = (events: ReadonlyArray<HealthEvent>): ReadonlyArray<string> => events.map(({ _tag }) => _tag)
const all = async (): Promise<ReadonlyArray<HealthEvent>> => {
  const events: Array<HealthEvent> = []
  for (let one = await nextNotificationEvent({ timeout: 0 }); one !== undefined;) {
    events.push(one)
    one = await nextNotificationEvent({ timeout: 0 })
  }
  return events
}

beforeEach(() => void clearNotificationEvents())

describe("notification events", () => {
  it("tell of a queue that drops, by the client's size and threshold, and of its end", async () => {
    await withDevice(
      async (client, device) => {
        const handle = await client.subscribe()
        await burst(device, 0, 8)
        assert.deepStrictEqual([handle.statistics().dropped, client.notificationQueueSize()], [5, 3])
        while ((await client.nextNotification()) !== undefined);
      },
      { notificationQueueSize: 3, notificationDropEventThreshold: 2 }
    )
    assert.strictEqual(pendingNotificationEventCount(), 6)
    const events = await all()
    const [full, ended] = [events[1]!, events.at(-1)!]
    assert.deepStrictEqual(tags(events), [
      "SubscriptionUp",
      "NotificationQueueFull",
      "NotificationDropsSummary",
      "NotificationDropsSummary",
      "NotificationQueueRecovered",
      "SubscriptionDown"
    ])
    assert.deepStrictEqual(
      [full.label, full.stream, full.queueMaxSize, full.notificationsDroppedDelta],
      ["sim", "NETCONF", 3, 1]
    )
    assert.include(ended.message, "ended")
  })

  it("are counted, cleared, and waited for as long as it is said", async () => {
    assert.isUndefined(await nextNotificationEvent({ timeout: "5 millis" }))
    await withDevice(async (client) => {
      const waiting = [nextNotificationEvent(), nextNotificationEvent({ timeout: "10 seconds" })]
      await client.subscribe()
      await client.disconnect()
      assert.deepStrictEqual(tags((await Promise.all(waiting)) as ReadonlyArray<HealthEvent>), [
        "SubscriptionUp",
        "SubscriptionDown"
      ])
      await client.subscribe()
      assert.strictEqual(pendingNotificationEventCount(), 1)
      assert.strictEqual(clearNotificationEvents(), 1)
      assert.strictEqual(pendingNotificationEventCount(), 0)
    })
  })

  it("are not taken by a reader that is cancelled", async () => {
    const controller = new AbortController()
    const reason = new Error("enough")
    const waiting = rejection(nextNotificationEvent({ signal: controller.signal }))
    await withDevice(async (client) => {
      await later()
      controller.abort(reason)
      assert.strictEqual(await waiting, reason)
      assert.strictEqual(await rejection(nextNotificationEvent({ signal: controller.signal })), reason)
      await client.subscribe()
      assert.strictEqual((await nextNotificationEvent())?._tag, "SubscriptionUp")
    })
    assert.match((await rejection(nextNotificationEvent({ timeout: 5 }))).message, /timeout: .*write "5 seconds"/)
    assert.match((await rejection(nextNotificationEvent({ timout: 5 } as never))).message, /mean timeout\?/)
  })

  it("are seen whole by every loop over them, from its beginning on", async () => {
    const controller = new AbortController()
    const loops = [notificationEvents(), notificationEvents()].map((each) => taken(each, 2))
    const aborted = rejection(taken(notificationEvents({ signal: controller.signal })))
    await withDevice(async (client) => {
      await client.subscribe()
      assert.strictEqual((await nextNotificationEvent())?._tag, "SubscriptionUp")
    })
    for (const loop of loops) assert.deepStrictEqual(tags(await loop), ["SubscriptionUp", "SubscriptionDown"])
    controller.abort(new Error("enough"))
    assert.strictEqual((await aborted).message, "enough")
  })

  it("are kept for no loop that was left", async () => {
    let left = 0
    for (const leave of ["break", "return", "abort"]) {
      const controller = new AbortController()
      const readers = new Readers(() => () => {})
      const items = new Items(
        readers,
        () => ({ value: 1 }),
        controller.signal,
        () => left++
      )
      if (leave === "break") await taken(items, 1)
      else if (leave === "return") await items.return()
      else {
        controller.abort(new Error("enough"))
        assert.strictEqual((await rejection(items.next())).message, "enough")
      }
      assert.deepStrictEqual(await items.next(), { done: true, value: undefined })
    }
    assert.strictEqual(left, 3)
  })
})

describe("a process", () => {
  /** How a program ends that runs by itself, with what it prints. */
  const ends = (program: string): Promise<{ readonly code: unknown; readonly printed: string }> => {
    const root = join(import.meta.dirname, "..", "..", "..")
    const file = join(import.meta.dirname, `alive-${process.pid}-${Math.random().toString(36).slice(2)}.ts`)
    writeFileSync(file, program)
    return new Promise((resolve) =>
      execFile(process.execPath, [file], { cwd: root, timeout: 15_000 }, (error, stdout, stderr) => {
        rmSync(file)
        resolve({ code: error === null ? 0 : (error.code ?? error.signal), printed: stdout + stderr })
      })
    )
  }
  const imports = `
    import * as Effect from "effect/Effect"
    import * as Scope from "effect/Scope"
    import { NetconfClient, nextNotificationEvent, notificationEvents } from "../../../src/promise.ts"
    import { SimulatedDevice } from "../../../src/testing.ts"
    const scope = Scope.makeUnsafe()
    const device = await Effect.runPromise(Scope.provide(SimulatedDevice.make(), scope))
    const client = new NetconfClient({ transport: device.transport })
  `

  it("ends although readers wait without a limit", async () => {
    const { code, printed } = await ends(`${imports}
      await client.subscribe()
      await client.disconnect()
      const other = new NetconfClient({ transport: device.transport })
      const read = async (items) => { for await (const _ of items); }
      void read(notificationEvents())
      void read(other.notifications())
      void other.nextNotification({ timeout: "none" })
      while ((await nextNotificationEvent({ timeout: 0 })) !== undefined);
      void nextNotificationEvent()
      console.log("done")
    `)
    assert.deepStrictEqual([code, printed.trim().split("\n").at(-1)], [0, "done"])
  })

  it("goes on until a wait with a limit is over, so that what is unread can be read after the end", async () => {
    const { code, printed } = await ends(`${imports}
      const subscription = await client.subscribe()
      device.notify("<a xmlns='urn:a'/>")
      await new Promise((resolve) => setTimeout(resolve, 20))
      await client.disconnect()
      for (let one; (one = await client.nextNotification()) !== undefined; ) console.log(one.name)
      while ((await nextNotificationEvent({ timeout: "5 millis" })) !== undefined);
      console.log("done", subscription.isActive)
    `)
    assert.deepStrictEqual([code, printed.trim().split("\n").slice(-2)], [0, ["a", "done false"]])
  })
})
