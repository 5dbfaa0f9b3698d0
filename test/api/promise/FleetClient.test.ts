/** Fleets for plain async code; what runs when is tested with `Fleet` itself. */
import { assert, describe, it } from "@effect/vitest"
import { AsyncLocalStorage } from "node:async_hooks"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Errors from "../../../src/errors.ts"
import {
  type Device,
  type FleetDeviceOptions,
  type FleetResult,
  type NetconfSessionClient,
  NetconfFleet,
  type NetconfFleetOptions
} from "../../../src/promise.ts"
import { Faults, Refusal, SampleModel, SimulatedDevice } from "../../../src/testing.ts"
import { counting, numbered } from "../fleet.ts"

const hostname = (name: string) => `<system xmlns="${SampleModel.system}"><hostname>${name}</hostname></system>`
const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => assert.fail("it did not reject"),
    (error: unknown) => error
  )
const later = async () => {
  for (let round = 0; round < 20; round++) await new Promise((resolve) => setImmediate(resolve))
}
const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

interface Simulated {
  readonly fleet: NetconfFleet
  readonly device: (name: string) => SimulatedDevice.SimulatedDevice
  readonly counts: (name: string) => ReturnType<typeof counting>["counts"]
}

const withFleet = async (
  count: number,
  use: (simulated: Simulated) => Promise<void>,
  options: NetconfFleetOptions = {},
  more: (name: string) => Partial<FleetDeviceOptions> = () => ({})
) => {
  const scope = Scope.makeUnsafe()
  const devices = new Map<string, SimulatedDevice.SimulatedDevice>()
  const counted = new Map<string, ReturnType<typeof counting>>()
  try {
    for (const name of numbered(count)) {
      const device = await Effect.runPromise(Scope.provide(SimulatedDevice.make({ name }), scope))
      devices.set(name, device)
      counted.set(name, counting(device.transport))
    }
    const given = [...counted].map(([name, { transport }]) => ({ name, transport, ...more(name) }))
    await using fleet = new NetconfFleet(given, { connectsPerSecond: Infinity, ...options })
    const simulated = { fleet, device: (name: string) => devices.get(name)! }
    await use({ ...simulated, counts: (name) => counted.get(name)!.counts })
    await fleet.close()
    for (const { counts } of counted.values()) assert.strictEqual(counts.open, 0)
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

const collect = async <A>(results: AsyncIterable<FleetResult<A>>): Promise<Map<string, FleetResult<A>>> => {
  const all = new Map<string, FleetResult<A>>()
  for await (const result of results) all.set(result.device, result)
  return all
}

describe("NetconfFleet", () => {
  it("gives each device's result, its failure as a value, with the errors as they are", async () => {
    await withFleet(4, async ({ device, fleet }) => {
      const own = new TypeError("mine")
      device("d2").lock("running")
      const run = fleet.run(async (client, context) => {
        assert.strictEqual(client.session.label, context.device.name)
        if (context.device.name === "d3") throw own
        await client.locked(["running"], (mine) => mine.editConfig({ config: hostname(context.device.name) }))
        return (await client.getConfig()).xml.includes(`>${context.device.name}<`)
      })
      const results = await collect(run)
      const [d1, d2, d3] = ["d1", "d2", "d3"].map((name) => results.get(name)!)
      assert.deepInclude(d1, { outcome: "succeeded", value: true, error: undefined, attempts: 1, wrote: true })
      assert.isAtLeast(d1!.elapsed, 0)
      assert.instanceOf(d2!.error, Errors.RpcError)
      assert.deepInclude(d2, { outcome: "failed", value: undefined, wrote: false })
      assert.strictEqual(d3!.error, own)
      assert.strictEqual(results.size, 4)
      const summary = await run.summary()
      assert.deepStrictEqual(summary.counts as unknown, {
        succeeded: 2,
        failed: 2,
        unknown: 0,
        interrupted: 0,
        notStarted: 0
      })
      assert.include(String(summary), "d2")
    })
  })

  it("has a summary for those who read no result, and shows its progress", async () => {
    await withFleet(3, async ({ fleet }) => {
      const run = fleet.run((client) => client.get(), { concurrency: 1 })
      const states: Array<number> = []
      for await (const { running, succeeded, total } of run.progress()) {
        assert.strictEqual(total, 3)
        assert.isAtMost(running.length, 1)
        states.push(succeeded)
      }
      assert.strictEqual(states.at(-1), 3)
      assert.strictEqual((await run.summary()).counts.succeeded, 3)
      assert.strictEqual((await collect(run)).size, 3)
      assert.throws(() => run[Symbol.asyncIterator](), Errors.InputError, "a run has one reader")
    })
  })

  it("stops when the loop is left: no further device, reads interrupted, writes finished before it goes on", async () => {
    await withFleet(5, async ({ device, fleet }) => {
      device("d2").faults.add(Faults.delay("50 millis"), { on: "edit-config" })
      for (const name of ["d3", "d4"]) device(name).faults.add(Faults.silence(), { on: "get" })
      const heard: Array<string> = []
      const run = fleet.run(
        async (client, { device: { name }, signal }) => {
          signal.addEventListener("abort", () => heard.push(name))
          if (name === "d2") return client.editConfig({ config: hostname("new") })
          if (name !== "d1") return client.get()
          await until(() => device("d2").log.some(({ operation }) => operation === "edit-config"))
          return client.getConfig()
        },
        { concurrency: 3 }
      )
      for await (const result of run) {
        assert.strictEqual(result.device, "d1")
        break
      }
      assert.include(JSON.stringify(device("d2").running), "new")
      // d4 took the place of d1.
      assert.deepStrictEqual(heard, ["d3", "d4"])
      const summary = await run.summary()
      assert.strictEqual(summary.stopped?.by, "left")
      assert.deepStrictEqual(
        summary.devices.map(({ state }) => state),
        ["succeeded", "succeeded", "interrupted", "interrupted", "notStarted"]
      )
    })
  })

  it("stops when it is asked to, or its signal aborts, and says of a device that it was interrupted", async () => {
    await withFleet(3, async ({ device, fleet }) => {
      const reason = new Error("Ctrl-C")
      for (const by of ["stop", "signal"] as const) {
        device("d1").faults.add(Faults.silence(), { on: "get" })
        const abort = new AbortController()
        const run = fleet.run(
          async (client, { signal }) => {
            const error = await rejection(client.get())
            assert.strictEqual(error, signal.reason)
            if (by === "signal") assert.strictEqual(error, reason)
            throw error
          },
          { concurrency: 1, signal: abort.signal }
        )
        await until(() => device("d1").log.length > (by === "stop" ? 0 : 1))
        if (by === "stop") run.stop()
        else abort.abort(reason)
        const results = await collect(run)
        assert.deepInclude(results.get("d1"), { outcome: "interrupted", value: undefined })
        assert.strictEqual((results.get("d1")!.error as Error).name, "AbortError")
        assert.strictEqual(results.size, 1)
        assert.strictEqual((await run.summary()).stopped?.by, "asked")
        assert.throws(() => fleet.run(async () => 1, { signal: AbortSignal.abort(reason) }), reason)
      }
    })
  })

  it("counts a write of a program as one, so that it is neither interrupted nor tried again", async () => {
    await withFleet(2, async ({ device, fleet }) => {
      for (const name of ["d1", "d2"]) device(name).faults.add(Faults.closeBefore(), { on: "commit" })
      const retry = { ChannelError: { times: 2, delay: "1 millis" } } as const
      const run = fleet.run(
        async (client, { device: { name } }) => {
          await client.lock({ target: "candidate" })
          const commit = client.commit()
          if (name === "d1") return commit
          await rejection(commit)
          return "fine"
        },
        { retry, stopAfter: "never" }
      )
      const results = await collect(run)
      assert.deepInclude(results.get("d1"), { outcome: "unknown", attempts: 1, wrote: true })
      assert.instanceOf(results.get("d1")!.error, Errors.CommitUnknownError)
      assert.deepInclude(results.get("d2"), { outcome: "unknown", value: "fine", error: undefined })
    })
  })

  it("tries again by a plain record or a Schedule, with a client of its own each time", async () => {
    await withFleet(2, async ({ fleet }) => {
      const clients = new Set<NetconfSessionClient>()
      const run = fleet.run(
        async (client, { device: { name } }) => {
          clients.add(client)
          throw Object.assign(new Error(name), { _tag: name === "d1" ? "Mine" : "Other" })
        },
        { retry: { Mine: { times: 2, delay: "1 millis" }, Other: Schedule.recurs(1) }, stopAfter: "never" }
      )
      const results = await collect(run)
      assert.deepStrictEqual([results.get("d1")!.attempts, results.get("d2")!.attempts], [3, 2])
      assert.strictEqual(clients.size, 5)
      for (const client of clients) {
        assert.instanceOf(await rejection(client.get()), Errors.InputError)
      }
    })
  })

  it("gives programs the async context of the caller of run, also where another run made room for them", async () => {
    const inOneGroup = () => ({ redundancyGroup: "g" })
    await withFleet(
      3,
      async ({ fleet }) => {
        const request = new AsyncLocalStorage<string>()
        const program = async (client: NetconfSessionClient) => {
          await client.get()
          return request.getStore()
        }
        const runs = ["a", "b", "c"].map((name) => request.run(name, () => collect(fleet.run(program))))
        const results = await Promise.all(runs)
        assert.deepStrictEqual(
          results.map((each) => [...each.values()].map(({ value }) => value)),
          [
            ["a", "a", "a"],
            ["b", "b", "b"],
            ["c", "c", "c"]
          ]
        )
      },
      {},
      inOneGroup
    )
  })

  it("stops a run whose reader leaves before the first result", async () => {
    await withFleet(2, async ({ device, fleet }) => {
      device("d1").faults.add(Faults.silence(), { on: "get" })
      const run = fleet.run((client) => client.get(), { concurrency: 1 })
      await run[Symbol.asyncIterator]().return!()
      assert.strictEqual((await run.summary()).stopped?.by, "asked")
    })
  })

  it("logs the wire to a function of either API", async () => {
    const logged: Array<string> = []
    const [device] = numbered(1)
    await withFleet(1, async ({ device: simulated }) => {
      const { transport } = simulated(device!)
      const promised: FleetDeviceOptions = { name: "a", transport, wireLog: async () => void logged.push("a") }
      const effectful: Device = { name: "b", transport, wireLog: () => Effect.sync(() => void logged.push("b")) }
      await using fleet = new NetconfFleet([promised, effectful])
      await collect(fleet.run((client) => client.get()))
      assert.includeMembers(logged, ["a", "b"])
    })
  })

  it("fails every device where the audit cannot be kept, before anything is sent", async () => {
    await withFleet(
      1,
      async ({ device, fleet }) => {
        const results = await collect(fleet.run((client) => client.get()))
        assert.instanceOf(results.get("d1")!.error, Errors.InputError)
        assert.deepStrictEqual(device("d1").log, [])
      },
      { audit: join(tmpdir(), "netconf-no-such-directory", "audit") }
    )
  })

  it("throws for devices and options that cannot work, before anything is connected", async () => {
    const device = { name: "a", hostname: "192.0.2.1", username: "admin" }
    const refuses = (devices: ReadonlyArray<FleetDeviceOptions>, said: string, options: NetconfFleetOptions = {}) => {
      assert.throws(() => new NetconfFleet(devices, options), Errors.InputError, said)
    }
    refuses([], "at least one device")
    refuses([device, device], "there is another device called a")
    refuses([{ name: "a", username: "admin" }], "hostname")
    refuses([{ ...device, hostkey: "x" } as FleetDeviceOptions], "no such option")
    refuses([{ ...device, connectTimeout: "1 second" } as FleetDeviceOptions], "use deadlines")
    refuses([{ ...device, label: "b" } as FleetDeviceOptions], "no option of a device in a fleet")
    refuses([{ ...device, readTimeout: 30 }], `write "30 seconds"`)
    refuses([device], `write "60 seconds"`, { idleTime: 60 })
    refuses([device], "maxSessions", { maxSessions: 0 })
    await withFleet(1, async ({ counts, fleet }) => {
      for (const options of [
        { devices: ["d9"] },
        { soak: 30, canary: 1 },
        { retry: { Mine: { times: -1 } } },
        { retry: { Mine: { times: 1, delay: 5 } } },
        { retry: { AuthError: { times: 1 } } },
        { concurency: 3 }
      ]) {
        assert.throws(() => fleet.run(async () => {}, options), Errors.InputError)
      }
      assert.strictEqual(counts("d1").opened, 0)
    })
  })

  it("shares a session between runs, and closes all of them with its block", async () => {
    await withFleet(2, async ({ counts, fleet }) => {
      for (let round = 0; round < 3; round++) await collect(fleet.run((client) => client.get()))
      assert.strictEqual(counts("d1").opened, 1)
      assert.strictEqual(fleet.statistics().sessions, 2)
      assert.deepStrictEqual([...fleet.devices.keys()], ["d1", "d2"])
    })
  })

  it("finishes the writes of a run that is under way when it is closed", async () => {
    await withFleet(2, async ({ device, fleet }) => {
      device("d1").faults.add(Faults.delay("30 millis"), { on: "edit-config" })
      device("d2").faults.add(Faults.silence(), { on: "edit-config", times: 1 })
      const run = fleet.run((client, { device: { name } }) =>
        name === "d1" ? client.editConfig({ config: hostname("new") }) : new Promise(() => {})
      )
      await until(() => device("d1").log.length > 0)
      await fleet.close()
      const { devices, stopped } = await run.summary()
      assert.deepStrictEqual(
        devices.map(({ state }) => state),
        ["succeeded", "interrupted"]
      )
      assert.strictEqual(stopped?.by, "closed")
      await fleet.close()
      const [result] = [...(await collect(fleet.run((client) => client.get(), { devices: ["d1"] }))).values()]
      assert.instanceOf(result!.error, Errors.ChannelError)
    })
  })

  it("refuses to be closed from inside of a program, for whose end that would wait", async () => {
    await withFleet(1, async ({ device, fleet }) => {
      const late: Array<Promise<void>> = []
      const program = async (client: NetconfSessionClient) => {
        await client.editConfig({ config: hostname("new") })
        const error = await rejection(fleet.close())
        assert.instanceOf(error, Errors.InputError)
        assert.include((error as Error).message, "it waits for the end of the programs of the fleet")
        late.push(new Promise((resolve) => setTimeout(() => resolve(fleet.close()), 10)))
      }
      const [result] = [...(await collect(fleet.run(program))).values()]
      assert.strictEqual(result!.outcome, "succeeded", String(result!.error))
      // What the program has left behind is inside of nothing.
      await late[0]
      assert.strictEqual(device("d1").sessions.size, 0)
    })
  })

  it("refuses a run inside of a program on a device of its redundancy group, which would wait for it", async () => {
    const group = () => ({ redundancyGroup: "g" })
    const nested = async ({ fleet }: Simulated) => {
      const outer = async () => {
        const error = await rejection((async () => fleet.run(async () => {}, { devices: ["d2"] }))())
        assert.instanceOf(error, Errors.InputError)
        assert.include((error as Error).message, "d2 is of the redundancy group g")
      }
      const [result] = [...(await collect(fleet.run(outer, { devices: ["d1"] }))).values()]
      assert.strictEqual(result!.outcome, "succeeded", String(result!.error))
    }
    await withFleet(2, nested, {}, group)
  })

  it("records the writes of its programs, under the change they belong to", async () => {
    const directory = mkdtempSync(join(tmpdir(), "netconf-fleet-"))
    const audit = join(directory, "audit")
    await withFleet(
      2,
      async ({ device, fleet }) => {
        device("d2").faults.add(Faults.refuse(Refusal.operationFailed("no")), { on: "edit-config" })
        const program = (client: NetconfSessionClient) => client.editConfig({ config: hostname("x") })
        await collect(fleet.run(program, { changeId: "CHG-7" }))
        await later()
        const lines = readFileSync(audit, "utf8").trim().split("\n")
        assert.isAtLeast(lines.length, 4)
        for (const line of lines) assert.include(line, "CHG-7")
      },
      { audit }
    )
    rmSync(directory, { recursive: true })
  })

  it("is made of an inventory, or says what is wrong with it", async () => {
    const directory = mkdtempSync(join(tmpdir(), "netconf-fleet-"))
    const path = join(directory, "inventory.yaml")
    const scope = Scope.makeUnsafe()
    const device = await Effect.runPromise(Scope.provide(SimulatedDevice.make({}), scope))
    writeFileSync(path, "defaults: { username: u, tags: [all] }\ndevices: { a: , b: { tags: [core] } }\n")
    {
      await using fleet = await NetconfFleet.fromInventory(path, { transport: () => device.transport, maxSessions: 1 })
      const devices = (each: { readonly tags?: ReadonlyArray<string> }) => each.tags?.includes("core") === true
      const results = await collect(fleet.run(async (client) => client.session.label, { devices }))
      assert.deepStrictEqual(
        [...results.values()].map(({ value }) => value),
        ["b"]
      )
    }
    const error = await rejection(NetconfFleet.fromInventory(join(directory, "none.yaml")))
    assert.instanceOf(error, Errors.InputError)
    await Effect.runPromise(Scope.close(scope, Exit.void))
    rmSync(directory, { recursive: true })
  })
})
