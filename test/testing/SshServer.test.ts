import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import ssh2 from "ssh2"
import type { ClientChannel, ConnectConfig } from "ssh2"
import type { Transport } from "../../src/transport/Transport.ts"
import * as Keys from "../../src/testing/Keys.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import { open } from "./client.ts"

/** A bare ssh2 client, connected; fails with ssh2's message. */
const dial = (
  listener: SimulatedDevice.SshListener,
  config: ConnectConfig = {}
): Effect.Effect<ssh2.Client, string, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<ssh2.Client, string>((resume) => {
      const client = new ssh2.Client()
      client.on("ready", () => resume(Effect.succeed(client)))
      client.on("error", (error) => resume(Effect.fail(error.message)))
      const { host, port, username } = listener
      client.connect({ host, port, username, password: Redacted.value(listener.password), ...config })
    }),
    (client) => Effect.sync(() => client.destroy())
  )

const subsystem = (client: ssh2.Client, name = "netconf") =>
  Effect.callback<ClientChannel, string>((resume) => {
    client.subsys(name, (error, channel) => resume(error ? Effect.fail(error.message) : Effect.succeed(channel)))
  })

/** The channel as a transport, so that the raw client of the other tests can use it. */
const toTransport = (channel: ClientChannel): Transport => ({
  peer: "ssh2",
  open: (handler) =>
    Effect.sync(() => {
      channel.on("data", (bytes: Buffer) => handler.data(bytes))
      channel.on("close", () => handler.end({ by: "peer", detail: "closed" }))
      return { write: (frame) => channel.write(frame), pause: () => {}, resume: () => {}, details: {}, notes: [] }
    })
})

const closed = (client: ssh2.Client) =>
  Effect.callback<void>((resume) => {
    client.on("close", () => resume(Effect.void))
  })

/** Shows one key and signs with another. */
class Impostor extends ssh2.BaseAgent<string> {
  readonly #shown: string
  readonly #own: ssh2.ParsedKey
  constructor(shown: string, own: string) {
    super()
    this.#shown = shown
    this.#own = ssh2.utils.parseKey(own) as ssh2.ParsedKey
  }
  override getIdentities(callback: ssh2.IdentityCallback<string>): void {
    callback(undefined, [this.#shown])
  }
  override sign(_key: unknown, data: Buffer, options: unknown, callback?: ssh2.SignCallback): void {
    const done = (callback ?? options) as ssh2.SignCallback
    done(undefined, this.#own.sign(data) as Buffer)
  }
}

describe("SshServer", () => {
  it.live("serves sessions on several channels of one connection", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      const listener = yield* device.ssh()
      assert.strictEqual(listener.host, "127.0.0.1")
      let seen = ""
      const hostVerifier = (hash: string) => ((seen = hash), true)
      const client = yield* dial(listener, { hostHash: "sha256", hostVerifier })
      const fingerprint = `SHA256:${Buffer.from(seen, "hex").toString("base64").replace(/=+$/, "")}`
      assert.strictEqual(fingerprint, listener.fingerprint)
      const one = yield* open(toTransport(yield* subsystem(client)))
      const two = yield* open(toTransport(yield* subsystem(client)))
      assert.deepStrictEqual([one.sessionId, two.sessionId, listener.connections()], [1, 2, 1])
      assert.strictEqual(device.sessions.get(1)!.username, "admin")
      assert.include(yield* one.rpc("<lock><target><running/></target></lock>"), "<ok/>")
      assert.include(yield* two.rpc("<lock><target><running/></target></lock>"), "<session-id>1</session-id>")
      assert.include(yield* one.rpc("<close-session/>"), "<ok/>")
      yield* one.ended
      assert.include(yield* two.rpc("<lock><target><running/></target></lock>"), "<ok/>")
    })
  )

  it.live("moves a reply that is larger than the SSH window", () =>
    Effect.gen(function* () {
      const big = "x".repeat(5_000_000)
      const device = yield* SimulatedDevice.make()
      device.edit(`<system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><contact>${big}</contact></system>`)
      const client = yield* dial(yield* device.ssh())
      const raw = yield* open(toTransport(yield* subsystem(client)))
      assert.include(yield* raw.rpc("<get-config><source><running/></source></get-config>"), big)
    })
  )

  it.live("releases a session's locks when its connection is gone", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      const listener = yield* device.ssh()
      const client = yield* dial(listener)
      const raw = yield* open(toTransport(yield* subsystem(client)))
      yield* raw.rpc("<lock><target><running/></target></lock>")
      assert.strictEqual(device.locks.get("running"), 1)
      client.destroy()
      while (device.sessions.size > 0) yield* Effect.sleep(1)
      assert.strictEqual(device.locks.size, 0)
    })
  )

