/**
 * The soak's client: all devices at once, in one process, until the time is over; then everything calms down, each
 * subscription has to catch up, and is judged.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"
import { NotificationHealth, Reactors, type SubscriptionStatistics } from "../../src/index.ts"
import type { Child } from "../trial/child.ts"
import type { Fibers } from "../trial/leftovers.ts"
import type { FarmMethods, Listening } from "./farm.ts"
import { Health } from "./health.ts"
import type { Ledger } from "./ledger.ts"
import * as Resizing from "./resizing.ts"
import { start, type Subscriber } from "./subscriber.ts"
import { traitsOf } from "./traits.ts"

export interface Running {
  readonly devices: ReadonlyArray<Listening>
  readonly seed: number
  readonly reactors: number
  readonly ledger: Ledger
  readonly farm: Child<FarmMethods>
  readonly fibers: Fibers
  /** All is established: from here on the time counts. It resolves when nobody makes trouble any more. */
  readonly turmoil: () => Promise<void>
}

export interface Ended {
  readonly events: number
  readonly missing: number
  readonly statistics: ReadonlyArray<SubscriptionStatistics>
  readonly sessions: number
  readonly healths: ReadonlyMap<string, Health>
  readonly resized: Resizing.Met
  readonly reactors: () => Reactors.Statistics
  readonly seconds: { readonly toEstablish: number; readonly toCatchUp: number }
}

type Subscribers = ReadonlyMap<string, Subscriber>

/** How long the last subscription may take to catch up, in milliseconds. */
const patience = 60_000

/** Judges gaps and statistics as they come. */
const watching = ({ farm, ledger }: Running, subscribers: Subscribers) =>
  Effect.forever(
    Effect.gen(function* () {
      yield* Effect.sleep("1 second")
      for (const subscriber of subscribers.values()) subscriber.checkStatistics()
      yield* Effect.promise(() => ledger.judge((gaps) => farm.ask("judge", gaps)))
    })
  )

/** Until each has read the last event of its device; a further one follows where the last ones fell into a gap. */
const catchUp = ({ farm }: Running, subscribers: Subscribers) =>
  Effect.gen(function* () {
    const until = Date.now() + patience
    for (;;) {
      const truths = yield* Effect.promise(() => farm.ask("truth", undefined))
      const events = new Map(truths.map((truth) => [truth.name, truth.events]))
      const behind = [...subscribers].filter(([name, subscriber]) => !subscriber.hasCaughtUp(events.get(name)!))
      if (behind.length === 0 || Date.now() > until) return events
      const quiet = behind.filter(([, { isQuiet }]) => isQuiet).map(([name]) => name)
      yield* Effect.promise(() => farm.ask("mark", quiet))
      yield* Effect.sleep("1500 millis")
    }
  })

/** Health events are handed on a little later than what they tell of. */
const healthIsRead = Effect.sleep("100 millis")

const sum = (values: Iterable<number>): number => [...values].reduce((all, value) => all + value, 0)

const work = (running: Running, healths: ReadonlyMap<string, Health>) =>
  Effect.gen(function* () {
    const { devices, farm, ledger, seed, turmoil } = running
    const reactors = yield* Reactors.Current
    const resized = Resizing.watch(reactors)
    let over = false
    const isOver = () => over
    const began = Date.now()
    const surroundings = {
      seed,
      ledger,
      isOver,
      established: (name: string) => farm.ask("established", name),
      health: (name: string) => healths.get(name)!
    }
    const starting = ([index, listening]: readonly [number, Listening]) =>
      start(listening, traitsOf(seed, index), surroundings)
    const started = yield* Effect.forEach(devices.entries(), starting, { concurrency: 20 })
    const subscribers = new Map(started.map(({ subscriber }) => [subscriber.traits.name, subscriber]))
    const toEstablish = (Date.now() - began) / 1_000
    const watch = yield* Effect.forkScoped(watching(running, subscribers))
    yield* Effect.forkScoped(Resizing.run(reactors, resized, seed, isOver))
    yield* Effect.forkScoped(Resizing.move(resized, seed, isOver))
    yield* Effect.promise(turmoil)
    over = true
    yield* Effect.forEach(started, ({ programs }) => programs, { discard: true })
    const calmed = Date.now()
    const events = yield* catchUp(running, subscribers)
    yield* healthIsRead
    for (const [name, subscriber] of subscribers) subscriber.check(events.get(name)!)
    yield* Fiber.interrupt(watch)
    yield* Effect.promise(() => ledger.judge((gaps) => farm.ask("judge", gaps)))
    const sequences = started.map(({ subscriber: { sequence } }) => sequence)
    return {
      events: sum(sequences.map((sequence) => sequence.events)),
      missing: sum(sequences.map((sequence) => sequence.missing)),
      statistics: started.map(({ subscriber: { subscription } }) => subscription.statistics()),
      sessions: sum([...healths.values()].map(({ started }) => started)),
      healths,
      resized,
      reactors: () => reactors.statistics(),
      seconds: { toEstablish, toCatchUp: (Date.now() - calmed) / 1_000 }
    }
  })

/** From the first connect until all scopes have closed. */
export const run = (running: Running): Promise<Ended> => {
  const { devices, fibers, ledger, reactors } = running
  const healths = new Map(
    devices.map(({ name }) => [name, new Health((finding, words) => ledger.find(finding, name, words))])
  )
  const hand = (event: NotificationHealth.HealthEvent) => Effect.sync(() => healths.get(event.label ?? "")?.take(event))
  return Effect.gen(function* () {
    yield* Effect.forkScoped(Stream.runForEach(NotificationHealth.events, hand), { startImmediately: true })
    const ended = yield* Effect.scoped(work(running, healths))
    yield* healthIsRead
    for (const health of healths.values()) health.end()
    return ended
  }).pipe(
    Effect.scoped,
    Effect.provide([Reactors.layer({ threads: reactors }), NotificationHealth.layer]),
    Effect.provideService(Metric.FiberRuntimeMetrics, fibers),
    // What is lost and comes back is for operators, and there is much of it here.
    Effect.provide(Logger.layer([])),
    Effect.runPromise
  )
}
