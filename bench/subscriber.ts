/**
 * The library doing what `bare.ts` does, as its users would write it: one subscription for each device, read as a Stream.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Netconf, Reactors, Ssh } from "../src/index.ts"
import type { Notification } from "../src/notifications/Notification.ts"
import type { SubscriptionEvent } from "../src/notifications/SubscriptionEvent.ts"
import * as TurnBudget from "../src/transport/TurnBudget.ts"
import type { Target } from "./measure.ts"
import { main } from "./subscribed.ts"
import type { Slow, SubscribeTask, Subscriber, Witness } from "./subscribed.ts"

type Each = (notification: Notification) => Effect.Effect<void, unknown>

/** What a program does with each notification. */
const eachOf = ({ reads, slow }: SubscribeTask, witness: Witness): Each => {
  if (slow !== undefined) return slowly(slow, witness)
  return reads === "head"
    ? ({ eventTime, name }) => Effect.sync(() => witness.head(eventTime, name))
    : (notification) => Effect.map(notification.tree, witness.tree)
}

/** A reader that stands still for a while, and then rests now and again. */
const slowly = ({ after, first, millis, warmUp }: Slow, witness: Witness): Each => {
  let seen = -warmUp
  return ({ eventTime, name }) => {
    witness.head(eventTime, name)
    if (++seen <= 0 || seen % after !== 0) return Effect.void
    return Effect.sleep(seen === after ? first : millis)
  }
}

const readAll = (chunk: ReadonlyArray<SubscriptionEvent>, witness: Witness): void => {
  for (const event of chunk) if (event._tag === "Notification") witness.head(event.eventTime, event.name)
}

/** A gap is what must not be: the witness misses what is in it. */
const consume = <E>(events: Stream.Stream<SubscriptionEvent, E>, task: SubscribeTask, witness: Witness) => {
  if (task.chunks === true) return Stream.runForEachArray(events, (chunk) => Effect.sync(() => readAll(chunk, witness)))
  const each = eachOf(task, witness)
  return Stream.runForEach(events, (event) => (event._tag === "Notification" ? each(event) : Effect.void))
}

/** A loop as it would be if nobody had a budget. */
const withoutBudget = (): void =>
  void Object.assign(TurnBudget.defaults, { turn: Infinity, share: { bytes: Infinity, millis: Infinity } })

const make = (target: Target): Subscriber => {
  const scope = Scope.makeUnsafe()
  const transport = Ssh.make({
    host: "127.0.0.1",
    port: target.port,
    username: target.username,
    auth: { password: Redacted.make("bench") },
    hostKey: { fingerprint: target.fingerprint }
  })
  const subscribe = (task: SubscribeTask, witness: Witness) =>
    Effect.gen(function* () {
      if (task.budget === "none") withoutBudget()
      // No session moves: this device counts for each session by itself.
      yield* (yield* Reactors.Current).resize(task.reactors ?? 0, { rebalance: false })
      const session = yield* Netconf.connect({ transport })
      const { events } = yield* session.openSubscription({ stream: task.stream })
      yield* Effect.forkIn(consume(events, task, witness), scope)
    })
  return {
    subscribe: (task, witness) => Effect.runPromise(Scope.provide(subscribe(task, witness), scope)),
    close: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

await main(make)
