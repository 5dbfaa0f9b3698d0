/** Subscriptions of a fleet's devices are sessions like any other to its limits (docs/fleet.md, "What limits what"). */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { FleetOptions, FleetService } from "../../../src/api/Fleet.ts"
import { InputError } from "../../../src/errors.ts"
import { fleetOf, simulated } from "../fleet.ts"

const inFleet = <A, E>(options: FleetOptions, program: (fleet: FleetService) => Effect.Effect<A, E>) =>
  Effect.gen(function* () {
    const devices = yield* simulated(["leaf-01"])
    const { fleet } = yield* fleetOf(devices.fleet, options)
    return yield* program(fleet)
  })

describe("a subscription of a fleet's device", () => {
  it.effect("is one of its sessions, for as long as its scope is open, unless it shares the caller's", () =>
    inFleet({}, (fleet) =>
      Effect.scoped(
        Effect.gen(function* () {
          const session = yield* fleet.session("leaf-01")
          const counts: Array<number> = []
          const count = Effect.sync(() => void counts.push(fleet.statistics().sessions))
          yield* count
          yield* Effect.scoped(Effect.andThen(session.openSubscription(), count))
          yield* count
          yield* Effect.scoped(Effect.andThen(session.openSubscription({ session: "shared" }), count))
          assert.deepStrictEqual(counts, [1, 2, 1, 1])
        })
      )
    )
  )

  it.effect("does not wait for maxSessions, and is refused where a device may have one session only", () =>
    Effect.gen(function* () {
      const subscribe = (fleet: FleetService) =>
        Effect.scoped(
          Effect.gen(function* () {
            const session = yield* fleet.session("leaf-01")
            yield* session.openSubscription()
            return fleet.statistics().sessions
          })
        )
      assert.strictEqual(yield* inFleet({ maxSessions: 1 }, subscribe), 2)
      const refused = yield* Effect.flip(inFleet({ maxSessionsPerDevice: 1 }, subscribe))
      assert.instanceOf(refused, InputError)
      assert.strictEqual((refused as InputError).what, "maxSessionsPerDevice")
    })
  )
})
