import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import type * as Net from "node:net"
import type { ServerChannel } from "ssh2"
import ssh2 from "ssh2"
import * as Deadlines from "../../src/transport/Deadlines.ts"
import * as Keepalive from "../../src/transport/Keepalive.ts"
import * as Ssh from "../../src/transport/Ssh.ts"
import type { Transport } from "../../src/transport/Transport.ts"
import { type Recorder, recorder, until } from "./contract.ts"
import { hostKey, listen, makeKey, serve, type ServerOptions, type TestServer } from "./sshServer.ts"

const options = (server: { readonly port: number }, more: Partial<Ssh.SshOptions> = {}): Ssh.SshOptions => ({
  host: "127.0.0.1",
  port: server.port,
  username: "admin",
  auth: { password: Redacted.make("secret") },
  hostKey: { fingerprint: hostKey.fingerprint },
  ...more
})

const open = (transport: Transport, deadlines: Deadlines.Deadlines = {}, handler: Recorder = recorder()) =>
  Effect.map(transport.open(handler, { label: "leaf-01", deadlines: Deadlines.resolve(deadlines) }), (connection) => ({
    connection,
    handler
  }))

const failure = (transport: Transport, deadlines?: Deadlines.Deadlines) => Effect.flip(open(transport, deadlines))

/** What may not outlive a connection: the server sees no socket, and nobody is watched. */
const nothingLeft = (server: Pick<TestServer, "open">) =>
  Effect.andThen(
    until(() => server.open() === 0),
    Effect.sync(() => assert.deepStrictEqual(Keepalive.status(), { watches: 0, running: false }))
  )

const pingPong = Effect.fnUntraced(function* (
  connection: { write: (bytes: Uint8Array) => boolean },
  handler: Recorder,
  word: string
) {
  connection.write(Buffer.from(word))
  yield* until(() => handler.bytes().toString().endsWith(word))
})

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
      const began = performance.now()
      for (let time = 1; time <= 40; time++) {
        connection.write(Buffer.from("question"))
        yield* Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))
        connection.write(Buffer.from("."))
        yield* until(() => handler.size() === 6 * time)
      }
      assert.isBelow(performance.now() - began, 40 * 25)
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

describe("Ssh before the network", () => {
  const never = { port: 1 }

  it.effect.each(["leaf 01", "leaf;reboot", "-oProxyCommand=x", "leaf\n01", "$(id)", "", "a`b`", "'x'"])(
    "refuses the host %j",
    (host) =>
      Effect.gen(function* () {
        const error = yield* failure(Ssh.make(options(never, { host })))
        assert(error._tag === "InputError")
        assert.strictEqual(error.what, "host")
      })
  )

  it.effect.each([0, 65_536, 8.5, Number.NaN])("refuses the port %s", (port) =>
    Effect.gen(function* () {
      const error = yield* failure(Ssh.make(options({ port })))
      assert(error._tag === "InputError")
      assert.strictEqual(error.what, "port")
    })
  )

  it.effect("refuses an empty user name and a local address that is none", () =>
    Effect.gen(function* () {
      for (const [more, what] of [
        [{ username: "" }, "username"],
        [{ localAddress: "eth0" }, "localAddress"]
      ] as const) {
        const error = yield* failure(Ssh.make(options(never, more)))
        assert(error._tag === "InputError")
        assert.strictEqual(error.what, what)
      }
    })
  )
})

describe("Ssh while dialling", () => {
  it.live("says that a port is closed", () =>
    Effect.gen(function* () {
      const { port } = yield* Effect.scoped(listen(() => {}))
      const error = yield* failure(Ssh.make(options({ port })))
      assert(error._tag === "ConnectionError")
      assert.deepStrictEqual([error.reason, error.peer, error.label], ["refused", `127.0.0.1:${port}`, "leaf-01"])
      assert.isTrue(error.isRetryable)
    })
  )

  it.live("lists each address that was tried", () =>
    Effect.gen(function* () {
      const { port } = yield* Effect.scoped(listen(() => {}))
      const error = yield* failure(Ssh.make(options({ port }, { host: "localhost" })))
      assert(error._tag === "ConnectionError")
      assert.strictEqual(error.reason, "refused")
      // A machine without IPv6 has one address for localhost.
      if (error.attempts !== undefined) assert.isAbove(error.attempts.length, 1)
    })
  )

  it.live("dials from the local address", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      yield* open(Ssh.make(options(server, { localAddress: "127.0.0.3" })))
      assert.strictEqual(server.sockets[0]!.remoteAddress, "127.0.0.3")
    })
  )

  it.live("says that the local address is not this machine's", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const error = yield* failure(Ssh.make(options(server, { localAddress: "192.0.2.99" })))
      assert(error._tag === "ConnectionError")
      assert.strictEqual(error.reason, "unreachable")
    })
  )
})

