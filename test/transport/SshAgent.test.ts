import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs/promises"
import * as Net from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import type { PublicKeyAuthContext } from "ssh2"
import ssh2 from "ssh2"
import { until } from "./contract.ts"
import { acceptsKey, failure, inputError, login, noting, password, refusal, signed } from "./logins.ts"
import { hostKey, makeKey, type TestKey } from "./sshServer.ts"

/** An ssh-agent with these keys, in this process. */
const agent = (keys: ReadonlyArray<TestKey>, behaviour: "answers" | "silent" = "answers") =>
  Effect.gen(function* () {
    const directory = yield* Effect.acquireRelease(
      Effect.promise(() => Fs.mkdtemp(Path.join(Os.tmpdir(), "agent-"))),
      (path) => Effect.promise(() => Fs.rm(path, { recursive: true }))
    )
    const path = Path.join(directory, "socket")
    const sockets = new Set<Net.Socket>()
    yield* Effect.acquireRelease(
      Effect.callback<Net.Server>((resume) => {
        const server = Net.createServer((socket) => {
          sockets.add(socket)
          socket.on("error", () => {}).on("close", () => sockets.delete(socket))
          if (behaviour === "silent") socket.resume()
          else answer(socket, keys)
        })
        server.listen(path, () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.callback<void>((resume) => {
          for (const socket of sockets) socket.destroy()
          server.close(() => resume(Effect.void))
        })
    )
    return { path, sockets }
  })

const answer = (socket: Net.Socket, keys: ReadonlyArray<TestKey>): void => {
  const protocol = new ssh2.AgentProtocol(false)
  const parsed = keys.map(
    (key) => ssh2.utils.parseKey(key.private) as Exclude<ReturnType<typeof ssh2.utils.parseKey>, Error>
  )
  protocol
    .on("error", () => {})
    .on("identities", (request) => protocol.getIdentitiesReply(request, parsed as never))
    .on("sign", (request, publicKey, data, { hash }) => {
      const index = keys.findIndex((key) =>
        key.blob.equals((publicKey as unknown as { getPublicSSH(): Buffer }).getPublicSSH())
      )
      if (index < 0) return protocol.failureReply(request)
      protocol.signReply(
        request,
        (parsed[index] as ReturnType<typeof ssh2.utils.parseKey> & { sign(data: Buffer, hash?: string): Buffer }).sign(
          data,
          hash
        )
      )
    })
  socket.pipe(protocol).pipe(socket)
}

describe("Auth by agent", () => {
  it.live("tries the agent's keys in its order, and says which one was accepted", () =>
    Effect.gen(function* () {
      const keys = [makeKey(), makeKey("rsa"), makeKey("ecdsa")]
      const { path } = yield* agent(keys)
      for (const key of keys) {
        const { server } = yield* noting((context) =>
          acceptsKey(context, [key]) ? context.accept() : context.reject(["publickey"])
        )
        const { details } = yield* login(server, { agent: path })
        assert.include(details["auth"], `agent `)
        assert.include(details["auth"], key.fingerprint)
      }
    })
  )

  it.live("offers only the named keys", () =>
    Effect.gen(function* () {
      const keys = [makeKey(), makeKey(), makeKey()]
      const { path } = yield* agent(keys)
      const offered: Array<Buffer> = []
      const { server } = yield* noting((context) => {
        if (context.method === "publickey") offered.push((context as PublicKeyAuthContext).key.data)
        context.reject(["publickey"])
      })
      const error = yield* refusal(server, { agent: path, keys: [keys[1]!.fingerprint] })
      assert.isTrue(offered.length === 1 && offered[0]!.equals(keys[1]!.blob))
      assert.deepStrictEqual(error.tried, ["agent (1 key)"])
      const none = yield* refusal(server, { agent: path, keys: [hostKey.fingerprint] })
      assert.deepStrictEqual(none.tried, ["agent (none of the named keys)"])
    })
  )

  it.live("takes the password as a second step after an agent's key", () =>
    Effect.gen(function* () {
      const [first, key, last] = [makeKey(), makeKey(), makeKey()]
      const { path } = yield* agent([first, key, last])
      let passed = false
      const { attempts, server } = yield* noting((context) => {
        if (acceptsKey(context, [key])) {
          if (!signed(context)) return context.accept()
          passed = true
          return context.reject(["password"], true)
        }
        if (context.method === "password" && passed) return context.accept()
        context.reject([passed ? "password" : "publickey"])
      })
      const { details } = yield* login(server, [{ agent: path }, password("secret")])
      assert.strictEqual(details["auth"], `agent ssh-ed25519 ${key.fingerprint}, then password`)
      assert.deepStrictEqual(attempts, ["none", "publickey", "none", "password"])
    })
  )

  it.live("goes on without an agent that cannot be reached", () =>
    Effect.gen(function* () {
      const { server } = yield* noting((context) =>
        context.method === "password" ? context.accept() : context.reject(["publickey", "password"])
      )
      yield* login(server, [{ agent: "/no/such/agent" }, password("secret")])
      const error = yield* refusal(server, [{ agent: "/no/such/agent" }])
      assert.deepStrictEqual(error.tried, ["agent (cannot be reached)"])
    })
  )

  it.live("is bound by the auth deadline, and leaves no socket to a silent agent", () =>
    Effect.gen(function* () {
      const { path, sockets } = yield* agent([], "silent")
      const { server } = yield* noting((context) => context.reject(["publickey"]))
      const error = yield* failure(server, { agent: path }, { auth: 100 })
      assert(error._tag === "DeadlineError")
      assert.strictEqual(error.phase, "auth")
      yield* until(() => sockets.size === 0)
    })
  )

  it.live("explains a server that allows few attempts", () =>
    Effect.gen(function* () {
      const { path } = yield* agent([makeKey(), makeKey(), makeKey(), makeKey()])
      for (const drop of ["disconnect", "close", "reset"] as const) {
        let failures = 0
        const { server } = yield* noting((context) => {
          if (context.method !== "none" && ++failures === 2) {
            const client = server.clients.at(-1)!
            // What sshd does at MaxAuthTries: SSH_MSG_DISCONNECT, reason 2.
            if (drop === "disconnect") {
              ;(client as unknown as { _protocol: { disconnect(reason: number): void } })._protocol.disconnect(2)
              client.end()
            } else if (drop === "close") server.sockets.at(-1)!.end()
            else server.sockets.at(-1)!.resetAndDestroy()
            return
          }
          context.reject(["publickey"])
        })
        const error = yield* refusal(server, { agent: path })
        assert.deepStrictEqual(error.tried, ["agent (2 keys)"], drop)
        assert.include(error.detail, `keys: ["SHA256:..."]`)
      }
    })
  )

  it.live("refuses names of keys that are no fingerprints", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* inputError({ agent: "/x", keys: ["id_rsa"] })).what, "agent.keys")
    })
  )
})

