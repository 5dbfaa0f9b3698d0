import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as EffectSocket from "effect/socket/Socket"
import { TestClock } from "effect/testing"
import * as Net from "node:net"
import { Duplex } from "node:stream"
import * as Socket from "../../src/transport/Socket.ts"
import { context, type FarSide, pattern, recorder, type Subject, transportContract, until } from "./contract.ts"
import { socketFarSide } from "./socketFarSide.ts"

type Frames = readonly [Uint8Array, ...Array<Uint8Array>]

const failure = (reason: EffectSocket.SocketErrorReason) => new EffectSocket.SocketError({ reason })

const connect = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<Net.Socket, EffectSocket.SocketError>((resume) => {
      const socket = Net.connect({ port, host: "127.0.0.1" })
      const onError = (cause: Error) =>
        resume(Effect.fail(failure(new EffectSocket.SocketOpenError({ kind: "Unknown", cause }))))
      socket.once("error", onError)
      socket.once("connect", () => {
        socket.off("error", onError).on("error", () => {})
        resume(Effect.succeed(socket))
      })
      return Effect.sync(() => socket.destroy())
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

/** An Effect Socket over node:net, without the platform package. */
const tcp = (port: number) =>
  EffectSocket.fromTransformStream(
    Effect.map(connect(port), (socket) => Duplex.toWeb(socket) as unknown as EffectSocket.InputTransformStream)
  )

const listen = (onConnection: (socket: Net.Socket) => void) =>
  Effect.acquireRelease(
    Effect.callback<Net.Server>((resume) => {
      const server = Net.createServer({ noDelay: true }, onConnection)
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )

const portOf = (server: Net.Server): number => (server.address() as Net.AddressInfo).port

const loopback = Effect.gen(function* () {
  const sockets: Array<Net.Socket> = []
  const farSides: Array<FarSide> = []
  const server = yield* listen((socket) => {
    sockets.push(socket)
    farSides.push(socketFarSide(socket))
  })
  yield* Effect.addFinalizer(() => Effect.sync(() => sockets.forEach((socket) => socket.destroy())))
  const transport = Socket.fromSocket(yield* tcp(portOf(server)), { peer: "loopback" })
  const subject: Subject = { transport, farSides: () => farSides }
  return subject
})

transportContract("A Socket over TCP", loopback)

/** A Socket whose every step the test decides. */
const scripted = Effect.gen(function* () {
  const frames: Array<Frames> = []
  const written: Array<string> = []
  const ended = yield* Deferred.make<never, EffectSocket.SocketError>()
  const state = {
    pulls: 0,
    released: 0,
    interrupted: 0,
    write: Effect.void as Effect.Effect<void, EffectSocket.SocketError>
  }
  const interrupted = () => Effect.sync(() => state.interrupted++)
  const pull = Effect.suspend(() => {
    state.pulls++
    const next = frames.shift()
    return next === undefined ? Effect.onInterrupt(Deferred.await(ended), interrupted) : Effect.succeed(next)
  })
  const released = Effect.addFinalizer(() => Effect.sync(() => state.released++))
  const reader = Effect.as(released, { pull, upgrade: EffectSocket.SocketUpgradeError.unsupported })
  const writeAll: EffectSocket.Writer["writeAll"] = (batch) =>
    Effect.suspend(() => {
      written.push(...batch.map(String))
      return Effect.onInterrupt(state.write, interrupted)
    })
  const writer = Effect.as(released, { write: () => Effect.void, writeAll })
  const fail = (reason: EffectSocket.SocketErrorReason) => Deferred.fail(ended, failure(reason))
  return { fail, frames, socket: EffectSocket.make({ reader, writer }), state, written }
})

const settle = Effect.promise(() => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve))))

describe("fromSocket", () => {
  it.live("fails with ConnectionError when nobody listens", () =>
    Effect.gen(function* () {
      const port = yield* Effect.scoped(
        Effect.map(
          listen(() => {}),
          portOf
        )
      )
      const transport = Socket.fromSocket(yield* tcp(port), { peer: `127.0.0.1:${port}` })
      const error = yield* Effect.flip(transport.open(recorder(), context))
      assert.strictEqual(error._tag, "ConnectionError")
      assert.match(error.message, /^connect on test: refused: connect ECONNREFUSED 127\.0\.0\.1:\d+$/)
    })
  )

  it.live("reports a connection that was reset as ended by the network", () =>
    Effect.gen(function* () {
      const accepted: Array<Net.Socket> = []
      const server = yield* listen((socket) => accepted.push(socket))
      const handler = recorder()
      yield* Socket.fromSocket(yield* tcp(portOf(server)), { peer: "loopback" }).open(handler, context)
      yield* until(() => accepted.length > 0)
      accepted[0]!.resetAndDestroy()
      yield* until(() => handler.ends.length > 0)
      assert.strictEqual(handler.ends[0]!.by, "network")
      assert.match(handler.ends[0]!.detail, /ECONNRESET/)
    })
  )

  it.effect("gives up dialling at its deadline, and releases what was begun", () =>
    Effect.gen(function* () {
      let released = false
      const { socket } = yield* scripted
      const reader = Effect.andThen(
        Effect.addFinalizer(() => Effect.sync(() => (released = true))),
        Effect.never
      )
      const transport = Socket.fromSocket(EffectSocket.make({ reader, writer: socket.writer }), {
        peer: "192.0.2.1:830"
      })
      const opening = yield* Effect.forkChild(Effect.flip(transport.open(recorder(), context)), {
        startImmediately: true
      })
      yield* TestClock.adjust("4999 millis")
      assert.isUndefined(opening.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      const error = yield* Fiber.join(opening)
      assert.strictEqual(error.message, "dial on test: no answer within 5000 ms (phase dial, nothing received)")
      assert.isTrue(released)
    })
  )

  it.effect.each([
    [new EffectSocket.SocketCloseError({ code: 1000 }), "peer", "closed with code 1000"],
    [new EffectSocket.SocketCloseError({ code: 4001, closeReason: "reboot" }), "peer", "closed with code 4001: reboot"],
    [new EffectSocket.SocketCloseError({ code: 1006 }), "network", "closed with code 1006"],
    [new EffectSocket.SocketReadError({ cause: new Error("read ECONNRESET") }), "network", "read ECONNRESET"]
  ] as const)("ends for the reason that the socket gives: %s", ([reason, by, detail]) =>
    Effect.gen(function* () {
      const { fail, socket } = yield* scripted
      const handler = recorder()
      yield* Socket.fromSocket(socket, { peer: "scripted" }).open(handler, context)
      yield* fail(reason)
      yield* settle
      assert.deepStrictEqual(handler.ends, [{ by, detail }])
    })
  )

  it.effect("ends, although a write never returns, when the peer hangs up", () =>
    Effect.gen(function* () {
      const { fail, socket, state, written } = yield* scripted
      state.write = Effect.never
      const scope = yield* Scope.make()
      const handler = recorder()
      const opened = Socket.fromSocket(socket, { peer: "scripted" }).open(handler, context)
      const connection = yield* Scope.provide(opened, scope)
      yield* settle
      connection.write(Buffer.from("one"))
      connection.write(Buffer.from("two"))
      yield* settle
      yield* fail(new EffectSocket.SocketCloseError({ code: 1000 }))
      yield* settle
      assert.deepStrictEqual([written, handler.ends.length, state.interrupted], [["one"], 1, 1])
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(state.released, 2)
    })
  )

  it.effect("ends when a write fails", () =>
    Effect.gen(function* () {
      const { socket, state } = yield* scripted
      state.write = Effect.fail(failure(new EffectSocket.SocketWriteError({ cause: new Error("write EPIPE") })))
      const handler = recorder()
      const connection = yield* Socket.fromSocket(socket, { peer: "scripted" }).open(handler, context)
      yield* settle
      connection.write(Buffer.from("one"))
      yield* settle
      assert.deepStrictEqual(handler.ends, [{ by: "network", detail: "write EPIPE" }])
      assert.strictEqual(state.interrupted, 1)
      assert.isFalse(connection.write(Buffer.from("two")))
    })
  )

  it.effect("does not wait beyond the close deadline for a writer that cannot be released", () =>
    Effect.gen(function* () {
      const { socket } = yield* scripted
      const writer = Effect.tap(socket.writer, () => Effect.addFinalizer(() => Effect.never))
      const scope = yield* Scope.make()
      const stuck = Socket.fromSocket(EffectSocket.make({ reader: socket.reader, writer }), { peer: "scripted" })
      yield* Scope.provide(stuck.open(recorder(), context), scope)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      yield* TestClock.adjust("4999 millis")
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closing)
    })
  )

  it.effect("stops pulling once the high-water mark is reached while paused, and goes on where it was", () =>
    Effect.gen(function* () {
      const { frames, socket, state } = yield* scripted
      for (let index = 0; index < 10; index++) frames.push([pattern(30), pattern(10)])
      const handler = recorder(() => handler.pieces.length === 1 && connection.pause())
      const connection = yield* Socket.fromSocket(socket, { peer: "scripted", highWaterMark: 100 }).open(
        handler,
        context
      )
      yield* settle
      assert.deepStrictEqual([handler.size(), state.pulls], [30, 4])
      connection.resume()
      yield* settle
      assert.deepStrictEqual([handler.size(), state.pulls], [400, 11])
    })
  )

  it.effect("returns false above the high-water mark and drains when the socket has taken all", () =>
    Effect.gen(function* () {
      const { socket, state } = yield* scripted
      const taken = yield* Deferred.make<void>()
      state.write = Deferred.await(taken)
      const handler = recorder()
      const connection = yield* Socket.fromSocket(socket, { peer: "scripted", highWaterMark: 10 }).open(
        handler,
        context
      )
      yield* settle
      assert.deepStrictEqual(
        [10, 1].map((bytes) => connection.write(pattern(bytes))),
        [true, false]
      )
      yield* settle
      assert.strictEqual(handler.drains(), 0)
      yield* Deferred.succeed(taken, undefined)
      yield* settle
      assert.strictEqual(handler.drains(), 1)
      assert.isTrue(connection.write(pattern(10)))
    })
  )

  it.effect("does not drain while frames still wait behind those that were taken", () =>
    Effect.gen(function* () {
      const { socket, state, written } = yield* scripted
      const [first, second] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      state.write = Effect.suspend(() => Deferred.await(written.length === 1 ? first : second))
      const handler = recorder()
      const connection = yield* Socket.fromSocket(socket, { peer: "scripted", highWaterMark: 4 }).open(handler, context)
      yield* settle
      connection.write(Buffer.from("first"))
      connection.write(Buffer.from("second"))
      yield* Deferred.succeed(first, undefined)
      yield* settle
      assert.deepStrictEqual([written, handler.drains()], [["first", "second"], 0])
      yield* Deferred.succeed(second, undefined)
      yield* settle
      assert.strictEqual(handler.drains(), 1)
    })
  )

  it.effect("never drains before the write that it answers has returned false", () =>
    Effect.gen(function* () {
      const { socket } = yield* scripted
      const handler = recorder()
      const connection = yield* Socket.fromSocket(socket, { peer: "scripted", highWaterMark: 10 }).open(
        handler,
        context
      )
      yield* settle
      const room = connection.write(pattern(1_000))
      assert.strictEqual(handler.drains(), 0)
      yield* settle
      assert.strictEqual(handler.drains(), room ? 0 : 1)
    })
  )

  it.effect("ends by us when the handler throws", () =>
    Effect.gen(function* () {
      const { frames, socket } = yield* scripted
      frames.push([pattern(1), pattern(1)])
      const handler = recorder(() => {
        throw new Error("a broken handler")
      })
      yield* Socket.fromSocket(socket, { peer: "scripted" }).open(handler, context)
      yield* settle
      assert.deepStrictEqual(handler.ends, [{ by: "us", detail: "the handler failed: a broken handler" }])
      assert.strictEqual(handler.late(), 0)
    })
  )
})
