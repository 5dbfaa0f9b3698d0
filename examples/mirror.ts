import { Effect, Fiber, Stream } from "effect"
import { Element, NetconfSession, Push } from "../src/index.ts"
import { device } from "./device.ts"

const interfaces = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
const filter = `<interfaces xmlns="${interfaces}"><interface><name/><description/></interface></interfaces>`

const describe = (tree: Element.Element): string =>
  Element.findAll(tree, ["interfaces", "interface"])
    .map((entry) => [Element.child(entry, "name"), Element.child(entry, "description")])
    .map(
      ([name, description]) => `${Element.text(name!)}: ${description === undefined ? "-" : Element.text(description)}`
    )
    .join(", ")

const program = Effect.gen(function* () {
  const session = yield* NetconfSession
  const mirror = yield* Push.mirror(session, {
    datastore: "running",
    filter,
    onChange: {},
    periodic: { period: "10 seconds" }
  })
  console.log(`told ${mirror.trigger()}: ${describe(yield* mirror.first)}`)

  const changed = mirror.changes.pipe(
    Stream.drop(1),
    Stream.map(describe),
    Stream.tap((line) => Effect.sync(() => console.log(line))),
    Stream.takeUntil((line) => line.includes("to spine-01"))
  )
  const following = yield* Effect.forkChild(Stream.runDrain(changed), { startImmediately: true })

  const entry = `<interface><name>eth1</name><description>to spine-01</description></interface>`
  yield* session.edit(`<interfaces xmlns="${interfaces}">${entry}</interfaces>`)
  yield* Fiber.join(following)
  console.log(`${mirror.statistics().updates} updates, ${mirror.statistics().resyncs} asked for again`)
}).pipe(
  Effect.catchTag("RpcError", (error) => {
    const refusal = Push.refusalOf(error)
    return refusal === undefined ? Effect.fail(error) : Effect.sync(() => console.log(`refused: ${refusal.reason}`))
  })
)

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(device)))
