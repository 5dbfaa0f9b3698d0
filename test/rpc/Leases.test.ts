import { assert, describe, it } from "@effect/vitest"
import { operations } from "../../src/api/Operations.ts"
import { Leases } from "../../src/rpc/Leases.ts"
import type { Operation } from "../../src/rpc/Operation.ts"

const { commit, copyConfig, discardChanges, editConfig, lock, unlock } = operations
const edit = editConfig({ target: "candidate", config: "<a/>" })

const after = (...steps: ReadonlyArray<readonly [operation: Operation<unknown>, outcome: "ok" | "no answer"]>) => {
  const leases = new Leases()
  for (const [operation, outcome] of steps) {
    leases.sent(operation)
    if (outcome === "ok" && operation.lease !== undefined) leases.succeeded(operation.lease)
  }
  return { held: [...leases.held], dirty: leases.dirty, isPrivate: leases.isPrivate("candidate") }
}

describe("Leases", () => {
  it("holds a lock from its ok to the sending of its unlock", () => {
    assert.deepStrictEqual(after([lock(), "no answer"]).held, [])
    assert.deepStrictEqual(after([lock(), "ok"], [lock({ target: "candidate" }), "ok"]).held, ["running", "candidate"])
    assert.deepStrictEqual(after([lock(), "ok"], [unlock(), "no answer"]).held, [])
    assert.deepStrictEqual(after([lock(), "ok"], [unlock({ target: "candidate" }), "ok"]).held, ["running"])
  })

  it("calls the candidate dirty from the sending of an edit to the ok of a commit or discard", () => {
    assert.isFalse(after().dirty)
    assert.isTrue(after([edit, "no answer"]).dirty)
    assert.isTrue(after([copyConfig({ source: "running", target: "candidate" }), "ok"]).dirty)
    assert.isTrue(after([edit, "ok"], [commit(), "no answer"]).dirty)
    assert.isFalse(after([edit, "ok"], [commit(), "ok"]).dirty)
    assert.isFalse(after([edit, "ok"], [discardChanges(), "ok"]).dirty)
    assert.isFalse(after([editConfig({ target: "running", config: "<a/>" }), "ok"]).dirty)
    assert.isFalse(after([editConfig({ target: "candidate", config: "<a/>", testOption: "test-only" }), "ok"]).dirty)
  })

  it("calls the candidate private while its lock is held, and nothing else", () => {
    assert.isFalse(after([lock(), "ok"]).isPrivate)
    assert.isTrue(after([lock({ target: "candidate" }), "ok"]).isPrivate)
    const leases = new Leases()
    leases.succeeded({ change: "lock", datastore: "running" })
    assert.isFalse(leases.isPrivate("running"))
    assert.isFalse(leases.isPrivate(undefined))
  })
})
