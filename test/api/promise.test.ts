import { assert, describe, it } from "@effect/vitest"
import { inspect } from "node:util"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Errors from "../../src/errors.ts"
import * as api from "../../src/promise.ts"
import type { NetconfClientOptions } from "../../src/promise.ts"
import { NetconfClient } from "../../src/promise.ts"
import { Faults, Refusal, SampleModel, SimulatedDevice } from "../../src/testing.ts"
import * as Memory from "../../src/transport/Memory.ts"
import { xml } from "../../src/xml/Template.ts"
import { Peer, data, everything, helloOf, obliging, replyOf, rpcError } from "../rpc/peer.ts"

const hostname = (name: string) => `<system xmlns="${SampleModel.system}"><hostname>${name}</hostname></system>`
const later = async () => {
  for (let round = 0; round < 12; round++) await new Promise((resolve) => setImmediate(resolve))
}
const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => assert.fail("it did not reject"),
    (error: unknown) => error
  )

/** A device for one test, and a client of it. */
const withDevice = async (
  use: (client: NetconfClient, device: SimulatedDevice.SimulatedDevice) => Promise<void>,
  options: SimulatedDevice.Options = {},
  more: NetconfClientOptions = {}
) => {
  const scope = Scope.makeUnsafe()
  try {
    const device = await Effect.runPromise(Scope.provide(SimulatedDevice.make(options), scope))
    await using client = new NetconfClient({ label: "sim", transport: device.transport, ...more })
    await client.connect()
    await use(client, device)
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

/** A client and the far side of each of its connections. */
const scripted = (options: NetconfClientOptions = {}) => {
  const peers: Array<Peer> = []
  const transport = Memory.make((endpoint) => peers.push(new Peer(endpoint)), { peer: "far" })
  return { peers, client: new NetconfClient({ label: "leaf", transport, ...options }) }
}
const connected = async (options: NetconfClientOptions = {}) => {
  const { client, peers } = scripted(options)
  const connecting = client.connect()
  await later()
  peers[0]!.sayHello(helloOf(everything))
  await connecting
  return { client, peer: peers[0]! }
}

describe("NetconfClient", () => {
  it("has the methods of pyNetX by their names, with its defaults", async () => {
    const { client, peer } = await connected()
    peer.onRpc = obliging
    assert.strictEqual(client.sessionId, 7)
    assert.isTrue(client.capabilities.has(":candidate"))
    const sent = async (call: Promise<unknown>) => {
      await call
      return peer.last.xml.replace(/^<rpc[^>]*>(.*)<\/rpc>$/s, "$1")
    }
    assert.strictEqual(await sent(client.getConfig()), "<get-config><source><running/></source></get-config>")
    assert.strictEqual(
      await sent(client.getConfig({ filter: "" })),
      "<get-config><source><running/></source></get-config>"
    )
    assert.strictEqual(await sent(client.get()), "<get/>")
    assert.strictEqual(await sent(client.lock()), "<lock><target><running/></target></lock>")
    assert.strictEqual(
      await sent(client.unlock({ target: "candidate" })),
      "<unlock><target><candidate/></target></unlock>"
    )
    assert.include(await sent(client.editConfig({ config: "<a xmlns='urn:a'/>" })), "<target><running/></target>")
    assert.include(
      await sent(client.editConfig({ config: "<a xmlns='urn:a'/>", validate: true })),
      "<test-option>test-then-set</test-option>"
    )
    assert.strictEqual(
      await sent(client.editConfig({ target: "candidate", config: "<a xmlns='urn:a'/>", validate: true })),
      "<validate><source><candidate/></source></validate>"
    )
    assert.strictEqual(
      await sent(client.copyConfig({ source: "running", target: "startup" })),
      "<copy-config><target><startup/></target><source><running/></source></copy-config>"
    )
    assert.strictEqual(
      await sent(client.deleteConfig({ target: "startup" })),
      "<delete-config><target><startup/></target></delete-config>"
    )
    assert.strictEqual(await sent(client.validate()), "<validate><source><candidate/></source></validate>")
    assert.strictEqual(await sent(client.commit()), "<commit/>")
    assert.strictEqual(
      await sent(client.cancelCommit({ persistId: "a" })),
      "<cancel-commit><persist-id>a</persist-id></cancel-commit>"
    )
    assert.strictEqual(await sent(client.discardChanges()), "<discard-changes/>")
    assert.strictEqual(
      await sent(client.killSession({ sessionId: 9 })),
      "<kill-session><session-id>9</session-id></kill-session>"
    )
    assert.strictEqual(
      await sent(client.sendRpc(`<rpc message-id="101"><show xmlns="urn:x"/></rpc>`)),
      `<show xmlns="urn:x"/>`
    )
    assert.strictEqual(await sent(client.sendRpc(xml`<show xmlns="urn:x"/>`)), `<show xmlns="urn:x"/>`)
    await client.disconnect()
    assert.strictEqual(peer.last.name, "close-session")
    assert.isDefined(peer.end)
  })

  it("gives a reply with its lazy parts as properties", async () => {
    const { client, peer } = await connected()
    peer.onRpc = obliging
    const reply = await client.get()
    assert.include(reply.xml, data)
    assert.strictEqual(reply.data.name, "data")
    assert.deepInclude(
      { ok: reply.ok, warnings: reply.warnings, messageId: reply.messageId },
      { ok: true, warnings: [], messageId: peer.last.id }
    )
    peer.onRpc = (rpc) =>
      peer.reply(rpc, rpc.name === "get" ? "<data><a><b></a></b></data>" : `${rpcError("w", "", "warning")}<ok/>`)
    const broken = await client.get()
    assert.throws(() => broken.data, Errors.ProtocolError)
    const warned = await client.commit()
    assert.deepStrictEqual([warned.ok, warned.warnings[0]?.tag, warned.rollback], [true, "w", undefined])
    const error = await rejection(client.commit({ warnings: "fail" }))
    assert.instanceOf(error, Errors.RpcError)
    assert.include((error as Error).message, "did it")
    peer.onRpc = obliging
    const before = Date.now()
    const { rollback } = await client.commit({ confirmed: true, confirmTimeout: "60 seconds" })
    assert.isAtLeast(rollback!.latest.getTime(), before + 59_000)
    await client.disconnect()
  })

  it("rejects with the library's own errors, as they are", async () => {
    await withDevice(async (client, device) => {
      device.lock("running")
      const denied = await rejection(client.lock())
      assert.instanceOf(denied, Errors.RpcError)
      assert.isTrue(Errors.isNetconfError(denied) && api.isNetconfError(denied))
      assert.include((denied as Error).message, "lock on sim (session 1): lock-denied")
      assert.instanceOf(await rejection(client.getConfig({ filter: "<a>" })), Errors.InputError)
      assert.instanceOf(await rejection(client.sendRpc(undefined as unknown as string)), Errors.InputError)
      assert.instanceOf(
        await rejection(client.editConfig({ config: undefined as unknown as string })),
        Errors.InputError
      )
    })
  })

  it("changes a device from lock to save, and leaves nothing behind a refusal", async () => {
    await withDevice(async (client, device) => {
      const done = await client.lockedEditConfig({
        target: "candidate",
        config: hostname("r1"),
        validate: true,
        save: true
      })
      assert.deepInclude({ ...done, replies: done.replies.length }, { target: "candidate", saved: "yes", replies: 2 })
      const operations = () => device.log.map((entry) => entry.operation)
      assert.deepStrictEqual(operations(), [
        "lock",
        "lock",
        "discard-changes",
        "edit-config",
        "validate",
        "commit",
        "unlock",
        "unlock",
        "copy-config"
      ])
      await client.lockedEditConfig({ config: hostname("r2") })
      assert.deepStrictEqual(operations().slice(9), ["lock", "edit-config", "unlock"])
      device.faults.add(Faults.refuse(Refusal.operationFailed("no")), { on: "commit" })
      assert.instanceOf(
        await rejection(client.lockedEditConfig({ target: "candidate", config: hostname("r3") })),
        Errors.RpcError
      )
      assert.deepStrictEqual([device.locks.size, device.candidateIsDirty], [0, false])
      device.lock("running")
      assert.instanceOf(await rejection(client.lockedEditConfig({ config: hostname("r4") })), Errors.RpcError)
      assert.strictEqual(device.log.at(-1)?.operation, "lock")
      assert.strictEqual(await client.save(), "yes")
    })
  })

  it("says what is wrong before connect, twice connected, and after disconnect", async () => {
    const { client, peers } = scripted()
    const saying = async (call: () => unknown, said: string) => {
      let error: unknown
      try {
        error = await rejection(Promise.resolve(await call()))
      } catch (thrown) {
        error = thrown
      }
      assert.isTrue(Errors.isNetconfError(error), String(error))
      assert.include((error as Error).message, said)
    }
    await saying(() => client.get(), "not connected: call connect() first")
    await saying(() => client.sessionId, "not connected")
    await client.disconnect()
    const connecting = client.connect()
    await saying(() => client.connect(), "connecting already")
    await saying(() => client.get(), "still connecting")
    await later()
    peers[0]!.sayHello(helloOf(everything))
    await connecting
    await saying(() => client.connect(), "connected already")
    await client.disconnect()
    await saying(() => client.get(), "disconnected")
    await client.disconnect()
    const again = client.connect()
    await later()
    peers[1]!.sayHello(helloOf(everything, "8"))
    await again
    assert.strictEqual(client.sessionId, 8)
    await client.disconnect()
  })

  it("rejects what waits when it is disconnected", async () => {
    const { client, peer } = await connected({ maxOutstanding: 2 })
    const read = rejection(client.get())
    const write = rejection(client.commit())
    await later()
    await client.disconnect()
    assert.instanceOf(await read, Errors.ChannelError)
    assert.instanceOf(await write, Errors.CommitUnknownError)
    assert.isDefined(peer.end)
  })

  it("ends with its block", async () => {
    let far: Peer
    {
      const { client, peer } = await connected()
      await using _ = client
      far = peer
    }
    assert.isDefined(far.end)
  })

  it("starts nothing for a signal that was aborted before", async () => {
    const { client, peer } = await connected()
    const reason = new Error("the caller's reason")
    assert.strictEqual(await rejection(client.get({ signal: AbortSignal.abort(reason) })), reason)
    await later()
    assert.deepStrictEqual(peer.names, [])
    await client.disconnect()
    const { client: other, peers } = scripted()
    assert.strictEqual(await rejection(other.connect({ signal: AbortSignal.abort(reason) })), reason)
    assert.deepStrictEqual(peers, [])
  })

  it("rejects an aborted call with the signal's reason at once, and the session goes on", async () => {
    const { client, peer } = await connected()
    for (const reason of [new Error("the caller's reason"), "text", undefined]) {
      const abort = new AbortController()
      const call = rejection(client.get({ signal: abort.signal }))
      await later()
      const { last } = peer
      abort.abort(reason)
      const rejected = await call
      if (reason === undefined) assert.strictEqual((rejected as Error).name, "AbortError")
      else assert.strictEqual(rejected, reason)
      const next = client.getConfig()
      await later()
      peer.send(replyOf(last.id, "<data><late/></data>"))
      peer.reply(peer.last, data)
      assert.include((await next).xml, data)
    }
    await client.disconnect()
  })

  it("gives a whole locked edit back when it is aborted", async () => {
    const { client, peer } = await connected()
    const abort = new AbortController()
    peer.onRpc = (rpc) => rpc.name !== "edit-config" && obliging(rpc, peer)
    const call = rejection(client.lockedEditConfig({ target: "candidate", config: "<a/>", signal: abort.signal }))
    await later()
    assert.strictEqual(peer.last.name, "edit-config")
    abort.abort("stop")
    assert.strictEqual(await call, "stop")
    assert.deepStrictEqual(peer.names.slice(-3), ["discard-changes", "unlock", "unlock"])
    await client.disconnect()
  })

  it("leaves nothing of a connect that was aborted or disconnected in the middle", async () => {
    const one = scripted()
    const abort = new AbortController()
    const connecting = rejection(one.client.connect({ signal: abort.signal }))
    await later()
    abort.abort("stop")
    assert.strictEqual(await connecting, "stop")
    assert.isDefined(one.peers[0]!.end)
    const two = scripted()
    const other = rejection(two.client.connect())
    await later()
    await two.client.disconnect()
    assert.include(((await other) as Error).message, "disconnect() was called")
    assert.isDefined(two.peers[0]!.end)
  })

  it("is not connected after a disconnect that came while the hello was read", async () => {
    for (let ticks = 0; ticks < 40; ticks++) {
      const { client, peers } = scripted()
      const connecting = client.connect().then(
        () => "connected",
        () => "rejected"
      )
      await later()
      peers[0]!.sayHello(helloOf(everything))
      for (let tick = 0; tick < ticks; tick++) await Promise.resolve()
      await client.disconnect()
      await connecting
      await later()
      assert.isDefined(peers[0]!.end, `after ${ticks} ticks`)
      assert.throws(() => client.session, Errors.ChannelError)
    }
  })

  describe("that was lost", () => {
    const lost = async () => {
      const set = scripted()
      const connecting = set.client.connect()
      await later()
      set.peers[0]!.sayHello(helloOf(everything))
      await connecting
      set.peers[0]!.endpoint.close({ by: "network", detail: "cut" })
      await later()
      return set
    }

    it("connects once, whoever else asks meanwhile", async () => {
      const { client, peers } = await lost()
      const one = client.connect()
      assert.include(((await rejection(client.connect())) as Error).message, "connecting already")
      await later()
      peers[1]!.sayHello(helloOf(everything))
      await one
      await later()
      assert.lengthOf(peers, 2)
      await client.disconnect()
      assert.isDefined(peers[1]!.end)
    })

    it("does not connect after a disconnect that came while it did", async () => {
      const { client, peers } = await lost()
      const connecting = rejection(client.connect())
      await client.disconnect()
      assert.include(((await connecting) as Error).message, "disconnect() was called")
      await later()
      assert.isTrue(peers.every(({ end }) => end !== undefined))
      assert.throws(() => client.session, Errors.ChannelError)
    })
  })

  it("is disconnected by the last disconnect, also while an earlier one is under way", async () => {
    const { client, peers } = scripted({ deadlines: { close: "200 millis" } })
    const connect = async (number: number) => {
      const connecting = client.connect()
      await later()
      peers[number]!.sayHello(helloOf(everything))
      await connecting
    }
    await connect(0)
    peers[0]!.onRpc = () => true
    const first = client.disconnect()
    await connect(1)
    await client.disconnect()
    assert.isDefined(peers[1]!.end)
    assert.throws(() => client.session, /was disconnected/)
    await connect(2)
    await first
    await later()
    // The end of the first session is none of this one.
    assert.include(((await rejection(client.connect())) as Error).message, "connected already")
    await client.disconnect()
  })

  it("limits everything up to the hello by connectTimeout", async () => {
    const { client, peers } = scripted({ connectTimeout: "20 millis" })
    const error = await rejection(client.connect())
    assert.deepInclude({ ...(error as object) }, { _tag: "DeadlineError", phase: "connect", deadline: 20 })
    assert.isDefined(peers[0]!.end)
  })

  it("limits a reply by readTimeout", async () => {
    const { client } = await connected({ readTimeout: "20 millis", deadlines: { close: "5 millis" } })
    assert.deepInclude(
      { ...((await rejection(client.get())) as object) },
      { _tag: "DeadlineError", phase: "rpc", deadline: 20 }
    )
    await client.disconnect()
  })
})

describe("NetconfClient's options", () => {
  const transport = Memory.make(() => {})
  const refuses = (options: NetconfClientOptions, what: string, why: string) => {
    assert.throws(() => new NetconfClient(options), Errors.InputError, new RegExp(`${what}.*${why}`))
  }

  it("refuse bare numbers that were meant as seconds, and what is no duration", async () => {
    for (const name of ["connectTimeout", "readTimeout", "socketConnectTimeout"] as const) {
      refuses({ transport, [name]: 60 }, name, `write "60 seconds"`)
      refuses({ transport, [name]: "soon" as "1 second" }, name, "not a duration")
      assert.doesNotThrow(() => new NetconfClient({ transport, [name]: 60_000 }))
      assert.doesNotThrow(() => new NetconfClient({ transport, [name]: "60 seconds" }))
    }
    refuses({ transport, deadlines: { rpc: 30 } }, "deadlines.rpc", `write "30 seconds"`)
    assert.doesNotThrow(() => new NetconfClient({ transport, deadlines: { rpc: "none", close: "1 second" } }))
    const { client, peer } = await connected()
    assert.include(((await rejection(client.get({ deadline: 30 }))) as Error).message, `write "30 seconds"`)
    assert.include(
      ((await rejection(client.commit({ confirmed: true, confirmTimeout: 120 }))) as Error).message,
      `write "120 seconds"`
    )
    assert.deepStrictEqual(peer.names, [])
    await client.disconnect()
  })

  it("say what is missing", () => {
    refuses({ username: "a" }, "hostname", "expected a name or an address")
    refuses({ hostname: "a" }, "username", "expected a name to log in with")
  })

  it("show no secret, whatever looks at the client or its errors", async () => {
    const password = "hunter2-s3cret"
    const privateKey = "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2-s3cret\n-----END OPENSSH PRIVATE KEY-----\n"
    for (const secrets of [
      { password },
      { password: Redacted.make(password) },
      { privateKey, passphrase: password },
      { privateKey: Buffer.from(privateKey), passphrase: Redacted.make(password) }
    ]) {
      const client = new NetconfClient({
        hostname: "127.0.0.1",
        port: 1,
        username: "admin",
        hostKey: "accept-any",
        label: "leaf",
        ...secrets
      })
      const error = await rejection(client.connect())
      assert.isTrue(Errors.isNetconfError(error), String(error))
      const shown = [
        inspect(client, { depth: 20, showHidden: true }),
        JSON.stringify(client),
        String(client),
        inspect(error, { depth: 20 }),
        JSON.stringify(error),
        (error as Error).message,
        (error as Error).stack ?? ""
      ]
      for (const text of shown) assert.notInclude(text, "s3cret")
    }
  })
})
