/**
 * Which devices of a fleet the calling fiber is at work on: what a program does on its device, it does as a member of that
 * run. A run inside of it that needs the device's redundancy group again would wait for its own end; and the session of
 * another device is not to be waited for by one who keeps a session from others meanwhile.
 *
 * It travels with the fiber, as the passes of `Gate.ts` do, and ends with the program.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { InputError } from "../../errors.ts"
import type { Device } from "./Devices.ts"

/** A program at work on a device. */
export interface Membership {
  readonly fleet: object
  readonly device: Device
  readonly outer: Membership | undefined
  ended: boolean
}

export const Current = Context.Reference<Membership | undefined>("effect-netconf/FleetMembership", {
  defaultValue: () => undefined
})

/** Runs the program of a device. */
export const within = <A, E, R>(fleet: object, device: Device, program: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Current, (outer) => {
    const membership: Membership = { fleet, device, outer, ended: false }
    const end = Effect.sync(() => {
      membership.ended = true
    })
    return Effect.ensuring(Effect.provideService(program, Current, membership), end)
  })

/** Whether a program of this fleet is at work, which holds a session. */
export const isOf = (fleet: object, inner: Membership | undefined): boolean => {
  for (let link = inner; link !== undefined; link = link.outer) if (link.fleet === fleet && !link.ended) return true
  return false
}

/** Throws an `InputError` for a run that would wait for the program that starts it. */
export const checkGroups = (fleet: object, inner: Membership | undefined, devices: Iterable<Device>): void => {
  const held = new Map<string, string>()
  for (let link = inner; link !== undefined; link = link.outer) {
    const { redundancyGroup, name } = link.device
    if (link.fleet === fleet && !link.ended && redundancyGroup !== undefined) held.set(redundancyGroup, name)
  }
  if (held.size === 0) return
  for (const { name, redundancyGroup } of devices) {
    const by = redundancyGroup === undefined ? undefined : held.get(redundancyGroup)
    if (by === undefined) continue
    const why = `${name} is of the redundancy group ${redundancyGroup}, in which the program of ${by} is at work: this run would wait for the program that starts it`
    throw new InputError({ what: "devices", why })
  }
}
