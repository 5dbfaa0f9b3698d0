import { Element, isNetconfError, NetconfClientSync, RpcError, xml } from "../src/sync.ts"

const fingerprint = process.env.NETCONF_FINGERPRINT
const client = new NetconfClientSync({
  hostname: process.env.NETCONF_HOST ?? "192.0.2.1",
  port: Number(process.env.NETCONF_PORT ?? 830),
  username: process.env.NETCONF_USERNAME ?? "admin",
  password: process.env.NETCONF_PASSWORD ?? "",
  hostKey: fingerprint === undefined ? "known-hosts" : { fingerprint },
  readTimeout: "30 seconds"
})

const system = "urn:ietf:params:xml:ns:yang:ietf-system"
const location = process.argv[2] ?? "rack 7"

try {
  client.connect()
  const reply = client.getConfig({ source: "running", filter: xml`<system xmlns="${system}"/>` })
  const found = Element.find(reply.data, ["system", "location"])
  console.log(`session ${client.sessionId}: ${found === undefined ? "no location" : Element.text(found)}`)

  client.locked(
    ["running", "candidate"],
    (inside) => {
      inside.editConfig({
        target: "candidate",
        config: xml`<system xmlns="${system}"><location>${location}</location></system>`
      })
      inside.validate({ source: "candidate" })
      inside.commit()
    },
    { wait: { every: "2 seconds", upTo: "1 minute" } }
  )
  console.log(`committed: ${location}`)
} catch (error) {
  if (!isNetconfError(error)) throw error
  console.error(error instanceof RpcError ? `refused: ${error.summary}` : error.message)
  process.exitCode = 1
} finally {
  client.disconnect()
}
