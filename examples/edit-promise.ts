import { isNetconfError, NetconfClient, RpcError, xml } from "../src/promise.ts"

const fingerprint = process.env.NETCONF_FINGERPRINT
await using client = new NetconfClient({
  hostname: process.env.NETCONF_HOST ?? "192.0.2.1",
  port: Number(process.env.NETCONF_PORT ?? 830),
  username: process.env.NETCONF_USERNAME ?? "admin",
  password: process.env.NETCONF_PASSWORD ?? "",
  hostKey: fingerprint === undefined ? "known-hosts" : { fingerprint },
  readTimeout: "30 seconds"
})

try {
  await client.connect()
  const hostname = process.argv[2] ?? "leaf-01"
  const { saved } = await client.lockedEditConfig({
    target: "candidate",
    config: xml`<system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><hostname>${hostname}</hostname></system>`,
    validate: true,
    save: true
  })
  console.log(`committed; saved: ${saved}`)
} catch (error) {
  if (!isNetconfError(error)) throw error
  console.error(error.message)
  if (error instanceof RpcError && error.has("lock-denied")) {
    console.error(`try again when session ${error.errors[0].info?.sessionId} is done`)
  }
  process.exitCode = 1
}
