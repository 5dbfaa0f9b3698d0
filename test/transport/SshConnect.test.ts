import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Fs from "node:fs/promises"
import type * as Net from "node:net"
import * as Os from "node:os"
import * as Ssh from "../../src/transport/Ssh.ts"
import { until } from "./contract.ts"
import { hostKey, listen, makeKey, serve, type ServerOptions, type TestServer } from "./sshServer.ts"
import { failure, nothingLeft, open, options } from "./sshSession.ts"

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

  it.effect.each([0, -1, "soon", Number.NaN])("refuses a keepalive of %s", (keepalive) =>
    Effect.gen(function* () {
      const error = yield* failure(Ssh.make(options(never, { keepalive: keepalive as number })))
      assert(error._tag === "InputError")
      assert.strictEqual(error.what, "keepalive")
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
      const error = yield* failure(Ssh.make(options(server)), { handshake: 500 })
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
      const error = yield* failure(Ssh.make(options(server)), { handshake: 500 })
      assert(error._tag === "ChannelError")
      assert.include(error.detail, "220 mail ESMTP")
      assert.include(error.detail, "nothing more within 500 ms")
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
      const path = `${await Fs.mkdtemp(`${Os.tmpdir()}/ssh-`)}/known_hosts`
      await Fs.writeFile(path, content)
      return path
    }),
    (path) => Effect.promise(() => Fs.rm(path))
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
