import { assert, describe, it } from "@effect/vitest"
import { gapBetween, type Reach, type ReplayLog } from "../../src/notifications/ReplayLog.ts"

const last = "2026-11-22T10:00:00Z"
const before = "2026-11-22T11:59:59.999+02:00"
const same = "2026-11-22T12:00:00.000000000+02:00"
const after = "2026-11-22T10:00:00.000000001Z"
const later = "2026-11-22T10:00:01Z"

const gap = (to: string): Reach => ({ _tag: "Gap", from: last, to })
const none: Reach = { _tag: "None" }
const unknown: Reach = { _tag: "Unknown" }

const rows: ReadonlyArray<readonly [string, ReplayLog, Reach]> = [
  ["nothing where the log is older", { replaySupport: true, replayLogCreationTime: before }, none],
  [
    "perhaps others of the same stamp, when the log began with it",
    { replaySupport: true, replayLogCreationTime: same },
    gap(same)
  ],
  ["what was before a log that is younger", { replaySupport: true, replayLogCreationTime: after }, gap(after)],
  [
    "nothing where what left the log was older",
    { replaySupport: true, replayLogCreationTime: before, replayLogAgedTime: before },
    none
  ],
  [
    "what has left the log",
    { replaySupport: true, replayLogCreationTime: before, replayLogAgedTime: after },
    gap(after)
  ],
  [
    "perhaps others of the same stamp, when that has left the log",
    { replaySupport: true, replayLogCreationTime: before, replayLogAgedTime: same },
    gap(same)
  ],
  [
    "up to the later of the two times",
    { replaySupport: true, replayLogCreationTime: after, replayLogAgedTime: later },
    gap(later)
  ],
  [
    "up to the later of the two times, whichever it is",
    { replaySupport: true, replayLogCreationTime: later, replayLogAgedTime: after },
    gap(later)
  ],
  ["what has left a log of unknown age", { replaySupport: true, replayLogAgedTime: after }, gap(after)],
  ["perhaps something where the log's age is unknown", { replaySupport: true }, unknown],
  [
    "perhaps something where what left is older and its age unknown",
    { replaySupport: true, replayLogAgedTime: before },
    unknown
  ],
  ["perhaps something where its times are none", { replaySupport: true, replayLogCreationTime: "yesterday" }, unknown],
  [
    "perhaps something where what left the log has no time",
    { replaySupport: true, replayLogCreationTime: before, replayLogAgedTime: "yesterday" },
    unknown
  ],
  ["perhaps something where the device says nothing", {}, unknown],
  ["all of it where there is no log", { replaySupport: false, replayLogCreationTime: before }, { _tag: "NoReplay" }],
  ["what is before a revised start", { replaySupport: true, replayStartTimeRevision: after }, gap(after)],
  ["nothing where the revised start is no later", { replayStartTimeRevision: same }, none],
  ["nothing where the start is not revised", { replayStartTimeRevision: "not-revised" }, none],
  ["perhaps something where the revised start is no time", { replayStartTimeRevision: "soon" }, unknown]
]

describe("ReplayLog.gapBetween", () => {
  for (const [what, log, expected] of rows) {
    it(`misses ${what}`, () => assert.deepStrictEqual(gapBetween({ last, ...log }), expected))
  }

  it("does not know where nothing was delivered, or at no time that is one", () => {
    const log = { replaySupport: true, replayLogCreationTime: before }
    assert.deepStrictEqual(gapBetween({ ...log, last: undefined }), unknown)
    assert.deepStrictEqual(gapBetween({ ...log, last: "yesterday" }), unknown)
    assert.deepStrictEqual(gapBetween({ replaySupport: false, last: undefined }), { _tag: "NoReplay" })
  })
})