/** A server that speaks TCP alone. */
const withSocket = (accept: (socket: Net.Socket) => void) =>
  listen((socket) => {
    socket.resume()
    accept(socket)
  })

describe("Ssh during the handshake", () => {
  it.live("fails within its deadline when nothing is said, and says so", () =>
    Effect.gen(function* () {
      const server = yield* withSocket(() => {})
      const error = yield* failure(Ssh.make(options(server)), { handshake: 50 })
      assert(error._tag === "DeadlineError")
      assert.deepStrictEqual([error.phase, error.deadline, error.bytes], ["handshake", 50, 0])
      assert.isAtLeast(error.elapsed!, 40)
      yield* nothingLeft(server)
    })
  )

  it.live("counts the bytes of a server that says its version and no more", () =>
    Effect.gen(function* () {
      const server = yield* withSocket((socket) => socket.write("SSH-2.0-slow\r\n"))
      const error = yield* failure(Ssh.make(options(server)), { handshake: 100 })
      assert(error._tag === "DeadlineError")
      assert.deepStrictEqual([error.phase, error.bytes], ["handshake", 14])
    })
  )

  it.live("shows what a server says that does not speak SSH, its control characters escaped", () =>
    Effect.gen(function* () {
      const server = yield* withSocket((socket) =>
        socket.end(`HTTP/1.1 400 Bad Request\r\n\u001b[2J${"x".repeat(100)}\r\n`)
      )
      const error = yield* failure(Ssh.make(options(server)))
      assert(error._tag === "ChannelError")
      assert.deepStrictEqual([error.phase, error.by], ["open", "peer"])
      assert.include(error.detail, "not an SSH server: it says `HTTP/1.1 400 Bad Request\\u{d}\\u{a}\\u{1b}[2J")
      assert.isBelow(error.detail.length, 140)
      yield* nothingLeft(server)
    })
  )

  it.live("shows it at the deadline too, when such a server waits for more", () =>
    Effect.gen(function* () {
      const server = yield* withSocket((socket) => socket.write("220 mail ESMTP\r\n"))
      const error = yield* failure(Ssh.make(options(server)), { handshake: 100 })
      assert(error._tag === "ChannelError")
      assert.include(error.detail, "220 mail ESMTP")
      assert.include(error.detail, "nothing more within 100 ms")
    })
  )

  it.live.each([
    ["binary rubbish", Buffer.from([0, 1, 2, 255, 10, 13, 0, 0])],
    ["a version that is none", Buffer.from("SSH-9\r\n")],
    ["a header that never ends", Buffer.alloc(20_000, 0x41)],
    ["many lines", Buffer.from("hello\r\n".repeat(2_000))],
    ["a version and rubbish", Buffer.from(`SSH-2.0-x\r\n${"\0".repeat(40)}`)],
    ["a packet length beyond all bounds", Buffer.concat([Buffer.from("SSH-2.0-x\r\n"), Buffer.alloc(64, 0xff)])]
  ])("fails in a typed way on %s", ([_what, bytes]) =>
    Effect.gen(function* () {
      const server = yield* withSocket((socket) => socket.end(bytes as Buffer))
      const error = yield* failure(Ssh.make(options(server)), { handshake: 2_000 })
      assert.include(["ChannelError", "ConnectionError"], error._tag)
      yield* nothingLeft(server)
    })
  )

  it.live("calls an orderly close a ChannelError and a reset a ConnectionError", () =>
    Effect.gen(function* () {
      const closing = yield* withSocket((socket) => socket.end())
      const closed = yield* failure(Ssh.make(options(closing)))
      assert(closed._tag === "ChannelError")
      assert.include(closed.detail, "closed the connection during the SSH handshake")
      const resetting = yield* withSocket((socket) => socket.once("data", () => socket.resetAndDestroy()))
      const reset = yield* failure(Ssh.make(options(resetting)))
      assert(reset._tag === "ConnectionError")
      assert.strictEqual(reset.reason, "reset")
    })
  )

  it.live("suggests the legacy algorithms when there is none in common, and gets in with them", () =>
    Effect.gen(function* () {
      const rsa = makeKey("rsa")
      const server = yield* serve({
        hostKeys: [rsa],
        config: {
          algorithms: {
            kex: ["diffie-hellman-group14-sha1"],
            serverHostKey: ["ssh-rsa"],
            cipher: ["aes128-cbc"],
            hmac: ["hmac-sha1"]
          }
        }
      })
      const more = { hostKey: { fingerprint: rsa.fingerprint } }
      const error = yield* failure(Ssh.make(options(server, more)))
      assert(error._tag === "ChannelError")
      assert.include(error.detail, `no SSH algorithm in common`)
      assert.include(error.detail, `algorithms: "legacy"`)
      const { connection } = yield* open(Ssh.make(options(server, { ...more, algorithms: "legacy" })))
      assert.deepStrictEqual(
        [connection.details["kex"], connection.details["cipher"]],
        ["diffie-hellman-group14-sha1", "aes128-cbc"]
      )
    })
  )

  it.live("refuses a host key before any credential is sent", () =>
    Effect.gen(function* () {
      let attempts = 0
      const server = yield* serve({
        authenticate: (context) => {
          attempts++
          context.accept()
        }
      })
      const other = makeKey()
      const error = yield* failure(Ssh.make(options(server, { hostKey: { fingerprint: other.fingerprint } })))
      assert(error._tag === "HostKeyError")
      assert.deepStrictEqual(
        [error.why, error.fingerprint, error.keyType],
        ["changed", hostKey.fingerprint, "ssh-ed25519"]
      )
      assert.isFalse(error.isRetryable)
      yield* nothingLeft(server)
      assert.strictEqual(attempts, 0)
    })
  )

  it.live("asks first for the types of key that known_hosts holds", () =>
    Effect.gen(function* () {
      const rsa = makeKey("rsa")
      const server = yield* serve({ hostKeys: [hostKey, rsa] })
      const path = yield* knownHosts(`[127.0.0.1]:${server.port} ${rsa.public}\n`)
      const { connection } = yield* open(Ssh.make(options(server, { hostKey: { knownHosts: path } })))
      assert.strictEqual(connection.details["hostKey"], `ssh-rsa ${rsa.fingerprint}`)
      assert.strictEqual(connection.details["hostKeyAccepted"], `${path}:1 ([127.0.0.1]:${server.port})`)
    })
  )

  it.live("accepts any key when told to, and warns once for it, after the handshake", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const warnings: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => {
        warnings.push(`${logLevel} ${String(message)}`)
      })
      const transport = Ssh.make(options(server, { hostKey: "accept-any" }))
      const { connection } = yield* open(transport).pipe(
        Effect.andThen(open(transport)),
        Effect.provide(Logger.layer([logger]))
      )
      assert.lengthOf(warnings, 1)
      assert.include(warnings[0]!, `127.0.0.1:${server.port}`)
      assert.include(warnings[0]!, hostKey.fingerprint)
      assert.include(connection.notes[0]!, "was not checked")
    })
  )
})

