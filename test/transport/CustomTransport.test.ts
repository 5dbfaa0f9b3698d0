/** The example keeps the contract: whoever starts from it starts from something that works. */
import * as Effect from "effect/Effect"
import { mkdtempSync, rmSync } from "node:fs"
import * as Net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { unixSocket } from "../../examples/custom-transport.ts"
import { type FarSide, type Subject, transportContract } from "./contract.ts"
import { socketFarSide } from "./socketFarSide.ts"

const overUnixSocket = Effect.gen(function* () {
  const directory = mkdtempSync(join(tmpdir(), "netconf-test-"))
  const path = join(directory, "netconf.sock")
  const farSides: Array<FarSide> = []
  const sockets: Array<Net.Socket> = []
  const server = Net.createServer((socket) => {
    sockets.push(socket)
    farSides.push(socketFarSide(socket))
  })
  yield* Effect.callback<void>((resume) => {
    server.listen(path, () => resume(Effect.void))
  })
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      sockets.forEach((socket) => socket.destroy())
      server.close()
      rmSync(directory, { recursive: true })
    })
  )
  const subject: Subject = { transport: unixSocket(path), farSides: () => farSides }
  return subject
})

transportContract("examples/custom-transport.ts", overUnixSocket)
