/**
 * The do-nothing NETCONF server of the benchmarks on a Unix socket (first argument), for an sshd to put behind a
 * subsystem: netconfd cannot give a reply of 50 MB (second argument: how many bytes it gives to a get-config).
 */
import { chmodSync } from "node:fs"
import { createServer } from "node:net"
import { serve } from "../../bench/peer.ts"

const [path, size] = process.argv.slice(2)

const server = createServer((socket) => {
  const push = serve({ size: Number(size), write: (bytes) => socket.write(bytes), end: () => socket.end() })
  socket.on("data", (bytes) => push(bytes as Buffer))
  socket.on("error", () => socket.destroy())
})
server.listen(path, () => chmodSync(path!, 0o666))
