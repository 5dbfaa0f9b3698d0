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

  it("believes a device that never begins at 0, after it has asked once", () => {
    const ids = new PatchIds()
    ids.restart()
    assert.deepStrictEqual(follow(ids, "17"), [false])
    ids.restart()
    assert.deepStrictEqual(follow(ids, "18", "40", "2"), [true, true, true])
  })
})
