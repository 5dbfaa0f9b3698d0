import { assert, describe, it } from "@effect/vitest"
import { operations } from "../../src/api/operations/Operations.ts"
import { Leases } from "../../src/rpc/Leases.ts"
import type { Operation } from "../../src/rpc/Operation.ts"

const { commit, copyConfig, discardChanges, editConfig, lock, unlock } = operations
const edit = editConfig({ target: "candidate", config: "<a/>" })

const clocks = (now = { now: 0, wallClock: 0 }) => ({ now: () => now.now, wallClock: () => now.wallClock })

const after = (...steps: ReadonlyArray<readonly [operation: Operation<unknown>, outcome: "ok" | "no answer"]>) => {
  const leases = new Leases(clocks())
  for (const [operation, outcome] of steps) {
    const sent = leases.sent(operation)
    if (outcome === "ok") leases.succeeded(sent)
  }
  const { dirty, pending } = leases
  return { held: [...leases.held.keys()], dirty, pending, isPrivate: leases.isPrivate(leases.sent(edit)) }
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
    const leases = new Leases(clocks())
    leases.succeeded(leases.sent(lock({ target: "candidate" })))
    assert.isFalse(leases.isPrivate(leases.sent(editConfig({ target: "running", config: "<a/>" }))))
    const private_ = leases.sent(edit)
    assert.isTrue(leases.isPrivate(private_))
    leases.sent(commit())
    assert.isFalse(leases.isPrivate(private_))
  })

  it("does not call a newer edit clean for the late ok of an older commit", () => {
    const leases = new Leases(clocks())
    leases.sent(edit)
    const committing = leases.sent(commit())
    leases.sent(edit)
    leases.succeeded(committing)
    assert.isTrue(leases.dirty)
  })

  it("takes any other write under the candidate's lock for an edit", () => {
    const load = operations.rpc(`<load-configuration xmlns="urn:vendor"/>`)
    assert.isTrue(after([lock({ target: "candidate" }), "ok"], [load, "ok"]).dirty)
    assert.isFalse(after([load, "ok"]).dirty)
  })

  it("remembers a confirmed commit of its own until it is confirmed or cancelled", () => {
    const confirmed = commit({ confirmed: true })
    assert.isTrue(after([confirmed, "ok"]).pending)
    assert.isFalse(after([confirmed, "no answer"]).pending)
    assert.isFalse(after([confirmed, "ok"], [commit(), "ok"]).pending)
    assert.isFalse(after([confirmed, "ok"], [operations.cancelCommit(), "ok"]).pending)
    assert.isFalse(after([commit({ confirmed: true, persist: "x" }), "ok"]).pending)
  })

  it("forgets a confirmed commit when its timeout is over since it was sent, by either clock", () => {
    for (const clock of ["now", "wallClock"] as const) {
      const time = { now: 0, wallClock: 1_000_000 }
      const leases = new Leases(clocks(time))
      const sent = leases.sent(commit({ confirmed: true, confirmTimeout: "5 seconds" }))
      time[clock] += 2000
      leases.succeeded(sent)
      time[clock] += 2999
      assert.isTrue(leases.pending)
      assert.isTrue(leases.sent(commit({ confirmed: true })).had)
      time[clock] += 1
      assert.isFalse(leases.pending)
      assert.isFalse(leases.sent(commit({ confirmed: true })).had)
    }
  })

  it("counts a confirmed commit that is extended from its extension, and one without a timeout ten minutes", () => {
    const time = { now: 0, wallClock: 0 }
    const leases = new Leases(clocks(time))
    leases.succeeded(leases.sent(commit({ confirmed: true, confirmTimeout: "5 seconds" })))
    time.now = 4000
    leases.succeeded(leases.sent(commit({ confirmed: true })))
    time.now = 603_999
    assert.isTrue(leases.pending)
    time.now = 604_000
    assert.isFalse(leases.pending)
  })

  it("calls the candidate clean when nothing was sent since that may be in it", () => {
    const leases = new Leases(clocks())
    assert.isTrue(leases.clean)
    const succeed = (operation: Operation<unknown>) => leases.succeeded(leases.sent(operation))
    for (const write of [edit, operations.rpc(`<load-configuration xmlns="urn:vendor"/>`)]) {
      succeed(write)
      assert.isFalse(leases.clean)
      succeed(discardChanges())
      assert.isTrue(leases.clean)
      succeed(write)
      succeed(commit())
      assert.isTrue(leases.clean)
    }
    succeed(editConfig({ target: "running", config: "<a/>" }))
    assert.isTrue(leases.clean)
  })

  it("knows a lock that was held already, and whose it is", () => {
    const leases = new Leases(clocks())
    const first = lock()
    leases.succeeded(leases.sent(first))
    const again = leases.sent(lock())
    assert.isTrue(again.had)
    leases.succeeded(again)
    assert.strictEqual(leases.held.get("running"), first)
  })
})
