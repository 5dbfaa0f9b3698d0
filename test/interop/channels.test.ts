/** Several sessions on one SSH connection, a server that allows one, and key exchanges in the middle of a large reply. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { Netconf, Ssh } from "../../src/index.ts"
import { facts, names, open, options } from "./client.ts"
import type { Variant } from "./facts.ts"

const lines = (variant: Variant, pattern: RegExp): number =>
  readFileSync(facts.logs[variant], "utf8").match(pattern)?.length ?? 0
const logins = (variant: Variant): number => lines(variant, /Accepted password for/g)

const sessions = (transport: Ssh.SshOptions, count: number) => {
  const shared = Ssh.share(transport)
  const connect = (_: unknown, i: number) => Netconf.connect({ label: `session ${i}`, transport: shared })
  return Effect.all(Array.from({ length: count }, connect), { concurrency: "unbounded" })
}

describe("sessions that share an SSH connection", () => {
  it.live("are ten sessions of the server after one login", () =>
    Effect.gen(function* () {
      const before = logins("candidate")
      const ten = yield* sessions(options("candidate"), 10)
      yield* Effect.forEach(ten, (session) => names(session), { concurrency: "unbounded" })
      assert.strictEqual(new Set(ten.map((session) => session.sessionId)).size, 10)
      assert.strictEqual(logins("candidate") - before, 1)
    })
  )

  it.live("end one by one", () =>
    Effect.gen(function* () {
      const observer = yield* open("candidate")
      const shared = Ssh.share(options("candidate"))
      const stays = yield* Netconf.connect({ transport: shared })
      const ended = yield* Effect.scoped(
        Effect.map(Netconf.connect({ transport: shared }), (session) => session.sessionId!)
      )
      const error = yield* Effect.flip(observer.killSession({ sessionId: ended }))
      assert.strictEqual(error._tag, "RpcError")
      yield* names(stays)
    })
  )

  it.live("get a connection of their own where the server allows one session each, and say so", () =>
    Effect.gen(function* () {
      const before = logins("max-sessions")
      const shared = Ssh.share(options("max-sessions"))
      const first = yield* Netconf.connect({ transport: shared })
      const second = yield* Netconf.connect({ transport: shared })
      yield* names(first)
      yield* names(second)
      assert.deepStrictEqual(first.notes, [])
      assert.isTrue(second.notes.some((note) => note.includes("a connection of its own was dialled")))
      assert.strictEqual(logins("max-sessions") - before, 2)
    })
  )
})

describe("rekeying", () => {
  it.live("amid a reply of 50 MB loses nothing", () =>
    Effect.gen(function* () {
      const before = lines("rekey", /rekeying/g)
      const session = yield* open("rekey", { subsystem: "bulk" }, { maxOutstanding: 4 })
      const reply = yield* session.getConfig()
      assert.isAbove(reply.bytes, facts.bulkBytes)
      assert.isTrue(reply.xml.endsWith("</data></rpc-reply>"))
      const last = reply.xml.match(/<name>eth\d+<\/name>/g)!
      assert.strictEqual(last.at(-1), `<name>eth${last.length - 1}</name>`)
      yield* session.get()
      assert.isAbove(lines("rekey", /rekeying/g) - before, 20)
    })
  )

  it.live("goes on in a session that does small things", () =>
    Effect.gen(function* () {
      const before = lines("rekey", /rekeying/g)
      const session = yield* open("rekey")
      yield* Effect.forEach(Array.from({ length: 3_000 }), () => session.getConfig(), { discard: true })
      assert.isAbove(lines("rekey", /rekeying/g), before)
    })
  )
})
