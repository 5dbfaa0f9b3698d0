import { Config } from "effect"
import { Netconf, Ssh } from "../src/index.ts"

/** One session as a service, with its address and its password from the environment. */
export const device = Netconf.layerConfig(
  Config.all({
    host: Config.String("HOST"),
    port: Config.Port("PORT").pipe(Config.withDefault(830)),
    username: Config.String("USERNAME"),
    password: Config.Redacted("PASSWORD")
  }).pipe(
    Config.nested("NETCONF"),
    Config.map(({ password, ...login }) => ({
      label: login.host,
      transport: Ssh.make({ ...login, auth: { password } })
    }))
  )
)
