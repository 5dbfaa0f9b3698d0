import { assert, describe, it } from "@effect/vitest"
import { ConfirmWindow } from "../../../src/api/changes/ConfirmWindow.ts"
import type { Reply } from "../../../src/rpc/Reply.ts"

const make = () => {
  const time = { now: 5000, wallClock: 1_000_000 }
  const session = { now: () => time.now, wallClock: () => time.wallClock, context: { label: "leaf-01" } }
  return { time, window: new ConfirmWindow(session, { timeout: 20_000, margin: 4000 }) }
}

const received = (receivedAt: number) => ({ receivedAt }) as Reply

describe("ConfirmWindow", () => {
  it("counts from the moment the commit is sent", () => {
    const { time, window } = make()
    time.now += 60_000
    time.wallClock += 60_000
    assert.isFalse(window.isOpen)
    assert.deepStrictEqual([window.toConfirm, window.toRollback], [16_000, 20_000])
    window.open()
    assert.isTrue(window.isOpen)
    time.now += 1000
    time.wallClock += 1000
    assert.deepStrictEqual([window.toConfirm, window.toRollback], [15_000, 19_000])
  })

  it("counts on while the machine sleeps, and while its clock is set back", () => {
    for (const [now, wallClock] of [
      [0, 16_000],
      [16_000, -3_600_000]
    ] as const) {
      const { time, window } = make()
      window.open()
      time.now += now
      time.wallClock += wallClock
      assert.deepStrictEqual([window.toConfirm, window.toRollback], [0, 4000])
    }
  })

  it("doubts an ok that came when the device had rolled back, and no other", () => {
    const { time, window } = make()
    window.open()
    time.now += 25_000
    time.wallClock += 25_000
    assert.isUndefined(window.doubt(received(1_019_999)))
    const doubt = window.doubt(received(1_020_000))
    assert.strictEqual(doubt?._tag, "CommitUnknownError")
    assert.strictEqual(doubt?.label, "leaf-01")
  })
})
