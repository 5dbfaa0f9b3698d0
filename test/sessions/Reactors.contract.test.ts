/** A transport that lives in a worker thread keeps what every transport keeps. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { ServerChannel } from "ssh2"
import { afterAll } from "vitest"
import * as Reactors from "../../src/sessions/Reactors.ts"
import * as Placement from "../../src/transport/Placement.ts"
import * as Ssh from "../../src/transport/Ssh.ts"
import { type FarSide, type Subject, transportContract } from "../transport/contract.ts"
import { hostKey, serve } from "../transport/sshServer.ts"

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

// One thread for all of them: starting it takes longer than most of the tests.
const reactors = new Reactors.Reactors(1)
afterAll(() => reactors.close())

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
    const open: typeof transport.open = (handler, context) =>
      Effect.provideService(transport.open(handler, context), Placement.Current, reactors)
    return { transport: { ...transport, open }, farSides: () => farSides }
  })

transportContract("Ssh.make in a thread", subject(Ssh.make))
transportContract("Ssh.share in a thread", subject(Ssh.share))
