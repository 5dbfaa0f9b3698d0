/** Auditing and change ids in plain async code. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach } from "vitest"
import {
  type AuditEntry,
  AuditError,
  InputError,
  NetconfClient,
  type NetconfClientOptions
} from "../../../src/promise.ts"
import { SimulatedDevice } from "../../../src/testing.ts"

const config = `<system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><hostname>leaf-01</hostname></system>`

let scope = Scope.makeUnsafe()
afterEach(async () => {
  await Effect.runPromise(Scope.close(scope, Exit.void))
  scope = Scope.makeUnsafe()
})

const simulated = (options: SimulatedDevice.Options = {}) =>
  Effect.runPromise(Scope.provide(SimulatedDevice.make(options), scope))

const connected = async (device: SimulatedDevice.SimulatedDevice, options: NetconfClientOptions) => {
  const client = new NetconfClient({ label: "leaf-01", transport: device.transport, ...options })
  await client.connect()
  return client
}

const recorder = () => {
  const entries: Array<AuditEntry> = []
  const told = () => entries.map(({ changeId, operation, outcome }) => `${operation} ${outcome} ${changeId}`)
  return { audit: async (entry: AuditEntry) => void entries.push(entry), told }
}

describe("NetconfClient with audit", () => {
  it("records the writes of every method under the client's change id, or the call's", async () => {
    const device = await simulated()
    const { audit, told } = recorder()
    await using client = await connected(device, { audit, changeId: "CHG-1" })
    await client.get()
    await client.editConfig({ config })
    await client.editConfig({ config, changeId: "CHG-2" })
    await client.lockedEditConfig({ config, target: "candidate", changeId: "CHG-3" })
    await client.locked(["running"], (inside) => inside.editConfig({ config }), { changeId: "CHG-4" })
    await client.confirmedCommit({ timeout: "1 minute", config, changeId: "CHG-5" }, (other) => other.get())
    await client.save({ changeId: "CHG-6" })
    const both = (name: string, id: string) => [`${name} started ${id}`, `${name} ok ${id}`]
    assert.deepStrictEqual(told(), [
      ...both("edit-config", "CHG-1"),
      ...both("edit-config", "CHG-2"),
      ...both("edit-config", "CHG-3"),
      ...both("commit", "CHG-3"),
      ...both("edit-config", "CHG-4"),
      ...both("edit-config", "CHG-5"),
      ...both("commit", "CHG-5"),
      ...both("commit", "CHG-5"),
      ...both("copy-config", "CHG-6")
    ])
  })

  it("appends to a file", async () => {
    const directory = mkdtempSync(join(tmpdir(), "audit-"))
    try {
      const path = join(directory, "audit.jsonl")
      await using client = await connected(await simulated(), { audit: path })
      await client.editConfig({ config })
      const lines = readFileSync(path, "utf8").trim().split("\n")
      assert.deepStrictEqual(
        lines.map((line) => (JSON.parse(line) as AuditEntry).outcome),
        ["started", "ok"]
      )
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  it("rejects a write that cannot be recorded, and sends nothing of it", async () => {
    const device = await simulated()
    const audit = async () => {
      throw new Error("the audit server is down")
    }
    await using client = await connected(device, { audit })
    const error = await client.editConfig({ config }).catch((thrown: unknown) => thrown)
    assert.instanceOf(error, AuditError)
    assert.include(error.message, "the audit server is down (not sent)")
    assert.notInclude(
      device.log.map(({ operation }) => operation),
      "edit-config"
    )
  })

  it("does not connect with a file that cannot be used", async () => {
    const { transport } = await simulated()
    const client = new NetconfClient({ transport, audit: "/missing/audit.jsonl" })
    const error = await client.connect().catch((thrown: unknown) => thrown)
    assert.instanceOf(error, InputError)
    assert.include(error.message, "/missing/audit.jsonl")
  })

  it("refuses an audit that is neither a path nor a function", async () => {
    const { transport } = await simulated()
    for (const audit of ["", 5, {}] as ReadonlyArray<unknown> as ReadonlyArray<never>)
      assert.throws(() => new NetconfClient({ transport, audit }), /audit: expected the path of a file, or a function/)
  })
})

describe("lockedEditConfig with breakStale", () => {
  it("breaks the lock of a session that the caller knows", async () => {
    const device = await simulated()
    const stale = await connected(device, {})
    await stale.lock()
    await using client = await connected(device, {})
    const users: Array<string> = []
    await client.lockedEditConfig({ config, breakStale: ({ username }) => users.push(username) > 0 })
    assert.deepStrictEqual(users, ["memory"])
    assert.isFalse(device.sessions.has(stale.sessionId ?? 1))
  })
})
