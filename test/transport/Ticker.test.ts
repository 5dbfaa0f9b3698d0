import { afterEach, assert, beforeEach, describe, it, vi } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import { execFileSync } from "node:child_process"
import { once } from "node:events"
import * as Net from "node:net"
import * as Ticker from "../../src/transport/Ticker.ts"

describe("Ticker of the process", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  it("looks as often as the most impatient wants, with one timer, which goes with the last look", () => {
    const looks = [0, 0]
    const stops = [1_000, 100].map((period, i) => Ticker.ofProcess.every(period, () => looks[i]!++))
    assert.strictEqual(vi.getTimerCount(), 1)
    vi.advanceTimersByTime(500)
    assert.deepStrictEqual(looks, [5, 5])
    stops[1]!()
    vi.advanceTimersByTime(2_000)
    assert.deepStrictEqual(looks, [7, 5])
    stops[0]!()
    stops[0]!()
    assert.strictEqual(vi.getTimerCount(), 0)
    assert.deepStrictEqual(Ticker.ofProcess.status, { looks: 0, running: false })
  })

  it("puts no look off for others that come and go", () => {
    let looks = 0
    const stop = Ticker.ofProcess.every(1_000, () => looks++)
    for (let i = 0; i < 100; i++) {
      Ticker.ofProcess.every(500, () => {})()
      vi.advanceTimersByTime(100)
    }
    assert.isAtLeast(looks, 10)
    stop()
  })

  it("looks no more once it was told to stop, from within a look as well", () => {
    let looks = 0
    const stop = Ticker.ofProcess.every(50, () => {
      looks++
      stop()
    })
    vi.advanceTimersByTime(1_000)
    assert.strictEqual(looks, 1)
    assert.strictEqual(vi.getTimerCount(), 0)
  })
})

describe("Ticker on real time", () => {
  it.live("looks after the bytes that came while the process stood still have been read", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const server = Net.createServer()
      const connected = once(server, "connection")
      yield* Effect.promise(() => once(server.listen(0, "127.0.0.1"), "listening"))
      const client = Net.connect((server.address() as Net.AddressInfo).port, "127.0.0.1")
      const [socket] = yield* Effect.promise(() => connected as Promise<[Net.Socket]>)
      socket.on("data", () => order.push("bytes"))
      yield* Effect.callback<void>((resume) => {
        const stop = Ticker.ofProcess.every(20, () => {
          order.push("look")
          stop()
          resume(Effect.void)
        })
        client.write("alive")
        for (const until = performance.now() + 100; performance.now() < until;) continue
      })
      assert.deepStrictEqual(order, ["bytes", "look"])
      client.destroy()
      server.close()
    })
  )

  // The process of its own has 20 seconds, whatever the machine is busy with.
  it("keeps no process alive", { timeout: 60_000 }, () => {
    const script = `import(process.argv[1]).then(({ ofProcess }) => ofProcess.every(60_000, () => {}))`
    const file = new URL("../../src/transport/Ticker.ts", import.meta.url).href
    const run = () => execFileSync(process.execPath, ["--input-type=module", "-e", script, file], { timeout: 20_000 })
    assert.doesNotThrow(run)
  })
})

describe("Ticker.of", () => {
  it("is the process's for the clock of the process", () => {
    assert.strictEqual(Ticker.of(Effect.runSync(Clock.Clock)), Ticker.ofProcess)
  })

  it.effect("goes by a test's clock, one for all", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const ticker = Ticker.of(clock)
      assert.notStrictEqual(ticker, Ticker.ofProcess)
      assert.strictEqual(Ticker.of(clock), ticker)
      const times: Array<number> = []
      const began = ticker.now()
      const stop = ticker.every(1_000, (now) => times.push(now - began))
      yield* TestClock.adjust("3500 millis")
      stop()
      yield* TestClock.adjust("3500 millis")
      assert.deepStrictEqual(times, [1_000, 2_000, 3_000])
      assert.deepStrictEqual(ticker.status, { looks: 0, running: false })
    })
  )
})
