/** The states of something that is opened anew when it is lost. */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import * as Reconnect from "../../src/sessions/Reconnect.ts"
import { countingSleepers, failure, isWaiting, settle, start, success } from "../rpc/peer.ts"

type Answer = "ok" | "refused" | "final" | "hangs"

interface Item {
  readonly id: number
  readonly ended: Deferred.Deferred<string>
}

/** Opens what the script says, then what `answer` says, and counts what is open. */
class Source {
  answer: Answer = "ok"
  readonly script: Array<Answer> = []
  readonly items: Array<Item> = []
  readonly states: Array<Reconnect.State<Item, string>> = []
  attempts = 0
  open = 0
  mostOpen = 0

  get last(): Item {
    return this.items.at(-1)!
  }
  get tags(): ReadonlyArray<string> {
    return this.states.map(({ _tag }) => _tag)
  }
  drop(why = "dropped"): void {
    Deferred.doneUnsafe(this.last.ended, Exit.succeed(why))
  }

  /** Counts from the first step of opening to the end of closing, which takes its time. */
  readonly opening: Effect.Effect<Item, string, Scope.Scope> = Effect.gen({ self: this }, function* () {
    this.attempts++
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        this.mostOpen = Math.max(this.mostOpen, ++this.open)
      }),
      () =>
        Effect.andThen(
          Effect.yieldNow,
          Effect.sync(() => void this.open--)
        )
    )
    const answer = this.script.shift() ?? this.answer
    if (answer === "hangs") return yield* Effect.never
    if (answer !== "ok") return yield* Effect.fail(answer)
    const item = { id: this.items.length + 1, ended: Deferred.makeUnsafe<string>() }
    this.items.push(item)
    return item
  })

  make(options: Partial<Reconnect.Options<Item, string, string>> = {}) {
    return Reconnect.make<Item, string, string>({
      open: this.opening,
      closed: (item) => Deferred.await(item.ended),
      schedule: Schedule.spaced("1 second"),
      steadyAfter: 60_000,
      isFinal: (error, everUp) => error === "final" || (error === "unknown" && !everUp),
      over: "over",
      died: (detail) => `died: ${detail}`,
      changed: (state) => Effect.sync(() => void this.states.push(state)),
      ...options
    })
  }
}

const open = (script: ReadonlyArray<Answer> = [], options: Partial<Reconnect.Options<Item, string, string>> = {}) =>
  Effect.gen(function* () {
    const source = new Source()
    source.script.push(...script)
    const life = yield* source.make(options)
    return { source, life }
  })

const pass = (time: Duration.Input) => Effect.andThen(TestClock.adjust(time), settle)

