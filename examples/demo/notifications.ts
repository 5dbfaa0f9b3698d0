/**
 * The second act of the tour: notifications while a change is made, a reader that is too slow, a subscription that moves to a
 * worker thread while events arrive, and what is missing after a cut connection.
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { type Gap, Reactors, type Session, StandardEvents, type SubscriptionEvent } from "../../src/index.ts"
import type { SimulatedDevice } from "../../src/testing.ts"
import { step, yellow } from "./screen.ts"
import { timed } from "./timed.ts"

interface Scene {
  readonly device: SimulatedDevice.SimulatedDevice
  readonly session: Session
  /** A change of running. */
  readonly edit: Effect.Effect<unknown, unknown>
}

/** Only these are counted: each session that is opened is an event as well. */
const filter = `<tick xmlns="urn:example:tick"/>`

const tick = (n: number): string => `<tick xmlns="urn:example:tick"><n>${n}</n></tick>`

const numberOf = (event: SubscriptionEvent): number =>
  event._tag === "Notification" ? Number(/<n>(\d+)<\/n>/.exec(event.xml)?.[1]) : Number.NaN

/** An edit is made, and its notification read. */
const whileEditing = Effect.fnUntraced(function* ({ edit, session }: Scene) {
  const [establishing, subscription] = yield* timed(session.openSubscription())
  step("subscribe", `stream ${subscription.stream}, on a session of its own beside session 1`, establishing)
  const [notifying] = yield* timed(edit)
  for (const event of yield* subscription.take()) {
    if (event._tag !== "Notification") continue
    const standard = yield* StandardEvents.decode(event)
    if (standard._tag !== "ConfigChange" || !("username" in standard.changedBy)) continue
    const { changedBy, datastore, edit: edits } = standard
    step(
      "notified",
      `${changedBy.username} (session ${changedBy.sessionId}) changed ${datastore}: ${edits.length} edits`,
      notifying
    )
  }
})

/** Two readers that do not read: one holds the device back, the other drops. */
const tooSlow = Effect.fnUntraced(function* ({ device, session }: Scene) {
  const held = yield* session.openSubscription({ filter, policy: "suspend", capacity: 64 })
  const dropping = yield* session.openSubscription({ filter, policy: "dropOldest", capacity: 64 })
  for (let n = 0; n < 1000; n++) device.notify(tick(n))
  const all = Effect.repeat(Effect.sleep("5 millis"), { until: () => dropping.statistics().received >= 1000 })
  const [waiting] = yield* timed(all)
  const { dropped } = dropping.statistics()
  const { paused } = held.statistics()
  step("slow", `1,000 events, nobody reads: "dropOldest" dropped and counted ${dropped};`, waiting)
  const read: Array<number> = []
  while (read.length < 1000) read.push(...(yield* held.take()).map(numberOf))
  step("", `"suspend" ${paused ? "held the device back" : yellow("did nothing")}: all ${read.length} are read now`)
})

/** A thousand events a second. */
const ticking = ({ notify }: SimulatedDevice.SimulatedDevice) =>
  Effect.forEach([...Array(35).keys()], (tenth) =>
    Effect.andThen(
      Effect.sync(() => {
        for (let n = 0; n < 100; n++) notify(tick(tenth * 100 + n))
      }),
      Effect.sleep("100 millis")
    )
  )

/** Threads come while events arrive. */
const moving = Effect.fnUntraced(function* ({ device, session }: Scene) {
  const reactors = yield* Reactors.Current
  const subscription = yield* session.openSubscription({ filter })
  yield* reactors.resize(2)
  yield* Effect.forkChild(ticking(device))
  const read: Array<number> = []
  const reading = Effect.gen(function* () {
    while (read.length < 3500) read.push(...(yield* subscription.take()).map(numberOf))
  })
  const [took] = yield* timed(reading)
  const how = read.every((n, at) => n === at) ? "each once and in order" : yellow("out of order")
  const where = reactors.statistics().reactors.find(({ subscriptions }) => subscriptions > 0)
  step("reactors", `0 to 2 threads while 3,500 arrive: from the loop to ${where?.id}, ${how}`, took)
  yield* reactors.resize(0)
})

/** The connection is cut, and the log is gone when it is back. */
const missing = Effect.fnUntraced(function* ({ device, session }: Scene) {
  const subscription = yield* session.openSubscription({ filter, resume: Schedule.spaced("100 millis") })
  device.notify(tick(1))
  yield* subscription.take()
  const cut = Effect.sync(() => {
    for (const [id, other] of device.sessions) if (id !== session.sessionId) other.cut()
    device.notify(tick(2))
    device.ageReplayLog()
  })
  const [took, events] = yield* timed(Effect.andThen(cut, subscription.take()))
  const gap = events.find((event): event is Gap => event._tag === "Gap")
  step("gap", `a cut connection: ${gap?.reason}; missing after ${gap?.from} up to ${gap?.to}`, took)
})

export const notifications = (scene: Scene) =>
  Effect.forEach([whileEditing, tooSlow, moving, missing], (act) => Effect.scoped(act(scene)), { discard: true })