  it.live("lets the client know when the test cuts the connection", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      const client = yield* dial(yield* device.ssh())
      yield* open(toTransport(yield* subsystem(client)))
      client.on("error", () => {})
      device.sessions.get(1)!.cut()
      yield* closed(client)
    })
  )

  it.live("closes connections and port with its scope", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      const { client, listener } = yield* Effect.scoped(
        Effect.gen(function* () {
          const listener = yield* device.ssh()
          const client = new ssh2.Client()
          client.on("error", () => {})
          const { host, port } = listener
          yield* Effect.callback<void>((resume) => {
            client.on("ready", () => resume(Effect.void))
            client.connect({ host, port, username: "admin", password: "admin" })
          })
          assert.strictEqual(listener.connections(), 1)
          return { client, listener }
        })
      )
      yield* Effect.addFinalizer(() => Effect.sync(() => client.destroy()))
      assert.strictEqual(listener.connections(), 0)
      assert.include(yield* Effect.flip(dial(listener)), "ECONNREFUSED")
    })
  )

  it.live("refuses wrong passwords, wrong keys, other subsystems and channels beyond the limit", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      const stranger = Keys.generate().privateKey
      const listener = yield* device.ssh({ maxChannels: 1 })
      for (const config of [{ password: "wrong" }, { username: "nobody" }, { username: "constructor" }]) {
        assert.include(yield* Effect.flip(dial(listener, config)), "authentication")
      }
      assert.include(yield* Effect.flip(dial(listener, { password: "", privateKey: stranger })), "authentication")
      const client = yield* dial(listener)
      assert.notStrictEqual(yield* Effect.flip(subsystem(client, "sftp")), "")
      assert.notStrictEqual(yield* Effect.flip(subsystem(client)), "")
      assert.strictEqual(device.sessions.size, 0)
    })
  )

  it.live("accepts public keys, keyboard-interactive, and both together", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      const { privateKey, publicKey } = Keys.generate()
      const users = { ops: { password: "secret", publicKeys: [publicKey] } }
      const byKey = yield* device.ssh({ users })
      const noPassword = { password: "" }
      yield* dial(byKey, { ...noPassword, privateKey })
      const agent = new Impostor(publicKey, Keys.generate().privateKey)
      assert.include(yield* Effect.flip(dial(byKey, { ...noPassword, agent })), "authentication")
      const interactive = yield* device.ssh({ users, methods: ["keyboard-interactive"] })
      const client = new ssh2.Client()
      yield* Effect.addFinalizer(() => Effect.sync(() => client.destroy()))
      client.on("keyboard-interactive", (_name, _instructions, _language, _prompts, finish) => finish(["secret"]))
      yield* Effect.callback<void, Error>((resume) => {
        client.on("ready", () => resume(Effect.void))
        client.on("error", (error) => resume(Effect.fail(error)))
        client.connect({ host: interactive.host, port: interactive.port, username: "ops", tryKeyboard: true })
      })
      const both = yield* device.ssh({ users, requireAll: true })
      assert.include(yield* Effect.flip(dial(both, { ...noPassword, privateKey })), "authentication")
      assert.include(yield* Effect.flip(dial(both)), "authentication")
      yield* dial(both, { privateKey, authHandler: ["publickey", "password"] })
    })
  )
})
