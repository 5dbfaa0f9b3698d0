import { Config, Effect } from "effect"
import { Netconf, OperationPool, Ssh } from "../src/index.ts"

/** The size of running, or why it could not be read. */
const measure = (host: string) =>
  Effect.gen(function* () {
    const session = yield* Netconf.connect({
      label: host,
      transport: Ssh.make({
        host,
        port: yield* Config.Port("NETCONF_PORT").pipe(Config.withDefault(830)),
        username: yield* Config.String("NETCONF_USERNAME"),
        auth: { password: yield* Config.Redacted("NETCONF_PASSWORD") },
        hostKey: yield* Config.String("NETCONF_FINGERPRINT").pipe(
          Config.map((fingerprint) => ({ fingerprint })),
          Config.withDefault("known-hosts" as const)
        )
      }),
      deadlines: { queue: "5 minutes" }
    })
    const reply = yield* session.getConfig({ source: "running" })
    return `${reply.bytes} bytes`
  }).pipe(
    Effect.scoped,
    Effect.catch((error) => Effect.succeed(error.message))
  )

const program = Effect.gen(function* () {
  const hosts = (yield* Config.String("NETCONF_HOSTS")).split(",")
  // The pool limits operations. How many devices are connected at once is this program's own decision.
  const sizes = yield* Effect.forEach(hosts, measure, { concurrency: 100 })
  for (const [i, host] of hosts.entries()) console.log(`${host}: ${sizes[i]}`)

  const pool = yield* OperationPool.Current
  const { running, size, waiting } = pool.statistics()
  console.log(`${running} running, ${waiting} waiting, at most ${size}`)
})

// The same pool for all sessions of the process, resized at any time, from anywhere.
OperationPool.setOperationPoolSize(64)
await Effect.runPromise(program)