const knownHosts = (content: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const { mkdtemp, writeFile } = await import("node:fs/promises")
      const path = `${await mkdtemp(`${(await import("node:os")).tmpdir()}/ssh-`)}/known_hosts`
      await writeFile(path, content)
      return path
    }),
    (path) => Effect.promise(async () => (await import("node:fs/promises")).rm(path))
  )

describe("Ssh while the subsystem is opened", () => {
  it.live("says that it was refused, and what may help", () =>
    Effect.gen(function* () {
      const server = yield* serve({ accepts: () => false })
      const error = yield* failure(Ssh.make(options(server)))
      assert(error._tag === "ChannelError")
      assert.deepStrictEqual([error.phase, error.by], ["open", "peer"])
      assert.include(error.detail, `refused the subsystem "netconf"`)
      assert.include(error.detail, "option `subsystem`")
      yield* nothingLeft(server)
    })
  )

  it.live("fails within its deadline when it is never answered", () =>
    Effect.gen(function* () {
      const server = yield* serve({ accepts: () => undefined })
      const error = yield* failure(Ssh.make(options(server)), { subsystem: 50 })
      assert(error._tag === "DeadlineError")
      assert.deepStrictEqual([error.phase, error.deadline], ["subsystem", 50])
      yield* nothingLeft(server)
    })
  )

  it.live("says that the first channel was refused", () =>
    Effect.gen(function* () {
      const server = yield* serve({ maxSessions: 0 })
      for (const make of [Ssh.make, Ssh.share]) {
        const error = yield* failure(make(options(server)))
        assert(error._tag === "ChannelError")
        assert.include(error.detail, "refused a channel")
      }
      yield* nothingLeft(server)
      assert.strictEqual(server.accepted(), 2)
    })
  )

  it.live("says that the peer closed, or that the connection was reset", () =>
    Effect.gen(function* () {
      let end: (server: TestServer) => void = (server) => server.clients.at(-1)!.end()
      const server: TestServer = yield* serve({
        accepts: () => {
          end(server)
          return undefined
        }
      })
      const closed = yield* failure(Ssh.make(options(server)))
      assert(closed._tag === "ChannelError")
      assert.include(closed.detail, "while the netconf subsystem was being opened")
      end = () => server.sockets.at(-1)!.resetAndDestroy()
      const reset = yield* failure(Ssh.make(options(server)))
      assert(reset._tag === "ConnectionError")
      assert.strictEqual(reset.reason, "reset")
    })
  )
})

