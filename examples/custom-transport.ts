/**
 * A transport of one's own in a page: NETCONF over a unix socket, as daemons on the same machine offer it.
 *
 * Run it with `node examples/custom-transport.ts`: it starts a peer that says hello on such a socket, opens the
 * transport, and prints what came. `docs/transports.md` explains what a transport has to keep, and the contract that
 * tests it.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { mkdtempSync, rmSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { type ConnectError, ConnectionError, DeadlineError } from "../src/errors.ts"
import * as Framing from "../src/framing/Framing.ts"
import * as Deadlines from "../src/transport/Deadlines.ts"
import * as Inbox from "../src/transport/Inbox.ts"
import type { Connection, EndReason, Handler, OpenContext, Transport } from "../src/transport/Transport.ts"

// --- the transport -----------------------------------------------------------------------------------------------

/** Reaches the NETCONF server that listens on a unix socket. */
export const unixSocket = (path: string): Transport => ({
  peer: path,
  open: (handler, context) =>
    // Interrupting the dialling destroys the socket; once it is there, closing the scope does.
    Effect.acquireRelease(dial(path, context), (socket) => hangUp(socket, context), { interruptible: true }).pipe(
      Effect.flatMap((socket) =>
        Effect.acquireRelease(
          Effect.sync(() => attach(socket, handler, path)),
          ({ inbox }) => Effect.sync(() => inbox.end({ by: "us", detail: "the scope was closed" }))
        )
      ),
      Effect.map(({ connection }) => connection)
    )
})

const dial = (path: string, { deadlines, label }: OpenContext): Effect.Effect<Net.Socket, ConnectError> =>
  Effect.callback<Net.Socket, ConnectError>((resume) => {
    const socket = Net.connect(path)
    const failed = (error: Error) =>
      resume(Effect.fail(new ConnectionError({ label, peer: path, reason: "refused", detail: error.message })))
    socket.once("error", failed)
    socket.once("connect", () => resume(Effect.succeed(socket.off("error", failed))))
    return Effect.sync(() => socket.destroy())
  }).pipe(
    Effect.timeoutOrElse({
      duration: deadlines.dial,
      orElse: () =>
        Effect.fail(new DeadlineError({ label, peer: path, phase: "dial", deadline: deadlines.dial, bytes: 0 }))
    })
  )

/** Lets the peer take what was written, but waits no longer than the deadline for it. */
const hangUp = (socket: Net.Socket, { deadlines }: OpenContext): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (socket.closed) return resume(Effect.void)
    socket.once("close", () => resume(Effect.void)).destroySoon()
  }).pipe(
    Effect.interruptible,
    Effect.timeoutOption(deadlines.close),
    Effect.andThen(Effect.sync(() => socket.destroy()))
  )

/** Nothing is read before this: a socket without a listener for `data` does not flow. */
const attach = (socket: Net.Socket, handler: Handler, path: string) => {
  // An inbox keeps the promises that a plain socket does not: the end also while paused, once, and after the bytes.
  const inbox = Inbox.make(handler, { stop: () => socket.pause(), start: () => socket.resume() })
  socket.on("data", (bytes) => inbox.take(bytes))
  socket.on("drain", () => inbox.ended || handler.drain())
  socket.on("end", () => inbox.end({ by: "peer", detail: "closed by the peer" }))
  socket.on("error", (error) => inbox.end({ by: "network", detail: error.message }))
  socket.on("close", () => inbox.end({ by: "network", detail: "the socket closed" }))
  const connection: Connection = {
    write: (frame) => !inbox.ended && socket.write(frame),
    pause: () => inbox.pause(),
    resume: () => inbox.resume(),
    details: { transport: "unix socket", path },
    notes: []
  }
  return { connection, inbox }
}

// --- and its use -------------------------------------------------------------------------------------------------

const hello = (sessionId: string): string =>
  `<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities>` +
  `<capability>urn:ietf:params:netconf:base:1.1</capability></capabilities>${sessionId}</hello>`

/** A peer that says hello to whoever comes. */
const peer = (path: string) =>
  Effect.acquireRelease(
    Effect.callback<Net.Server>((resume) => {
      const greeting = Framing.encode("end-of-message", hello("<session-id>4</session-id>"))
      const server = Net.createServer((socket) => socket.on("error", () => {}).end(greeting))
      server.listen(path, () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )

const program = Effect.gen(function* () {
  const directory = mkdtempSync(join(tmpdir(), "netconf-"))
  yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(directory, { recursive: true })))
  const path = join(directory, "netconf.sock")
  yield* peer(path)

  const ended = yield* Deferred.make<EndReason>()
  const decoder = Framing.makeDecoder()
  const handler: Handler = {
    data: (bytes) => decoder.push(bytes, { span: (span) => console.log(`< ${span}`), end: () => {} }),
    drain: () => {},
    end: (reason) => Deferred.doneUnsafe(ended, Exit.succeed(reason))
  }
  const connection = yield* unixSocket(path).open(handler, { label: "local", deadlines: Deadlines.defaults })
  connection.write(Framing.encode("end-of-message", hello("")))
  const reason = yield* Deferred.await(ended)
  console.log(`ended by ${reason.by}: ${reason.detail}`)
})

if (import.meta.main) await Effect.runPromise(Effect.scoped(program))
