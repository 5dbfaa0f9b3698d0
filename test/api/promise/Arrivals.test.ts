/** What waits of a subscription, when events come in one and the same turn: nothing that was taken for a reader is lost. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Subscriptions } from "../../../src/api/promise/Subscriptions.ts"
import { run } from "../../../src/api/promise/Run.ts"
import type { Subscription } from "../../../src/api/Subscribe.ts"
import type { SubscribeError } from "../../../src/errors.ts"
import type { SubscriptionEvent } from "../../../src/notifications/SubscriptionEvent.ts"
import { SubscriptionQueue } from "../../../src/notifications/SubscriptionQueue.ts"

const mark = (name: string): SubscriptionEvent => ({ _tag: "ReplayComplete", eventTime: name })
const counters = { duplicates: 0, malformed: 0, incomplete: 0, gaps: 0, resumed: 0, paused: false }

/** A subscription that is fed by the test. */
const fed = () => {
  const queue = new SubscriptionQueue<SubscriptionEvent, SubscribeError>(() => 1, { policy: "unbounded" })
  let end = (_exit: Exit.Exit<void, SubscribeError>): void => {}
  const ended = new Promise<Exit.Exit<void, SubscribeError>>((resolve) => {
    end = (exit) => {
      queue.end(exit)
      // Told later than the queue tells it.
      setImmediate(() => resolve(exit))
    }
  })
  const subscription: Subscription = {
    stream: "NETCONF",
    label: undefined,
    peer: "far",
    events: queue.stream(),
    take: (max) =>
      Effect.suspend(() => {
        source.asked++
        return queue.take(max)
      }),
    peek: (max) => queue.peek(max),
    statistics: () => ({ ...queue.statistics, ...counters }),
    isActive: () => queue.ended === undefined,
    ended: Effect.flatten(Effect.promise(() => ended))
  }
  const source = {
    offer: (name: string) => queue.offer(mark(name)),
    end: () => end(Exit.void),
    subscription,
    /** How often it was asked for something. */
    asked: 0
  }
  return source
}

const opened = async () => {
  const subscriptions = new Subscriptions()
  const sources = [fed(), fed()] as const
  const open = ({ subscription }: (typeof sources)[number]) =>
    subscriptions.open(Effect.succeed(subscription), run, undefined)
  const handles = [await open(sources[0]), await open(sources[1])] as const
  return { subscriptions, sources, handles }
}

const nameOf = (event: SubscriptionEvent | { readonly _tag: "Notification" } | undefined): string | undefined =>
  event?._tag === "ReplayComplete" ? event.eventTime : undefined

describe("what waits", () => {
  it("is counted and shown whole when a reader was woken by one subscription and served by another", async () => {
    const { handles, sources, subscriptions } = await opened()
    const items = subscriptions.events({})
    const next = items.next()
    sources[1].offer("b1")
    sources[0].offer("a1")
    sources[1].offer("b2")
    assert.strictEqual(nameOf((await next).value), "a1")
    assert.strictEqual(subscriptions.size, 2)
    assert.deepStrictEqual(handles[1].peek().map(nameOf as never), ["b1", "b2"])
    assert.deepStrictEqual(handles[1].peek(1).map(nameOf as never), ["b1"])
    assert.deepStrictEqual(handles[1].peek(0), [])
    for (const max of [-1, 1.5, "2" as never]) assert.throws(() => handles[1].peek(max), /max: expected a whole number/)
    assert.deepInclude(handles[1].statistics(), { received: 2, size: 2, delivered: 0 })
    assert.strictEqual(nameOf(await handles[1].next()), "b1")
    assert.strictEqual(nameOf((await items.next()).value), "b2")
    assert.deepInclude(handles[1].statistics(), { size: 0, delivered: 2 })
  })

  it("is given to readers that wait for the same, one each, in the order in which they came", async () => {
    const { handles, sources, subscriptions } = await opened()
    const items = subscriptions.events({})
    const waiting = [handles[0].next(), items.next(), handles[0].next(), handles[1].next()] as const
    for (const name of ["a1", "a2", "a3"]) sources[0].offer(name)
    sources[1].offer("b1")
    const [first, second, third, other] = await Promise.all(waiting)
    assert.deepStrictEqual([first, second.value, third].map(nameOf).toSorted(), ["a1", "a2", "a3"])
    assert.strictEqual(nameOf(first) !== "a3" && nameOf(third)! > nameOf(first)!, true)
    assert.strictEqual(nameOf(other), "b1")
  })

  it("is over when it is told why, even where that is told late", async () => {
    const { handles, sources, subscriptions } = await opened()
    const all = handles[0].next()
    const inLoop = subscriptions.events({}).next()
    sources[0].end()
    sources[1].end()
    assert.isUndefined(await all)
    assert.deepStrictEqual(await inLoop, { done: true, value: undefined })
    for (const { asked } of sources) assert.isBelow(asked, 10)
  })
})