/** With another home directory and agent, one test at a time. */
const withEnvironment = <A, E, R>(values: Record<string, string | undefined>, effect: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const before = Object.keys(values).map((name) => [name, process.env[name]] as const)
      set(Object.entries(values))
      return before
    }),
    () => effect,
    (before) => Effect.sync(() => set(before))
  )

const set = (entries: ReadonlyArray<readonly [string, string | undefined]>): void => {
  for (const [name, value] of entries) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
}

describe("Auth when none is given", () => {
  const home = (files: Record<string, string>) =>
    Effect.acquireRelease(
      Effect.promise(async () => {
        const path = await Fs.mkdtemp(Path.join(Os.tmpdir(), "home-"))
        await Fs.mkdir(Path.join(path, ".ssh"))
        for (const [name, content] of Object.entries(files))
          await Fs.writeFile(Path.join(path, ".ssh", name), content, { mode: 0o600 })
        return path
      }),
      (path) => Effect.promise(() => Fs.rm(path, { recursive: true }))
    )

  it.live("uses the agent, then the default key files", () =>
    Effect.gen(function* () {
      const [inAgent, inFile] = [makeKey(), makeKey("ecdsa")]
      const { path } = yield* agent([inAgent])
      const HOME = yield* home({ id_ecdsa: inFile.private })
      for (const [key, used] of [
        [inAgent, /^agent /],
        [inFile, /^publickey ~\/\.ssh\/id_ecdsa$/]
      ] as const) {
        const { server } = yield* noting((context) =>
          acceptsKey(context, [key]) ? context.accept() : context.reject(["publickey"])
        )
        const { details } = yield* withEnvironment({ HOME, SSH_AUTH_SOCK: path }, login(server, undefined))
        assert.match(details["auth"]!, used)
      }
    })
  )

  it.live("lists what was looked for and tried", () =>
    Effect.gen(function* () {
      const HOME = yield* home({
        id_ed25519: makeKey().private,
        id_rsa: makeKey("rsa", { passphrase: "x", rounds: 1 }).private
      })
      const { server } = yield* noting((context) => context.reject(["publickey", "password"]))
      const error = yield* withEnvironment({ HOME, SSH_AUTH_SOCK: undefined }, refusal(server, undefined))
      assert.deepStrictEqual(error.tried, [
        "agent: SSH_AUTH_SOCK is not set",
        "~/.ssh/id_ecdsa: there is no such file",
        "~/.ssh/id_rsa: it is encrypted, and no passphrase is given",
        "publickey ~/.ssh/id_ed25519"
      ])
      assert.deepStrictEqual(error.offered, ["publickey", "password"])
    })
  )

  it.live("refuses an agent that was asked for and is not there", () =>
    withEnvironment(
      { SSH_AUTH_SOCK: undefined },
      Effect.gen(function* () {
        assert.include((yield* inputError({ agent: true })).why, "SSH_AUTH_SOCK is not set")
      })
    )
  )
})