describe("Ssh when it is interrupted", () => {
  const cases: ReadonlyArray<readonly [phase: string, more: ServerOptions, ready: (server: TestServer) => boolean]> = [
    ["dial", { authenticate: () => {} }, () => true],
    ["handshake", { authenticate: () => {} }, (server) => server.accepted() > 0],
    ["auth", { authenticate: () => {} }, (server) => server.clients.length > 0],
    ["subsystem", { accepts: () => undefined }, (server) => server.clients.length > 0]
  ]

  it.live.each(cases)("leaves nothing behind (%s)", ([_phase, more, ready]) =>
    Effect.gen(function* () {
      const server = yield* serve(more)
      for (const make of [Ssh.make, Ssh.share]) {
        // A scope that stays open: what was begun goes with the interruption.
        const fiber = yield* Effect.forkScoped(open(make(options(server))), { startImmediately: true })
        yield* until(() => ready(server))
        yield* Fiber.interrupt(fiber)
        yield* nothingLeft(server)
      }
    })
  )

  it.live("leaves nothing behind (a silent server)", () =>
    Effect.gen(function* () {
      const server = yield* withSocket(() => {})
      const fiber = yield* Effect.forkScoped(open(Ssh.make(options(server))), { startImmediately: true })
      yield* until(() => server.open() === 1)
      yield* Fiber.interrupt(fiber)
      yield* nothingLeft(server)
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
      const { connection, handler } = yield* open(Ssh.make(options(server, { keepalive: 20 })))
      connection.pause()
      const before = server.sockets[0]!.bytesRead
      // Many times longer than it takes to give a peer up.
      yield* until(() => server.sockets[0]!.bytesRead - before > 1_500)
      connection.resume()
      yield* pingPong(connection, handler, "still here")
      assert.deepStrictEqual(handler.ends, [])
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

describe("Ssh.share", () => {
  it.live("dials once for sessions that open at once, and closes with the last", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const transport = Ssh.share(options(server))
      const scopes = [yield* Scope.make(), yield* Scope.make(), yield* Scope.make()]
      const sessions = yield* Effect.forEach(scopes, (scope) => Scope.provide(open(transport), scope), {
        concurrency: 3
      })
      assert.deepStrictEqual([server.accepted(), server.channels.length], [1, 3])
      for (const [index, { connection, handler }] of sessions.entries())
        yield* pingPong(connection, handler, `word ${index}`)
      yield* Scope.close(scopes[1]!, Exit.void)
      yield* Scope.close(scopes[0]!, Exit.void)
      yield* pingPong(sessions[2]!.connection, sessions[2]!.handler, "still here")
      assert.deepStrictEqual(
        sessions.map(({ handler }) => handler.ends.length),
        [1, 1, 0]
      )
      assert.strictEqual(server.open(), 1)
      yield* Scope.close(scopes[2]!, Exit.void)
      yield* nothingLeft(server)
    })
  )

  it.live("dials again after the connection has died, and after it was closed", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const transport = Ssh.share(options(server))
      const first = yield* open(transport)
      const second = yield* open(transport)
      server.sockets[0]!.resetAndDestroy()
      yield* until(() => first.handler.ends.length + second.handler.ends.length === 2)
      yield* Effect.scoped(Effect.andThen(open(transport), open(transport)))
      assert.strictEqual(server.accepted(), 2)
      yield* Effect.scoped(open(transport))
      assert.strictEqual(server.accepted(), 3)
    })
  )

  it.live("does not disturb the others when the opener that dials is interrupted", () =>
    Effect.gen(function* () {
      const server = yield* serve({
        authenticate: (context) => {
          if (context.method !== "password") return context.reject(["password"])
          setTimeout(() => context.accept(), 50)
        }
      })
      const transport = Ssh.share(options(server))
      const first = yield* Effect.forkScoped(open(transport), { startImmediately: true })
      const second = yield* Effect.forkScoped(open(transport), { startImmediately: true })
      yield* until(() => server.clients.length === 1)
      yield* Fiber.interrupt(first)
      const { connection, handler } = yield* Fiber.join(second)
      yield* pingPong(connection, handler, "hello")
      assert.strictEqual(server.accepted(), 1)
    })
  )

  it.live("stops the dial when the last opener is interrupted, and dials again for the next", () =>
    Effect.gen(function* () {
      let patient = true
      const server = yield* serve({
        authenticate: (context) => {
          if (!patient) context.accept()
        }
      })
      const transport = Ssh.share(options(server))
      const fibers = [
        yield* Effect.forkScoped(open(transport), { startImmediately: true }),
        yield* Effect.forkScoped(open(transport), { startImmediately: true })
      ]
      yield* until(() => server.clients.length === 1)
      yield* Fiber.interruptAll(fibers)
      yield* nothingLeft(server)
      patient = false
      yield* open(transport)
      assert.strictEqual(server.accepted(), 2)
    })
  )

  it.live("tells every opener why the dial failed, each by its own label", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const transport = Ssh.share(options(server, { auth: { password: Redacted.make("wrong") } }))
      const labelled = (label: string) =>
        Effect.flip(transport.open(recorder(), { label, deadlines: Deadlines.defaults }))
      const errors = yield* Effect.all([labelled("one"), labelled("two")], { concurrency: 2 })
      assert.deepStrictEqual(
        errors.map((error) => [error._tag, error.label]),
        [
          ["AuthError", "one"],
          ["AuthError", "two"]
        ]
      )
      assert.strictEqual(server.accepted(), 1)
    })
  )

  it.live("gives a session its own connection where the peer refuses a second channel, and says so", () =>
    Effect.gen(function* () {
      const server = yield* serve({ maxSessions: 1 })
      const transport = Ssh.share(options(server))
      const sessions = yield* Effect.all([open(transport), open(transport), open(transport)], { concurrency: 3 })
      for (const [index, { connection, handler }] of sessions.entries())
        yield* pingPong(connection, handler, `word ${index}`)
      assert.strictEqual(server.open(), 3)
      const notes = sessions.flatMap(({ connection }) => connection.notes)
      assert.lengthOf(notes, 2)
      assert.match(notes[0]!, /^the peer refused a channel \(.*\): a connection of its own was dialled$/)
    })
  )

  it.live("frees a place on the shared connection when a session closes", () =>
    Effect.gen(function* () {
      const server = yield* serve({ maxSessions: 2 })
      const transport = Ssh.share(options(server))
      yield* open(transport)
      for (let time = 0; time < 3; time++) {
        const { connection } = yield* Effect.scoped(open(transport))
        assert.deepStrictEqual(connection.notes, [])
        yield* until(() => server.channels.at(-1)!.destroyed || server.channels.at(-1)!.writableEnded)
      }
      assert.strictEqual(server.accepted(), 1)
    })
  )

  it.live("ends only the session whose channel the peer closes", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const transport = Ssh.share(options(server))
      const [one, two] = [yield* open(transport), yield* open(transport)]
      server.channels[0]!.end()
      yield* until(() => one.handler.ends.length > 0)
      yield* pingPong(two.connection, two.handler, "still here")
      assert.deepStrictEqual(two.handler.ends, [])
    })
  )
})
