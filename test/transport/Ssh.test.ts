import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import type { ServerChannel } from "ssh2"
import ssh2 from "ssh2"
import * as Keepalive from "../../src/transport/Keepalive.ts"
import * as Ssh from "../../src/transport/Ssh.ts"
import { pattern, recorder, settled, until } from "./contract.ts"
import { hostKey, makeKey, serve, type TestServer } from "./sshServer.ts"
import { nothingLeft, open, options, pingPong } from "./sshSession.ts"

describe("Ssh.make", () => {
  it.live("carries a session, tells about its connection, and leaves nothing", () =>
    Effect.gen(function* () {
      const server = yield* serve({ config: { banner: "authorised\u001b[31m only" } })
      const handler = yield* Effect.scoped(
        Effect.gen(function* () {
          const { connection, handler } = yield* open(Ssh.make(options(server)))
          yield* pingPong(connection, handler, "hello")
          const { details } = connection
          assert.strictEqual(details["hostKey"], `ssh-ed25519 ${hostKey.fingerprint}`)
          assert.strictEqual(details["cipher"], "aes128-gcm@openssh.com")
          assert.strictEqual(details["auth"], "password")
          assert.match(details["server"]!, /^SSH-2\.0-ssh2js/)
          assert.strictEqual(details["banner"], "authorised\\u{1b}[31m only")
          assert.deepStrictEqual(connection.notes, [])
          assert.isTrue(Keepalive.status().running)
          return handler
        })
      )
      assert.deepStrictEqual(handler.ends, [{ by: "us", detail: "closed" }])
      yield* nothingLeft(server)
    })
  )

  it.live("gives two connections when it is opened twice", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const transport = Ssh.make(options(server))
      const [one, two] = [yield* open(transport), yield* open(transport)]
      yield* pingPong(one.connection, one.handler, "one")
      yield* pingPong(two.connection, two.handler, "two")
      assert.strictEqual(server.open(), 2)
      assert.strictEqual(one.handler.bytes().toString(), "one")
    })
  )

  it.live("turns Nagle's algorithm off", () =>
    Effect.gen(function* () {
      // Otherwise the second of two small writes waits for the acknowledgement of the first: 40 ms.
      const server = yield* serve({
        subsystem: (channel) => channel.on("data", (bytes: Buffer) => bytes.includes(".") && channel.write("answer"))
      })
      const { connection, handler } = yield* open(Ssh.make(options(server)))
      const times: Array<number> = []
      for (let time = 1; time <= 40; time++) {
        const began = performance.now()
        connection.write(Buffer.from("question"))
        yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
        connection.write(Buffer.from("."))
        yield* until(() => handler.size() === 6 * time)
        times.push(performance.now() - began)
      }
      times.sort((a, b) => a - b)
      assert.isBelow(times[20]!, 30)
    })
  )

  it.live("asks for the subsystem that it is told", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const server = yield* serve({ accepts: (name) => asked.push(name) > 0 })
      yield* open(Ssh.make(options(server, { subsystem: "xmlagent" })))
      assert.deepStrictEqual(asked, ["xmlagent"])
    })
  )

  it.live("drains and keeps what the subsystem says on its standard error, and its exit status", () =>
    Effect.gen(function* () {
      const server = yield* serve({
        subsystem: (channel) => {
          channel.stderr.write("x".repeat(3_000_000))
          channel.write("ready")
          channel.on("data", () => {
            channel.exit(3)
            channel.end()
          })
        }
      })
      const { connection, handler } = yield* open(Ssh.make(options(server)))
      yield* until(() => handler.bytes().toString() === "ready")
      connection.write(Buffer.from("go"))
      yield* until(() => handler.ends.length > 0)
      assert.strictEqual(handler.ends[0]!.by, "peer")
      assert.include(handler.ends[0]!.detail, "exit status 3")
      assert.include(handler.ends[0]!.detail, "it said: xxx")
      assert.isBelow(handler.ends[0]!.detail.length, 400)
    })
  )

  it.live("sends what was written before it closes", () =>
    Effect.gen(function* () {
      let received = 0
      const server = yield* serve({
        subsystem: (channel) => channel.on("data", (bytes: Buffer) => (received += bytes.length))
      })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { connection } = yield* open(Ssh.make(options(server)))
          // More than the window: the rest has to wait for the peer.
          connection.write(Buffer.alloc(5_000_000))
        })
      )
      yield* nothingLeft(server)
      assert.strictEqual(received, 5_000_000)
    })
  )

  it.live("does not let a handler's exception out", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const handler = {
        ...recorder(),
        data: () => {
          throw new Error("a mistake")
        }
      }
      const { connection } = yield* open(Ssh.make(options(server)), {}, handler)
      connection.write(Buffer.from("hello"))
      yield* until(() => handler.ends.length > 0)
      assert.deepStrictEqual(handler.ends, [{ by: "us", detail: "the handler failed: a mistake" }])
    })
  )
})