describe("Reconnect", () => {
  it.effect("returns when the first one is up", () =>
    Effect.gen(function* () {
      const { life, source } = yield* open()
      assert.strictEqual(life.present, source.last)
      assert.deepStrictEqual(source.tags, ["Connecting", "Up"])
    })
  )

  it.effect("tries the first one again by its schedule", () =>
    Effect.gen(function* () {
      const source = new Source()
      source.script.push("refused", "refused")
      const making = yield* start(source.make())
      yield* pass("900 millis")
      assert.strictEqual(source.attempts, 1)
      yield* pass("100 millis")
      assert.strictEqual(source.attempts, 2)
      assert.isTrue(isWaiting(making))
      yield* pass("1 second")
      success(making)
      assert.deepStrictEqual(source.tags, ["Connecting", "Down", "Connecting", "Down", "Connecting", "Up"])
      assert.deepInclude(source.states[1], { why: "refused", attempt: 2, retryIn: 1000, retryAt: 1000 })
    })
  )

  it.effect("fails at once for an error that is final, and leaves nothing behind", () =>
    countingSleepers((sleepers) =>
      Effect.gen(function* () {
        const source = new Source()
        source.script.push("final")
        assert.strictEqual(yield* Effect.flip(source.make()), "final")
        assert.strictEqual(source.open + sleepers(), 0)
        assert.deepStrictEqual(source.tags, ["Connecting", "Stopped"])
      })
    )
  )

  it.effect("fails with the last error when the schedule ends before it was up", () =>
    Effect.gen(function* () {
      const source = new Source()
      source.answer = "refused"
      const schedule = Schedule.spaced("1 second").pipe(Schedule.upTo({ times: 2 }))
      const making = yield* start(source.make({ schedule }))
      yield* pass("1 second")
      yield* pass("1 second")
      assert.strictEqual(failure(making), "refused")
      assert.strictEqual(source.attempts, 3)
    })
  )

  it.effect("leaves nothing behind when it is interrupted before the first one is up, in a scope that lives on", () =>
    countingSleepers((sleepers) =>
      Effect.gen(function* () {
        for (const answer of ["hangs", "refused"] as const) {
          const source = new Source()
          source.answer = answer
          const making = yield* start(source.make())
          yield* Fiber.interrupt(making)
          yield* settle
          assert.strictEqual(source.open + sleepers(), 0)
          assert.strictEqual(source.tags.at(-1), "Stopped")
        }
      })
    )
  )

  it.effect("opens anew what was lost, once the last one is closed", () =>
    Effect.gen(function* () {
      const { life, source } = yield* open()
      source.drop()
      yield* settle
      assert.strictEqual(life.last, source.items[0])
      assert.strictEqual(source.items.length, 1)
      assert.deepInclude(life.state, { _tag: "Down", why: "dropped", attempt: 2, retryIn: 1000 })
      assert.strictEqual(source.open, 0)
      yield* pass("1 second")
      assert.strictEqual(life.present, source.items[1])
      assert.strictEqual(source.mostOpen, 1)
    })
  )

  it.effect("knows that it is lost as soon as it is told", () =>
    Effect.gen(function* () {
      const { life, source } = yield* open()
      source.drop()
      assert.isUndefined(life.present)
      assert.strictEqual(life.state._tag, "Down")
    })
  )

  it.effect("hands the next one to those who wait, never the lost one", () =>
    Effect.gen(function* () {
      const { life, source } = yield* open()
      const first = source.last
      assert.strictEqual(yield* life.next(), first)
      const after = yield* start(life.next(first))
      assert.isTrue(isWaiting(after))
      source.drop()
      const waiting = yield* start(life.next())
      assert.strictEqual(life.waiting, 2)
      yield* pass("1 second")
      assert.strictEqual(success(after).id, 2)
      assert.strictEqual(success(waiting).id, 2)
      assert.strictEqual(life.waiting, 0)
    })
  )

  it.effect("frees one who waits and is interrupted", () =>
    Effect.gen(function* () {
      const { life, source } = yield* open()
      source.drop()
      const waiting = yield* start(life.next())
      yield* Fiber.interrupt(waiting)
      assert.strictEqual(life.waiting, 0)
    })
  )

  it.effect("goes on with its schedule until one has been up for long enough, and then starts anew", () =>
    Effect.gen(function* () {
      const { life, source } = yield* open([], { schedule: Schedule.exponential("1 second", 2) })
      const waits: Array<readonly [number, number]> = []
      for (const up of [0, 59_999, 60_000, 0]) {
        yield* pass(up)
        source.drop()
        yield* settle
        const { state } = life
        assert(state._tag === "Down")
        waits.push([state.attempt, state.retryIn])
        yield* pass(state.retryIn)
      }
      assert.deepStrictEqual(waits, [
        [2, 1000],
        [3, 2000],
        [1, 1000],
        [2, 2000]
      ])
    })
  )

  it.effect("takes jitter from the Random service", () =>
    Effect.gen(function* () {
      const waits = Effect.gen(function* () {
        const { source } = yield* open([], { schedule: Schedule.jittered(Schedule.spaced("10 seconds")) })
        for (let i = 0; i < 3; i++) {
          source.drop()
          yield* settle
          yield* pass("12 seconds")
        }
        return source.states.flatMap((state) => (state._tag === "Down" ? [state.retryIn] : []))
      }).pipe(Effect.scoped)
      const [one, same, other] = [
        yield* Random.withSeed(waits, 7),
        yield* Random.withSeed(waits, 7),
        yield* Random.withSeed(waits, 8)
      ]
      assert.deepStrictEqual(one, same)
      assert.notDeepEqual(one, other)
      assert.isTrue(one.every((wait) => wait >= 8000 && wait <= 12_000))
    })
  )

  it.effect("stops for good at a final error, and tells those who wait and those who come later", () =>
    countingSleepers((sleepers) =>
      Effect.gen(function* () {
        const { life, source } = yield* open(["ok", "final"])
        source.drop()
        const waiting = yield* start(life.next())
        yield* pass("1 second")
        assert.strictEqual(failure(waiting), "final")
        assert.strictEqual(yield* Effect.flip(life.next()), "final")
        assert.strictEqual(yield* life.stopped, "final")
        yield* pass("1 hour")
        assert.strictEqual(source.attempts, 2)
        assert.strictEqual(sleepers(), 0)
      })
    )
  )

  it.effect("stops for good when the schedule ends", () =>
    Effect.gen(function* () {
      const { life, source } = yield* open([], { schedule: Schedule.recurs(0) })
      source.drop()
      yield* settle
      assert.deepStrictEqual(life.state, { _tag: "Stopped", why: "dropped" })
    })
  )

  const endings: ReadonlyArray<readonly [string, ReadonlyArray<Answer>, boolean]> = [
    ["it is up", ["ok"], false],
    ["it waits for the next attempt", ["ok"], true],
    ["an attempt is under way", ["ok", "hangs"], true]
  ]
  for (const [when, script, drop] of endings) {
    it.effect(`leaves nothing behind when its scope closes while ${when}, and tells everybody`, () =>
      countingSleepers((sleepers) =>
        Effect.gen(function* () {
          const source = new Source()
          source.script.push(...script)
          const scope = Scope.makeUnsafe()
          const life = yield* Scope.provide(source.make(), scope)
          const before = source.last
          if (drop) source.drop()
          if (script.length > 1) yield* pass("1 second")
          const waiting = yield* start(life.next(before))
          const states = yield* start(Stream.runCollect(life.states))
          assert.isTrue(isWaiting(states))
          yield* Scope.close(scope, Exit.void)
          yield* settle
          assert.strictEqual(failure(waiting), "over")
          assert.strictEqual(success(states).at(-1)?._tag, "Stopped")
          assert.strictEqual(yield* life.stopped, "over")
          assert.strictEqual(source.open + sleepers() + life.waiting, 0)
          yield* pass("1 hour")
          assert.strictEqual(source.attempts, script.length)
        })
      )
    )
  }

  it.effect("may be ended by one who waited, in the moment in which it is up", () =>
    Effect.gen(function* () {
      const source = new Source()
      const scope = Scope.makeUnsafe()
      const life = yield* Scope.provide(source.make(), scope)
      source.drop()
      const ending = yield* start(Effect.andThen(life.next(), Scope.close(scope, Exit.void)))
      yield* pass("1 second")
      success(ending)
      assert.deepStrictEqual(source.tags.slice(-2), ["Up", "Stopped"])
      assert.deepStrictEqual(yield* Stream.runCollect(life.states), [{ _tag: "Stopped", why: "over" }])
      assert.isUndefined(life.present)
      assert.strictEqual(source.open, 0)
    })
  )

  it.effect("stops when opening dies, which is a mistake in the program, and the mistake is not lost", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(new Source().make({ open: Effect.die("a mistake") }))
      assert.isTrue(Exit.hasDies(exit))
    })
  )
})

