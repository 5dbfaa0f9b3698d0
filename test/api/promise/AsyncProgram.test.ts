/** Programs of plain async code under locks and as the check of a confirmed commit. */
import { assert, describe, it } from "@effect/vitest"
import { AsyncLocalStorage } from "node:async_hooks"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Errors from "../../../src/errors.ts"
import { NetconfClient, type NetconfSessionClient } from "../../../src/promise.ts"
import { Faults, Refusal, SampleModel, SimulatedDevice } from "../../../src/testing.ts"

const hostname = (name: string) => `<system xmlns="${SampleModel.system}"><hostname>${name}</hostname></system>`
const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => assert.fail("it did not reject"),
    (error: unknown) => error
  )
const later = async () => {
  for (let round = 0; round < 12; round++) await new Promise((resolve) => setImmediate(resolve))
}

const withDevice = async (
  use: (client: NetconfClient, device: SimulatedDevice.SimulatedDevice) => Promise<void>,
  options: SimulatedDevice.Options = {}
) => {
  const scope = Scope.makeUnsafe()
  try {
    const device = await Effect.runPromise(Scope.provide(SimulatedDevice.make(options), scope))
    await using client = new NetconfClient({ label: "sim", transport: device.transport })
    await client.connect()
    await use(client, device)
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
}
const operations = (device: SimulatedDevice.SimulatedDevice) => device.log.map((entry) => entry.operation)
const inside = ["lock", "lock", "discard-changes"]
const clean = (device: SimulatedDevice.SimulatedDevice) => [device.locks.size, device.candidateIsDirty]

describe("locked", () => {
  it("runs the program between lock and unlock, and gives what it resolves to", async () => {
    await withDevice(async (client, device) => {
      const got = await client.locked(["candidate", "running"], async (mine) => {
        assert.notStrictEqual(mine as unknown, client as unknown)
        assert.strictEqual(mine.sessionId, client.sessionId)
        await mine.editConfig({ target: "candidate", config: hostname("r1") })
        await mine.commit()
        return 7
      })
      assert.strictEqual(got, 7)
      assert.deepStrictEqual(operations(device), [...inside, "edit-config", "commit", "unlock", "unlock"])
    })
  })

  it("rejects with the program's own rejection, whatever it is, and leaves nothing behind", async () => {
    await withDevice(async (client, device) => {
      for (const reason of [new TypeError("mine"), "text", undefined, null]) {
        const rejected = await rejection(
          client.locked(["running", "candidate"], async (mine) => {
            await mine.editConfig({ target: "candidate", config: hostname("r2") })
            // oxlint-disable-next-line only-throw-error -- this is the case
            throw reason
          })
        )
        assert.strictEqual(rejected, reason)
        assert.deepStrictEqual(clean(device), [0, false])
      }
      const thrown = new Error("not even a promise")
      const program = () => {
        throw thrown
      }
      assert.strictEqual(await rejection(client.locked(["running"], program)), thrown)
      assert.deepStrictEqual(clean(device), [0, false])
    })
  })

  it("does not start the program when a lock is refused", async () => {
    await withDevice(async (client, device) => {
      device.lock("running")
      let started = false
      const error = await rejection(client.locked(["running"], async () => void (started = true)))
      assert.instanceOf(error, Errors.RpcError)
      assert.isTrue((error as Errors.RpcError).has("lock-denied"))
      assert.isFalse(started)
    })
  })

  it("asks again for a held lock as `wait` says, in words or as a Schedule", async () => {
    await withDevice(async (client, device) => {
      for (const wait of [{ every: "5 millis", upTo: "10 seconds" }, Schedule.spaced("5 millis")] as const) {
        const release = device.lock("running")
        const asked = device.log.length
        const waiting = client.locked(["running"], async () => "mine", { wait })
        while (device.log.length < asked + 3) await later()
        release()
        assert.strictEqual(await waiting, "mine")
      }
      const error = await rejection(
        client.locked(["running"], async () => {}, { wait: { every: 2, upTo: "1 second" } })
      )
      assert.include((error as Error).message, `write "2 seconds"`)
    })
  })

  it("keeps changes by the outer client outside until the program is over", async () => {
    await withDevice(async (client, device) => {
      let go = () => {}
      const gate = new Promise<void>((resolve) => (go = resolve))
      const program = client.locked(["running"], () => gate)
      await later()
      const outside = client.editConfig({ config: hostname("outside") })
      await client.get()
      await later()
      assert.deepStrictEqual(operations(device), ["lock", "get"])
      go()
      await Promise.all([program, outside])
      assert.deepStrictEqual(operations(device), ["lock", "get", "unlock", "edit-config"])
    })
  })

  it("refuses a change by the outer client from inside, which would wait for ever", async () => {
    await withDevice(async (client, device) => {
      await client.locked(["running"], async (mine) => {
        await Promise.resolve()
        for (const call of [
          () => client.editConfig({ config: hostname("r3") }),
          () => client.locked(["running"], async () => {}),
          () => client.lockedEditConfig({ config: hostname("r3") }),
          () => client.sendRpc(`<discard-changes/>`)
        ]) {
          const error = await rejection(call())
          assert.instanceOf(error, Errors.InputError)
          assert.match(
            (error as Error).message,
            /sim \(session \d+\): client: .*use the client that the program is given/
          )
        }
        // What passes the gate passes from here too.
        await client.get()
        await client.getConfig()
        await mine.editConfig({ config: hostname("r4") })
        await mine.locked(["running"], async (nested) => {
          await nested.editConfig({ config: hostname("r5") })
          for (const outer of [client, mine]) {
            assert.instanceOf(await rejection(outer.discardChanges()), Errors.InputError)
          }
          await mine.get()
        })
      })
      await client.editConfig({ config: hostname("r7") })
      assert.strictEqual(operations(device).at(-1), "edit-config")
    })
  })

  it("does not take another task for one that is inside", async () => {
    await withDevice(async (client) => {
      const order: Array<string> = []
      const one = client.locked(["running"], async (mine) => {
        await mine.editConfig({ config: hostname("one") })
        await later()
        order.push("one")
      })
      const other = client.locked(["running"], async (mine) => {
        await mine.editConfig({ config: hostname("two") })
        order.push("two")
      })
      await Promise.all([one, other, client.editConfig({ config: hostname("three") })])
      assert.deepStrictEqual(order, ["one", "two"])
    })
  })

  it("gives the program the async context of its caller, not that of whoever held the lock before", async () => {
    await withDevice(async (client) => {
      const request = new AsyncLocalStorage<string>()
      const seen = (name: string) =>
        request.run(name, () => client.locked(["running"], async () => `${name} ${request.getStore()}`))
      assert.deepStrictEqual(await Promise.all([seen("a"), seen("b"), seen("c")]), ["a a", "b b", "c c"])
    })
  })

  it("ends the program's client with the program: calls under way are waited for, later ones refused", async () => {
    await withDevice(async (client, device) => {
      device.faults.add(Faults.delay("20 millis"), { on: "edit-config" })
      let kept: NetconfSessionClient | undefined
      let floating: Promise<unknown> | undefined
      const program = client.locked(["running"], async (mine) => {
        kept = mine
        floating = mine.editConfig({ config: hostname("floating") })
      })
      while (operations(device).at(-1) !== "edit-config") await later()
      const early = await rejection(kept!.get())
      await Promise.all([program, floating])
      for (const error of [early, await rejection(kept!.editConfig({ config: hostname("too late") }))]) {
        assert.instanceOf(error, Errors.InputError)
        assert.include((error as Error).message, "the program that it was given to is over")
      }
      assert.deepStrictEqual(operations(device), ["lock", "edit-config", "unlock"])
    })
  })

  it("lets what a program has left behind use the outer client again", async () => {
    await withDevice(async (client, device) => {
      const { promise, resolve } = Promise.withResolvers<unknown>()
      await client.locked(["running"], async () => {
        setTimeout(() => resolve(client.editConfig({ config: hostname("after") })), 20)
      })
      await promise
      assert.deepStrictEqual(operations(device), ["lock", "unlock", "edit-config"])
    })
  })

  it("aborts: the program hears of it, its calls reject with the reason, and no later one reaches the device", async () => {
    await withDevice(async (client, device) => {
      const abort = new AbortController()
      const reason = new Error("enough")
      const heard: Array<unknown> = []
      let done = () => {}
      const programEnds = new Promise<void>((resolve) => (done = resolve))
      device.faults.add(Faults.silence(), { on: "get" })
      const call = client.locked(
        ["running", "candidate"],
        async (mine, { signal }) => {
          signal.addEventListener("abort", () => heard.push(signal.reason))
          await mine.editConfig({ target: "candidate", config: hostname("r8") })
          heard.push(await rejection(mine.get()))
          heard.push(await rejection(mine.commit()))
          heard.push(await rejection(mine.locked(["running"], async () => {})))
          done()
          throw new Error("nobody waits for this one")
        },
        { signal: abort.signal }
      )
      while (operations(device).at(-1) !== "get") await later()
      abort.abort(reason)
      assert.strictEqual(await rejection(call), reason)
      assert.deepStrictEqual(clean(device), [0, false])
      await programEnds
      assert.deepStrictEqual(heard, [reason, reason, reason, reason])
      assert.notInclude(operations(device), "commit")
    })
  })

  it("starts nothing for a signal that was aborted before", async () => {
    await withDevice(async (client, device) => {
      const reason = new Error("before")
      const call = client.locked(["running"], async () => {}, { signal: AbortSignal.abort(reason) })
      assert.strictEqual(await rejection(call), reason)
      assert.deepStrictEqual(operations(device), [])
    })
  })
})

describe("confirmedCommit", () => {
  it("confirms what the check on a new session has seen, and gives what that resolves to", async () => {
    await withDevice(async (client, device) => {
      const recorded: Array<string> = []
      const record = async (id: string) => {
        await later()
        assert.notInclude(operations(device), "commit")
        recorded.push(id)
      }
      const seen = await client.confirmedCommit(
        { timeout: "1 minute", config: hostname("r1"), record },
        async (other) => {
          assert.notStrictEqual(other.sessionId, client.sessionId)
          assert.instanceOf(await rejection(client.commit()), Errors.InputError)
          return (await other.get()).xml.includes("r1")
        }
      )
      assert.isTrue(seen)
      assert.match(recorded.join(), /^[\da-f-]{36}$/)
      assert.strictEqual(device.confirmedCommit, undefined)
      assert.strictEqual(operations(device).filter((name) => name === "commit").length, 2)
    })
  })

  it("takes the commit back when the check rejects, and rejects with the same", async () => {
    await withDevice(async (client, device) => {
      const reason = new Error("no neighbours")
      const before = device.running
      const options = { timeout: "1 minute", config: hostname("r1") } as const
      const failing = async () => {
        throw reason
      }
      assert.strictEqual(await rejection(client.confirmedCommit(options, failing)), reason)
      assert.include(operations(device), "cancel-commit")
      assert.deepStrictEqual(device.running, before)
      assert.deepStrictEqual(clean(device), [0, false])
    })
  })

  it("commits nothing when the record rejects", async () => {
    await withDevice(async (client, device) => {
      const reason = new Error("disk full")
      const record = () => Promise.reject(reason)
      const call = client.confirmedCommit({ timeout: "1 minute", config: hostname("r1"), record }, async () => {})
      assert.strictEqual(await rejection(call), reason)
      assert.notInclude(operations(device), "commit")
      assert.deepStrictEqual(clean(device), [0, false])
    })
  })

  it("runs the check on this session when asked to, inside of its locks", async () => {
    await withDevice(async (client, device) => {
      const options = { timeout: "1 minute", config: hostname("r1"), verifyOn: "this-session" } as const
      await client.confirmedCommit(options, async (mine) => {
        assert.strictEqual(mine.sessionId, client.sessionId)
        await mine.editConfig({ target: "candidate", config: hostname("r1") })
      })
      assert.deepStrictEqual(clean(device), [0, false])
    })
  })

  it("takes the commit back when it is aborted", async () => {
    await withDevice(async (client, device) => {
      const abort = new AbortController()
      const options = { timeout: "1 minute", config: hostname("r1"), signal: abort.signal } as const
      const heard = Promise.withResolvers<unknown>()
      const call = client.confirmedCommit(options, (_other, { signal }) => {
        signal.addEventListener("abort", () => heard.resolve(signal.reason))
        setImmediate(() => abort.abort("stop"))
        return new Promise(() => {})
      })
      assert.strictEqual(await rejection(call), "stop")
      assert.strictEqual(await heard.promise, "stop")
      assert.include(operations(device), "cancel-commit")
    })
  })

  it("refuses bare numbers that were meant as seconds", async () => {
    await withDevice(async (client, device) => {
      for (const options of [{ timeout: 120 }, { timeout: "2 minutes", margin: 5 }] as const) {
        const error = await rejection(client.confirmedCommit({ config: hostname("r1"), ...options }, async () => {}))
        assert.match((error as Error).message, /write "\d+ seconds"/)
      }
      device.faults.add(Faults.refuse(Refusal.operationFailed("no")), { on: "commit" })
      const call = client.confirmedCommit({ timeout: "1 minute", config: hostname("r1") }, async () => {})
      assert.instanceOf(await rejection(call), Errors.RpcError)
    })
  })
})
