import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { Destination, type Movable, Moves } from "../../../src/sessions/reactors/Moves.ts"

/** What takes its time to move, as a subscription does, and may find that it stays where it is. */
class Subscription implements Movable {
  reactor: string
  readonly begun: Array<number> = []
  readonly #world: World
  readonly #millis: number
  readonly #stays: boolean

  constructor(world: World, reactor: string, millis: number, stays = false) {
    this.#world = world
    this.reactor = reactor
    this.#millis = millis
    this.#stays = stays
  }

  readonly move = Effect.gen({ self: this }, function* () {
    const to = yield* Destination
    this.begun.push(yield* Clock.currentTimeMillis)
    this.#world.began()
    yield* Effect.sleep(this.#millis)
    this.#world.underWay--
    if (!this.#stays) this.reactor = to!
  })
}

/** Reactors that are names, and the subscriptions in them. */
class World {
  places: Array<string> = ["one"]
  underWay = 0
  most = 0
  readonly subscriptions: Array<Subscription> = []
  readonly moves: Moves

  constructor(moves: (places: () => ReadonlyArray<string>) => Moves) {
    this.moves = moves(() => this.places)
  }

  began(): void {
    this.most = Math.max(this.most, ++this.underWay)
  }

  add(count: number, reactor: string, millis: number, stays?: boolean): void {
    for (let i = 0; i < count; i++) {
      const subscription = new Subscription(this, reactor, millis, stays)
      this.subscriptions.push(subscription)
      this.moves.register(subscription)
    }
  }

  get where(): Record<string, number> {
    return Object.fromEntries(this.places.map((place) => [place, this.moves.count(place)]))
  }

  get begun(): Array<number> {
    return this.subscriptions.flatMap(({ begun }) => begun).sort((a, b) => a - b)
  }
}

const make = (perSecond = 10) =>
  Effect.map(Effect.context<never>(), (services) => {
    const fork = Effect.runForkWith(services)
    return new World((places) => new Moves(fork, perSecond, places))
  })

const four = ["one", "two", "three", "four"]

describe("Moves", () => {
  it.effect("overlap: one begins every tenth of a second, however long each takes, and no more than are needed", () =>
    Effect.gen(function* () {
      const world = yield* make()
      world.add(100, "one", 2_500)
      world.places = four
      world.moves.start()
      yield* TestClock.adjust("7 seconds")
      assert.strictEqual(world.begun.length, 71)
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(world.where, { one: 25, two: 25, three: 25, four: 25 })
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(
        world.begun,
        Array.from({ length: 75 }, (_, i) => i * 100)
      )
      assert.isTrue(world.subscriptions.every(({ begun }) => begun.length <= 1))
      assert.isAtMost(world.most, 26)
    })
  )

  it.effect("are never more at once than begin in four seconds, and go on as they end", () =>
    Effect.gen(function* () {
      const world = yield* make()
      world.add(200, "one", 60_000)
      world.places = ["two"]
      world.moves.start()
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual([world.underWay, world.begun.length], [40, 40])
      yield* TestClock.adjust("5 minutes")
      assert.deepStrictEqual([world.where, world.most], [{ two: 200 }, 40])
    })
  )

  it.effect("count where they go: a change meanwhile begins none twice, and brings back no more than it must", () =>
    Effect.gen(function* () {
      const world = yield* make()
      world.add(8, "one", 2_500)
      world.places = ["one", "two"]
      world.moves.start()
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual([world.where, world.underWay], [{ one: 8, two: 0 }, 4])
      world.moves.start()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([world.where, world.begun.length], [{ one: 4, two: 4 }, 4])
    })
  )

  it.effect("go on to another place when theirs is gone by the time that they arrive", () =>
    Effect.gen(function* () {
      const world = yield* make()
      world.add(4, "one", 2_500)
      world.places = ["one", "two"]
      world.moves.start()
      yield* TestClock.adjust("1 second")
      world.places = ["one", "three"]
      world.moves.start()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual(world.where, { one: 2, three: 2 })
      const twice = world.subscriptions.filter(({ begun }) => begun.length === 2)
      assert.deepStrictEqual([world.begun.length, twice.length], [5, 2])
    })
  )

  it.effect("are made by others when some do not move, and those are asked again after the next change alone", () =>
    Effect.gen(function* () {
      const world = yield* make()
      world.add(3, "one", 2_500, true)
      world.add(5, "one", 2_500)
      world.places = ["one", "two"]
      world.moves.start()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([world.where, world.begun.length], [{ one: 4, two: 4 }, 7])
      world.places = four
      world.moves.start()
      yield* TestClock.adjust("1 minute")
      const tries = world.subscriptions.slice(0, 3).map(({ begun }) => begun.length)
      assert.isAtMost(Math.max(...tries), 2)
      assert.deepStrictEqual(Object.values(world.where).toSorted(), [1, 2, 2, 3])
    })
  )

  it.effect("begin no more when they are told to stop, and those under way arrive; the pace holds over a restart", () =>
    Effect.gen(function* () {
      const world = yield* make(1)
      world.add(10, "one", 2_500)
      world.places = ["one", "two"]
      world.moves.start()
      yield* TestClock.adjust("500 millis")
      world.moves.stop()
      world.moves.start()
      yield* TestClock.adjust("400 millis")
      assert.deepStrictEqual(world.begun, [0])
      yield* TestClock.adjust("600 millis")
      world.moves.stop()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([world.begun, world.where], [[0, 1_000], { one: 8, two: 2 }])
    })
  )

  it.effect("ask nothing of what cannot move, or is gone", () =>
    Effect.gen(function* () {
      const world = yield* make()
      let asked = 0
      world.moves.register({ reactor: "one", canMove: false, move: Effect.sync(() => void asked++) })
      world.moves.register({ reactor: "one", move: Effect.die("a bug") })
      world.add(3, "one", 2_500)
      world.moves.register(new Subscription(world, "one", 0))()
      world.places = ["one", "two"]
      world.moves.start()
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([world.where, asked], [{ one: 3, two: 2 }, 0])
    })
  )
})
