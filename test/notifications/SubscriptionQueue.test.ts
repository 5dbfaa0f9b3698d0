import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { InputError } from "../../src/errors.ts"
import { type Policy, type QueueLimits, SubscriptionQueue } from "../../src/notifications/SubscriptionQueue.ts"

const make = (limits: QueueLimits = {}, hooks = {}) =>
  new SubscriptionQueue<number, string>((n) => n % 10, limits, hooks)
const range = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i)
const microtasks = Effect.promise(() => new Promise<void>((resolve) => void setImmediate(resolve)))

describe("SubscriptionQueue", () => {
  it("gives back what was put in, in order, however it wraps and grows", () => {
    const queue = make({ policy: "unbounded" })
    const taken: Array<number | undefined> = []
    for (let n = 0; n < 5000; n++) {
      queue.offer(n)
      if (n % 3 === 0) taken.push(queue.poll())
    }
    while (queue.size > 0) taken.push(queue.poll())
    assert.deepStrictEqual(taken, range(5000))
    assert.isUndefined(queue.poll())
  })

  it.effect("hands out 256 KiB at once, or one item that is larger", () =>
    Effect.gen(function* () {
      const queue = new SubscriptionQueue<number>((n) => n, { policy: "unbounded" })
      const sizes = [150_000, 112_144, 1, 500_000, 5, 500_000, 262_138, 6, 1]
      for (const size of sizes) queue.offer(size)
      const taken: Array<ReadonlyArray<number>> = []
      while (queue.size > 0) taken.push(yield* queue.take(100))
      assert.deepStrictEqual(taken, [[150_000, 112_144], [1], [500_000], [5], [500_000], [262_138, 6], [1]])
    })
  )

  it("shows without taking", () => {
    const queue = make()
    for (const n of range(200)) queue.offer(n)
    assert.deepStrictEqual(queue.peek(3), [0, 1, 2])
    assert.lengthOf(queue.peek(), 100)
    assert.lengthOf(queue.peek(1000), 200)
    assert.strictEqual(queue.size, 200)
  })

  it("suspends: keeps everything, says full from the last place on, and tells room at half", () => {
    const told: Array<string> = []
    const queue = make({ capacity: 4 }, { onFull: () => told.push("full"), onRoom: () => told.push("room") })
    assert.deepStrictEqual(
      range(6).map((n) => queue.offer(n)),
      ["accepted", "accepted", "accepted", "full", "full", "full"]
    )
    assert.deepStrictEqual(told, ["full"])
    assert.deepStrictEqual([queue.poll(), queue.poll(), queue.poll()], [0, 1, 2])
    assert.deepStrictEqual(told, ["full"])
    queue.poll()
    assert.deepStrictEqual(told, ["full", "room"])
    queue.offer(6)
    assert.deepStrictEqual(told, ["full", "room"])
    assert.include(queue.statistics, { received: 7, delivered: 4, dropped: 0, size: 3, highWatermark: 6 })
  })

  it("goes by bytes as well", () => {
    const queue = make({ maxBytes: 10 })
    assert.deepStrictEqual([queue.offer(4), queue.offer(5), queue.offer(1)], ["accepted", "accepted", "full"])
    assert.strictEqual(queue.statistics.bytes, 10)
    queue.poll()
    assert.strictEqual(queue.statistics.bytes, 6)
    assert.strictEqual(queue.offer(1), "full")
    queue.poll()
    assert.strictEqual(queue.offer(1), "accepted")
  })

  it("drops the newest", () => {
    const told: Array<string | number> = []
    const hooks = {
      onFull: () => told.push("full"),
      onRoom: () => told.push("room"),
      onDrop: (n: number) => told.push(n)
    }
    const queue = make({ policy: "dropNewest", capacity: 2 }, hooks)
    assert.deepStrictEqual(
      range(4).map((n) => queue.offer(n)),
      ["accepted", "accepted", "dropped", "dropped"]
    )
    assert.deepStrictEqual(queue.peek(), [0, 1])
    queue.poll()
    assert.strictEqual(queue.offer(9), "accepted")
    assert.deepStrictEqual(told, ["full", 1, 1, "room", "full"])
    assert.include(queue.statistics, { received: 5, delivered: 1, dropped: 2 })
  })

  it("drops the oldest, as many as the new one needs", () => {
    const drops: Array<number> = []
    const queue = make({ policy: "dropOldest", capacity: 3, maxBytes: 12 }, { onDrop: (n: number) => drops.push(n) })
    for (const n of [11, 12, 13, 14]) assert.strictEqual(queue.offer(n), "accepted")
    assert.deepStrictEqual(queue.peek(), [12, 13, 14])
    queue.offer(9)
    assert.deepStrictEqual(queue.peek(), [9])
    assert.deepStrictEqual(drops, [1, 3])
  })

  it("refuses what is larger than the whole queue, and does not stay full of it", () => {
    for (const policy of ["dropNewest", "dropOldest"] as const) {
      const told: Array<string> = []
      const queue = make({ policy, maxBytes: 5 }, { onFull: () => told.push("full"), onRoom: () => told.push("room") })
      queue.offer(1)
      assert.strictEqual(queue.offer(9), "dropped")
      assert.deepStrictEqual(queue.peek(), [1])
      assert.deepStrictEqual(told, ["full", "room"])
    }
  })

  it("clears, counts it as dropped, and has room", () => {
    let room = 0
    const queue = make({ capacity: 2 }, { onRoom: () => room++ })
    for (const n of range(3)) queue.offer(n)
    assert.strictEqual(queue.clear(), 3)
    assert.strictEqual(queue.clear(), 0)
    assert.include(queue.statistics, { size: 0, bytes: 0, dropped: 3, received: 3 })
    assert.strictEqual(room, 1)
  })

  for (const limits of [{ capacity: 0 }, { capacity: 1.5 }, { capacity: Number.NaN }, { maxBytes: -1 }]) {
    it(`refuses ${JSON.stringify(limits)}`, () => assert.throws(() => make(limits), InputError))
  }

  describe("readers", () => {
    it.effect("get all that came in one batch, once", () =>
      Effect.gen(function* () {
        const queue = make()
        const reader = yield* Effect.forkChild(queue.take(), { startImmediately: true })
        for (const n of range(100)) queue.offer(n)
        assert.deepStrictEqual(yield* Fiber.join(reader), range(100) as [number, ...Array<number>])
      })
    )

    it.effect("are served in the order in which they came, each as long as there is something", () =>
      Effect.gen(function* () {
        const queue = make()
        const got: Array<readonly [string, number]> = []
        const read = (name: string) =>
          Effect.forkChild(
            Effect.map(queue.take(1), ([n]) => got.push([name, n])),
            { startImmediately: true }
          )
        yield* read("a")
        yield* read("b")
        yield* read("c")
        queue.offer(1)
        queue.offer(2)
        yield* microtasks
        assert.deepStrictEqual(got, [
          ["a", 1],
          ["b", 2]
        ])
        queue.offer(3)
        yield* microtasks
        assert.deepStrictEqual(got.at(-1), ["c", 3])
      })
    )

    it.effect("that are interrupted lose nothing, and the next one gets it", () =>
      Effect.gen(function* () {
        const queue = make()
        const first = yield* Effect.forkChild(queue.take(), { startImmediately: true })
        const second = yield* Effect.forkChild(queue.take(), { startImmediately: true })
        queue.offer(1)
        // Before the microtask in which it would have been woken.
        yield* Fiber.interrupt(first)
        assert.deepStrictEqual(yield* Fiber.join(second), [1])
        const third = yield* Effect.forkChild(queue.take(), { startImmediately: true })
        yield* Fiber.interrupt(third)
        queue.offer(2)
        yield* microtasks
        assert.deepStrictEqual(queue.peek(), [2])
      })
    )

    it.live("lose nothing at a time limit that falls where it will", () =>
      Effect.gen(function* () {
        const queue = make()
        const got: Array<number> = []
        const writer = yield* Effect.forkChild(
          Effect.forEach(
            range(300),
            (n) =>
              Effect.andThen(
                Effect.sync(() => queue.offer(n)),
                Effect.sleep(n % 2)
              ),
            { discard: true }
          )
        )
        while (got.length < 300) {
          const chunk = yield* Effect.timeoutOption(queue.take(2), 1)
          if (chunk._tag === "Some") got.push(...chunk.value)
        }
        yield* Fiber.join(writer)
        assert.deepStrictEqual(got, range(300))
      })
    )

    it.effect("read what is left after the end, and then the reason", () =>
      Effect.gen(function* () {
        const queue = make()
        queue.offer(1)
        queue.end(Exit.fail("cut"))
        queue.end(Exit.void)
        assert.strictEqual(queue.offer(2), "dropped")
        assert.deepStrictEqual(yield* queue.take(), [1])
        assert.strictEqual(yield* Effect.flip(queue.take()), "cut")
        assert.strictEqual(yield* Effect.flip(queue.take()), "cut")
        assert.include(queue.statistics, { received: 2, delivered: 1, dropped: 1 })
      })
    )

    it.effect("that wait all hear of the end", () =>
      Effect.gen(function* () {
        const queue = make()
        const readers = yield* Effect.forEach(range(3), () =>
          Effect.forkChild(Effect.flip(queue.take()), { startImmediately: true })
        )
        queue.end(Exit.void)
        const ends = yield* Effect.forEach(readers, Fiber.join)
        assert.isTrue(ends.every((end) => Cause.isDone(end)))
      })
    )

    it.effect("have it as a stream, in chunks, with the end as its end", () =>
      Effect.gen(function* () {
        const queue = make()
        for (const n of range(5)) queue.offer(n)
        queue.end(Exit.void)
        assert.deepStrictEqual(yield* Stream.runCollect(Stream.chunks(queue.stream({ chunk: 2 }))), [
          [0, 1],
          [2, 3],
          [4]
        ])
        const failing = make()
        failing.offer(1)
        failing.end(Exit.fail("cut"))
        const seen: Array<number> = []
        const error = yield* Effect.flip(Stream.runForEach(failing.stream(), (n) => Effect.sync(() => seen.push(n))))
        assert.deepStrictEqual([seen, error], [[1], "cut"])
      })
    )

    it.effect("of single chunks leave what they do not read", () =>
      Effect.gen(function* () {
        const queue = make()
        for (const n of range(5)) queue.offer(n)
        assert.deepStrictEqual(yield* Stream.runCollect(Stream.take(queue.stream({ chunk: 1 }), 2)), [0, 1])
        assert.deepStrictEqual(queue.peek(), [2, 3, 4])
      })
    )

    it.effect("wake plain code once, until it stops waiting", () =>
      Effect.gen(function* () {
        const queue = make()
        let woken = 0
        const wake = () => void woken++
        queue.wait(wake)
        queue.wait(wake)()
        queue.offer(1)
        queue.offer(2)
        assert.strictEqual(woken, 0)
        yield* microtasks
        assert.strictEqual(woken, 1)
        queue.wait(wake)
        yield* microtasks
        assert.strictEqual(woken, 2)
      })
    )
  })

  /** The queue as a list, slow and plain. */
  class Model {
    items: Array<number> = []
    received = 0
    delivered = 0
    dropped = 0
    highWatermark = 0
    ended = false
    readonly policy: Policy
    readonly capacity: number
    readonly maxBytes: number
    constructor(policy: Policy, capacity: number, maxBytes: number) {
      this.policy = policy
      this.capacity = policy === "unbounded" ? Infinity : capacity
      this.maxBytes = policy === "unbounded" ? Infinity : maxBytes
    }
    get bytes(): number {
      return this.items.reduce((sum, n) => sum + (n % 10), 0)
    }
    fits(n: number): boolean {
      return this.items.length < this.capacity && this.bytes + (n % 10) <= this.maxBytes
    }
    offer(n: number): void {
      this.received++
      const refused =
        this.ended ||
        (!this.fits(n) && (this.policy === "dropNewest" || (this.policy === "dropOldest" && n % 10 > this.maxBytes)))
      if (refused) {
        this.dropped++
        return
      }
      while (this.policy === "dropOldest" && !this.fits(n)) {
        this.items.shift()
        this.dropped++
      }
      this.items.push(n)
      this.highWatermark = Math.max(this.highWatermark, this.items.length)
    }
    take(max: number): Array<number> {
      const taken = this.items.splice(0, max)
      this.delivered += taken.length
      return taken
    }
  }

  const Step = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 99 }))
  const steps = Arbitrary.array(Arbitrary.schema(Step), { minLength: 1, maxLength: 300 })
  for (const policy of ["suspend", "dropNewest", "dropOldest", "unbounded"] as const) {
    it.effect.prop(
      `is a list with a policy: ${policy}`,
      [steps, Arbitrary.schema(Step)],
      ([steps, shape]) =>
        Effect.gen(function* () {
          const limits = { policy, capacity: 1 + (shape % 20), maxBytes: 5 + (shape % 7) * 20 }
          let full = false
          let wrong = 0
          let reported = 0
          const queue = make(limits, {
            onFull: () => (full ? wrong++ : (full = true)),
            onRoom: () => (full ? (full = false) : wrong++),
            onDrop: (count: number) => (reported += count)
          })
          const model = new Model(policy, limits.capacity, limits.maxBytes)
          for (const [n, step] of steps.entries()) {
            if (step < 60) {
              const offered = queue.offer(n)
              const before = model.dropped
              model.offer(n)
              if (policy === "suspend" && !model.ended) assert.strictEqual(offered === "full", full)
              if (policy === "dropNewest") assert.strictEqual(offered === "dropped", model.dropped > before)
            } else if (step < 95) {
              const max = step % 5
              const expected = model.take(Math.max(1, max))
              if (expected.length > 0) assert.deepStrictEqual([...(yield* queue.take(max))], expected)
              else assert.isUndefined(queue.poll())
            } else if (step === 99) {
              queue.end(Exit.void)
              model.ended = true
            }
            const { bytes, delivered, dropped, highWatermark, items, received } = model
            assert.deepStrictEqual(queue.statistics, {
              size: items.length,
              bytes,
              received,
              delivered,
              dropped,
              highWatermark
            })
            assert.deepStrictEqual(queue.peek(1000), items)
            assert.strictEqual(received, delivered + dropped + items.length)
            if (policy !== "unbounded" && (items.length >= queue.capacity || bytes >= queue.maxBytes))
              assert.isTrue(full || model.ended)
            if (items.length === 0) assert.isFalse(full)
          }
          assert.deepStrictEqual([wrong, reported], [0, model.dropped])
        }),
      { arbitrary: { seed: 1, runs: 150 } }
    )
  }

  describe("marks", () => {
    /** Negative numbers are marks without a size; neighbours are joined into their sum, but for odd ones. */
    const join = (first: number, second: number) => (first % 2 === 0 && second % 2 === 0 ? first + second : undefined)
    const marked = (limits: QueueLimits, hooks = {}) =>
      new SubscriptionQueue<number, string>((n) => (n < 0 ? 0 : n % 10), limits, hooks, join)
    const offered = (queue: ReturnType<typeof marked>, all: ReadonlyArray<number>) => {
      for (const n of all) void (n < 0 ? queue.offerMark(n) : queue.offer(n))
      return queue.peek(100)
    }

    it("are not dropped for what is new, and are joined where they meet", () => {
      const queue = marked({ policy: "dropOldest", capacity: 2 })
      assert.deepStrictEqual(offered(queue, [1, 2, -2, 3, -4, -1, 4]), [-2, 3, -4, -1, 4])
      assert.deepStrictEqual(offered(queue, [5]), [-6, -1, 4, 5])
      assert.include(queue.statistics, { received: 7, dropped: 3, size: 4 })
      assert.deepStrictEqual(offered(queue, [6, 7, 8]), [-6, -1, 7, 8])
      assert.deepStrictEqual([queue.poll(), queue.poll(), queue.poll()], [-6, -1, 7])
      assert.deepStrictEqual(offered(queue, [-2, 9, 10]), [-2, 9, 10])
    })

    it("are taken in where there is no room, joined with one right before", () => {
      const queue = marked({ policy: "dropNewest", capacity: 2 })
      assert.deepStrictEqual(offered(queue, [1, 2, -2, 3, -4, 4, -1, 5, -2]), [1, 2, -6, -1, -2])
      assert.include(queue.statistics, { received: 8, dropped: 3, size: 5 })
    })

    it("stay apart while there is room, and take no place of an item's", () => {
      const told: Array<string> = []
      const hooks = { onFull: () => told.push("full"), onRoom: () => told.push("room") }
      const queue = marked({ capacity: 2 }, hooks)
      assert.deepStrictEqual(offered(queue, [-2, -4, 1, -2, -4]), [-2, -4, 1, -2, -4])
      assert.deepStrictEqual(told, [])
      assert.strictEqual(queue.offer(2), "full")
      assert.deepStrictEqual([queue.poll(), queue.poll(), queue.poll()], [-2, -4, 1])
      assert.deepStrictEqual(told, ["full", "room"])
    })

    it("wake their reader, and are items like others beyond any number", () => {
      const queue = marked({ policy: "dropNewest", capacity: 1 })
      for (let n = 0; n < 5000; n++) queue.offerMark(-1)
      assert.include(queue.statistics, { received: 5000, size: 4097, dropped: 903 })
      queue.end(Exit.void)
      assert.strictEqual(queue.offerMark(-1), "dropped")
    })

    const Step = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 99 }))
    const steps = Arbitrary.array(Arbitrary.schema(Step), { minLength: 1, maxLength: 300 })
    for (const policy of ["suspend", "dropNewest", "dropOldest", "unbounded"] as const) {
      it.effect.prop(
        `come in their places, all of them, while items are dropped: ${policy}`,
        [steps, Arbitrary.schema(Step)],
        ([steps, shape]) =>
          Effect.sync(() => {
            let reported = 0
            const limits = { policy, capacity: 1 + (shape % 5), maxBytes: 9 + (shape % 7) * 5 }
            const queue = marked(limits, { onDrop: (count: number) => (reported += count) })
            const sent: Array<number> = []
            const taken: Array<number> = []
            for (const [n, step] of steps.entries()) {
              if (step < 50) {
                sent.push(n)
                queue.offer(n)
              } else if (step < 75) {
                const mark = step % 3 === 0 ? -1 : -2 * 1000 ** (step % 2)
                sent.push(mark)
                queue.offerMark(mark)
              } else taken.push(...[queue.poll() ?? []].flat())
              const { bytes, delivered, dropped, received, size } = queue.statistics
              const left = queue.peek(1000)
              assert.strictEqual(
                bytes,
                left.reduce((sum, item) => sum + (item < 0 ? 0 : item % 10), 0)
              )
              assert.strictEqual(received, delivered + dropped + size)
              assert.strictEqual(dropped, reported)
              if (policy === "dropOldest" || policy === "dropNewest") {
                assert.isAtMost(left.filter((item) => item >= 0).length, limits.capacity)
                assert.isAtMost(bytes, limits.maxBytes)
              }
            }
            const all = [...taken, ...queue.peek(1000)]
            const items = all.filter((item) => item >= 0)
            assert.deepStrictEqual(
              items,
              [...items].sort((a, b) => a - b)
            )
            assert.strictEqual(items.length + reported, sent.filter((item) => item >= 0).length)
            const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((so, n) => so + Math.min(n, 0), 0)
            assert.strictEqual(sum(all), sum(sent))
            // No mark is after an item that came after it, or before one that came before it.
            let at = -1
            let said = 0
            for (const item of all) {
              if (item < 0) said += item
              else {
                at = sent.indexOf(item, at + 1)
                assert.strictEqual(said, sum(sent.slice(0, at)))
              }
            }
          }),
        { arbitrary: { seed: 1, runs: 150 } }
      )
    }
  })

  it("reads everything in chunks", () => {
    const queue = make({ policy: "unbounded" })
    for (const n of range(50_000)) queue.offer(n)
    let count = 0
    while (queue.size > 0) count += Effect.runSync(queue.take()).length
    assert.strictEqual(count, 50_000)
  })
})
