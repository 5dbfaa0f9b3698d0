/** One subscription across its sessions: what is told of a loss, when, where, and how often. Sessions are played by hand. */
import { assert, describe, it } from "@effect/vitest"
import * as Exit from "effect/Exit"
import { HealthBus } from "../../src/notifications/Health.ts"
import type { Missing } from "../../src/notifications/Loss.ts"
import type { MailboxOptions } from "../../src/notifications/Mailbox.ts"
import * as Notification from "../../src/notifications/Notification.ts"
import { Subscription } from "../../src/notifications/Subscription.ts"
import { read } from "../../src/xml/NotificationHead.ts"
import { event, numbers } from "./events.ts"

const second = (n: number) => `2026-01-31T12:00:${String(n).padStart(2, "0")}Z`

const notification = (n: number, time = second(n)): Notification.Notification => {
  const bytes = Buffer.from(
    `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><eventTime>${time}</eventTime>${event(n)}</notification>`
  )
  return Notification.make({ bytes, head: read(bytes)!, receivedAt: 0 })
}

const source = { pause: () => () => {} }
const gone: Missing = { from: second(1), to: undefined, reason: "no replay" }
const doubtful: Missing = { ...gone, reason: "it does not reach back", inDoubt: true }

/** Established, with one notification. */
const setUp = (mailbox: MailboxOptions = { policy: "unbounded" }, replays = false) => {
  const clock = { now: 1000 }
  const bus = new HealthBus()
  const subscription = new Subscription({
    mailbox,
    owner: {},
    health: bus,
    maxBytes: 1_000_000,
    patience: 5000,
    resumes: true,
    replays,
    now: () => clock.now
  })
  const told = () => {
    const all: Array<string> = []
    for (let each = bus.poll(); each !== undefined; each = bus.poll()) all.push(each._tag)
    return all
  }
  const bring = (...all: ReadonlyArray<number>) => {
    for (const n of all) subscription.notification(notification(n))
  }
  const shown = () =>
    subscription.mailbox.queue
      .peek(1000)
      .map((each) =>
        each._tag === "Notification"
          ? numbers([each])[0]
          : each._tag === "Gap"
            ? `gap ${each.lostAt}-${each.resumedAt}`
            : each._tag
      )
  return { subscription, clock, told, bring, shown }
}

const begun = (mailbox?: MailboxOptions, replays?: boolean) => {
  const all = setUp(mailbox, replays)
  all.subscription.begin(source)
  all.bring(1)
  all.told()
  /** Lost now, and asked to go on a second later. */
  const lose = (missing: Missing | undefined, replays: boolean) => {
    all.subscription.sessionLost("cut")
    all.clock.now += 1000
    all.subscription.resuming({ missing, replays })
  }
  return { ...all, lose }
}

