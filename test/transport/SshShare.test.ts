import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as Deadlines from "../../src/transport/Deadlines.ts"
import * as Ssh from "../../src/transport/Ssh.ts"
import { recorder, until } from "./contract.ts"
import { serve } from "./sshServer.ts"
import { nothingLeft, open, options, pingPong } from "./sshSession.ts"

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
