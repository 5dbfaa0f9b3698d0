import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { busCapacity, DropReports, figures, HealthBus, type HealthReport } from "../../src/notifications/Health.ts"
import { SubscriptionQueue } from "../../src/notifications/SubscriptionQueue.ts"

const started = (message: string): HealthReport => ({ _tag: "SubscriptionUp", message, label: "leaf-01" })
const settle = Effect.promise(() => new Promise<void>((resolve) => void setImmediate(resolve)))

describe("HealthBus", () => {
  it("hands events out in order, with every field", () => {
    const bus = new HealthBus()
    const before = Date.now()
    bus.publish(started("one"))
    bus.publish({
      _tag: "IncompleteNotification",
      message: "two",
      guard: "size",
      partialBytes: 9,
      hostname: "h",
      port: 830
    })
    assert.strictEqual(bus.pending, 2)
    const { timestamp, ...rest } = bus.poll()!
    assert.isAtLeast(timestamp, before)
    assert.deepStrictEqual(rest as object, {
      _tag: "SubscriptionUp",
      message: "one",
      label: "leaf-01",
      hostname: undefined,
      port: undefined,
      stream: undefined,
      queueSize: 0,
      queueMaxSize: 0,
      queueHighWatermark: 0,
      notificationsEnqueued: 0,
      notificationsDroppedQueueFull: 0,
      notificationsDroppedDelta: 0,
      incompleteNotificationsReceived: 0,
      partialBytes: 0,
      healthEventsDropped: 0
    })
    assert.deepInclude(bus.poll(), { guard: "size", partialBytes: 9, hostname: "h", port: 830 })
    assert.isUndefined(bus.poll())
  })

  it("keeps the last 10,000, and counts what it drops", () => {
    const bus = new HealthBus()
    for (let n = 0; n < busCapacity + 5; n++) bus.publish(started(`${n}`))
    assert.strictEqual(bus.pending, 10_000)
    assert.deepInclude(bus.poll(), { message: "5", healthEventsDropped: 5 })
  })

  it("clears without calling it a loss", () => {
    const bus = new HealthBus()
    bus.publish(started("one"))
    bus.publish(started("two"))
    assert.strictEqual(bus.clear(), 2)
    assert.strictEqual(bus.pending, 0)
    bus.publish(started("three"))
    assert.deepInclude(bus.poll(), { message: "three", healthEventsDropped: 0 })
  })

  it("waits for the next one, in the order of asking", async () => {
    const bus = new HealthBus()
    const asked = [bus.next(), bus.next(), bus.next()]
    bus.publish(started("one"))
    bus.publish(started("two"))
    bus.publish(started("three"))
    assert.deepStrictEqual(
      (await Promise.all(asked)).map((event) => event?.message),
      ["one", "two", "three"]
    )
    bus.publish(started("four"))
    assert.strictEqual((await bus.next())?.message, "four")
  })

  it("takes nothing for those who have given up", async () => {
    const bus = new HealthBus()
    const controller = new AbortController()
    const aborted = bus.next({ signal: controller.signal })
    const late = bus.next({ millis: 1 })
    const patient = bus.next()
    controller.abort()
    assert.isUndefined(await aborted)
    assert.isUndefined(await late)
    assert.isUndefined(await bus.next({ signal: controller.signal }))
    bus.publish(started("one"))
    assert.strictEqual((await patient)?.message, "one")
    assert.strictEqual(bus.pending, 0)
  })

  it.effect("is a stream for everyone who looks, from then on, and keeps nothing for those who left", () =>
    Effect.gen(function* () {
      const bus = new HealthBus()
      bus.publish(started("before"))
      const look = () => Effect.forkChild(Stream.runCollect(Stream.take(bus.events, 2)), { startImmediately: true })
      const readers = [yield* look(), yield* look()]
      bus.publish(started("one"))
      yield* settle
      bus.publish(started("two"))
      for (const reader of readers) {
        assert.deepStrictEqual(
          (yield* Fiber.join(reader)).map(({ message }) => message),
          ["one", "two"]
        )
      }
      assert.strictEqual(bus.pending, 3)
    })
  )

  it.effect("says in a stream how many its slow reader has missed", () =>
    Effect.gen(function* () {
      const bus = new HealthBus()
      const reader = yield* Effect.forkChild(Stream.runCollect(Stream.take(bus.events, 1)), { startImmediately: true })
      for (let n = 0; n < busCapacity + 3; n++) bus.publish(started(`${n}`))
      assert.deepInclude((yield* Fiber.join(reader))[0], { message: "3", healthEventsDropped: 3 })
    })
  )

  it("keeps no process alive for whoever waits", async () => {
    const module = JSON.stringify(join(import.meta.dirname, "../../src/notifications/Health.ts"))
    const program = `import { HealthBus } from ${module}; void new HealthBus().next({ millis: 3_600_000 }); void new HealthBus().next()`
    const code = await new Promise<unknown>((resolve) =>
      execFile(process.execPath, ["--input-type=module-typescript", "-e", program], { timeout: 60_000 }, (error) =>
        resolve(error?.signal ?? error?.code ?? 0)
      )
    )
    assert.strictEqual(code, 0)
  }, 70_000)
})

