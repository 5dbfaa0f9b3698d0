/** Whole changes against a simulated device, the Promise API, and inventories that are wrong. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Inventory from "../../src/api/Inventory.ts"
import * as Netconf from "../../src/api/Netconf.ts"
import { NetconfClient } from "../../src/api/promise.ts"
import type { Session } from "../../src/api/Session.ts"
import type { NetconfError } from "../../src/errors.ts"
import * as Faults from "../../src/testing/Faults.ts"
import * as SampleModel from "../../src/testing/SampleModel.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import * as Memory from "../../src/transport/Memory.ts"
import { xml } from "../../src/xml/Template.ts"
import { base, everything, helloOf, obliging, Peer, rpcError } from "../rpc/peer.ts"
import { planted } from "./planted.ts"
import { type Answer, complaints, config, named, type Program, refusing, type Row } from "./requests.ts"

/** A simulated device has a contact, which can be anything. */
const system = (secret: string) => xml`<system xmlns="${SampleModel.system}"><contact>${secret}</contact></system>`
const device =
  (
    use: (session: Session, device: SimulatedDevice.SimulatedDevice) => Effect.Effect<unknown, unknown, Scope.Scope>
  ): Program =>
  ({ wireLog }) =>
    Effect.gen(function* () {
      const simulated = yield* SimulatedDevice.make()
      const session = yield* Netconf.connect({
        label: "sim",
        wireLog,
        transport: simulated.transport,
        deadlines: { close: "50 millis" }
      })
      return yield* use(session, simulated)
    })

export const devices: ReadonlyArray<Row> = [
  [
    "a locked program loses its connection in the commit",
    "CommitUnknownError",
    device((session, { faults }) => {
      faults.add(Faults.closeAfter(), { on: "commit" })
      return session.edit(system(planted.cli))
    })
  ],
  [
    "the check of a confirmed commit fails",
    "RpcError",
    device((session, { faults }) => {
      faults.add(
        Faults.reply(
          `<rpc-reply xmlns="${base}" message-id="{message-id}">${rpcError("operation-failed", named)}</rpc-reply>`
        ),
        { on: "get" }
      )
      return session.confirmedCommit({ timeout: "1 minute", config: system(planted.cli) }, (other) => other.get())
    })
  ],
  [
    "a reply is garbage",
    "CommitUnknownError",
    device((session, { faults }) => {
      faults.add(Faults.raw(planted.cli), { on: "edit-config" })
      return session.editConfig({ config: system(planted.cli) })
    })
  ]
]

const promise =
  (use: (client: NetconfClient) => Promise<unknown>, answers: Answer): Program =>
  ({ emit, wireLog }) =>
    Effect.tryPromise({
      try: async () => {
        const entries = wireLog === true ? true : (entry: unknown) => emit("wire log", entry)
        const peerTransport = Memory.make((endpoint) => {
          const peer = new Peer(endpoint)
          peer.onRpc = (rpc, other) => (rpc.name === "close-session" ? other.reply(rpc) : answers(rpc, other))
          peer.sayHello(helloOf(everything))
        })
        await using client = new NetconfClient({
          label: "leaf",
          transport: peerTransport,
          password: planted.password,
          wireLog: entries
        })
        await client.connect()
        try {
          const result = await use(client)
          emit("result", result)
        } finally {
          emit("client", client)
        }
      },
      catch: (error) => error as NetconfError
    })

export const promises: ReadonlyArray<Row> = [
  ["an edit is refused", "RpcError", promise((client) => client.editConfig({ config }), refusing(complaints))],
  [
    "an edit is in doubt",
    "CommitUnknownError",
    promise(
      (client) => client.editConfig({ config, deadline: "20 millis" }),
      () => {}
    )
  ],
  [
    "a whole change succeeds",
    "success",
    promise((client) => client.lockedEditConfig({ config, target: "candidate" }), obliging)
  ],
  [
    "an option is misspelt",
    "InputError",
    () =>
      Effect.try({
        try: () => new NetconfClient({ hostname: "h", username: "u", pasword: planted.password } as never),
        catch: (error) => error as NetconfError
      })
  ]
]

const inventory =
  (text: string, format: "yaml" | "json" = "yaml"): Program =>
  () =>
    Inventory.decode(text, { format, name: "lab" })

export const inventories: ReadonlyArray<Row> = [
  ["YAML ends too soon", "InputError", inventory(`devices:\n  a:\n    auth: [ { password: ${planted.password} `)],
  ["YAML is indented wrongly", "InputError", inventory(`devices:\n  a:\n    password: x\n   ${planted.password}: y\n`)],
  ["JSON ends too soon", "InputError", inventory(`{"devices":{"a":{"auth":{"password":"${planted.password}`, "json")],
  ["JSON has something else behind it", "InputError", inventory(`{} ${planted.password}`, "json")],
  [
    "a password stands in it",
    "InputError",
    inventory(`devices:\n  a:\n    username: u\n    auth: { password: ${planted.password} }\n`)
  ],
  [
    "a password stands where none belongs",
    "InputError",
    inventory(`devices:\n  a:\n    username: u\n    port: ${planted.password}\n`)
  ],
  ["auth is text", "InputError", inventory(`devices:\n  a:\n    username: u\n    auth: ${planted.password}\n`)],
  [
    "a host is a URL with a password",
    "InputError",
    inventory(`devices:\n  a:\n    host: ${planted.url}\n    username: [1]\n`)
  ]
]
