import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Memory from "../../src/transport/Memory.ts"
import type { EndReason } from "../../src/transport/Transport.ts"
import { context, type FarSide, pattern, recorder, type Subject, transportContract } from "./contract.ts"

const farSide = (server: Memory.Endpoint): FarSide => {
  const handler = recorder()
  const connection = server.connect(handler)
  let [full, drains] = [false, 0]
  return {
    write: (bytes) => {
      drains = handler.drains()
      full = !connection.write(bytes)
    },
    waiting: () => full && handler.drains() === drains,
    received: handler.bytes,
    hold: connection.pause,
    release: connection.resume,
    close: () => server.close(),
    closed: () => handler.ends.length > 0
  }
}

const subject = (options?: Memory.MemoryOptions) =>
  Effect.sync((): Subject => {
    const farSides: Array<FarSide> = []
    return { transport: Memory.make((server) => farSides.push(farSide(server)), options), farSides: () => farSides }
  })

const inHalves = (bytes: Uint8Array) => {
  const middle = bytes.length >> 1
  return [bytes.subarray(0, middle), bytes.subarray(middle)]
}

transportContract("Memory", subject(), { plenty: 1024 * 1024 + 1 })
transportContract("Memory that cuts anew", subject({ cut: inHalves }), { plenty: 1024 * 1024 + 1 })

/** Lets every microtask run that is due. */
const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

const texts = (pieces: ReadonlyArray<Uint8Array>) => pieces.map((piece) => Buffer.from(piece).toString())

const open = (options?: Memory.MemoryOptions) =>
  Effect.gen(function* () {
    const { client, server } = Memory.makePair(options)
    const near = recorder()
    const far = recorder()
    const farConnection = server.connect(far)
    const connection = yield* client.open(near, context)
    return { client, connection, far, farConnection, near, server }
  })

