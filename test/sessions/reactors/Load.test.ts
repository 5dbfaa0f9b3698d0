import { assert, describe, it } from "@effect/vitest"
import { Load } from "../../../src/sessions/reactors/Load.ts"

describe("The load of a reactor", () => {
  it("is nothing at first, grows with bytes, and fades within seconds", () => {
    const load = new Load()
    assert.strictEqual(load.level(0), 0)
    load.add(100_000_000, 1_000)
    const busy = load.level(1_000)
    assert.isAbove(busy, 2)
    assert.isBelow(load.level(6_000), busy)
    assert.strictEqual(load.level(60_000), 0)
  })

  it("grows with a loop that is late as a rule, not now and then, and forgets it when nothing is heard", () => {
    const load = new Load()
    load.late({ p50: 0, p99: 90, max: 500 }, 0)
    assert.strictEqual(load.level(0), 0)
    load.late({ p50: 50, p99: 90, max: 500 }, 0)
    assert.strictEqual(load.level(0), 10)
    assert.strictEqual(load.level(5_000), 0)
  })
})
