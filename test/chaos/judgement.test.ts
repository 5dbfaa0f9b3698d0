/** Each rule of the chaos test, seen to fail on a made-up case, and to hold on the case next to it. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Exit from "effect/Exit"
import { ChannelError, CommitUnknownError, DeadlineError, RpcError } from "../../src/index.ts"
import type { DeviceTruth, TokenTruth } from "./farm.ts"
import { judge, type Rule } from "./judgement.ts"
import { type Entry, type Report, reportOf, Unhealthy } from "./ledger.ts"

const entry = (report: Report, more: Partial<Entry> = {}): Entry => ({
  device: "d",
  token: "t",
  kind: "edit",
  report,
  elapsed: 1,
  at: 1,
  ...more
})

const truth = (token: TokenTruth | undefined, left: Partial<DeviceTruth> = {}): DeviceTruth => ({
  name: "d",
  tokens: new Map(token === undefined ? [] : [["t", token]]),
  locks: [],
  sessions: 0,
  pending: false,
  requests: 1,
  ...left
})

const applied: TokenTruth = { received: 1, appeared: 1, present: true }
const gone: TokenTruth = { received: 1, appeared: 1, present: false }
const never: TokenTruth = { received: 1, appeared: 0, present: false }

const broken = (entries: ReadonlyArray<Entry>, ...truths: ReadonlyArray<DeviceTruth>): ReadonlyArray<Rule> =>
  judge(entries, truths).violations.map(({ rule }) => rule)

describe("judge", () => {
  it("finds nothing where every report is true", () => {
    assert.deepStrictEqual(broken([entry("ok")], truth(applied)), [])
    assert.deepStrictEqual(broken([entry("ok, then failed")], truth(applied)), [])
    assert.deepStrictEqual(broken([entry("refused")], truth(never)), [])
    assert.deepStrictEqual(broken([entry("not done")], truth(undefined)), [])
    for (const report of ["unknown", "interrupted"] as const) {
      assert.deepStrictEqual(broken([entry(report)], truth(applied)), [])
      assert.deepStrictEqual(broken([entry(report)], truth(never)), [])
    }
  })

  it("finds an edit that was applied twice, and one that was sent twice", () => {
    assert.deepStrictEqual(broken([entry("ok")], truth({ ...applied, appeared: 2 })), ["edits applied twice"])
    assert.deepStrictEqual(broken([entry("unknown")], truth({ ...never, received: 2 })), ["edits sent twice"])
  })

  it("finds one reported ok that is not there", () => {
    for (const report of ["ok", "ok, then failed"] as const) {
      assert.deepStrictEqual(broken([entry(report)], truth(gone)), ["reported ok, and not there"])
    }
  })

  it("finds one reported as not done that is there, or was for a while", () => {
    for (const report of ["refused", "not done"] as const) {
      assert.deepStrictEqual(broken([entry(report)], truth(applied)), ["reported as not done, and there"])
      assert.deepStrictEqual(broken([entry(report)], truth(gone)), ["reported as not done, and there"])
    }
  })

  it("lets a confirmed commit that was taken back have been there for a while, and no longer", () => {
    const taken = entry("taken back", { kind: "confirmed commit" })
    assert.deepStrictEqual(broken([taken], truth(gone)), [])
    assert.deepStrictEqual(broken([taken], truth(applied)), ["reported as not done, and there"])
  })

  it("finds one that nobody was told of, and a defect", () => {
    assert.deepStrictEqual(broken([], truth(applied)), ["made, and nobody was told of it"])
    assert.deepStrictEqual(broken([entry("defect")], truth(never)), ["defects"])
  })

  it("finds what sessions have left on a device", () => {
    assert.deepStrictEqual(broken([], truth(undefined, { locks: ["running by session 4"] })), [
      "locks left on a device"
    ])
    assert.deepStrictEqual(broken([], truth(undefined, { sessions: 1 })), ["sessions left on a device"])
    assert.deepStrictEqual(broken([], truth(undefined, { pending: true })), ["confirmed commits left waiting"])
  })

  it("goes by the last attempt, and counts each edit once", () => {
    const { counts, violations } = judge([entry("not done"), entry("ok")], [truth(applied)])
    assert.deepStrictEqual(violations, [])
    assert.deepStrictEqual(counts.get("ok"), { applied: 1, notApplied: 0 })
    assert.deepStrictEqual(counts.get("not done"), { applied: 0, notApplied: 0 })
  })
})

describe("reportOf", () => {
  const lost = new ChannelError({ phase: "closed", by: "network", detail: "cut" })
  const said = new RpcError({ errors: [{ tag: "operation-failed", severity: "error" }] })
  const report = (error: unknown) => reportOf(Exit.fail(error)).report

  it("takes errors for what they promise", () => {
    assert.strictEqual(reportOf(Exit.succeed(1)).report, "ok")
    assert.strictEqual(report(said), "refused")
    assert.strictEqual(report(lost), "not done")
    assert.strictEqual(report(new DeadlineError({ phase: "queue", deadline: 1, bytes: 0 })), "not done")
    assert.strictEqual(report(new CommitUnknownError({ phase: "sent", cause: lost })), "unknown")
    assert.strictEqual(report(new RpcError({ errors: said.errors, partial: "possible" })), "unknown")
    assert.strictEqual(report(new Unhealthy("ill")), "taken back")
  })

  it("believes an error that says what had happened before it", () => {
    const after = (state: string) => report(new ChannelError({ phase: "closed", by: "network", detail: "cut", state }))
    assert.strictEqual(after("the change is applied"), "ok, then failed")
    assert.strictEqual(after("the program under the locks had succeeded"), "ok, then failed")
    assert.strictEqual(after("a change of the program was interrupted after it was sent"), "unknown")
  })

  it("tells an interruption from a failure behind it, and a defect from both", () => {
    assert.strictEqual(reportOf(Exit.interrupt()).report, "interrupted")
    assert.strictEqual(
      reportOf(Exit.failCause(Cause.combine(Cause.interrupt(), Cause.fail(lost)))).report,
      "interrupted"
    )
    assert.strictEqual(reportOf(Exit.die(new Error("bug"))).report, "defect")
    assert.strictEqual(report(new Error("not the library's")), "defect")
  })
})
