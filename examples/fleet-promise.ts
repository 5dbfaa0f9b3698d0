import { NetconfFleet, xml } from "../src/promise.ts"

await using fleet = await NetconfFleet.fromInventory(process.argv[2] ?? "examples/inventory.yaml")

const run = fleet.run(
  async (client, { device }) => {
    const config = xml`<system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><location>${device.name}</location></system>`
    const { saved } = await client.lockedEditConfig({ target: "candidate", config, validate: true, save: true })
    return saved
  },
  {
    devices: (device) => device.tags?.includes("leaf") === true,
    canary: 1,
    batch: 10,
    retry: { ConnectionError: { times: 3, delay: "2 seconds" } }
  }
)

// Once: what has sent a write finishes, nothing further is started.
process.once("SIGINT", () => run.stop())

for await (const { device, error, outcome, value } of run) {
  console.log(`${device}: ${outcome}, ${outcome === "succeeded" ? `saved: ${value}` : String(error)}`)
}
const { counts, devices } = await run.summary()
process.exitCode = counts.succeeded === devices.length ? 0 : 1
