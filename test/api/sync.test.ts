import { assert, describe, it } from "@effect/vitest"
import * as api from "../../src/sync.ts"
import { methods as table } from "../../src/api/sync/Methods.ts"
import { NetconfClient } from "../../src/promise.ts"
import {
  ask,
  asked,
  client,
  connected,
  device,
  location,
  login,
  nothing,
  system,
  thrownBy,
  withDevice
} from "./sync/harness.ts"

withDevice()

describe("NetconfClientSync", { timeout: 30_000 }, () => {
  it("has every method of NetconfClient, but for what is not for threads that block", () => {
    const namesOf = (prototype: object): ReadonlyArray<string> =>
      Object.getOwnPropertyNames(prototype).filter((name) => name !== "constructor")
    const theirs = [
      ...namesOf(NetconfClient.prototype),
      ...namesOf(Object.getPrototypeOf(NetconfClient.prototype) as object)
    ]
    const ours = [
      ...namesOf(api.NetconfClientSync.prototype),
      ...namesOf(Object.getPrototypeOf(api.NetconfClientSync.prototype) as object)
    ]
    const without = ["run", "session", "states"]
    assert.deepStrictEqual([...new Set([...ours, ...without])].sort(), [...new Set(theirs)].sort())
    assert.includeMembers([...ours], Object.keys(table))
  })

  it("connects, says who is there, and disconnects", async () => {
    const session = client()
    assert.strictEqual((thrownBy(() => session.get()) as api.ChannelError).phase, "write")
    session.connect()
    assert.isNumber(session.sessionId)
    assert.isTrue(session.capabilities.has(":candidate"))
    assert.strictEqual((thrownBy(() => session.connect()) as api.InputError).what, "client")
    session.disconnect()
    session.disconnect()
    assert.strictEqual((await ask("state")).sessions, 0)
    assert.strictEqual((thrownBy(() => session.get()) as api.ChannelError).phase, "write")
    session.connect()
    assert.include(session.get().xml, "<data")
  })

  it("disconnects at the end of its block", async () => {
    const made = connected()
    made[Symbol.dispose]()
    assert.strictEqual((await ask("state")).sessions, 0)
  })

  it("sends each operation and returns its reply", async () => {
    const session = connected()
    const config = location("rack 1")
    assert.strictEqual(
      await asked(() => {
        assert.include(session.getConfig().xml, "<data")
        assert.strictEqual(session.get({ filter: nothing }).data.name, "data")
        assert.include(session.sendRpc(`<get-config><source><running/></source></get-config>`).xml, "<data")
        assert.isTrue(session.lock({ target: "candidate" }).ok)
        session.editConfig({ target: "candidate", config })
        session.editConfig({
          target: "candidate",
          config: api.xml`<system xmlns="${system}"><contact>${"<me>"}</contact></system>`
        })
        session.validate({ source: "candidate" })
        assert.isUndefined(session.commit().rollback)
        session.discardChanges()
        session.unlock({ target: "candidate" })
        session.copyConfig({ source: "running", target: "startup" })
        session.deleteConfig({ target: "startup" })
        assert.strictEqual(session.save(), "yes")
        assert.strictEqual(session.lockedEditConfig({ target: "candidate", config, save: true }).saved, "yes")
      }),
      [
        "get-config get get-config lock edit-config edit-config validate commit",
        "discard-changes unlock copy-config delete-config copy-config",
        "lock lock discard-changes edit-config commit unlock unlock copy-config"
      ].join(" ")
    )
    const running = session.getConfig({ filter: api.Filter.subtree(api.xml`<system xmlns="${system}"/>`) })
    assert.strictEqual(api.Element.text(api.Element.find(running.data, ["system", "contact"])!), "<me>")
  })

  it("says when a confirmed commit rolls back, and cancels it", () => {
    const session = connected()
    session.editConfig({ target: "candidate", config: location("for a while") })
    const { rollback } = session.commit({ confirmed: true, confirmTimeout: "1 minute", persist: "mine" })
    assert.instanceOf(rollback!.earliest, Date)
    assert.isAtLeast(rollback!.latest.getTime(), rollback!.earliest.getTime())
    session.cancelCommit({ persistId: "mine" })
    session.discardChanges()
    assert.notInclude(session.getConfig().xml, "for a while")
  })

  it("kills another session, which is told so", () => {
    const [one, other] = [connected(), connected()]
    one.killSession({ sessionId: other.sessionId! })
    assert.instanceOf(
      thrownBy(() => other.get()),
      api.ChannelError
    )
  })

  it("has a state with reconnect alone", () => {
    assert.strictEqual(connected({ reconnect: { schedule: { times: 1 } } }).state._tag, "Up")
    assert.strictEqual((thrownBy(() => connected().state) as api.InputError).what, "reconnect")
  })

  describe("throws", () => {
    it("an RpcError with the fields of the device", async () => {
      await device.ask("fault", { fault: "refuse", on: "lock" })
      const session = connected()
      const error = thrownBy(() => session.lock()) as api.RpcError
      assert.instanceOf(error, api.RpcError)
      assert.isTrue(api.isNetconfError(error))
      assert.isTrue(error.has("lock-denied"))
      assert.strictEqual(error.errors[0].info?.sessionId, 99)
      assert.isTrue(error.isRetryable)
      assert.strictEqual(
        error.message,
        `lock on sim (session ${session.sessionId}): lock-denied, held by session 99: held`
      )
    })

    it("an AuthError, a HostKeyError and a ConnectionError for a login that fails", () => {
      const auth = thrownBy(() => connected({ password: "wrong" })) as api.AuthError
      assert.instanceOf(auth, api.AuthError)
      assert.deepStrictEqual(auth.tried, ["password"])
      const hostKey = thrownBy(() =>
        connected({ hostKey: { fingerprint: `SHA256:${"A".repeat(43)}` } })
      ) as api.HostKeyError
      assert.instanceOf(hostKey, api.HostKeyError)
      assert.strictEqual(hostKey.fingerprint, login.hostKey.fingerprint)
      assert.instanceOf(
        thrownBy(() => connected({ port: 1 })),
        api.ConnectionError
      )
    })

    it("a DeadlineError for a read, and a CommitUnknownError for a change, without a reply", async () => {
      const session = connected({ readTimeout: "300 millis" })
      await device.ask("fault", { fault: "silence", on: "get" })
      const late = thrownBy(() => session.get()) as api.DeadlineError
      assert.instanceOf(late, api.DeadlineError)
      assert.deepStrictEqual([late.phase, late.deadline, late.operation], ["rpc", 300, "get"])
      await device.ask("fault", { fault: "close", on: "commit" })
      session.editConfig({ target: "candidate", config: location("lost") })
      const unknown = thrownBy(() => session.commit()) as api.CommitUnknownError
      assert.instanceOf(unknown, api.CommitUnknownError)
      assert.strictEqual(unknown.phase, "sent")
      assert.instanceOf(unknown.cause, api.ChannelError)
      assert.isFalse(unknown.isRetryable)
    })

    it("an InputError for what cannot work, from the constructor and from a call", () => {
      const mistaken = (options: object) => thrownBy(() => client(options)) as api.InputError
      assert.strictEqual(mistaken({ readTimeout: 30 }).what, "readTimeout")
      assert.strictEqual(mistaken({ hostnme: "x" }).what, "hostnme")
      const session = connected()
      assert.strictEqual((thrownBy(() => session.get({ filter: "<a>" })) as api.InputError).what, "filter")
      assert.strictEqual((thrownBy(() => session.locked(["running"], 5 as never)) as api.InputError).what, "program")
    })

    it("an InputError that names NetconfClient for functions, signals and transports", () => {
      const session = connected()
      const refused = [
        ["transport", () => client({ transport: { open: () => {} } } as never)],
        ["wireLog", () => client({ wireLog: () => {} } as never)],
        ["audit", () => client({ audit: () => {} } as never)],
        ["signal", () => session.get({ signal: AbortSignal.timeout(5) } as never)],
        ["warnings", () => session.get({ warnings: () => true } as never)],
        ["breakStale", () => session.locked(["running"], () => {}, { breakStale: () => true } as never)]
      ] as const
      for (const [what, use] of refused) {
        const error = thrownBy(use) as api.InputError
        assert.instanceOf(error, api.InputError)
        assert.strictEqual(error.what, what)
        assert.include(error.why, "NetconfClient of effect-netconf/promise takes it")
      }
    })
  })

  it("carries on after a deadline: the late reply is not the next call's", async () => {
    const session = connected()
    await device.ask("fault", { fault: "late", on: "get" })
    assert.instanceOf(
      thrownBy(() => session.get({ deadline: "50 millis" })),
      api.DeadlineError
    )
    assert.include(session.sendRpc(`<get-config><source><running/></source></get-config>`, { read: true }).xml, "<data")
  })
})
