/**
 * The client's side of one device: a session that comes back, a subscription that resumes, its reader by the device's
 * traits, and programs on the session meanwhile.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import {
  type ConnectError,
  Netconf,
  type ReconnectingSession,
  Ssh,
  type SubscribeError,
  type SubscribeOptions,
  type Subscription,
  type SubscriptionEvent
} from "../../src/index.ts"
import { type Dice, dice } from "../trial/dice.ts"
import type { Listening } from "./farm.ts"
import type { Health } from "./health.ts"
import type { Finding, Ledger } from "./ledger.ts"
import * as Programs from "./programs.ts"
import { Sequence } from "./sequence.ts"
import { isLossy, type Traits } from "./traits.ts"

/** Short, so that a minute holds many ends. */
const deadlines = {
  dial: "3 seconds",
  handshake: "8 seconds",
  auth: "8 seconds",
  subsystem: "5 seconds",
  hello: "5 seconds",
  rpc: "5 seconds",
  progress: "3 seconds",
  close: "2 seconds"
} as const

const again = Schedule.spaced("500 millis")

export interface Surroundings {
  readonly seed: number
  readonly ledger: Ledger
  /** What the first event after the subscription was established must be. */
  readonly established: (device: string) => Promise<number>
  readonly health: (device: string) => Health
  /** Whether all calms down: readers do not dawdle any more. */
  readonly isOver: () => boolean
}

const connect = ({ fingerprint, name, password, port, username }: Listening, { sharedConnection }: Traits) =>
  Netconf.reconnecting(
    {
      label: name,
      transport: (sharedConnection ? Ssh.share : Ssh.make)({
        host: "127.0.0.1",
        port,
        username,
        auth: { password: Redacted.make(password) },
        hostKey: { fingerprint },
        keepalive: "2 seconds"
      }),
      deadlines
    },
    { schedule: again, waitLimit: "10 seconds" }
  )

const optionsOf = ({ capacity, fromTheBeginning, subscribed }: Traits): SubscribeOptions => ({
  ...(subscribed === "shared" ? { session: "shared" } : { policy: subscribed }),
  ...(subscribed === "shared" || subscribed === "unbounded" ? {} : { capacity }),
  ...(fromTheBeginning ? { startTime: "2000-01-01T00:00:00Z" } : {}),
  // Health events for the first few drops, then for as many as that.
  dropEventThreshold: 10,
  resume: again
})

/** One that is lost before it is established is asked for anew. */
const persistently = <A>(open: Effect.Effect<A, ConnectError | SubscribeError, Scope.Scope>, ledger: Ledger) =>
  Effect.retry(
    Effect.tapError(open, ({ _tag }) => Effect.sync(() => ledger.call(`${_tag} at first`))),
    again
  )

export class Subscriber {
  readonly traits: Traits
  readonly subscription: Subscription
  readonly sequence: Sequence
  readonly health: Health
  readonly #surroundings: Surroundings
  readonly #dice: Dice
  #taken = 0

  constructor(traits: Traits, subscription: Subscription, first: number, surroundings: Surroundings) {
    const { ledger, seed } = surroundings
    const { name } = traits
    this.traits = traits
    this.subscription = subscription
    this.health = surroundings.health(name)
    this.sequence = new Sequence(traits, first, {
      settled: (gap) => ledger.settled(gap),
      find: (finding, detail) => ledger.find(finding, name, `${detail} (${JSON.stringify(traits)})`)
    })
    this.#surroundings = surroundings
    this.#dice = dice(seed, "reader", name)
  }

