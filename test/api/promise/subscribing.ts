/** A device and its client for tests of subscriptions in plain async code. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { assert } from "@effect/vitest"
import { NetconfClient, type NetconfClientOptions, type PlainSubscriptionEvent } from "../../../src/promise.ts"
import { SimulatedDevice } from "../../../src/testing.ts"
import { event } from "../../notifications/events.ts"

type Device = SimulatedDevice.SimulatedDevice

export const withDevice = async (
  use: (client: NetconfClient, device: Device) => Promise<void>,
  more: NetconfClientOptions = {},
  options: SimulatedDevice.Options = {}
): Promise<void> => {
  const scope = Scope.makeUnsafe()
  try {
    const notifications = { standardEvents: false, streams: [{ name: "other" }], ...options.notifications }
    const device = await Effect.runPromise(Scope.provide(SimulatedDevice.make({ ...options, notifications }), scope))
    await using client = new NetconfClient({ label: "sim", transport: device.transport, ...more })
    await use(client, device)
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

/** Until everything that was sent has been read. */
export const later = async (): Promise<void> => {
  for (let round = 0; round < 12; round++) await new Promise((resolve) => setImmediate(resolve))
}

export const burst = async (device: Device, from: number, to: number, stream = "NETCONF"): Promise<void> => {
  for (let n = from; n < to; n++) device.notify(event(n), { stream })
  await later()
}

export const range = (from: number, to: number): ReadonlyArray<number> =>
  Array.from({ length: to - from }, (_, n) => from + n)

/** The number in a notification. */
export const numberOf = (one: PlainSubscriptionEvent | undefined): number =>
  one?._tag === "Notification" ? Number(/<n>(\d+)<\/n>/.exec(one.xml)?.[1]) : NaN

export const taken = async <A>(items: AsyncIterable<A>, count = Infinity): Promise<ReadonlyArray<A>> => {
  const all: Array<A> = []
  if (count > 0) {
    for await (const item of items) {
      all.push(item)
      if (all.length === count) break
    }
  }
  return all
}

export const rejection = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => assert.fail("it did not reject"),
    (error: Error) => error
  )
