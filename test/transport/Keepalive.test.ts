import { afterEach, assert, beforeEach, describe, it, vi } from "@effect/vitest"
import * as Keepalive from "../../src/transport/Keepalive.ts"

const peer = (more: Partial<Keepalive.Watched> = {}) => {
  const seen = { bytes: 0, asked: 0, dead: [] as Array<number> }
  const stop = Keepalive.watch({
    interval: 1_000,
    misses: 3,
    received: () => seen.bytes,
    ask: () => seen.asked++,
    dead: (silence) => seen.dead.push(silence),
    ...more
  })
  return { seen, stop }
}

describe("Keepalive", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it("asks a silent peer, once per interval, and then gives it up once", () => {
    const { seen } = peer()
    vi.advanceTimersByTime(750)
    assert.strictEqual(seen.asked, 0)
    vi.advanceTimersByTime(250)
    assert.strictEqual(seen.asked, 1)
    vi.advanceTimersByTime(2_000)
    assert.deepStrictEqual([seen.asked, seen.dead], [3, []])
    vi.advanceTimersByTime(1_000)
    assert.deepStrictEqual([seen.asked, seen.dead], [3, [4_000]])
    vi.advanceTimersByTime(10_000)
    assert.lengthOf(seen.dead, 1)
    assert.deepStrictEqual(Keepalive.status(), { watches: 0, running: false })
  })

  it("asks nothing while bytes come", () => {
    const { seen, stop } = peer()
    for (let second = 0; second < 20; second++) {
      seen.bytes++
      vi.advanceTimersByTime(900)
    }
    assert.deepStrictEqual([seen.asked, seen.dead], [0, []])
    stop()
  })

  it("starts to count anew with every sign of life", () => {
    const { seen, stop } = peer()
    vi.advanceTimersByTime(3_500)
    assert.strictEqual(seen.asked, 3)
    seen.bytes++
    vi.advanceTimersByTime(3_500)
    assert.deepStrictEqual(seen.dead, [])
    assert.strictEqual(seen.asked, 6)
    stop()
  })

  it("does not take a process that was stopped for a dead peer", () => {
    const { seen, stop } = peer()
    vi.setSystemTime(Date.now() + 3_600_000)
    vi.advanceTimersByTime(1_000)
    assert.deepStrictEqual(seen.dead, [])
    stop()
  })

  it("watches all connections with one timer, which goes with the last", () => {
    const peers = [peer(), peer({ interval: 400 }), peer()]
    assert.strictEqual(vi.getTimerCount(), 1)
    vi.advanceTimersByTime(400)
    assert.deepStrictEqual(
      peers.map(({ seen }) => seen.asked),
      [0, 1, 0]
    )
    for (const { stop } of peers) stop()
    assert.strictEqual(vi.getTimerCount(), 0)
  })

  it("bears it that a connection goes while others are looked at", () => {
    const stops: Array<() => void> = []
    const first = peer({ ask: () => stops.forEach((stop) => stop()) })
    const second = peer()
    stops.push(first.stop, second.stop)
    vi.advanceTimersByTime(5_000)
    assert.deepStrictEqual([second.seen.dead, Keepalive.status().watches], [[], 0])
  })
})
