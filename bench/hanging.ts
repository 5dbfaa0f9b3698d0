/**
 * A NETCONF server of which half the connections hang, each in one step of connecting, drawn from a seed: `node
 * bench/hanging.ts` prints its port and host key as `server.ts` does, and answers each line of standard input with how
 * many connections were told to hang where.
 */
import { createServer } from "node:net"
import type { AddressInfo, Socket } from "node:net"
import ssh2 from "ssh2"
import * as Keys from "../src/testing/Keys.ts"
import * as KnownHosts from "../src/transport/KnownHosts.ts"
import { seeded } from "./seeded.ts"
import { serve } from "./peer.ts"
import { createInterface } from "node:readline"

export const steps = ["banner", "kex", "auth", "subsystem", "hello", "half a hello"] as const
export type Step = (typeof steps)[number]

const random = seeded(20_261_122)
const hung = new Map<Step | "none", number>()

const draw = (): Step | "none" => {
  const step = random.chance(0.5) ? random.pick(steps) : "none"
  hung.set(step, (hung.get(step) ?? 0) + 1)
  return step
}

const hostKey = Keys.generate()
const silentAt = new Map<number, Step | "none">()

const ssh = new ssh2.Server({ hostKeys: [hostKey.privateKey] }, (client, { port }) => {
  const step = silentAt.get(port) ?? "none"
  client.on("error", () => client.end())
  client.on("authentication", (context) => {
    if (step === "auth") return
    if (context.method === "password") context.accept()
    else context.reject(["password"])
  })
  client.on("session", (acceptSession) => {
    acceptSession().on("subsystem", (acceptSubsystem) => {
      if (step === "subsystem") return
      const channel = acceptSubsystem()
      if (step === "hello") return
      let written = 0
      const push = serve({
        write: (bytes) => {
          if (step !== "half a hello") channel.write(bytes)
          else if (written++ === 0) channel.write(bytes.subarray(0, bytes.length >> 1))
        },
        end: () => channel.end()
      })
      channel.on("data", push)
    })
  })
})

/** Before SSH has begun the socket itself is silent: without a word, or after the identification line. */
const accept = (socket: Socket): void => {
  const step = draw()
  socket.on("error", () => socket.destroy())
  if (step === "banner" || step === "kex") {
    if (step === "kex") socket.write("SSH-2.0-hanging\r\n")
    return void socket.resume()
  }
  const port = socket.remotePort!
  silentAt.set(port, step)
  socket.on("close", () => silentAt.delete(port))
  ssh.injectSocket(socket)
}

const listener = createServer({ noDelay: true }, accept)
listener.listen(0, "127.0.0.1", 1_024, () => {
  const blob = Buffer.from(hostKey.publicKey.split(" ")[1]!, "base64")
  const { port } = listener.address() as AddressInfo
  console.log(JSON.stringify({ port, fingerprint: KnownHosts.fingerprint(blob) }))
})
createInterface(process.stdin)
  .on("line", () => {
    console.log(JSON.stringify(Object.fromEntries(hung)))
    hung.clear()
  })
  .on("close", () => process.exit(0))
