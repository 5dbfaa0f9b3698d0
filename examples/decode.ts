import { Effect, Schema } from "effect"
import { Data, NetconfSession, xml } from "../src/index.ts"
import { device } from "./device.ts"

const interfaces = "urn:ietf:params:xml:ns:yang:ietf-interfaces"

const Interface = Schema.Struct({
  name: Schema.String,
  description: Schema.optionalKey(Schema.String),
  adminStatus: Schema.Literals(["up", "down", "testing"])
}).pipe(Schema.encodeKeys({ adminStatus: "admin-status" }))

const State = Schema.Struct({ interfaces: Schema.Struct({ interface: Schema.Array(Interface) }) })

const Description = Schema.Struct({ name: Schema.String, description: Schema.String })
const toElement = Data.encode(Schema.Struct({ interface: Schema.Array(Description) }), {
  name: "interfaces",
  namespace: interfaces
})

const program = Effect.gen(function* () {
  const session = yield* NetconfSession
  const reply = yield* session.get({ filter: xml`<interfaces xmlns="${interfaces}"/>` })

  const state = yield* reply.decode(State, { namespace: interfaces })
  for (const { adminStatus, description, name } of state.interfaces.interface) {
    console.log(`${name} is ${adminStatus}: ${description ?? "no description"}`)
  }

  const down = state.interfaces.interface.filter(({ adminStatus }) => adminStatus === "down")
  yield* session.edit(yield* toElement({ interface: down.map(({ name }) => ({ name, description: "free" })) }))
  console.log(`${down.length} described as free`)
}).pipe(
  Effect.provide(device),
  // what does not fit says where, never what
  Effect.catchTag("DataError", ({ path, expected }) => Effect.sync(() => console.log(`${path}: expected ${expected}`)))
)

await Effect.runPromise(program)
