import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Ssh from "../../src/transport/Ssh.ts"
import type { Connection } from "../../src/transport/Transport.ts"
import { until } from "./contract.ts"
import { type ServerOptions, serve } from "./sshServer.ts"
import { nothingLeft, open, options, pingPong } from "./sshSession.ts"

const beside = (connection: Connection) => open({ peer: "beside", open: connection.beside! })

/** A session, one beside it, and the scope of each. */
const pair = Effect.fnUntraced(function* (serverOptions: ServerOptions = {}) {
  const server = yield* serve(serverOptions)
  const [first, second] = [yield* Scope.make(), yield* Scope.make()]
  const main = yield* Scope.provide(open(Ssh.make(options(server))), first)
  const further = yield* Scope.provide(beside(main.connection), second)
  return { first, further, main, second, server }
})

describe("a session beside another one on its SSH connection", () => {
  it.live("has a channel of its own, and says whose connection it is", () =>
    Effect.gen(function* () {
      const { further, main, server } = yield* pair()
      yield* pingPong(main.connection, main.handler, "one")
      yield* pingPong(further.connection, further.handler, "two")
      assert.deepStrictEqual([server.accepted(), server.channels.length], [1, 2])
      const { channel, ...same } = further.connection.details
      assert.strictEqual(channel, "a second channel of the same SSH connection")
      assert.deepStrictEqual([main.connection.details, further.connection.notes], [same, []])
      assert.strictEqual(main.handler.bytes().toString(), "one")
    })
  )

  for (const order of ["the first", "the second"] as const) {
    it.live(`lives on when ${order} is closed, and the connection closes with the last`, () =>
      Effect.gen(function* () {
        const { first, further, main, second, server } = yield* pair()
        const [goes, stays] = order === "the first" ? [main, further] : [further, main]
        yield* Scope.close(order === "the first" ? first : second, Exit.void)
        assert.deepStrictEqual(goes.handler.ends, [{ by: "us", detail: "closed" }])
        yield* pingPong(stays.connection, stays.handler, "still here")
        assert.deepStrictEqual([stays.handler.ends, server.open()], [[], 1])
        const third = yield* Scope.make()
        yield* Scope.provide(beside(stays.connection), third)
        yield* Scope.close(third, Exit.void)
        assert.strictEqual(server.open(), 1)
        yield* Scope.close(order === "the first" ? second : first, Exit.void)
        yield* nothingLeft(server)
      })
    )
  }

  it.live("ends with the connection", () =>
    Effect.gen(function* () {
      const { further, main, server } = yield* pair()
      server.sockets[0]!.resetAndDestroy()
      yield* until(() => main.handler.ends.length + further.handler.ends.length === 2)
      assert.deepStrictEqual(main.handler.ends, further.handler.ends)
      const error = yield* Effect.flip(beside(main.connection))
      assert.include(["ConnectionError", "ChannelError"], error._tag)
      yield* nothingLeft(server)
    })
  )

  it.live("is none where the peer gives no further channel, which disturbs nobody", () =>
    Effect.gen(function* () {
      const server = yield* serve({ maxSessions: 1 })
      const scope = yield* Scope.make()
      const { connection, handler } = yield* Scope.provide(open(Ssh.make(options(server))), scope)
      const error = yield* Effect.flip(beside(connection))
      assert(error._tag === "ChannelError")
      assert.deepStrictEqual([error.phase, error.by, error.label], ["open", "peer", "leaf-01"])
      assert.match(error.detail, /^the peer refused a channel/)
      yield* pingPong(connection, handler, "still here")
      yield* Scope.close(scope, Exit.void)
      yield* nothingLeft(server)
    })
  )

  it.live("is none once the connection was closed", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const { connection } = yield* Effect.scoped(open(Ssh.make(options(server))))
      const error = yield* Effect.flip(beside(connection))
      assert(error._tag === "ChannelError")
      assert.strictEqual(error.phase, "open")
      yield* nothingLeft(server)
    })
  )

  it.live("leaves nothing when it is interrupted before it is open", () =>
    Effect.gen(function* () {
      let asked = 0
      const server = yield* serve({ accepts: () => (++asked === 1 ? true : undefined) })
      const scope = yield* Scope.make()
      const { connection, handler } = yield* Scope.provide(open(Ssh.make(options(server))), scope)
      const opening = yield* Effect.forkScoped(beside(connection), { startImmediately: true })
      yield* until(() => asked === 2)
      yield* Fiber.interrupt(opening)
      yield* pingPong(connection, handler, "still here")
      yield* Scope.close(scope, Exit.void)
      yield* nothingLeft(server)
    })
  )

  it.live("keeps a shared connection open as a session does that shares it", () =>
    Effect.gen(function* () {
      const server = yield* serve()
      const transport = Ssh.share(options(server))
      const [first, second] = [yield* Scope.make(), yield* Scope.make()]
      const { connection } = yield* Scope.provide(open(transport), first)
      const further = yield* Scope.provide(beside(connection), second)
      yield* Scope.close(first, Exit.void)
      yield* Effect.scoped(open(transport))
      assert.strictEqual(server.accepted(), 1)
      yield* pingPong(further.connection, further.handler, "still here")
      yield* Scope.close(second, Exit.void)
      yield* nothingLeft(server)
    })
  )
})
