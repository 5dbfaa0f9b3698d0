/**
 * The do-nothing peer on a real SSH port of 127.0.0.1, in a process of its own: `node bench/server.ts` prints its port and
 * host key as one line of JSON and ends with its standard input. User `base10` gets a hello without base:1.1; any password.
 */
import { createServer } from "node:net"
import type { AddressInfo } from "node:net"
import ssh2 from "ssh2"
import * as Keys from "../src/testing/Keys.ts"
import * as KnownHosts from "../src/transport/KnownHosts.ts"
import { serve } from "./peer.ts"

export interface ServerFacts {
  readonly port: number
  /** `SHA256:...` of its host key. */
  readonly fingerprint: string
}

const hostKey = Keys.generate()

const ssh = new ssh2.Server({ hostKeys: [hostKey.privateKey] }, (client) => {
  let chunked = true
  client.on("error", () => client.end())
  client.on("authentication", (context) => {
    chunked = context.username !== "base10"
    if (context.method === "password") context.accept()
    else context.reject(["password"])
  })
  client.on("session", (acceptSession) => {
    acceptSession().on("subsystem", (acceptSubsystem) => {
      const channel = acceptSubsystem()
      const push = serve({ chunked, write: (bytes) => channel.write(bytes), end: () => channel.end() })
      channel.on("data", push)
    })
  })
})

const listener = createServer({ noDelay: true }, (socket) => ssh.injectSocket(socket))
listener.listen(0, "127.0.0.1", () => {
  const blob = Buffer.from(hostKey.publicKey.split(" ")[1]!, "base64")
  const facts: ServerFacts = {
    port: (listener.address() as AddressInfo).port,
    fingerprint: KnownHosts.fingerprint(blob)
  }
  console.log(JSON.stringify(facts))
})
process.stdin.on("end", () => process.exit(0)).resume()
