import { assert, describe, it } from "@effect/vitest"
import { PatchIds } from "../../../src/notifications/push/PatchIds.ts"

const follow = (ids: PatchIds, ...given: ReadonlyArray<string>) => given.map((id) => ids.follows(id))

describe("PatchIds", () => {
  it("counts from 0 after each push-update, and sees a jump", () => {
    const ids = new PatchIds()
    ids.restart()
    assert.deepStrictEqual(follow(ids, "0", "1", "2"), [true, true, true])
    assert.deepStrictEqual(follow(ids, "4"), [false])
    ids.restart()
    assert.deepStrictEqual(follow(ids, "0", "1", "1"), [true, true, false])
  })

  it("misses the first one after a push-update, also where its number would go on", () => {
    const ids = new PatchIds()
    ids.restart()
    assert.deepStrictEqual(follow(ids, "0"), [true])
    ids.restart()
    assert.deepStrictEqual(follow(ids, "1"), [false])
  })

  it("begins at 0 again after the largest number", () => {
    const ids = new PatchIds()
    ids.restart()
    follow(ids, "0", "4294967295")
    assert.deepStrictEqual(follow(ids, "0", "1"), [true, true])
  })

  it("takes ids that are no numbers for ids", () => {
    const ids = new PatchIds()
    ids.restart()
    assert.deepStrictEqual(follow(ids, "a", "null", ""), [true, true, true])
  })

  it("believes a device that goes on counting over push-updates, after it has asked twice, and sees its jumps", () => {
    const ids = new PatchIds()
    for (const first of ["17", "18"]) {
      ids.restart()
      assert.deepStrictEqual(follow(ids, first), [false])
    }
    ids.restart()
    assert.deepStrictEqual(follow(ids, "19", "20", "22"), [true, true, false])
    ids.restart()
    assert.deepStrictEqual(follow(ids, "23"), [true])
    ids.restart()
    assert.deepStrictEqual(follow(ids, "25"), [false])
    ids.restart()
    // Whoever begins anew counts from 0.
    assert.deepStrictEqual(follow(ids, "0", "1", "3"), [true, true, false])
  })

  it("knows what has come while the whole selection was waited for", () => {
    const ids = new PatchIds()
    ids.restart()
    assert.deepStrictEqual(follow(ids, "17"), [false])
    ids.note("18")
    ids.restart()
    assert.deepStrictEqual(follow(ids, "19"), [false])
    ids.note("20")
    ids.restart()
    assert.deepStrictEqual(follow(ids, "21"), [true])
  })

  it("does not take a device that counts for another one where its first patches are lost time and again", () => {
    const ids = new PatchIds()
    for (let n = 0; n < 5; n++) {
      ids.restart()
      assert.deepStrictEqual(follow(ids, "1"), [false])
    }
    ids.restart()
    assert.deepStrictEqual(follow(ids, "0", "1", "9"), [true, true, false])
  })

  it("believes large numbers that no count gives, after it has asked three times", () => {
    const ids = new PatchIds()
    for (const first of ["1764000000", "1764000100", "1764000300"]) {
      ids.restart()
      assert.deepStrictEqual(follow(ids, first), [false])
    }
    ids.restart()
    assert.deepStrictEqual(follow(ids, "1764000400", "1764000600"), [true, true])
  })
})
