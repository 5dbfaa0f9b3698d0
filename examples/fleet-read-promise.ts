import { Element, NetconfFleet } from "../src/promise.ts"

await using fleet = await NetconfFleet.fromInventory(process.argv[2] ?? "examples/inventory.yaml")

const filter = `<system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><hostname/></system>`
const run = fleet.run(async (client) => {
  const reply = await client.get({ filter })
  const found = Element.find(reply.data, ["system", "hostname"])
  return found === undefined ? "no hostname" : Element.text(found)
})

for await (const { device, error, outcome, value } of run) {
  console.log(`${device}: ${outcome === "succeeded" ? value : String(error)}`)
}
