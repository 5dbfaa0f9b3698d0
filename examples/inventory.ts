import { Console, Effect, Exit, Stream } from "effect"
import { type Device, Fleet, Inventory } from "../src/index.ts"

const isLeaf = (device: Device) => device.tags?.includes("leaf") === true

const program = Effect.gen(function* () {
  const devices = yield* Inventory.fromFile(process.argv[2] ?? "examples/inventory.yaml")
  const sizes = Fleet.run((session) => Effect.map(session.getConfig(), (reply) => reply.bytes), { devices: isLeaf })
  yield* sizes.pipe(
    Stream.runForEach(({ device, exit, outcome }) =>
      Console.log(`${device}: ${Exit.isSuccess(exit) ? `${exit.value} bytes` : outcome}`)
    ),
    Effect.provide(Fleet.layer(devices))
  )
})

await Effect.runPromise(program).catch((error: Error) => {
  console.error(error.message)
  process.exitCode = 1
})
