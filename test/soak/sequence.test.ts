/** What the soak finds in a subscription's events, seen to find it on a made-up case, and not on the case next to it. */
import { assert, describe, it } from "@effect/vitest"
import type { SubscriptionEvent } from "../../src/index.ts"
import { type Finding, Sequence, type Settled } from "./sequence.ts"
import { type Traits, traitsOf } from "./traits.ts"

const plain: Traits = {
  ...traitsOf(1, 0),
  pairs: false,
  subscribed: "suspend",
  replay: true,
  fromTheBeginning: false
}
const pairs: Traits = { ...plain, pairs: true }
const lossy: Traits = { ...plain, subscribed: "dropNewest" }

const time = (n: number): string => `2026-01-31T12:00:0${n}Z`

/** A number is an event, at that second. */
type Case = number | { readonly from: string | undefined; readonly to?: string } | "replayed"

const eventOf = (given: Case): SubscriptionEvent => {
  if (given === "replayed") return { _tag: "ReplayComplete", eventTime: undefined }
  if (typeof given === "number") {
    const xml = `<notification><event><n>${given}</n></event></notification>`
    return { _tag: "Notification", xml, eventTime: time(given) } as SubscriptionEvent
  }
  return { _tag: "Gap", to: undefined, ...given, lostAt: 1, resumedAt: 2, reason: "so" }
}

const read = (traits: Traits, first: number, events: ReadonlyArray<Case>) => {
  const found: Array<Finding> = []
  const settled: Array<Settled> = []
  const sequence = new Sequence(traits, first, {
    find: (finding) => found.push(finding),
    settled: (gap) => settled.push(gap)
  })
  for (const event of events) sequence.take(eventOf(event))
  sequence.end()
  return { found, settled, sequence }
}

const missing: Finding = "events missing without a gap"
const doubled: Finding = "events doubled or out of order"
const elsewhere: Finding = "gaps that do not begin with the last event"
const late: Finding = "gaps that end later than what follows"
const replays: Finding = "replays without an end, or with two"

const rows: ReadonlyArray<readonly [string, Traits, ReadonlyArray<Case>, ReadonlyArray<Finding>]> = [
  ["nothing in what is complete", plain, [0, 1, 2, 3], []],
  ["that the first one is missing", plain, [1, 2], [missing]],
  ["that one in the middle is missing", plain, [0, 1, 3], [missing]],
  ["that one came twice", plain, [0, 1, 1, 2], [doubled]],
  ["that one came late, which is missing first", plain, [0, 2, 1], [missing, doubled]],
  ["nothing where what is missing lies in a gap", plain, [0, 1, { from: time(1), to: time(3) }, 4], []],
  ["that something is missing behind a gap", plain, [0, { from: time(0) }, 2, 4], [missing]],
  ["that something is missing before a gap", plain, [0, 2, { from: time(2) }, 3], [missing]],
  ["that a gap begins elsewhere", plain, [0, 1, { from: time(0) }, 3], [elsewhere]],
  ["that a gap goes on after what follows it", plain, [0, { from: time(0), to: time(5) }, 3], [late]],
  ["nothing before the first event where a gap says so", plain, [{ from: undefined }, 3], []],
  ["nothing where a replay ends", { ...plain, fromTheBeginning: true }, [0, "replayed", 1], []],
  ["that a replay does not end", { ...plain, fromTheBeginning: true }, [0, 1], [replays]],
  ["that a replay ends that was not asked for", plain, [0, "replayed", 1], [replays]],
  ["nothing where each comes twice and should", pairs, [0, 0, 1, 1, 2, 2], []],
  ["that the second of two is missing", pairs, [0, 0, 1, 2, 2], [missing]],
  ["that one of two came three times", pairs, [0, 0, 0, 1, 1], [doubled]],
  ["nothing where a gap ends between two", pairs, [0, 0, { from: time(0) }, 1, 2, 2], []],
  ["that both are missing behind a gap", pairs, [0, 0, { from: time(0) }, 1, 1, 3, 3], [missing]],
  ["nothing where it may have been dropped", lossy, [0, 3, 4], []]
]

describe("Sequence", () => {
  for (const [what, traits, events, expected] of rows) {
    it(`finds ${what}`, () => assert.deepStrictEqual(read(traits, 0, events).found, expected))
  }

  it("counts what is missing in gaps, and what was dropped", () => {
    assert.strictEqual(read(plain, 0, [0, { from: time(0) }, 4]).sequence.missing, 3)
    assert.strictEqual(read(lossy, 0, [0, 4]).sequence.dropped, 3)
  })

  it("says between which events a gap was, once it is over", () => {
    const [gap] = read(plain, 0, [0, 1, { from: time(1), to: time(2) }, 4]).settled
    assert.deepStrictEqual([gap?.after, gap?.next, gap?.to], [1, 4, time(2)])
    assert.deepStrictEqual(read(plain, 0, [0, { from: time(0) }]).settled, [])
  })

  it("begins with the event that must come first", () => {
    assert.deepStrictEqual(read(plain, 3, [3, 4]).found, [])
    assert.deepStrictEqual(read(plain, 3, [4]).found, [missing])
  })
})