  #take(event: SubscriptionEvent): void {
    this.#taken++
    this.sequence.take(event)
  }

  /** Reads until it is over. */
  readonly read: Effect.Effect<void> = Effect.suspend(() => {
    const { subscription, traits } = this
    const reading =
      traits.reader === "stream" ? Stream.runForEach(subscription.events, (event) => this.#one(event)) : this.#pieces
    return Effect.catchCause(reading, (cause) => {
      if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
      return Effect.sync(() => {
        this.#surroundings.ledger.find("subscriptions that gave up", traits.name, Cause.pretty(cause))
      })
    })
  })

  #one(event: SubscriptionEvent): Effect.Effect<void> {
    this.#take(event)
    return this.#dice.chance(2) ? this.#dawdle : Effect.void
  }

  readonly #pieces: Effect.Effect<void, SubscribeError | Cause.Done> = Effect.suspend(() =>
    Effect.gen({ self: this }, function* () {
      for (;;) {
        const events = yield* this.#piece()
        for (const event of events) this.#take(event)
        if (this.#dice.chance(20)) yield* this.#dawdle
      }
    })
  )

  /** One that is cancelled has taken nothing. */
  #piece(): Effect.Effect<ReadonlyArray<SubscriptionEvent>, SubscribeError | Cause.Done> {
    const take = this.subscription.take(this.#dice.between(1, 100))
    if (this.traits.reader !== "impatient") return take
    return Effect.map(Effect.timeoutOption(take, this.#dice.between(1, 40)), (given) =>
      Option.getOrElse(given, () => [])
    )
  }

  readonly #dawdle: Effect.Effect<void> = Effect.suspend(() =>
    this.traits.slow && !this.#surroundings.isOver() ? Effect.sleep(this.#dice.between(10, 1_500)) : Effect.void
  )

  /** Whether a session carries it, and nothing waits. */
  get isQuiet(): boolean {
    return this.subscription.isActive() && this.subscription.statistics().size === 0
  }

  /** Whether that is so, and the last of so many events has been read. */
  hasCaughtUp(events: number): boolean {
    return this.isQuiet && this.sequence.next === events
  }

  /** While it is on: what was received is somewhere. */
  checkStatistics(): void {
    const { delivered, dropped, received, size } = this.subscription.statistics()
    const words = `${received} received, ${delivered} delivered, ${dropped} dropped, ${size} waiting`
    this.#expect(received === delivered + dropped + size, "statistics that do not add up", words)
  }

  /** Everything has been read: it must be all that the device has of events, and be counted so. */
  check(events: number): void {
    const { sequence, subscription, traits } = this
    const statistics = subscription.statistics()
    const { delivered, dropped, gaps } = statistics
    this.checkStatistics()
    sequence.end()
    const behind = `${sequence.next} of ${events}, ${JSON.stringify(statistics)}`
    this.#expect(sequence.next === events, "subscriptions that did not catch up", behind)
    const read = `${this.#taken} read, ${delivered} delivered`
    this.#expect(delivered === this.#taken, "statistics that do not add up", read)
    const counted = `${sequence.gaps} gaps read, ${gaps} counted`
    this.#expect(isLossy(traits) || sequence.gaps === gaps, "statistics that do not add up", counted)
    // Where there were gaps, nobody can tell what was dropped from what was missing beside them.
    const added = isLossy(traits) && gaps > 0 ? sequence.dropped <= dropped : sequence.dropped === dropped
    this.#expect(added, "drops that do not add up", `${sequence.dropped} are missing, ${dropped} were dropped`)
    this.health.compare(statistics)
  }

  #expect(holds: boolean, finding: Finding, detail: string): void {
    if (!holds) this.#surroundings.ledger.find(finding, this.traits.name, detail)
  }
}

const run = (session: ReconnectingSession, subscriber: Subscriber, { isOver, ledger, seed }: Surroundings) =>
  Effect.gen(function* () {
    const { name } = subscriber.traits
    yield* Effect.forkScoped(subscriber.read)
    const thrown = dice(seed, "programs", name)
    return yield* Effect.forkScoped(Programs.run({ session, device: name, dice: thrown, ledger, isOver }))
  })

/** Established and at work when it returns; over with the scope. `programs` ends when the programs do. */
export const start = (listening: Listening, traits: Traits, surroundings: Surroundings) =>
  Effect.gen(function* () {
    const session = yield* persistently(connect(listening, traits), surroundings.ledger)
    const subscription = yield* persistently(session.openSubscription(optionsOf(traits)), surroundings.ledger)
    const first = yield* Effect.promise(() => surroundings.established(traits.name))
    const subscriber = new Subscriber(traits, subscription, first, surroundings)
    const programs = yield* run(session, subscriber, surroundings)
    return { subscriber, programs: Fiber.await(programs) as Effect.Effect<Exit.Exit<void>> }
  })
