/** Sessions over SSH, in the caller's loop and in a thread: what a caller sees is the same. */
import { assert, describe, it } from "@effect/vitest"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Net from "node:net"
import { afterAll } from "vitest"
import * as Netconf from "../../src/api/Netconf.ts"
import { type ConnectError, isNetconfError } from "../../src/errors.ts"
import * as Reactors from "../../src/sessions/Reactors.ts"
import * as Faults from "../../src/testing/Faults.ts"
import * as CredentialGuard from "../../src/transport/CredentialGuard.ts"
import * as Ssh from "../../src/transport/Ssh.ts"
import type { Transport } from "../../src/transport/Transport.ts"
import { until } from "../transport/contract.ts"
import { listen, makeKey, serve } from "../transport/sshServer.ts"
import { options } from "../transport/sshSession.ts"
import { ns, served } from "./device.ts"

class NoTerminal extends Data.TaggedError("NoTerminal")<{ readonly message: string }> {}

const suite = (place: string, threads: number): void => {
  const reactors = new Reactors.Reactors(threads)
  afterAll(() => reactors.close())

  const connect = (transport: Transport, more: Partial<Netconf.ConnectOptions> = {}) =>
    Effect.provideService(Netconf.connect({ transport, label: "leaf-01", ...more }), Reactors.Current, reactors)

  const failure = (transport: Transport, more: Partial<Netconf.ConnectOptions> = {}) =>
    Effect.map(Effect.flip(connect(transport, more)), (error: ConnectError) => {
      assert.isTrue(isNetconfError(error))
      assert.strictEqual(error.label, "leaf-01")
      return error
    })

  const echo = (text: string) => `<echo xmlns="${ns}">${text}</echo>`

  describe(`a session in ${place}`, () => {
    it.live("is connected, says where it lives, and knows its connection", () =>
      Effect.gen(function* () {
        const { reach, transport } = yield* served()
        const session = yield* connect(transport)
        assert.strictEqual(session.reactor, threads === 0 ? "loop" : "worker-1")
        assert.strictEqual(session.sessionId, 1)
        assert.strictEqual(session.transport["address"], `127.0.0.1:${reach.port}`)
        assert.include(session.transport["auth"]!, "password")
        assert.isTrue(session.capabilities.has(":candidate"))
      }).pipe(Effect.scoped)
    )

    it.live("answers each of many requests under way with its own reply, in their order", () =>
      Effect.gen(function* () {
        const { transport } = yield* served()
        const session = yield* connect(transport, { maxOutstanding: 50 })
        const done: Array<number> = []
        yield* Effect.forEach(
          Array.from({ length: 300 }, (_, i) => i),
          (i) =>
            Effect.map(session.rpc(echo(`number ${i}`)), (reply) => {
              assert.include(reply.xml, `>number ${i}<`)
              done.push(i)
            }),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(
          done,
          Array.from({ length: 300 }, (_, i) => i)
        )
      }).pipe(Effect.scoped)
    )

    it.live("edits and reads back, and fails with what the device says", () =>
      Effect.gen(function* () {
        const { device, transport } = yield* served()
        const session = yield* connect(transport)
        yield* session.lock({ target: "candidate" })
        const other = yield* connect(transport)
        const refused = yield* Effect.flip(other.lock({ target: "candidate" }))
        assert(refused._tag === "RpcError")
        assert.isTrue(refused.has("lock-denied"))
        yield* session.unlock({ target: "candidate" })
        assert.strictEqual(device.locks.size, 0)
      }).pipe(Effect.scoped)
    )

    it.live("reads a reply of ten megabytes whole", () =>
      Effect.gen(function* () {
        const { transport } = yield* served()
        const session = yield* connect(transport)
        const reply = yield* session.rpc(`<large xmlns="${ns}">10240</large>`)
        const text = "0123456789abcdef"
        const from = reply.xml.indexOf(text)
        assert.isAbove(reply.xml.length, 10_485_760)
        assert.strictEqual(reply.xml.slice(from, from + 10_485_760), text.repeat(655_360))
      }).pipe(Effect.scoped)
    )

    it.live("sends a request of five megabytes whole", () =>
      Effect.gen(function* () {
        const { device, transport } = yield* served()
        const session = yield* connect(transport)
        const text = "fedcba9876543210".repeat(327_680)
        yield* session.rpc(echo(text))
        assert.isAbove(device.sessions.size, 0)
        assert.isAbove(session.statistics().bytesIn, text.length)
      }).pipe(Effect.scoped)
    )

    it.live("gives an rpc up at its deadline, and goes on", () =>
      Effect.gen(function* () {
        const { device, transport } = yield* served()
        const session = yield* connect(transport)
        device.faults.add(Faults.silence(), { times: 1 })
        const error = yield* Effect.flip(session.rpc(echo("never"), { read: true, deadline: "50 millis" }))
        assert(error._tag === "DeadlineError")
        assert.strictEqual(error.phase, "rpc")
        assert.include((yield* session.rpc(echo("still here"))).xml, "still here")
      }).pipe(Effect.scoped)
    )

    it.live("goes on after an interrupted rpc, and drops its late reply", () =>
      Effect.gen(function* () {
        const { device, transport } = yield* served()
        const session = yield* connect(transport)
        device.faults.add(Faults.delay("100 millis"), { times: 1 })
        const call = yield* Effect.forkChild(session.rpc(echo("given up")), { startImmediately: true })
        yield* until(() => device.log.length > 0)
        yield* Fiber.interrupt(call)
        assert.include((yield* session.rpc(echo("the next"))).xml, "the next")
        yield* until(() => session.statistics().lateReplies === 1)
      }).pipe(Effect.scoped)
    )

    it.live("ends with the reason when the connection is cut, and so does what waits", () =>
      Effect.gen(function* () {
        const { device, transport } = yield* served()
        const session = yield* connect(transport)
        device.faults.add(Faults.closeBefore("network"), { times: 1 })
        const error = yield* Effect.flip(session.rpc(echo("cut"), { read: true }))
        assert(error._tag === "ChannelError")
        const reason = yield* session.closed
        assert.notStrictEqual(reason.by, "us")
        assert.deepStrictEqual([error.by, error.phase], [reason.by, "closed"])
      }).pipe(Effect.scoped)
    )

    it.live("ends with the words of the device that closes it", () =>
      Effect.gen(function* () {
        const { device, transport } = yield* served()
        const session = yield* connect(transport)
        device.faults.add(Faults.closeAfter("peer"), { times: 1 })
        yield* Effect.exit(session.rpc(echo("bye")))
        const reason = yield* session.closed
        assert.deepStrictEqual([reason.by, reason.detail.includes("the peer closed the channel")], ["peer", true])
      }).pipe(Effect.scoped)
    )

    it.live("is gone on the device when its scope is", () =>
      Effect.gen(function* () {
        const { device, server, transport } = yield* served()
        const scope = yield* Scope.make()
        const session = yield* Scope.provide(connect(transport), scope)
        assert.strictEqual(device.sessions.size, 1)
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual((yield* session.closed).by, "us")
        assert.isTrue(device.log.some(({ operation }) => operation === "close-session"))
        yield* until(() => server.connections() === 0)
      }).pipe(Effect.scoped)
    )

    it.live("leaves nothing when opening is interrupted in the middle of the login", () =>
      Effect.gen(function* () {
        const server = yield* serve({ authenticate: () => {} })
        const scope = yield* Scope.make()
        const opening = yield* Effect.forkChild(Scope.provide(connect(Ssh.make(options(server))), scope))
        yield* until(() => server.clients.length === 1)
        yield* Fiber.interrupt(opening)
        yield* until(() => server.open() === 0)
      }).pipe(Effect.scoped)
    )

    it.live("shares one connection with the other sessions of a shared transport", () =>
      Effect.gen(function* () {
        const { reach, server } = yield* served()
        const transport = Ssh.share(reach)
        const [one, two, three] = yield* Effect.all([connect(transport), connect(transport), connect(transport)], {
          concurrency: 3
        })
        assert.strictEqual(server.connections(), 1)
        assert.deepStrictEqual([two.reactor, three.reactor], [one.reactor, one.reactor])
        for (const session of [one, two, three]) yield* session.rpc(echo("here"))
      }).pipe(Effect.scoped)
    )
  })

  describe(`connecting in ${place}`, () => {
    it.live("fails with an AuthError that says what was tried, and never with the password", () =>
      Effect.gen(function* () {
        const { reach } = yield* served()
        const wrong = { ...reach, auth: { password: Redacted.make("not-this-one") } }
        const error = yield* failure(Ssh.make(wrong))
        assert(error._tag === "AuthError")
        assert.deepStrictEqual([error.tried, error.offered], [["password"], ["publickey", "password"]])
        assert.isFalse(error.isRetryable)
        assert.notInclude(JSON.stringify(error) + error.message, "not-this-one")
      }).pipe(Effect.scoped, Effect.provide(CredentialGuard.layer))
    )

    it.live("counts refusals of all threads together: a credential refused three times is offered no more", () =>
      Effect.gen(function* () {
        const { reach } = yield* served()
        const wrong = Ssh.make({ ...reach, auth: { password: Redacted.make("rotated") } })
        const errors = yield* Effect.forEach([1, 2, 3, 4], () => failure(wrong))
        const [status] = yield* CredentialGuard.status()
        assert.deepStrictEqual([status!.refusals, status!.barred, status!.underWay], [3, true, 0])
        assert.include(errors[3]!.message, "is not offered")
        yield* CredentialGuard.reset()
        assert.notInclude((yield* failure(wrong)).message, "is not offered")
      }).pipe(Effect.scoped, Effect.provide(CredentialGuard.layer))
    )

    it.live("fails with a HostKeyError that says how to accept it", () =>
      Effect.gen(function* () {
        const { reach, server } = yield* served()
        const error = yield* failure(Ssh.make({ ...reach, hostKey: { fingerprint: makeKey().fingerprint } }))
        assert(error._tag === "HostKeyError")
        assert.deepStrictEqual([error.why, error.fingerprint], ["changed", server.fingerprint])
        assert.include(error.howToAccept, server.fingerprint)
      }).pipe(Effect.scoped)
    )

    it.live("fails with a ConnectionError where nobody listens, and where there is no such host", () =>
      Effect.gen(function* () {
        const { reach } = yield* served()
        const refused = yield* failure(Ssh.make({ ...reach, port: 1 }))
        assert(refused._tag === "ConnectionError")
        assert.strictEqual(refused.reason, "refused")
        const unknown = yield* failure(Ssh.make({ ...reach, host: "no-such-host.invalid" }))
        assert(unknown._tag === "ConnectionError")
        assert.strictEqual(unknown.reason, "dns")
      }).pipe(Effect.scoped)
    )

    it.live("fails with a DeadlineError that names the step", () =>
      Effect.gen(function* () {
        const silent = yield* listen((socket: Net.Socket) => void socket.on("data", () => {}))
        const transport = Ssh.make(options(silent))
        const error = yield* failure(transport, { deadlines: { handshake: "50 millis" } })
        assert(error._tag === "DeadlineError")
        assert.deepStrictEqual([error.phase, error.deadline], ["handshake", 50])
      }).pipe(Effect.scoped)
    )

    it.live("fails with an InputError for a key file that is not there", () =>
      Effect.gen(function* () {
        const { reach } = yield* served()
        const error = yield* failure(Ssh.make({ ...reach, auth: { privateKey: { path: "/no/such/key" } } }))
        assert(error._tag === "InputError")
        assert.deepStrictEqual([error.what, error.where], ["privateKey", "/no/such/key"])
      }).pipe(Effect.scoped)
    )

    it.live("asks the caller's function what to answer to a prompt", () =>
      Effect.gen(function* () {
        const { reach } = yield* served({}, { methods: ["keyboard-interactive"] })
        const asked: Array<string> = []
        const transport = Ssh.make({
          ...reach,
          auth: {
            keyboardInteractive: ({ prompts }) =>
              Effect.sync(() => {
                asked.push(...prompts.map(({ echo, prompt }) => `${prompt}${echo}`))
                return [Redacted.make("admin")]
              })
          }
        })
        yield* (yield* connect(transport)).rpc(echo("in"))
        assert.deepStrictEqual(asked, ["Password: false"])
      }).pipe(Effect.scoped)
    )

    it.live("fails with the words of a prompt function that fails, and stops it when opening is interrupted", () =>
      Effect.gen(function* () {
        const { reach } = yield* served({}, { methods: ["keyboard-interactive"] })
        const failing = { keyboardInteractive: () => Effect.fail(new NoTerminal({ message: "no terminal here" })) }
        const error = yield* failure(Ssh.make({ ...reach, auth: failing }))
        assert(error._tag === "AuthError")
        assert.include(error.detail, "no terminal here")
        let [began, stopped] = [false, false]
        const waiting = {
          keyboardInteractive: () =>
            Effect.suspend(() => {
              began = true
              return Effect.onInterrupt(Effect.never, () => Effect.sync(() => (stopped = true)))
            })
        }
        const opening = yield* Effect.forkChild(Effect.scoped(connect(Ssh.make({ ...reach, auth: waiting }))))
        yield* until(() => began)
        yield* Fiber.interrupt(opening)
        yield* until(() => stopped)
      }).pipe(Effect.scoped, Effect.provide(CredentialGuard.layer))
    )

    it.live("warns once of a host key that was accepted unseen, with the caller's logger", () =>
      Effect.gen(function* () {
        const { reach, server } = yield* served()
        const warnings: Array<string> = []
        const logger = Logger.make(({ logLevel, message }) => {
          if (logLevel === "Warn") warnings.push(String(message))
        })
        const transport = Ssh.make({ ...reach, hostKey: "accept-any" })
        const twice = Effect.all([connect(transport), connect(transport)])
        const [session] = yield* Effect.provide(twice, Logger.layer([logger]))
        yield* until(() => warnings.length > 0)
        yield* Effect.sleep(20)
        assert.lengthOf(warnings, 1)
        assert.include(warnings[0]!, server.fingerprint)
        assert.isTrue(session.notes.some((note) => note.includes("was not checked")))
      }).pipe(Effect.scoped)
    )

    it.live("reads an encrypted key", () =>
      Effect.gen(function* () {
        const key = makeKey("ed25519", { passphrase: "open sesame", rounds: 4 })
        const { reach } = yield* served({}, { users: { admin: { publicKeys: [key.public] } } })
        const auth = { privateKey: Redacted.make(key.private), passphrase: Redacted.make("open sesame") }
        const session = yield* connect(Ssh.make({ ...reach, auth }))
        assert.include(session.transport["auth"]!, "publickey")
      }).pipe(Effect.scoped)
    )
  })
}

suite("the caller's loop", 0)
suite("a thread", 1)
