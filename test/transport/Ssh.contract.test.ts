import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { ServerChannel } from "ssh2"
import * as Ssh from "../../src/transport/Ssh.ts"
import { type FarSide, type Subject, transportContract } from "./contract.ts"
import { hostKey, serve } from "./sshServer.ts"

const farSide = (channel: ServerChannel): FarSide => {
  const pieces: Array<Buffer> = []
  let closed = false
  channel
    .on("data", (bytes: Buffer) => pieces.push(bytes))
    .on("close", () => {
      closed = true
    })
  return {
    write: (bytes) => {
      channel.write(bytes)
    },
    received: () => Buffer.concat(pieces),
    hold: () => channel.pause(),
    release: () => channel.resume(),
    close: () => {
      channel.end()
    },
    closed: () => closed
  }
}

const subject = (make: (options: Ssh.SshOptions) => Subject["transport"]) =>
  Effect.gen(function* () {
    const farSides: Array<FarSide> = []
    const server = yield* serve({
      subsystem: (channel, client) => {
        const far = farSide(channel)
        let gone = false
        client.on("close", () => {
          gone = true
        })
        farSides.push({ ...far, closed: () => gone || far.closed() })
      }
    })
    const transport = make({
      host: "127.0.0.1",
      port: server.port,
      username: "admin",
      auth: { password: Redacted.make("secret") },
      hostKey: { fingerprint: hostKey.fingerprint }
    })
    return { transport, farSides: () => farSides }
  })

transportContract("Ssh.make", subject(Ssh.make))
transportContract("Ssh.share", subject(Ssh.share))
