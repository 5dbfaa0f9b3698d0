import { Config } from "effect"
import { Netconf, Ssh } from "../src/index.ts"

/** One session as a service, with its address, its password and its host key from the environment. */
export const device = Netconf.layerConfig(
  Config.all({
    host: Config.String("HOST"),
    port: Config.Port("PORT").pipe(Config.withDefault(830)),
    username: Config.String("USERNAME"),
    password: Config.Redacted("PASSWORD"),
    fingerprint: Config.String("FINGERPRINT").pipe(Config.withDefault(undefined))
  }).pipe(
    Config.nested("NETCONF"),
    Config.map(({ fingerprint, password, ...login }) => ({
      label: login.host,
      transport: Ssh.make({
        ...login,
        auth: { password },
        hostKey: fingerprint === undefined ? "known-hosts" : { fingerprint }
      })
    }))
  )
)
