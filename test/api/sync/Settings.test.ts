import { assert, describe, it } from "@effect/vitest"
import * as Settings from "../../../src/api/sync/Settings.ts"

describe("the settings of both threads", () => {
  it("are applied where they are told, each of them", () => {
    const before = Settings.now()
    const others = Object.fromEntries(Object.entries(before).map(([name, value]) => [name, value + 3]))
    assert.isFalse(Settings.areSame(before, others as Settings.Settings))
    Settings.apply(others as Settings.Settings)
    assert.deepStrictEqual(Settings.now(), others)
    Settings.apply(before)
    assert.isTrue(Settings.areSame(Settings.now(), before))
  })
})