describe("Memory", () => {
  it.effect("delivers the very buffers that were written, in order, and never inside write", () =>
    Effect.gen(function* () {
      const { connection, far } = yield* open()
      const frames = ["one", "two", "three"].map((text) => Buffer.from(text))
      for (const frame of frames) connection.write(frame)
      assert.lengthOf(far.pieces, 0)
      yield* turn
      assert.lengthOf(far.pieces, 3)
      far.pieces.forEach((piece, index) => assert.strictEqual(piece, frames[index]))
    })
  )

  it.effect("delivers in the pieces that cut makes, and leaves out empty ones", () =>
    Effect.gen(function* () {
      const cut = (bytes: Uint8Array) => [bytes.subarray(0, 1), bytes.subarray(1, 1), bytes.subarray(1)]
      const { connection, far, farConnection, near } = yield* open({ cut })
      connection.write(Buffer.from("abc"))
      farConnection.write(Buffer.from("xyz"))
      yield* turn
      assert.deepStrictEqual(
        [texts(far.pieces), texts(near.pieces)],
        [
          ["a", "bc"],
          ["x", "yz"]
        ]
      )
    })
  )

  it.effect("keeps what the device writes before the client opens", () =>
    Effect.gen(function* () {
      const { client, server } = Memory.makePair()
      server.connect(recorder()).write(Buffer.from("hello"))
      server.close()
      yield* turn
      const near = recorder()
      yield* client.open(near, context)
      yield* turn
      assert.deepStrictEqual(texts(near.pieces), ["hello"])
      assert.deepStrictEqual(
        near.ends.map((reason) => reason.by),
        ["peer"]
      )
    })
  )

  it.effect("returns true up to the high-water mark and false above it, and drains once all is taken", () =>
    Effect.gen(function* () {
      const { connection, far, farConnection, near } = yield* open({ highWaterMark: 10 })
      farConnection.pause()
      assert.isTrue(connection.write(pattern(10)))
      assert.isFalse(connection.write(pattern(1)))
      assert.isFalse(connection.write(pattern(1)))
      yield* turn
      assert.deepStrictEqual([far.size(), near.drains()], [0, 0])
      farConnection.resume()
      yield* turn
      assert.deepStrictEqual([far.size(), near.drains()], [12, 1])
      connection.write(pattern(10))
      yield* turn
      assert.strictEqual(near.drains(), 1)
    })
  )

  it.effect("gives a paused side all that came before the end, then the end", () =>
    Effect.gen(function* () {
      const { connection, farConnection, near, server } = yield* open()
      connection.pause()
      farConnection.write(Buffer.from("the last"))
      farConnection.write(Buffer.from("words"))
      server.close({ by: "us", detail: "going down for a reboot" })
      yield* turn
      assert.deepStrictEqual(texts(near.pieces), ["the last", "words"])
      assert.deepStrictEqual(near.ends, [{ by: "peer", detail: "going down for a reboot" }])
    })
  )

  it.effect("delivers what was written before the scope closed", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { connection, far, near } = yield* open().pipe(Scope.provide(scope))
      connection.write(Buffer.from("<close-session/>"))
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual([near.ends.map((reason) => reason.by), far.ends], [["us"], []])
      yield* turn
      assert.deepStrictEqual([texts(far.pieces), far.ends.map((reason) => reason.by)], [["<close-session/>"], ["peer"]])
    })
  )

  it.effect("drops what was on its way when the cable is cut, and tells both sides", () =>
    Effect.gen(function* () {
      const { connection, far, farConnection, near, server } = yield* open()
      connection.write(Buffer.from("lost"))
      farConnection.write(Buffer.from("lost too"))
      const reason: EndReason = { by: "network", detail: "cable cut" }
      server.close(reason)
      yield* turn
      assert.deepStrictEqual([near.size(), far.size(), near.ends, far.ends], [0, 0, [reason], [reason]])
    })
  )

  it.effect("loses what is written towards a side that has gone, before its end is known", () =>
    Effect.gen(function* () {
      const { far, farConnection, near, server } = yield* open()
      server.close({ by: "network", detail: "cable cut" })
      assert.isFalse(farConnection.write(Buffer.from("lost")))
      yield* turn
      assert.deepStrictEqual([near.size(), far.ends.length], [0, 1])

      const scope = yield* Scope.make()
      const closing = yield* open().pipe(Scope.provide(scope))
      yield* Scope.close(scope, Exit.void)
      assert.isFalse(closing.farConnection.write(Buffer.from("lost")))
    })
  )

  it.effect("calls no drain for bytes that made the other side close", () =>
    Effect.gen(function* () {
      const { client, server } = Memory.makePair({ highWaterMark: 1 })
      const near = recorder()
      const far = recorder(() => server.close())
      server.connect(far)
      const connection = yield* client.open(near, context)
      assert.isFalse(connection.write(Buffer.from("too much")))
      yield* turn
      assert.deepStrictEqual([near.drains(), near.ends.length, far.late()], [0, 1, 0])
    })
  )

  it.effect("ends each side once, whatever closes it again", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { far, near, server } = yield* open().pipe(Scope.provide(scope))
      server.close()
      server.close({ by: "network", detail: "late" })
      yield* Scope.close(scope, Exit.void)
      server.close()
      yield* turn
      assert.deepStrictEqual([near.ends.length, far.ends.length, near.late(), far.late()], [1, 1, 0, 0])
    })
  )

  it.effect("survives a handler that throws, and shows the exception", () =>
    Effect.gen(function* () {
      const warnings: Array<string> = []
      const listen = (warning: Error) => warnings.push(warning.message)
      process.on("warning", listen)
      yield* Effect.addFinalizer(() => Effect.sync(() => process.off("warning", listen)))
      const { client, server } = Memory.makePair()
      const broken = recorder(() => {
        throw new Error("a broken handler")
      })
      const far = recorder()
      const farConnection = server.connect(far)
      const connection = yield* client.open(broken, context)
      farConnection.write(Buffer.from("one"))
      farConnection.write(Buffer.from("two"))
      connection.write(Buffer.from("fine"))
      yield* turn
      assert.deepStrictEqual([texts(broken.pieces), texts(far.pieces)], [["one", "two"], ["fine"]])
      assert.deepStrictEqual(warnings, ["a broken handler", "a broken handler"])
    })
  )

  it.effect("is opened once per pair", () =>
    Effect.gen(function* () {
      const { client, server } = yield* open({ peer: "leaf-01" })
      const error = yield* Effect.flip(client.open(recorder(), context))
      assert.deepStrictEqual(
        [error._tag, error.message],
        ["ConnectionError", "connect on leaf-01: refused: this pair has been opened before"]
      )
      assert.throws(() => server.connect(recorder()), "connected already")
    })
  )

  it.effect("gives every open of a transport its own far side", () =>
    Effect.gen(function* () {
      const { farSides, transport } = yield* subject()
      const [first, second] = [recorder(), recorder()]
      yield* transport.open(first, context)
      yield* transport.open(second, context)
      farSides()[1]!.write(Buffer.from("second"))
      farSides()[0]!.write(Buffer.from("first"))
      yield* turn
      assert.deepStrictEqual([texts(first.pieces), texts(second.pieces)], [["first"], ["second"]])
    })
  )
})
