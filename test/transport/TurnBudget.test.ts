import { assert, describe, it } from "@effect/vitest"
import type { Limits, Loop, Member, Source } from "../../src/transport/TurnBudget.ts"
import { TurnBudget } from "../../src/transport/TurnBudget.ts"

const limits: Limits = { turn: 10, share: { bytes: 100, millis: 2 } }

/** A loop whose time passes only where somebody works. */
class FakeLoop implements Loop {
  time = 0
  turns = 0
  /** What was released and has not gone on yet. */
  readonly released: Array<FakeSource> = []
  readonly #behind: Array<() => void> = []
  readonly #afterwards: Array<() => void> = []
  readonly now = () => this.time
  readonly turn = () => this.turns
  readonly behind = (callback: () => void) => void this.#behind.push(callback)
  readonly afterwards = (callback: () => void) => void this.#afterwards.push(callback)

  get scheduled(): number {
    return this.#behind.length
  }

  /** Reads all sources, then does what comes behind. */
  run(sources: ReadonlyArray<FakeSource>): void {
    this.turns++
    for (const source of sources) source.read()
    for (const callback of this.#behind.splice(0)) {
      callback()
      for (;;) {
        for (const source of this.released.splice(0)) source.read()
        const next = this.#afterwards.shift()
        if (next === undefined) break
        next()
      }
    }
  }
}

/** Bytes that wait, each of which takes the one who gets it some milliseconds. */
class FakeSource implements Source {
  readonly got: Array<{ readonly name: number; readonly turn: number; readonly began: number }> = []
  readonly member: Member
  paused = false
  #waiting: Array<{ readonly name: number; readonly bytes: Buffer; readonly millis: number }> = []
  #names = 0
  readonly #loop: FakeLoop
  #taken: (typeof this)["got"][number] | undefined

  constructor(loop: FakeLoop, budget: TurnBudget) {
    this.#loop = loop
    this.member = budget.join(this)
  }

  arrive(count: number, size: number, millis: number): this {
    for (let i = 0; i < count; i++) this.#waiting.push({ name: this.#names++, bytes: Buffer.alloc(size), millis })
    return this
  }

  get waiting(): number {
    return this.#waiting.length
  }

  read(): void {
    while (!this.paused && this.#waiting.length > 0) {
      const { bytes, name } = this.#waiting[0]!
      this.#taken = { name, turn: this.#loop.turns, began: this.#loop.time }
      this.member.take(bytes)
    }
  }

