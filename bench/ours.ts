/**
 * The library doing what `baseline.ts` does, as its users would write it: Effect API, one session, defaults but for the
 * number of outstanding operations.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { Filter, Netconf, Ssh, xml } from "../src/index.ts"
import type { ConnectOptions, Session } from "../src/index.ts"
import { main } from "./measure.ts"
import type { Client, Target } from "./measure.ts"

const sshKeepalive = ({ keepalive }: Target): Pick<Ssh.SshOptions, "keepalive"> => {
  if (keepalive === undefined) return {}
  return { keepalive: keepalive !== "off" && keepalive.level === "ssh" ? 1000 * keepalive.seconds : "off" }
}

const netconfKeepalive = ({ keepalive }: Target): Pick<ConnectOptions, "keepalive"> =>
  keepalive === undefined || keepalive === "off" || keepalive.level === "ssh"
    ? {}
    : { keepalive: { every: 1000 * keepalive.seconds } }

const make = (target: Target): Client => {
  const transport = Ssh.make({
    host: "127.0.0.1",
    port: target.port,
    username: target.username,
    auth: { password: Redacted.make("bench") },
    hostKey: { fingerprint: target.fingerprint },
    ...sshKeepalive(target)
  })
  let scope: Scope.Closeable
  let session: Session

  const connect = async () => {
    scope = Scope.makeUnsafe()
    const options = { transport, maxOutstanding: 64, ...netconfKeepalive(target) }
    session = await Effect.runPromise(Scope.provide(Netconf.connect(options), scope))
  }

  const sequential = (count: number) =>
    Effect.runPromise(
      Effect.gen(function* () {
        for (let i = 0; i < count; i++) yield* session.get()
      })
    )

  const pipelined = (count: number, window: number) =>
    Effect.runPromise(
      Effect.forEach(Array.from({ length: count }), () => session.get(), { concurrency: window, discard: true })
    )

  const large = (size: number) => {
    const filter = Filter.subtree(xml`<bench xmlns="urn:effect-netconf:bench"><size>${size}</size></bench>`)
    return Effect.runPromise(Effect.map(session.getConfig({ source: "running", filter }), (reply) => reply.xml))
  }

  const close = () => Effect.runPromise(Scope.close(scope, Exit.void))

  return { connect, sequential, pipelined, large, close }
}

await main(make)
