import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import { performance } from "node:perf_hooks"
import * as SocketTurns from "../../src/transport/SocketTurns.ts"
import * as Ssh from "../../src/transport/Ssh.ts"
import { ofThread, TurnBudget } from "../../src/transport/TurnBudget.ts"
import { pattern, recorder, settled, until } from "./contract.ts"
import { listen, serve } from "./sshServer.ts"
import { nothingLeft, open, options, pingPong } from "./sshSession.ts"

/** A socket that is held with its first bytes, until `goOn`; and its peer. */
const held = Effect.gen(function* () {
  const { port, sockets } = yield* listen(() => {})
  const behind: Array<() => void> = []
  const budget = new TurnBudget(
    {
      now: () => performance.now(),
      turn: () => 1,
      behind: (callback) => void behind.push(callback),
      afterwards: (callback) => void setImmediate(callback)
    },
    { turn: 0, share: { bytes: 1, millis: 0 } }
  )
  const pieces: Array<Buffer> = []
  const said: Array<string> = []
  const socket = yield* Effect.acquireRelease(
    Effect.sync(() => Net.connect(port, "127.0.0.1")),
    (socket) => Effect.sync(() => socket.destroy())
  )
  socket
    .on("data", (bytes: Buffer) => pieces.push(bytes))
    .on("end", () => said.push("end"))
    .on("error", () => said.push("error"))
    .on("close", () => said.push("close"))
  const turns = SocketTurns.take(socket, budget)
  yield* until(() => sockets.length === 1)
  const goOn = (): void => behind.splice(0).forEach((callback) => callback())
  return { budget, goOn, peer: sockets[0]!, received: () => Buffer.concat(pieces), said, signs: turns.signs, socket }
})

/** Keeps the loop busy. */
const work = (millis: number): void => {
  const over = performance.now() + millis
  while (performance.now() < over);
}

describe("SocketTurns", () => {
  it.live("hands on all that was held, in order, and the end behind it", () =>
    Effect.gen(function* () {
      const { budget, goOn, peer, received, said } = yield* held
      const bytes = pattern(300_000)
      peer.end(bytes)
      yield* until(() => budget.held === 1)
      yield* settled(() => received().length)
      assert.deepStrictEqual([received().length, said], [0, []])
      while (received().length < bytes.length) {
        goOn()
        yield* Effect.sleep(1)
      }
      yield* until(() => said.length > 0)
      assert.isTrue(received().equals(bytes))
      assert.strictEqual(said[0], "end")
    })
  )

  it.live("hands on what had come before a reset, and waits for nobody afterwards", () =>
    Effect.gen(function* () {
      const { budget, peer, received, said, socket } = yield* held
      peer.write("the answer")
      yield* until(() => budget.held === 1)
      socket.destroy(new Error("reset"))
      yield* until(() => said.includes("close"))
      assert.deepStrictEqual([received().toString(), said, budget.held], ["the answer", ["error", "close"], 0])
    })
  )

  it.live("takes a socket that is held for one whose peer lives, and another for what it is", () =>
    Effect.gen(function* () {
      const { budget, goOn, peer, received, signs } = yield* held
      assert.strictEqual(signs(), signs())
      peer.write("the answer")
      yield* until(() => budget.held === 1)
      yield* Effect.sleep(5)
      assert.notStrictEqual(signs(), signs())
      while (received().length === 0 || budget.held > 0) {
        goOn()
        yield* Effect.sleep(1)
      }
      assert.strictEqual(signs(), signs())
    })
  )

  it.live("answers one session in a few turns while others flood over SSH", () =>
    Effect.gen(function* () {
      const flooding = 6
      const flood = pattern(2_500_000)
      const server = yield* serve({
        subsystem: (channel) =>
          channel.on("data", (bytes: Buffer) => channel.write(bytes.toString() === "flood" ? flood : bytes))
      })
      const turn = () => performance.nodeTiming.uvMetricsInfo.loopCount
      /** How many bytes of the floods each turn has brought. */
      const perTurn = new Map<number, number>()
      const size = () => [...perTurn.values()].reduce((sum, bytes) => sum + bytes, 0)
      const handler = () =>
        recorder((bytes) => {
          perTurn.set(turn(), (perTurn.get(turn()) ?? 0) + bytes.length)
          work(1)
        })
      const floods = yield* Effect.forEach(Array.from({ length: flooding }), () =>
        open(Ssh.make(options(server)), {}, handler())
      )
      const { connection, handler: quiet } = yield* open(Ssh.make(options(server)))
      yield* pingPong(connection, quiet, "hello")
      const inTurns = new Promise<{ took: number; before: number }>((resolve) => {
        for (const one of floods) one.connection.write(Buffer.from("flood"))
        const wait = (): void => {
          if (perTurn.size === 0) return void setImmediate(wait)
          connection.write(Buffer.from("again"))
          const asked = turn()
          const look = (): void => {
            if (quiet.bytes().toString() !== "helloagain") return void setImmediate(look)
            resolve({ took: turn() - asked, before: size() })
          }
          look()
        }
        wait()
      })
      const { before, took } = yield* Effect.promise(() => inTurns)
      // To the server and back are turns of the same loop; and one to be held.
      assert.isAtMost(took, 10)
      assert.isBelow(before, flooding * flood.length)
      yield* until(() => size() === flooding * flood.length)
      for (const { handler: one } of floods) assert.isTrue(one.bytes().equals(flood))
      // A packet has 32 KiB at most and takes a millisecond. Without turns libuv reads 2 MiB from each socket.
      assert.isAtMost(Math.max(...perTurn.values()), 1_048_576)
      yield* until(() => ofThread.held === 0)
    })
  )

  it.live("leaves nothing behind when a session closes in the middle of a flood", () =>
    Effect.gen(function* () {
      const flood = pattern(3_000_000)
      const server = yield* serve({ subsystem: (channel) => channel.on("data", () => channel.write(flood)) })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const floods = yield* Effect.forEach(Array.from({ length: 4 }), () => open(Ssh.make(options(server))))
          for (const { connection } of floods) connection.write(Buffer.from("flood"))
          yield* until(() => floods.every(({ handler }) => handler.size() > 0))
        })
      )
      yield* nothingLeft(server)
      yield* until(() => ofThread.held === 0)
    })
  )
})