describe("the states of a Reconnect", () => {
  it.effect("begin with the present one, for early and late subscribers, and end with Stopped", () =>
    Effect.gen(function* () {
      const { life, source } = yield* open(["ok", "refused", "ok", "final"])
      const early = yield* start(Stream.runCollect(life.states))
      source.drop()
      yield* pass("1 second")
      const middle = yield* start(Stream.runCollect(life.states))
      yield* pass("1 second")
      source.drop()
      yield* pass("1 second")
      const seen = [early, middle, yield* start(Stream.runCollect(life.states))].map((fiber) =>
        success(fiber).map(({ _tag }) => _tag)
      )
      assert.deepStrictEqual(seen[0], source.tags.slice(1))
      assert.deepStrictEqual(seen[1], ["Down", "Connecting", "Up", "Down", "Connecting", "Stopped"])
      assert.deepStrictEqual(seen[2], ["Stopped"])
    })
  )

  it.effect("lose the oldest for a subscriber that is far behind, and never the newest", () =>
    Effect.gen(function* () {
      const { life, source } = yield* open()
      const seen: Array<Reconnect.State<Item, string>> = []
      const slow = yield* start(
        Stream.runForEach(life.states, (state) =>
          Effect.suspend(() => {
            seen.push(state)
            return seen.length === 1 ? Effect.sleep("1 hour") : Effect.void
          })
        )
      )
      for (let i = 0; i < 60; i++) {
        source.drop()
        yield* pass("1 second")
      }
      source.answer = "final"
      source.drop()
      yield* pass("1 hour")
      assert.isFalse(isWaiting(slow))
      assert.isBelow(seen.length, source.states.length)
      assert.deepStrictEqual(seen.at(-1), source.states.at(-1))
      assert.deepStrictEqual(seen.slice(-3), source.states.slice(-3))
    })
  )
})

