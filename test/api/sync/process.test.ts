import { assert, describe, it } from "@effect/vitest"
import { script } from "./scripts.ts"
import { ask, device, eventually, login, withDevice } from "./harness.ts"

withDevice()

describe("the process of a blocking client", { timeout: 30_000 }, () => {
  for (const [end, what] of [
    ["client.disconnect()", "after disconnect"],
    ["", "without disconnect"]
  ] as const) {
    it(`ends by itself ${what}, and the session with it`, async () => {
      const { ended, stderr, stdout } = script(
        login,
        `const client = new api.NetconfClientSync(options)
        client.connect()
        console.log(client.get().ok)
        ${end}`
      )
      assert.strictEqual(await ended, 0, stderr())
      assert.strictEqual(stdout(), "true\n")
      await eventually(async () => (await ask("state")).connections === 0 || (await ask("state")).sessions === 0)
    })
  }

  it("ends at once at Ctrl-C in the middle of a call", async () => {
    await device.ask("fault", { fault: "silence", on: "get" })
    const seen = (await ask("log")).length
    const { ended, process, stdout } = script(
      login,
      `const client = new api.NetconfClientSync(options)
      client.connect()
      client.get()
      console.log("returned")`
    )
    await eventually(async () => (await ask("log")).slice(seen).includes("get"))
    process.kill("SIGINT")
    assert.strictEqual(await ended, "SIGINT")
    assert.strictEqual(stdout(), "")
  })

  it("runs a handler of its own for SIGINT when the call has returned", async () => {
    await device.ask("fault", { fault: "silence", on: "get" })
    const seen = (await ask("log")).length
    const { ended, process, stdout } = script(
      login,
      `process.on("SIGINT", () => { console.log("handler"); client.disconnect(); process.exit(7) })
      const client = new api.NetconfClientSync(options)
      client.connect()
      try { client.get({ deadline: "2 seconds" }) } catch (error) { console.log(error._tag) }
      setInterval(() => {}, 1000)`
    )
    await eventually(async () => (await ask("log")).slice(seen).includes("get"))
    process.kill("SIGINT")
    assert.strictEqual(await ended, 7)
    assert.strictEqual(stdout(), "DeadlineError\nhandler\n")
  })

  it("may be left by a program under locks, and then the session ends with it", async () => {
    const { ended } = script(
      login,
      `const client = new api.NetconfClientSync(options)
      process.on("exit", () => client.disconnect())
      client.connect()
      client.locked(["running"], () => process.exit(5))`
    )
    assert.strictEqual(await ended, 5)
    await eventually(async () => (await ask("state")).locks.length === 0)
  })

  it("shows the library's warnings before the call returns", async () => {
    const { ended, stdout } = script(
      { ...login, hostKey: "accept-any" },
      `const client = new api.NetconfClientSync(options)
      client.connect()
      process.kill(process.pid, "SIGKILL")`
    )
    assert.strictEqual(await ended, "SIGKILL")
    assert.include(stdout(), "WARN")
    assert.include(stdout(), "accepted without a check")
  })

  it("holds a large reply no more often than NetconfClient does", async () => {
    const size = 60_000_000
    await device.ask("large", size)
    const { ended, stderr, stdout } = script(
      login,
      `const client = new api.NetconfClientSync(options)
      client.connect()
      client.get()
      const before = process.resourceUsage().maxRSS
      const { bytes } = client.getConfig()
      console.log(JSON.stringify({ bytes, grown: (process.resourceUsage().maxRSS - before) * 1024 }))
      client.disconnect()`
    )
    assert.strictEqual(await ended, 0, stderr())
    const { bytes, grown } = JSON.parse(stdout()) as { bytes: number; grown: number }
    assert.isAbove(bytes, size)
    assert.isBelow(grown, 2.9 * size)
  })
})