describe("Ssh when the connection ends", () => {
  const ending = (end: (server: TestServer, channel: ServerChannel) => void, pause = false) =>
    Effect.gen(function* () {
      const server = yield* serve()
      const scope = yield* Scope.make()
      const { connection, handler } = yield* Scope.provide(open(Ssh.make(options(server))), scope)
      yield* pingPong(connection, handler, "hello")
      if (pause) connection.pause()
      end(server, server.channels[0]!)
      yield* until(() => handler.ends.length > 0)
      assert.isFalse(connection.write(Buffer.from("late")))
      yield* Scope.close(scope, Exit.void)
      yield* nothingLeft(server)
      assert.deepStrictEqual([handler.ends.length, handler.late()], [1, 0])
      return handler.ends[0]!
    })

  it.live.each([false, true])("calls a reset a cut by the network (paused: %s)", (paused) =>
    Effect.gen(function* () {
      const reason = yield* ending((server) => server.sockets[0]!.resetAndDestroy(), paused)
      assert.strictEqual(reason.by, "network")
      assert.include(reason.detail, "ECONNRESET")
    })
  )

  it.live.each([false, true])("notices that the peer has closed the connection (paused: %s)", (paused) =>
    Effect.gen(function* () {
      const reason = yield* ending((server) => server.sockets[0]!.end(), paused)
      assert.deepStrictEqual(reason, { by: "peer", detail: "the peer closed the connection" })
    })
  )

  it.live.each([false, true])("notices that the peer has closed the channel (paused: %s)", (paused) =>
    Effect.gen(function* () {
      const reason = yield* ending((_server, channel) => {
        channel.exit(0)
        channel.end()
      }, paused)
      assert.strictEqual(reason.by, "peer")
      assert.include(reason.detail, "exit status 0")
    })
  )

  it.live.each(["channel", "connection"])("delivers what a pause has held back before the end (of the %s)", (what) =>
    Effect.gen(function* () {
      const server = yield* serve()
      const { connection, handler } = yield* open(Ssh.make(options(server)))
      yield* pingPong(connection, handler, "hello")
      connection.pause()
      server.channels[0]!.write(Buffer.alloc(300_000))
      if (what === "channel") server.channels[0]!.end()
      else server.clients[0]!.end()
      yield* until(() => handler.ends.length > 0)
      assert.deepStrictEqual([handler.size(), handler.late(), handler.ends[0]!.by], [300_005, 0, "peer"])
    })
  )

  it.live("takes a channel's half close for its end", () =>
    Effect.gen(function* () {
      const reason = yield* ending((_server, channel) => channel.eof())
      assert.strictEqual(reason.by, "peer")
    })
  )

  it.live("goes on over new keys, but not with another host key", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const { connection, handler } = yield* open(Ssh.make(options(server, { hostKey: "accept-any" }))).pipe(
        Effect.provide(Logger.layer([]))
      )
      const client = server.clients[0]!
      const rekeyed = Effect.callback<void>((resume) => client.rekey(() => resume(Effect.void)))
      yield* rekeyed
      yield* pingPong(connection, handler, "hello")
      const inside = client as unknown as { _protocol: { _hostKeys: Record<string, unknown> } }
      inside._protocol._hostKeys = { "ssh-ed25519": ssh2.utils.parseKey(makeKey().private) }
      client.rekey(() => {})
      yield* until(() => handler.ends.length > 0)
      assert.strictEqual(handler.ends[0]!.by, "peer")
      assert.include(handler.ends[0]!.detail, "Host denied")
    })
  )

  it.live("leaves nothing of the login with a client that lives on", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const clients: Array<{ readonly client: ssh2.Client; readonly config: ssh2.ConnectConfig }> = []
      const original = ssh2.Client.prototype.connect
      ssh2.Client.prototype.connect = function (config) {
        clients.push({ client: this, config })
        return original.call(this, config)
      }
      yield* Effect.addFinalizer(() => Effect.sync(() => void (ssh2.Client.prototype.connect = original)))
      const { connection, handler } = yield* open(Ssh.make(options(server)))
      const { client, config } = clients[0]!
      for (const event of ["handshake", "greeting", "banner", "change password", "ready"]) {
        assert.strictEqual(client.listenerCount(event), 0, event)
      }
      const asked: Array<unknown> = []
      const authHandler = config.authHandler as ssh2.AuthHandlerMiddleware
      authHandler(["password"], false, (method: unknown) => void asked.push(method))
      assert.deepStrictEqual(asked, [])
      yield* pingPong(connection, handler, "hello")
    })
  )

  it.live("ends a connection from which nothing comes any more", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const { handler } = yield* open(Ssh.make(options(server, { keepalive: 20 })))
      server.sockets[0]!.pause()
      yield* until(() => handler.ends.length > 0)
      assert.strictEqual(handler.ends[0]!.by, "network")
      assert.match(handler.ends[0]!.detail, /^nothing came from the peer for \d+ s, though it was asked 3 times$/)
      assert.isFalse(Keepalive.status().running)
    })
  )

  it.live("keeps a silent connection whose peer answers, also while it is paused", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const { connection, handler } = yield* open(Ssh.make(options(server, { keepalive: 50 })))
      connection.pause()
      const before = server.sockets[0]!.bytesRead
      // Many times longer than it takes to give a peer up.
      yield* until(() => server.sockets[0]!.bytesRead - before > 1_500)
      connection.resume()
      yield* pingPong(connection, handler, "still here")
      assert.deepStrictEqual(handler.ends, [])
    })
  )

  it.live("keeps a connection whose paused channel the peer has filled, and loses nothing of it", () =>
    Effect.gen(function* () {
      // More than ssh2 takes for a channel that is paused.
      const flood = pattern(4_000_000)
      const server = yield* serve({ subsystem: (channel) => channel.on("data", () => channel.write(flood)) })
      const { connection, handler } = yield* open(Ssh.make(options(server, { keepalive: 50 })))
      connection.pause()
      connection.write(Buffer.from("flood"))
      yield* settled(() => server.sockets[0]!.bytesWritten)
      const before = server.sockets[0]!.bytesRead
      yield* until(() => server.sockets[0]!.bytesRead - before > 1_000)
      assert.deepStrictEqual(handler.ends, [])
      connection.resume()
      yield* until(() => handler.size() === flood.length)
      assert.isTrue(handler.bytes().equals(flood))
    })
  )

  it.live("ends a connection from which nothing comes any more while its channel is paused, what is held first", () =>
    Effect.gen(function* () {
      const server = yield* serve({ subsystem: (channel) => channel.on("data", () => channel.write("the last word")) })
      const { connection, handler } = yield* open(Ssh.make(options(server, { keepalive: 30 })))
      connection.pause()
      connection.write(Buffer.from("say"))
      yield* settled(() => server.sockets[0]!.bytesWritten)
      assert.deepStrictEqual([handler.size(), handler.ends], [0, []])
      server.sockets[0]!.pause()
      yield* until(() => handler.ends.length > 0)
      assert.strictEqual(handler.ends[0]!.by, "network")
      assert.strictEqual(handler.bytes().toString(), "the last word")
      assert.isFalse(Keepalive.status().running)
    })
  )

  it.live("asks nothing with keepalive off", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      yield* open(Ssh.make(options(server, { keepalive: "off" })))
      assert.deepStrictEqual(Keepalive.status(), { watches: 0, running: false })
    })
  )
})
