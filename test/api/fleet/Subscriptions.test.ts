/** Subscriptions of a fleet's devices are sessions like any other to its limits (docs/fleet.md, "What limits what"). */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Fleet, type FleetOptions, type FleetService } from "../../../src/api/Fleet.ts"
import type { Session } from "../../../src/api/Session.ts"
import { ChannelError, InputError } from "../../../src/errors.ts"
import * as Reactors from "../../../src/sessions/Reactors.ts"
import { SimulatedDevice } from "../../../src/testing.ts"
import type { Connection, Transport } from "../../../src/transport/Transport.ts"
import { event, numbers } from "../../notifications/events.ts"
import { settle } from "../../rpc/peer.ts"
import { pass } from "../comingBack.ts"
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

  it.effect("is refused at once where its own program holds all that the device may have", () =>
    inFleet({ maxSessionsPerDevice: 3 }, (fleet) =>
      Effect.scoped(
        Effect.gen(function* () {
          const session = yield* fleet.session("leaf-01")
          yield* opened(session, 2)
          const refused = yield* Effect.flip(session.openSubscription())
          assert.instanceOf(refused, InputError)
          assert.include(
            refused.message,
            "maxSessionsPerDevice: this program holds all 3 that it allows, and would wait for itself; allow more"
          )
          assert.strictEqual(fleet.statistics().sessions, 3)
        })
      )
    )
  )

  it.effect("of a run is refused at once as well, whoever else uses the device meanwhile", () =>
    Effect.gen(function* () {
      const { fleet } = yield* simulated(["leaf-01"])
      const results = yield* Effect.gen(function* () {
        const { session } = yield* Fleet
        const others = yield* session("leaf-01")
        yield* others.get()
        return yield* Stream.runCollect(Fleet.run((own) => Effect.scoped(opened(own, 4))))
      }).pipe(Effect.scoped, Effect.provide(Fleet.layer(fleet)))
      const [result] = [...results]
      assert.isTrue(result !== undefined && Exit.isFailure(result.exit))
      assert.include(Cause.pretty((result!.exit as Exit.Failure<never, unknown>).cause), "this program holds all 4")
    })
  )

  it.effect("waits for what another program gives back, as long as deadlines.queue lets it", () =>
    Effect.gen(function* () {
      const devices = yield* simulated(["leaf-01"], {}, () => ({ deadlines: { queue: "1 minute" } }))
      const { fleet } = yield* fleetOf(devices.fleet, { maxSessionsPerDevice: 3 })
      const given = yield* Deferred.make<void>()
      const program = (count: number, until: Effect.Effect<void>) =>
        Effect.forkChild(
          Effect.scoped(
            Effect.gen(function* () {
              const session = yield* fleet.session("leaf-01")
              yield* opened(session, count)
              yield* until
            })
          ),
          { startImmediately: true }
        )
      yield* program(2, Deferred.await(given))
      yield* settle
      const second = yield* program(2, Effect.void)
      yield* pass("59 seconds")
      assert.isUndefined(second.pollUnsafe())
      yield* Deferred.succeed(given, undefined)
      assert.isTrue(Exit.isSuccess(yield* Fiber.await(second)))
      yield* program(2, Effect.never)
      yield* settle
      const late = yield* program(1, Effect.void)
      yield* pass("61 seconds")
      const exit = late.pollUnsafe()
      assert.isTrue(exit !== undefined && Exit.isFailure(exit) && /queue/.test(Cause.pretty(exit.cause)))
    })
  )

  it.effect("of one of two programs that would wait for each other is refused", () =>
    Effect.gen(function* () {
      const { fleet } = yield* simulated(["leaf-01"])
      const run = Stream.runCollect(
        Fleet.run((session) =>
          Effect.scoped(
            Effect.andThen(opened(session, 1), Effect.andThen(Effect.sleep("1 second"), opened(session, 1)))
          )
        )
      )
      const runs = yield* Effect.forkChild(
        Effect.all([run, run], { concurrency: 2 }).pipe(
          Effect.provide(Fleet.layer(fleet, { maxSessionsPerDevice: 3 }))
        ),
        { startImmediately: true }
      )
      yield* settle
      yield* pass("1 second")
      yield* pass("1 second")
      const exits = (yield* Fiber.join(runs)).flatMap((results) => [...results]).map(({ exit }) => exit._tag)
      assert.deepStrictEqual(exits.toSorted(), ["Failure", "Success"])
    })
  )

  it.effect("does not move to another reactor where that would need a session more than there may be", () =>
    Effect.gen(function* () {
      const movables: Array<Reactors.Movable> = []
      class Watched extends Reactors.Reactors {
        override register(movable: Reactors.Movable): () => void {
          movables.push(movable)
          return super.register(movable)
        }
      }
      const devices = yield* simulated(["leaf-01"], { notifications: { standardEvents: false } })
      const { fleet } = yield* fleetOf(devices.fleet, { maxSessionsPerDevice: 3 })
      const session = yield* fleet.session("leaf-01")
      const other = Effect.flatMap(fleet.session("leaf-01"), (its) => opened(its, 1))
      yield* Effect.forkChild(Effect.scoped(Effect.andThen(other, Effect.never)), { startImmediately: true })
      yield* settle
      const subscription = yield* Effect.provideService(session.openSubscription(), Reactors.Current, new Watched(0))
      const moving = yield* Effect.forkChild(movables[0]!.move, { startImmediately: true })
      yield* settle
      assert.isDefined(moving.pollUnsafe())
      assert.deepStrictEqual([...devices.device("leaf-01").sessions.keys()], [1, 2, 3])
      devices.device("leaf-01").notify(event(1))
      yield* settle
      assert.deepStrictEqual(numbers(yield* subscription.take()), [1])
    }).pipe(Effect.scoped)
  )

  it.effect("counts once where the device gives no further channel and it takes a connection of its own", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make({ name: "leaf-01" })
      const { fleet } = yield* fleetOf([{ name: "leaf-01", transport: withoutChannels(device.transport) }], {})
      yield* Effect.scoped(
        Effect.gen(function* () {
          const session = yield* fleet.session("leaf-01")
          yield* opened(session, 3)
          assert.strictEqual(fleet.statistics().sessions, 4)
        })
      )
    })
  )

  it.effect("ends a session of the fleet that it was on and left: the next program gets another one", () =>
    Effect.gen(function* () {
      const devices = yield* simulated(["leaf-01"], { notifications: { standardEvents: false } })
      const { fleet } = yield* fleetOf(devices.fleet)
      const program = (use: (session: Session) => Effect.Effect<unknown, unknown, Scope.Scope>) =>
        Effect.scoped(
          Effect.gen(function* () {
            const session = yield* fleet.session("leaf-01")
            yield* use(session)
            return session.sessionId
          })
        )
      const subscribes = program((session) => session.openSubscription({ session: "shared" }))
      assert.strictEqual(yield* subscribes, 1)
      assert.strictEqual(yield* subscribes, 2)
      // By an rpc of one's own it is the same.
      const raw = `<create-subscription xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"/>`
      assert.strictEqual(yield* program((session) => session.rpc(raw)), 3)
      assert.strictEqual(yield* program((session) => session.get()), 4)
      assert.strictEqual(yield* program((session) => session.get()), 4)
      yield* settle
      assert.deepStrictEqual([...devices.device("leaf-01").sessions.keys()], [4])
    })
  )
})

/** Subscriptions on sessions of their own. */
const opened = (session: Session, count: number) =>
  Effect.forEach(Array.from({ length: count }), () => session.openSubscription())

/** A peer that gives one channel per connection. */
const withoutChannels = (transport: Transport): Transport => ({
  ...transport,
  open: (handler, context) =>
    Effect.map(transport.open(handler, context), (connection): Connection =>
      Object.create(connection, {
        beside: {
          value: () => Effect.fail(new ChannelError({ phase: "open", by: "peer", detail: "no further channel" }))
        }
      })
    )
})