describe("DropReports", () => {
  const make = (threshold: number, capacity = 2) => {
    const reports: Array<HealthReport> = []
    const queue: SubscriptionQueue<number> = new SubscriptionQueue<number>(
      () => 1,
      { policy: "dropNewest", capacity },
      { onDrop: (count) => drops.dropped(count), onRoom: () => drops.recovered() }
    )
    const owner = { label: "leaf-01", stream: "NETCONF" }
    const drops: DropReports = new DropReports(
      threshold,
      (report) => reports.push(report),
      owner,
      () => queue
    )
    const short = () =>
      reports
        .splice(0)
        .map(({ _tag, notificationsDroppedDelta, notificationsDroppedQueueFull }) => [
          _tag,
          notificationsDroppedDelta,
          notificationsDroppedQueueFull
        ])
    const offer = (count: number) => {
      for (let n = 0; n < count; n++) queue.offer(n)
    }
    return { offer, queue, reports, short }
  }

  it("tells the first drop, then every threshold, then the recovery with what was left unsaid", () => {
    const { offer, queue, short } = make(3)
    offer(2)
    assert.deepStrictEqual(short(), [])
    offer(1)
    assert.deepStrictEqual(short(), [["NotificationQueueFull", 1, 1]])
    offer(2)
    assert.deepStrictEqual(short(), [])
    offer(1)
    assert.deepStrictEqual(short(), [["NotificationDropsSummary", 3, 4]])
    offer(4)
    assert.deepStrictEqual(short(), [["NotificationDropsSummary", 3, 7]])
    queue.poll()
    assert.deepStrictEqual(short(), [["NotificationQueueRecovered", 1, 8]])
    offer(2)
    assert.deepStrictEqual(short(), [["NotificationQueueFull", 1, 9]])
  })

  it("tells every drop at a threshold of one, and nothing of a queue that never dropped", () => {
    const { offer, queue, short } = make(1)
    offer(2)
    queue.poll()
    assert.deepStrictEqual(short(), [])
    offer(3)
    assert.deepStrictEqual(short(), [
      ["NotificationQueueFull", 1, 1],
      ["NotificationDropsSummary", 1, 2]
    ])
  })

  it("says whose queue it is, with its figures", () => {
    const { offer, queue, reports } = make(1)
    offer(3)
    assert.deepInclude(reports[0], {
      label: "leaf-01",
      stream: "NETCONF",
      queueSize: 2,
      queueMaxSize: 2,
      queueHighWatermark: 2,
      notificationsEnqueued: 2
    })
    assert.include(figures(queue.statistics, queue.capacity), { notificationsDroppedQueueFull: 1 })
  })
})
