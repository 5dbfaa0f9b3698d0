/** What a new session brings while the old one is still read: held, held back when it is much, and each delivered once. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { mostRemembered } from "../../src/notifications/Duplicates.ts"
import { Handover } from "../../src/notifications/Handover.ts"
import { HealthBus } from "../../src/notifications/Health.ts"
import * as Notification from "../../src/notifications/Notification.ts"
import { Subscription } from "../../src/notifications/Subscription.ts"
import { read } from "../../src/xml/NotificationHead.ts"
import { event, numbers } from "./events.ts"

const notification = (n: number, padding = ""): Notification.Notification => {
  const bytes = Buffer.from(
    `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>2026-01-31T12:00:00Z</eventTime>${event(n)}${padding}</notification>`
  )
  return Notification.make({ bytes, head: read(bytes)!, receivedAt: 0 })
}

/** A megabyte. */
const padding = `<!--${"x".repeat(1024 * 1024)}-->`

class Source {
  paused = 0
  pauses = 0

  pause(): () => void {
    this.paused++
    this.pauses++
    return () => void this.paused--
  }
}

const setUp = Effect.map(Clock.Clock, (clock) => {
  const subscription = new Subscription({
    mailbox: { policy: "unbounded" },
    owner: {},
    health: new HealthBus(),
    maxBytes: 1_000_000,
    patience: 5000,
    resumes: false,
    replays: false,
    now: () => clock.currentTimeMillisUnsafe()
  })
  const [old, fresh] = [new Source(), new Source()]
  subscription.begin(old)
  const waiting = () => numbers(subscription.mailbox.queue.peek())
  return { subscription, old, fresh, handover: new Handover(subscription), waiting }
})

describe("Handover", () => {
  it.effect("delivers nothing of the new session before the old one is read to its end, then in order", () =>
    Effect.gen(function* () {
      const { handover, fresh, subscription, waiting } = yield* setUp
      handover.begin(fresh)
      subscription.notification(notification(1))
      for (const n of [1, 2, 3]) handover.notification(notification(n))
      subscription.notification(notification(2))
      assert.deepStrictEqual(waiting(), [1, 2])
      handover.takeOver()
      handover.notification(notification(4))
      assert.deepStrictEqual(waiting(), [1, 2, 3, 4])
      assert.strictEqual(subscription.statistics.duplicates, 2)
    })
  )

  it.effect("delivers equal events as often as the session that brought more of them did", () =>
    Effect.gen(function* () {
      const { handover, subscription, waiting } = yield* setUp
      for (const n of [1, 1]) subscription.notification(notification(n))
      for (const n of [1, 1, 1]) handover.notification(notification(n))
      handover.takeOver()
      assert.deepStrictEqual(waiting(), [1, 1, 1])
    })
  )

  it.effect("holds the new session back while more than 4 MiB of it wait, and lets it go when it takes over", () =>
    Effect.gen(function* () {
      const { handover, fresh, waiting } = yield* setUp
      handover.begin(fresh)
      for (const n of [0, 1, 2]) handover.notification(notification(n, padding))
      assert.strictEqual(fresh.paused, 0)
      for (const n of [3, 4]) handover.notification(notification(n, padding))
      assert.strictEqual(fresh.paused, 1)
      handover.takeOver()
      assert.strictEqual(fresh.paused, 0)
      assert.deepStrictEqual(waiting(), [0, 1, 2, 3, 4])
      for (const n of [5, 6, 7, 8, 9]) handover.notification(notification(n, padding))
      assert.strictEqual(fresh.pauses, 1)
    })
  )

  it.effect("holds it back at once when more came before it was subscribed", () =>
    Effect.gen(function* () {
      const { handover, fresh } = yield* setUp
      for (const n of [0, 1, 2, 3, 4]) handover.notification(notification(n, padding))
      handover.begin(fresh)
      assert.strictEqual(fresh.paused, 1)
    })
  )

  it.effect("keeps what is broken or marked in its place among the events", () =>
    Effect.gen(function* () {
      const { handover, fresh, subscription } = yield* setUp
      handover.begin(fresh)
      handover.notification(notification(1))
      handover.notificationLost(7, "it broke off", "next-notification")
      handover.tolerated(3, "stray bytes", "malformed")
      handover.notification(notification(2))
      handover.completed()
      assert.deepStrictEqual(subscription.statistics.incomplete, 0)
      handover.takeOver()
      const tags = subscription.mailbox.queue.peek().map(({ _tag }) => _tag)
      assert.deepStrictEqual(tags, ["Notification", "Gap", "Notification"])
      assert.deepInclude(subscription.statistics, { incomplete: 1, malformed: 1, gaps: 1 })
      assert.isDefined(subscription.mailbox.queue.ended)
    })
  )

  it.effect("delivers nothing when it is given up, and keeps nothing", () =>
    Effect.gen(function* () {
      const { handover, subscription, waiting } = yield* setUp
      for (const n of [1, 2]) handover.notification(notification(n))
      handover.giveUp()
      subscription.notification(notification(1))
      assert.deepStrictEqual(waiting(), [1])
    })
  )

  it.effect("loses nothing of what has no eventTime: what both sessions bring comes twice", () =>
    Effect.gen(function* () {
      const heartbeat = () => {
        const bytes = Buffer.from(
          `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0">${event(0)}</notification>`
        )
        return Notification.make({ bytes, head: read(bytes)!, receivedAt: 0 })
      }
      const { handover, subscription, waiting } = yield* setUp
      for (let n = 0; n < 3; n++) subscription.notification(heartbeat())
      handover.notification(heartbeat())
      handover.takeOver()
      for (let n = 0; n < 2; n++) handover.notification(heartbeat())
      assert.lengthOf(waiting(), 6)
      assert.strictEqual(subscription.statistics.duplicates, 0)
    })
  )

  it.effect("says so when more came than it can remember, and loses nothing of what follows", () =>
    Effect.gen(function* () {
      const { handover, subscription } = yield* setUp
      const brought = 2 * mostRemembered + 1
      for (let n = 0; n < brought; n++) subscription.notification(notification(n))
      for (const n of [brought - 1, brought]) handover.notification(notification(n))
      handover.takeOver()
      const events = subscription.mailbox.queue.peek(Infinity).slice(brought)
      assert.strictEqual(events[0]?._tag, "Gap")
      assert.deepStrictEqual(numbers(events), [brought - 1, brought])
    })
  )

  it.effect("takes for new what repeats when the new session has brought all that the old one had", () =>
    Effect.gen(function* () {
      const { handover, subscription, waiting } = yield* setUp
      subscription.notification(notification(1))
      handover.takeOver()
      for (const n of [1, 2, 1]) handover.notification(notification(n))
      assert.deepStrictEqual(waiting(), [1, 2, 1])
    })
  )

  it.effect("takes for new what repeats a minute after it took over", () =>
    Effect.gen(function* () {
      const { handover, subscription, waiting } = yield* setUp
      for (const n of [1, 2]) subscription.notification(notification(n))
      handover.takeOver()
      yield* TestClock.adjust("59 seconds")
      handover.notification(notification(1))
      yield* TestClock.adjust("2 seconds")
      handover.notification(notification(2))
      assert.deepStrictEqual(waiting(), [1, 2, 2])
    })
  )
})