/** What may follow what. */
const legal: Readonly<Record<string, ReadonlyArray<string>>> = {
  Connecting: ["Up", "Down", "Stopped"],
  Up: ["Down", "Stopped"],
  Down: ["Connecting", "Stopped"],
  Stopped: []
}

const Step = Schema.Literals(["drop", "refuse", "accept", "hang", "wait", "call", "interrupt", "short", "long"])

describe("Reconnect under random schedules", () => {
  it.effect.prop(
    "never has two open, keeps its states in legal order, and answers every caller",
    [Arbitrary.array(Arbitrary.schema(Step), { maxLength: 40 })],
    ([steps]) =>
      Effect.gen(function* () {
        const scope = Scope.makeUnsafe()
        const source = new Source()
        const life = yield* Scope.provide(source.make({ schedule: Schedule.exponential("1 second", 2) }), scope)
        const callers: Array<Fiber.Fiber<Item, string>> = []
        const wrong: Array<string> = []
        for (const step of steps) {
          if (step === "drop") source.drop()
          else if (step === "refuse") source.answer = "refused"
          else if (step === "accept") source.answer = "ok"
          else if (step === "hang") source.script.unshift("hangs")
          else if (step === "call" || step === "wait") {
            const lost = step === "wait" ? life.last : undefined
            callers.push(yield* Effect.forkChild(life.next(lost), { startImmediately: true }))
          } else if (step === "interrupt") {
            const caller = callers.pop()
            if (caller !== undefined) yield* Fiber.interrupt(caller)
          } else yield* TestClock.adjust(step === "short" ? "1 second" : "70 seconds")
          yield* settle
          if (source.open > 1) wrong.push(`${source.open} open`)
          if ((life.state._tag === "Up") !== (life.present !== undefined)) wrong.push("present and state differ")
          const waiting = callers.filter(isWaiting).length
          if (life.waiting !== waiting) wrong.push(`${life.waiting} counted, ${waiting} wait`)
        }
        yield* Scope.close(scope, Exit.void)
        yield* settle
        const tags = source.tags
        for (const [i, tag] of tags.entries()) {
          const next = tags[i + 1]
          if (next !== undefined && !legal[tag]!.includes(next)) wrong.push(`${tag} -> ${next}`)
        }
        assert.deepStrictEqual(wrong, [])
        assert.strictEqual(tags.at(-1), "Stopped")
        assert.strictEqual(source.mostOpen, 1)
        assert.strictEqual(source.open, 0)
        assert.strictEqual(callers.filter(isWaiting).length, 0)
      }),
    { arbitrary: { seed: 1, runs: 60 } }
  )
})
