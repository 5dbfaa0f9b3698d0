import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Crypto from "node:crypto"
import * as Deadlines from "../../src/transport/Deadlines.ts"
import * as Dial from "../../src/transport/Dial.ts"
import { until } from "./contract.ts"
import { listen } from "./sshServer.ts"

const context = (deadlines: Deadlines.Deadlines = {}) => ({ label: "leaf-01", deadlines: Deadlines.resolve(deadlines) })

describe("Dial.dial", () => {
  it.live("fails at its deadline, name resolution included, and lets go of the socket", () =>
    Effect.gen(function* () {
      const { open, port } = yield* listen(() => {})
      // Names are resolved in libuv's threads: with all of them busy, the answer comes late for certain.
      const busy = Array.from(
        { length: 8 },
        () => new Promise((resolve) => Crypto.pbkdf2("x", "y", 200_000, 32, "sha512", resolve))
      )
      const own: Dial.Own = {}
      const target = { host: "localhost", port, localAddress: undefined }
      const error = yield* Effect.flip(Dial.dial(target, context({ dial: 1 }), own))
      assert(error._tag === "DeadlineError")
      assert.deepStrictEqual([error.phase, error.deadline, error.bytes], ["dial", 1, 0])
      assert.isTrue(own.socket!.destroyed)
      yield* Effect.promise(() => Promise.all(busy))
      yield* until(() => open() === 0)
    })
  )

  it.live("hands over the socket before it is connected, and paused once it is", () =>
    Effect.gen(function* () {
      const { port } = yield* listen((socket) => socket.write("early"))
      const own: Dial.Own = {}
      const target = { host: "127.0.0.1", port, localAddress: undefined }
      const socket = yield* Dial.dial(target, context({ dial: "none" }), own)
      assert.strictEqual(own.socket, socket)
      assert.isTrue(socket.isPaused())
      const bytes = yield* Effect.callback<Buffer>((resume) => {
        socket.once("data", (data: Buffer) => resume(Effect.succeed(data)))
        socket.resume()
      })
      assert.strictEqual(bytes.toString(), "early")
      socket.destroy()
    })
  )

  it.live("sends what is written in one turn together", () =>
    Effect.gen(function* () {
      const pieces: Array<string> = []
      const { port } = yield* listen((socket) => socket.on("data", (data: Buffer) => pieces.push(data.toString())))
      const own: Dial.Own = {}
      const socket = yield* Dial.dial({ host: "127.0.0.1", port, localAddress: undefined }, context(), own)
      const writes: Array<string> = []
      const inside = socket as unknown as { _write: (...input: ReadonlyArray<unknown>) => void }
      const write = inside._write.bind(socket)
      inside._write = (...input) => {
        writes.push("one by one")
        write(...input)
      }
      for (const piece of ["a", "b", "c"]) socket.write(piece)
      yield* until(() => pieces.join("") === "abc")
      assert.deepStrictEqual([pieces, writes], [["abc"], []])
      socket.destroy()
    })
  )
})