  readonly deliver = () => {
    this.got.push(this.#taken!)
    this.#loop.time += this.#waiting.shift()!.millis
  }

  readonly hold = (bytes: Buffer | undefined) => {
    assert.isFalse(this.paused)
    assert.isTrue(bytes === undefined || bytes === this.#waiting[0]!.bytes)
    this.paused = true
  }

  readonly release = () => {
    this.paused = false
    this.#loop.released.push(this)
  }
}

const setUp = (count: number) => {
  const loop = new FakeLoop()
  const budget = new TurnBudget(loop, limits)
  const sources = Array.from({ length: count }, () => new FakeSource(loop, budget))
  return { loop, budget, sources }
}

describe("TurnBudget", () => {
  it("delivers at once and schedules nothing while there is time for all", () => {
    const { budget, loop, sources } = setUp(4)
    for (let turn = 0; turn < 5; turn++) {
      for (const source of sources) source.arrive(1, 90, 1.5)
      loop.run(sources)
      assert.deepStrictEqual([sources.map(({ waiting }) => waiting), loop.scheduled, budget.held], [[0, 0, 0, 0], 0, 0])
    }
  })

  it("gives one that is alone the whole turn, and lets it go on behind it", () => {
    const { budget, loop, sources } = setUp(1)
    const [one] = sources
    one!.arrive(25, 1_000, 1)
    loop.run(sources)
    // Ten in the time of the turn; those after it may begin in the next one, behind what the loop reads.
    assert.strictEqual(one!.got[9]!.turn, 1)
    assert.isAtMost(one!.got.filter(({ turn }) => turn === 1).length, 12)
    loop.run(sources)
    loop.run(sources)
    assert.deepStrictEqual(
      [one!.waiting, one!.got.map(({ name }) => name)],
      [0, Array.from({ length: 25 }, (_, i) => i)]
    )
    loop.run(sources)
    assert.deepStrictEqual([loop.scheduled, budget.held], [0, 0])
  })

  it("keeps every turn short while a hundred burst, loses nothing, and forgets nobody", () => {
    const { budget, loop, sources } = setUp(100)
    for (const source of sources) source.arrive(30, 100, 1)
    let longest = 0
    while (sources.some(({ waiting }) => waiting > 0)) {
      const before = loop.time
      loop.run(sources)
      longest = Math.max(longest, loop.time - before)
      // The first of all had a turn alone. Of the others nobody is more than two ahead.
      const counts = sources.slice(1).map(({ got }) => got.length)
      if (Math.min(...counts) > 0) assert.isAtMost(Math.max(...counts) - Math.min(...counts), 2)
    }
    // The time of a turn and the one that began in it; the first turn may be followed by what is released behind it.
    assert.isAtMost(longest, limits.turn + 2)
    for (const { got } of sources)
      assert.deepStrictEqual(
        got.map(({ name }) => name),
        Array.from({ length: 30 }, (_, i) => i)
      )
    loop.run(sources)
    assert.deepStrictEqual([loop.scheduled, budget.held], [0, 0])
  })

  it("delivers a small message in the turn in which it comes, however many flood", () => {
    const { loop, sources } = setUp(100)
    const [small, ...floods] = sources
    for (const flood of floods) flood.arrive(50, 100, 1)
    for (let turn = 0; turn < 20; turn++) loop.run(floods)
    for (let turn = 0; turn < 20; turn++) {
      small!.arrive(1, 10, 0.1)
      loop.run(sources)
      assert.strictEqual(small!.got.at(-1)!.turn, loop.turns)
      assert.strictEqual(small!.got.length, turn + 1)
    }
    assert.isTrue(floods.every(({ waiting }) => waiting > 0))
  })

  it("lets one that had nothing yet go before those that had their share", () => {
    const { loop, sources } = setUp(20)
    const [small, ...floods] = sources
    for (const flood of floods) flood.arrive(50, 100, 3)
    for (let turn = 0; turn < 6; turn++) loop.run(floods)
    // Somebody's work uses the turn up before the small one is read.
    loop.time += 50
    small!.arrive(1, 10, 0.1)
    loop.run(sources)
    if (small!.waiting > 0) loop.run([])
    assert.strictEqual(small!.waiting, 0)
  })

  it("holds a source at its share of bytes, or of time, when it is not alone", () => {
    for (const [size, millis] of [
      [50, 0.1],
      [1, 1]
    ] as const) {
      const { budget, loop, sources } = setUp(2)
      const [one, two] = sources
      two!.arrive(1, 1, 0.1)
      one!.arrive(3, size, millis)
      loop.turns++
      two!.read()
      one!.read()
      assert.deepStrictEqual([one!.got.length, budget.held, loop.scheduled], [2, 1, 1])
    }
  })

  it("lets one go on in each turn although others' work has used it up", () => {
    const { loop, sources } = setUp(3)
    for (const source of sources) source.arrive(3, 100, 1)
    for (let turn = 0; turn < 12; turn++) {
      loop.run(sources)
      // Consumers that were woken: theirs is the next turn.
      loop.time += 100
      const got = sources.reduce((sum, source) => sum + source.got.length, 0)
      assert.isAtLeast(got, Math.min(9, turn + 1))
    }
  })

  it("counts what is done between two turns", () => {
    const { loop, sources } = setUp(10)
    for (const source of sources) source.arrive(10, 100, 1)
    for (let turn = 0; turn < 5; turn++) loop.run(sources)
    loop.time += 8
    const before = loop.time
    loop.run([])
    assert.isAtMost(loop.time - before, 3)
  })

  it("forgets one that leaves while it is held", () => {
    const { budget, loop, sources } = setUp(3)
    for (const source of sources) source.arrive(20, 100, 6)
    loop.run(sources)
    assert.isAbove(budget.held, 0)
    for (const { member } of sources) member.leave()
    assert.strictEqual(budget.held, 0)
    loop.run([])
    loop.run([])
    assert.strictEqual(loop.scheduled, 0)
  })
})