describe("a subscription that has lost its session", () => {
  it("tells the gap when a session carries it again, and no attempt that failed", () => {
    const { clock, lose, shown, subscription, told } = begun()
    lose(gone, false)
    for (let attempt = 0; attempt < 3; attempt++) {
      subscription.sessionLost("refused")
      clock.now += 1000
      subscription.resuming({ missing: gone, replays: false })
    }
    assert.deepStrictEqual(shown(), [1])
    assert.deepInclude(subscription.statistics, { gaps: 0, resumed: 0 })
    clock.now += 500
    subscription.begin(source)
    assert.deepStrictEqual(shown(), [1, "gap 1000-5500"])
    assert.deepInclude(subscription.statistics, { gaps: 1, resumed: 1 })
    assert.deepStrictEqual(told(), ["SubscriptionDown", "SubscriptionUp", "SubscriptionGap"])
    assert.isFalse(subscription.isReplaying)
  })

  it("tells the gap before what comes before the reply", () => {
    const { bring, clock, lose, shown, subscription } = begun()
    lose(gone, false)
    bring(5)
    clock.now += 500
    subscription.begin(source)
    bring(6)
    assert.deepStrictEqual(shown(), [1, "gap 1000-2000", 5, 6])
    assert.deepInclude(subscription.statistics, { gaps: 1, resumed: 1 })
  })

  it("tells a gap in doubt before the first that is new, unless what came last has come again", () => {
    for (const comesAgain of [true, false]) {
      const { bring, clock, lose, shown, subscription } = begun()
      lose(doubtful, true)
      subscription.begin(source)
      clock.now += 5000
      assert.deepStrictEqual(shown(), [1])
      bring(...(comesAgain ? [1, 2] : [2, 1]))
      assert.deepStrictEqual(shown(), comesAgain ? [1, 2] : [1, "gap 1000-2000", 2])
      assert.strictEqual(subscription.statistics.duplicates, 1)
    }
  })

  it("delivers what it was not sure of when the replay is through, behind the gap", () => {
    const { lose, shown, subscription } = begun()
    lose(doubtful, true)
    subscription.notification(notification(7, second(1)))
    assert.deepStrictEqual(shown(), [1])
    subscription.replayComplete(second(1))
    subscription.begin(source)
    assert.deepStrictEqual(shown(), [1, "gap 1000-2000", 7])
    assert.isFalse(subscription.isReplaying)
  })

  it("leaves out what happened in its first second before it began", () => {
    const { bring, lose, shown, subscription } = begun()
    lose(doubtful, true)
    subscription.begin(source)
    subscription.notification(notification(7, second(1)))
    bring(1, 2)
    assert.deepStrictEqual(shown(), [1, 2])
    assert.deepInclude(subscription.statistics, { duplicates: 2, gaps: 0 })
  })

  it("takes a further loss before the first is settled for the same one, and one after it for another", () => {
    const { clock, lose, shown, subscription } = begun()
    lose(doubtful, true)
    subscription.begin(source)
    clock.now += 20_000
    lose(doubtful, true)
    subscription.begin(source)
    subscription.replayComplete(undefined)
    assert.deepStrictEqual(shown(), [1, "gap 1000-23000"])
    clock.now = 60_000
    lose(gone, false)
    subscription.begin(source)
    assert.deepStrictEqual(shown(), [1, "gap 1000-23000", "gap 60000-61000"])
    assert.strictEqual(subscription.statistics.resumed, 3)
  })

  it("tells the gap in doubt when the device completes it, even before its reply was read", () => {
    for (const isRead of [true, false]) {
      const { lose, shown, subscription, told } = begun()
      lose(doubtful, true)
      if (isRead) subscription.begin(source)
      subscription.completed()
      if (!isRead) subscription.begin(source)
      assert.deepStrictEqual(shown(), [1, "gap 1000-2000"])
      assert.isFalse(subscription.isActive)
      assert.strictEqual(subscription.statistics.resumed, 1)
      assert.deepStrictEqual(told(), ["SubscriptionDown", "SubscriptionUp", "SubscriptionGap", "SubscriptionDown"])
    }
  })

  it("says that the replay is through when it is lost in it and goes on without one", () => {
    const { bring, lose, shown, subscription } = begun({ policy: "unbounded" }, true)
    assert.isTrue(subscription.isReplaying)
    lose(gone, false)
    subscription.begin(source)
    bring(2)
    assert.deepStrictEqual(shown(), [1, "gap 1000-2000", "ReplayComplete", 2])
    assert.isFalse(subscription.isReplaying)
  })
})

describe("a subscription that was never established", () => {
  it("tells the health bus nothing of its end", () => {
    const { subscription, told } = setUp()
    subscription.sessionLost("refused")
    subscription.finish(Exit.void, "its scope was closed")
    assert.deepStrictEqual(told(), [])
    assert.deepInclude(subscription.statistics, { gaps: 0, resumed: 0 })
  })
})

describe("a full queue", () => {
  for (const policy of ["dropNewest", "dropOldest"] as const) {
    it(`of policy ${policy} drops no Gap and no ReplayComplete, and joins gaps that meet`, () => {
      const { bring, lose, shown, subscription } = begun({ policy, capacity: 2 }, true)
      bring(2, 3)
      subscription.replayComplete(undefined)
      lose(gone, false)
      subscription.begin(source)
      bring(4, 5, 6)
      lose({ ...gone, from: second(6), reason: "refused" }, false)
      subscription.begin(source)
      lose({ ...gone, reason: "no replay" }, false)
      subscription.begin(source)
      bring(7, 8)
      const gap = "gap 1000-4000"
      assert.deepStrictEqual(
        shown(),
        policy === "dropNewest" ? [1, 2, "ReplayComplete", gap] : ["ReplayComplete", gap, 7, 8]
      )
      const [joined] = subscription.mailbox.queue.peek().filter(({ _tag }) => _tag === "Gap")
      assert.deepInclude({ ...joined }, { from: second(1), to: undefined, reason: "no replay; refused" }, policy)
      const { delivered, dropped, gaps, received, size } = subscription.statistics
      assert.deepStrictEqual([gaps, dropped, received], [3, 6, delivered + dropped + size])
    })
  }
})
