import { Element, NetconfClient } from "../src/promise.ts"

const fingerprint = process.env.NETCONF_FINGERPRINT
await using client = new NetconfClient({
  hostname: process.env.NETCONF_HOST ?? "192.0.2.1",
  port: Number(process.env.NETCONF_PORT ?? 830),
  username: process.env.NETCONF_USERNAME ?? "admin",
  password: process.env.NETCONF_PASSWORD ?? "",
  hostKey: fingerprint === undefined ? "known-hosts" : { fingerprint }
})
await client.connect()

const reply = await client.getConfig({
  source: "running",
  filter: `<interfaces xmlns="urn:ietf:params:xml:ns:yang:ietf-interfaces"/>`
})

console.log(`session ${client.sessionId}: ${reply.bytes} bytes in ${reply.elapsed} ms`)
for (const name of Element.findAll(reply.data, ["interfaces", "interface", "name"])) {
  console.log(Element.text(name))
}
