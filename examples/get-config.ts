import { Config, Effect } from "effect"
import { Element, Netconf, Ssh, xml } from "../src/index.ts"

const program = Effect.gen(function* () {
  const session = yield* Netconf.connect({
    label: "leaf-01",
    transport: Ssh.make({
      host: yield* Config.String("NETCONF_HOST"),
      port: yield* Config.Port("NETCONF_PORT").pipe(Config.withDefault(830)),
      username: yield* Config.String("NETCONF_USERNAME"),
      auth: { password: yield* Config.Redacted("NETCONF_PASSWORD") },
      // the key itself, where the environment names one; otherwise a line in ~/.ssh/known_hosts
      hostKey: yield* Config.String("NETCONF_FINGERPRINT").pipe(
        Config.map((fingerprint) => ({ fingerprint })),
        Config.withDefault("known-hosts" as const)
      )
    })
  })

  const reply = yield* session.getConfig({
    source: "running",
    filter: xml`<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"/>`
  })

  console.log(`session ${session.sessionId}: ${reply.bytes} bytes in ${reply.elapsed} ms`)
  for (const name of Element.findAll(yield* reply.data, ["interfaces", "interface", "name"])) {
    console.log(Element.text(name))
  }
})

await Effect.runPromise(Effect.scoped(program))
