/** Fleets of simulated devices, and fleets without any, for what only the order of things matters. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import {
  Fleet,
  type Device,
  type FleetOptions,
  type FleetService,
  type Program,
  type RunOptions
} from "../../src/api/Fleet.ts"
import type { Session } from "../../src/api/Session.ts"
import * as Writes from "../../src/api/session/Writes.ts"
import { type OperationError, RpcError } from "../../src/errors.ts"
import type { Operation } from "../../src/rpc/Operation.ts"
import { SimulatedDevice } from "../../src/testing.ts"
import type { Transport } from "../../src/transport/Transport.ts"

/** Says of a transport how often it was opened, and how many of its connections are open. */
export const counting = (transport: Transport) => {
  const counts = { opened: 0, open: 0, most: 0 }
  const counted: Transport = {
    ...transport,
    open: (handler, context) =>
      Effect.tap(transport.open(handler, context), () => {
        counts.opened++
        counts.most = Math.max(counts.most, ++counts.open)
        return Effect.addFinalizer(() => Effect.sync(() => void counts.open--))
      })
  }
  return { transport: counted, counts }
}

/** Simulated devices by name, with what their transports have counted. */
export const simulated = (
  names: ReadonlyArray<string>,
  options: SimulatedDevice.Options = {},
  more: (name: string) => Partial<Device> = () => ({})
) =>
  Effect.gen(function* () {
    const devices = new Map<string, SimulatedDevice.SimulatedDevice>()
    const counts = new Map<string, ReturnType<typeof counting>["counts"]>()
    const fleet: Array<Device> = []
    for (const name of names) {
      const device = yield* SimulatedDevice.make({ ...options, name })
      const counted = counting(device.transport)
      devices.set(name, device)
      counts.set(name, counted.counts)
      fleet.push({ name, transport: counted.transport, ...more(name) })
    }
    return { fleet, device: (name: string) => devices.get(name)!, counts: (name: string) => counts.get(name)! }
  })

/** A fleet of simulated devices that ends with the test, and how to end it before. */
export const fleetOf = (devices: ReadonlyArray<Device>, options?: FleetOptions) =>
  Effect.gen(function* () {
    const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
    const context = yield* Layer.buildWithScope(Fleet.layer(devices, options), scope)
    return { fleet: Context.get(context, Fleet), close: Scope.close(scope, Exit.void) }
  })

export const service = (devices: ReadonlyArray<Device>): FleetService => ({
  devices: new Map(devices.map((device) => [device.name, device])),
  session: () => Effect.succeed({} as Session),
  statistics: () => ({ sessions: 0, idle: 0, waiting: 0, pacing: 0 })
})

/** Devices that are reached by nothing. */
export const named = (names: ReadonlyArray<string>, more: (name: string) => Partial<Device> = () => ({})) =>
  names.map((name): Device => ({
    name,
    transport: { peer: name, open: () => Effect.die("nobody connects to it") },
    ...more(name)
  }))

/** A write that is noted as those of sessions are. */
export const write = <A>(self: Effect.Effect<A, OperationError>): Effect.Effect<A, OperationError> =>
  Writes.note({ kind: "write" } as Operation<unknown>, () => self)

export const numbered = (count: number, prefix = "d"): ReadonlyArray<string> =>
  Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`)

/** A fleet that nothing is connected to. */
export const without = (names: ReadonlyArray<string>, more?: (name: string) => Partial<Device>) =>
  Effect.provide(Layer.succeed(Fleet, service(named(names, more))))

/** The summary of a whole run. */
export const summarized = <A, E, R>(program: Program<A, E, R>, options?: RunOptions) =>
  Effect.scoped(Effect.flatMap(Fleet.start(program, options), ({ summary }) => summary))

export const refused = (tag: string) => new RpcError({ errors: [{ tag, severity: "error", type: "protocol" }] })
