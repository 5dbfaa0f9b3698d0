/**
 * A transport of one's own in a page: NETCONF over a unix socket, as daemons on the same machine offer it.
 *
 * Run it with `npx node examples/custom-transport.ts`: it starts a peer on such a socket, opens a session with it and
 * prints what came. `docs/transports.md` explains what a transport has to keep, and the contract that tests it.
 */
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import {
  type ConnectError,
  type Connection,
  ConnectionError,
  DeadlineError,
  type Handler,
  Inbox,
  Netconf,
  type OpenContext,
  type Transport
} from "../src/index.ts"

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

const base = "urn:ietf:params:xml:ns:netconf:base:1.0"

const hello =
  `<hello xmlns="${base}"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities>` +
  `<session-id>4</session-id></hello>]]>]]>`

/** Enough of a peer to have a session with: close-session is ok, everything else is answered with no data. */
const answer = (socket: Net.Socket): void => {
  socket.on("error", () => {}).write(hello)
  socket.on("data", (bytes) => {
    const id = /message-id="([^"]*)"/.exec(String(bytes))?.[1]
    const content = bytes.includes("<close-session") ? "<ok/>" : "<data/>"
    if (id !== undefined) socket.write(`<rpc-reply xmlns="${base}" message-id="${id}">${content}</rpc-reply>]]>]]>`)
  })
}

const peer = (path: string) =>
  Effect.acquireRelease(
    Effect.callback<Net.Server>((resume) => {
      const server = Net.createServer(answer).listen(path, () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )

const program = Effect.gen(function* () {
  const directory = mkdtempSync(join(tmpdir(), "netconf-"))
  yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(directory, { recursive: true })))
  const path = join(directory, "netconf.sock")
  yield* peer(path)

  const session = yield* Netconf.connect({ label: "local", transport: unixSocket(path) })
  const reply = yield* session.getConfig()
  console.log(`session ${session.sessionId} over a ${session.transport["transport"]}: ${reply.bytes} bytes`)
})

if (import.meta.main) await Effect.runPromise(Effect.scoped(program))
