/** A device with a session, for the tests of this folder. */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Netconf from "../../../src/api/Netconf.ts"
import type * as Push from "../../../src/api/Push.ts"
import { type Faults, SampleModel, SimulatedDevice } from "../../../src/testing.ts"
import { settle } from "../../rpc/peer.ts"

export const systemNamespace = SampleModel.system
export const system = (inside: string) => `<system xmlns="${SampleModel.system}">${inside}</system>`
export const hostname = (name: string) => system(`<hostname>${name}</hostname>`)
export const interfaces = (inside: string) => `<interfaces xmlns="${SampleModel.interfaces}">${inside}</interfaces>`
export const anInterface = (name: string, inside = "") =>
  interfaces(`<interface><name>${name}</name>${inside}</interface>`)
export const nc = `xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0"`
export const withoutInterface = (name: string) =>
  interfaces(`<interface ${nc} nc:operation="delete"><name>${name}</name></interface>`)

export const open = (options: SimulatedDevice.Options = {}, more: Partial<Netconf.ConnectOptions> = {}) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make({
      ...options,
      notifications: { standardEvents: false, ...options.notifications }
    })
    const session = yield* Netconf.connect({ transport: device.transport, label: "leaf-01", ...more })
    return { device, session }
  })

/** Takes all that comes into a list, which holds the reason of the end as its last entry. */
export const collect = (subscription: Push.DynamicSubscription) =>
  Effect.gen(function* () {
    const events: Array<Push.DynamicEvent> = []
    const end: Array<unknown> = []
    const reading = Stream.runForEach(subscription.events, (event) => Effect.sync(() => events.push(event)))
    yield* Effect.forkScoped(
      Effect.matchEffect(reading, {
        onFailure: (error) => Effect.sync(() => end.push(error)),
        onSuccess: () => Effect.sync(() => end.push("done"))
      })
    )
    yield* settle
    return { events, end, tags: () => events.map(({ _tag }) => _tag) }
  })

export const requests = (device: SimulatedDevice.SimulatedDevice, name: string) =>
  device.log.filter(({ operation }) => operation === name)

export type Fault = Faults.Fault
