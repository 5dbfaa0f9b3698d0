import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Ssh from "../../../src/transport/Ssh.ts"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { type Device, Fleet, type FleetOptions } from "../../../src/api/Fleet.ts"
import { Line } from "../../../src/api/fleet/Line.ts"
import { ConnectionError, InputError } from "../../../src/errors.ts"
import * as Profile from "../../../src/profiles/Profile.ts"
import { Faults, SampleModel, SimulatedDevice } from "../../../src/testing.ts"
import type { Transport } from "../../../src/transport/Transport.ts"
import { countingSleepers, settle } from "../../rpc/peer.ts"
import { fleetOf, named, numbered, simulated } from "../fleet.ts"

/** A session in a scope of its own, and how to let go of it. */
const held = (fleet: Fleet["Service"], name: string) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const session = yield* Scope.provide(fleet.session(name), scope)
    return { session, release: Scope.close(scope, Exit.void) }
  })

/** Asks in a fiber of its own; says whether it has come. */
const asking = (fleet: Fleet["Service"], name: string) =>
  Effect.map(Effect.forkChild(held(fleet, name), { startImmediately: true }), (fiber) => ({
    fiber,
    came: () => fiber.pollUnsafe() !== undefined
  }))

const refuses = (devices: ReadonlyArray<Device>, options?: FleetOptions) =>
  Effect.flip(Effect.provide(Effect.asVoid(Fleet), Fleet.layer(devices, options)))

/** Connects when it is told to; counts those who wait. */
const gated = (transport: Transport) => {
  const waiting: Array<() => void> = []
  const opened: Transport = {
    ...transport,
    open: (handler, context) =>
      Effect.andThen(
        Effect.callback<void>((resume) => {
          waiting.push(() => resume(Effect.void))
        }),
        transport.open(handler, context)
      )
  }
  return { transport: opened, waiting }
}

const config = `<system xmlns="${SampleModel.system}"><hostname>leaf-01</hostname></system>`

describe("Fleet.layer", () => {
  for (const [what, devices, options, message] of [
    ["no device", [], {}, /devices: a fleet needs at least one device/],
    ["a name that is there twice", named(["a", "b", "a"]), {}, /devices at device 3: there is another device called a/],
    ["a device without a name", named([""]), {}, /devices at device 1: it has no name/],
    [
      "a misspelt tag",
      [{ ...named(["a"])[0]!, tag: ["leaf"] } as Device],
      {},
      /device on a: tag: .*did you mean tags\?/
    ],
    [
      "a misspelt group",
      [{ ...named(["a"])[0]!, redundancygroup: "b" } as Device],
      {},
      /device on a: redundancygroup: .*did you mean redundancyGroup\?/
    ],
    [
      "a tag without a list",
      named(["a"], () => ({ tags: "leaf" as never })),
      {},
      /on a: tags: expected a list .*"leaf"/
    ],
    [
      "a group that is none",
      named(["a"], () => ({ redundancyGroup: 7 as never })),
      {},
      /redundancyGroup: expected a name/
    ],
    ["a device without a transport", [{ name: "a" } as never], {}, /device on a: transport: expected a way to reach/],
    [
      "a transport that cannot work",
      named(["a"], () => ({ transport: Ssh.make({ host: "a", username: "b", port: "830" as never }) })),
      {},
      /device on a: port: "830" is not a port/
    ],
    [
      "an option of a session that cannot work",
      named(["a"], () => ({ deadlines: { rcp: "1 second" } as never })),
      {},
      /device on a: deadlines.rcp: .*did you mean rpc\?/
    ],
    ["a file", "inventory.yaml" as never, {}, /devices: expected a list .*; read a file with Inventory.fromFile/],
    ["idle seconds as a bare number", named(["a"]), { idleTime: 60 }, /idleTime: 60 .*write "60 seconds"/],
    ["no session", named(["a"]), { maxSessions: 0 }, /maxSessions: expected a whole number from 1, got 0/],
    ["part of a session", named(["a"]), { maxSessionsPerDevice: 1.5 }, /maxSessionsPerDevice: expected a whole number/],
    ["no connect", named(["a"]), { connectsPerSecond: 0 }, /connectsPerSecond: expected a whole number/],
    [
      "an idle time that is none",
      named(["a"]),
      { idleTime: "soon" as "1 minute" },
      /idleTime: "soon" is not a duration/
    ],
    [
      "an option that does not exist",
      named(["a"]),
      { maxSession: 3 } as FleetOptions,
      /maxSession: no such option, did you mean maxSessions\? There are maxSessions/
    ]
  ] as const) {
    it.effect(`refuses ${what}`, () =>
      Effect.gen(function* () {
        const error = yield* refuses(devices, options)
        assert.instanceOf(error, InputError)
        assert.match(error.message, message)
      })
    )
  }

  it.effect("names the near ones for a device that is not in the fleet", () =>
    Effect.gen(function* () {
      const { fleet } = yield* fleetOf(named(["leaf-01", "leaf-02", "spine-01"]))
      const error = yield* Effect.flip(Effect.scoped(fleet.session("Leaf-1")))
      assert.strictEqual(error._tag, "InputError")
      assert.include(error.message, "there is no device called Leaf-1; near it: leaf-01, leaf-02")
      assert.notInclude(error.message, "spine")
    })
  )
})

describe("Fleet.session", () => {
  it.effect("connects once for all who want it, under the name of the device", () =>
    Effect.gen(function* () {
      const { counts, fleet: devices } = yield* simulated(["a", "b"])
      const { fleet } = yield* fleetOf(devices)
      const sessions = yield* Effect.forEach(numbered(20), () => fleet.session("a"), { concurrency: "unbounded" })
      assert.strictEqual(new Set(sessions).size, 1)
      assert.strictEqual(sessions[0]!.label, "a")
      assert.deepStrictEqual([counts("a").opened, counts("b").opened], [1, 0])
    })
  )

  it.effect("stays open while it is used, and for the idle time afterwards", () =>
    Effect.gen(function* () {
      const { counts, fleet: devices } = yield* simulated(["a"])
      const { fleet } = yield* fleetOf(devices, { idleTime: "10 seconds" })
      const [one, other] = [yield* held(fleet, "a"), yield* held(fleet, "a")]
      yield* one.release
      yield* TestClock.adjust("1 hour")
      assert.strictEqual(counts("a").open, 1)
      yield* other.release
      assert.strictEqual(fleet.statistics().idle, 1)
      yield* TestClock.adjust("9 seconds")
      const again = yield* held(fleet, "a")
      yield* TestClock.adjust("9 seconds")
      yield* again.release
      yield* TestClock.adjust("9999 millis")
      yield* settle
      assert.strictEqual(counts("a").open, 1)
      yield* TestClock.adjust("1 millis")
      yield* settle
      assert.deepStrictEqual(counts("a"), { opened: 1, open: 0, most: 1 })
      assert.deepStrictEqual(fleet.statistics(), { sessions: 0, idle: 0, waiting: 0, pacing: 0 })
    })
  )

  it.effect("closes each idle session in its own time", () =>
    Effect.gen(function* () {
      const { counts, fleet: devices } = yield* simulated(["a", "b"])
      const { fleet } = yield* fleetOf(devices, { idleTime: "10 seconds" })
      yield* Effect.flatMap(held(fleet, "a"), ({ release }) => release)
      yield* TestClock.adjust("4 seconds")
      yield* Effect.flatMap(held(fleet, "b"), ({ release }) => release)
      yield* TestClock.adjust("6 seconds")
      yield* settle
      assert.deepStrictEqual([counts("a").open, counts("b").open], [0, 1])
      yield* TestClock.adjust("4 seconds")
      yield* settle
      assert.strictEqual(counts("b").open, 0)
    })
  )

  it.effect("is replaced at the next use once it has died, also at once in whoever it died under", () =>
    Effect.gen(function* () {
      const { counts, device, fleet: devices } = yield* simulated(["a"])
      const { fleet } = yield* fleetOf(devices)
      device("a").faults.add(Faults.closeBefore("network"), { on: "get-config", times: 1 })
      const beside = yield* held(fleet, "a")
      const bytes = yield* Effect.scoped(
        Effect.gen(function* () {
          const dying = yield* fleet.session("a")
          const error = yield* Effect.flip(dying.getConfig())
          const other = yield* fleet.session("a")
          assert.strictEqual(error._tag, "ChannelError")
          assert.notStrictEqual(other, dying)
          return (yield* other.getConfig()).bytes
        })
      )
      assert.isAbove(bytes, 0)
      assert.strictEqual(counts("a").opened, 2)
      yield* beside.release
      const last = yield* held(fleet, "a")
      yield* last.session.getConfig()
      assert.strictEqual(counts("a").opened, 2)
    })
  )

  it.effect("is not handed out when it has died while it was being opened", () =>
    Effect.gen(function* () {
      const profile = { ...Profile.generic, firstRpcDelay: 1_000 }
      const { counts, device, fleet: devices } = yield* simulated(["a"], {}, () => ({ profile }))
      const { fleet } = yield* fleetOf(devices)
      const asked = yield* asking(fleet, "a")
      yield* settle
      device("a").reboot()
      yield* settle
      yield* TestClock.adjust("2 seconds")
      yield* settle
      yield* TestClock.adjust("2 seconds")
      const { session } = yield* Fiber.join(asked.fiber)
      yield* session.getConfig()
      assert.deepStrictEqual(counts("a"), { opened: 2, open: 1, most: 1 })
    })
  )

  it.effect("dies unseen while it is idle", () =>
    Effect.gen(function* () {
      const { counts, device, fleet: devices } = yield* simulated(["a"])
      const { fleet } = yield* fleetOf(devices)
      yield* Effect.flatMap(held(fleet, "a"), ({ release }) => release)
      device("a").reboot()
      yield* settle
      assert.strictEqual(fleet.statistics().idle, 0)
      yield* Effect.scoped(Effect.flatMap(fleet.session("a"), (session) => session.getConfig()))
      assert.strictEqual(counts("a").opened, 2)
    })
  )

  it.effect("fails for all who wait when connecting fails, and connects anew for the next one", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      let attempts = 0
      const open: Transport["open"] = (handler, context) =>
        ++attempts > 1
          ? device.transport.open(handler, context)
          : new ConnectionError({ reason: "refused", detail: "connection refused" })
      const { fleet } = yield* fleetOf([{ name: "a", transport: { peer: "192.0.2.1:830", open } }])
      const asked = [yield* asking(fleet, "a"), yield* asking(fleet, "a")]
      const errors = yield* Effect.forEach(asked, ({ fiber }) => Effect.flip(Fiber.join(fiber)))
      assert.deepStrictEqual(
        errors.map(({ message }) => message),
        Array(2).fill("connect on a: refused: connection refused")
      )
      assert.strictEqual(fleet.statistics().sessions, 0)
      yield* held(fleet, "a")
      assert.strictEqual(attempts, 2)
    })
  )

  it.effect("goes on connecting while anybody waits, and no longer", () =>
    Effect.gen(function* () {
      const device = yield* SimulatedDevice.make()
      const { transport, waiting } = gated(device.transport)
      const { fleet } = yield* fleetOf([{ name: "a", transport }])
      const [one, other] = [yield* asking(fleet, "a"), yield* asking(fleet, "a")]
      yield* settle
      yield* Fiber.interrupt(one.fiber)
      assert.strictEqual(fleet.statistics().sessions, 1)
      yield* Fiber.interrupt(other.fiber)
      yield* settle
      assert.deepStrictEqual(fleet.statistics(), { sessions: 0, idle: 0, waiting: 0, pacing: 0 })
      assert.lengthOf(waiting, 1)
      const third = yield* asking(fleet, "a")
      yield* settle
      waiting[1]!()
      yield* settle
      assert.isTrue(third.came())
    })
  )

  it.effect("is not held up by a device that hangs", () =>
    Effect.gen(function* () {
      const { fleet: devices } = yield* simulated(["a"])
      const hanging = { peer: "hanging", open: () => Effect.never }
      const { fleet } = yield* fleetOf([{ name: "h", transport: hanging }, ...devices])
      const stuck = yield* asking(fleet, "h")
      yield* Effect.scoped(Effect.flatMap(fleet.session("a"), (session) => session.getConfig()))
      assert.isFalse(stuck.came())
    })
  )
})

describe("maxSessions", () => {
  it.effect("closes the session that has been idle for longest, rather than waiting", () =>
    Effect.gen(function* () {
      const { counts, fleet: devices } = yield* simulated(["a", "b", "c"])
      const { fleet } = yield* fleetOf(devices, { maxSessions: 2 })
      const [a, b] = [yield* held(fleet, "a"), yield* held(fleet, "b")]
      yield* b.release
      yield* a.release
      const c = yield* held(fleet, "c")
      assert.deepStrictEqual([counts("a").open, counts("b").open, counts("c").open], [1, 0, 1])
      const again = yield* held(fleet, "a")
      assert.strictEqual(counts("a").opened, 1)
      yield* Effect.all([c.release, again.release])
    })
  )

  it.effect("lets devices wait in the order of their asking, and makes room as soon as one is idle", () =>
    Effect.gen(function* () {
      const { fleet: devices } = yield* simulated(["a", "b", "c", "d"])
      const { fleet } = yield* fleetOf(devices, { maxSessions: 1 })
      const a = yield* held(fleet, "a")
      const [b, c, d] = [yield* asking(fleet, "b"), yield* asking(fleet, "c"), yield* asking(fleet, "d")]
      yield* settle
      assert.deepStrictEqual(fleet.statistics(), { sessions: 1, idle: 0, waiting: 3, pacing: 0 })
      yield* a.release
      yield* settle
      assert.deepStrictEqual([b.came(), c.came(), d.came()], [true, false, false])
      yield* Fiber.interrupt(c.fiber)
      yield* Effect.flatMap(Fiber.join(b.fiber), ({ release }) => release)
      yield* settle
      assert.isTrue(d.came())
      assert.deepStrictEqual(fleet.statistics(), { sessions: 1, idle: 0, waiting: 0, pacing: 0 })
    })
  )

  it.effect("closes no more sessions than there are devices waiting", () =>
    Effect.gen(function* () {
      const { counts, fleet: devices } = yield* simulated(["a", "b", "c", "d"])
      const { fleet } = yield* fleetOf(devices, { maxSessions: 3 })
      const three = [yield* held(fleet, "a"), yield* held(fleet, "b"), yield* held(fleet, "c")]
      const d = yield* asking(fleet, "d")
      yield* settle
      for (const one of three) yield* one.release
      yield* settle
      assert.isTrue(d.came())
      assert.deepStrictEqual([counts("a").open, counts("b").open, counts("c").open], [0, 1, 1])
    })
  )

  it.effect("is not waited for by the check of a confirmed commit, and counts it", () =>
    Effect.gen(function* () {
      const { device, fleet: devices } = yield* simulated(["a", "b"])
      const { fleet } = yield* fleetOf(devices, { maxSessions: 1, connectsPerSecond: 1 })
      const { session } = yield* held(fleet, "a")
      const b = yield* asking(fleet, "b")
      yield* TestClock.adjust("1 second")
      const seen = yield* session.confirmedCommit({ timeout: "1 minute", config }, () =>
        Effect.sync(() => fleet.statistics())
      )
      assert.deepStrictEqual(seen, { sessions: 2, idle: 0, waiting: 1, pacing: 0 })
      assert.isUndefined(device("a").confirmedCommit)
      assert.isFalse(b.came())
    })
  )
})

describe("maxSessionsPerDevice", () => {
  it.effect("lets further sessions wait for one another", () =>
    Effect.gen(function* () {
      const { counts, fleet: devices } = yield* simulated(["a"])
      const { fleet } = yield* fleetOf(devices, { maxSessionsPerDevice: 2 })
      const { session } = yield* held(fleet, "a")
      const checks = yield* Effect.forEach(["one", "two", "three"], () =>
        Effect.forkChild(session.confirmedCommit({ timeout: "1 minute", config }, (other) => other.getConfig()))
      )
      yield* Fiber.joinAll(checks)
      assert.deepStrictEqual(counts("a"), { opened: 4, open: 1, most: 2 })
    })
  )

  it.effect("of 1 refuses a second session, which would wait for the one that waits for it", () =>
    Effect.gen(function* () {
      const { device, fleet: devices } = yield* simulated(["a"])
      const { fleet } = yield* fleetOf(devices, { maxSessionsPerDevice: 1 })
      const { session } = yield* held(fleet, "a")
      const change = { timeout: "1 minute", config } as const
      const error = yield* Effect.flip(session.confirmedCommit(change, (other) => other.getConfig()))
      assert.include(error.message, "maxSessionsPerDevice: 1 allows no second session; allow 2")
      assert.isUndefined(device("a").confirmedCommit)
      yield* session.confirmedCommit({ ...change, verifyOn: "this-session" }, (same) => same.getConfig())
    })
  )

  it.effect("is given back by a session that has died before another one takes its place", () =>
    Effect.gen(function* () {
      const { counts, device, fleet: devices } = yield* simulated(["a"])
      const { fleet } = yield* fleetOf(devices, { maxSessionsPerDevice: 1, maxSessions: 1 })
      const dead = yield* held(fleet, "a")
      device("a").reboot()
      yield* dead.session.closed
      const { session } = yield* held(fleet, "a")
      yield* session.getConfig()
      assert.deepStrictEqual(counts("a"), { opened: 2, open: 1, most: 1 })
      yield* dead.release
    })
  )

  it.effect("is waited for up to deadlines.queue, where there is one", () =>
    Effect.gen(function* () {
      const { fleet: devices } = yield* simulated(["a", "b"], {}, () => ({ deadlines: { queue: "3 seconds" } }))
      const { fleet } = yield* fleetOf(devices, { maxSessions: 1 })
      yield* held(fleet, "a")
      const b = yield* asking(fleet, "b")
      yield* settle
      yield* TestClock.adjust("3 seconds")
      const error = yield* Effect.flip(Fiber.join(b.fiber))
      assert.match(error.message, /^connect on b: no answer within 3000 ms \(phase queue/)
      assert.deepStrictEqual(fleet.statistics(), { sessions: 1, idle: 0, waiting: 0, pacing: 0 })
    })
  )
})

describe("connectsPerSecond", () => {
  it.effect("lets so many connects begin within any second, and a leaver's turn to the next one", () =>
    Effect.gen(function* () {
      const { fleet: devices } = yield* simulated(numbered(9))
      const { fleet } = yield* fleetOf(devices, { connectsPerSecond: 3 })
      const asked = yield* Effect.forEach(numbered(9), (name) => asking(fleet, name))
      const came = () => asked.flatMap(({ came }, i) => (came() ? [i + 1] : []))
      yield* settle
      assert.deepStrictEqual(came(), [1, 2, 3])
      yield* Fiber.interrupt(asked[4]!.fiber)
      yield* TestClock.adjust("999 millis")
      yield* settle
      assert.deepStrictEqual(came(), [1, 2, 3, 5])
      assert.strictEqual(fleet.statistics().pacing, 5)
      yield* TestClock.adjust("1 millis")
      yield* settle
      assert.deepStrictEqual(came(), [1, 2, 3, 4, 5, 6, 7])
      yield* TestClock.adjust("1 second")
      yield* settle
      assert.lengthOf(came(), 9)
    })
  )
})

describe("a check of a confirmed commit", () => {
  it.effect("connects before those who wait for their turn", () =>
    Effect.gen(function* () {
      const { fleet: devices } = yield* simulated(numbered(6))
      const { fleet } = yield* fleetOf(devices, { connectsPerSecond: 1 })
      const { session } = yield* held(fleet, "d1")
      const others = yield* Effect.forEach(numbered(6).slice(1), (name) => asking(fleet, name))
      yield* settle
      assert.strictEqual(fleet.statistics().pacing, 5)
      const changing = yield* Effect.forkChild(
        session.confirmedCommit({ timeout: "1 minute", config }, (other) => other.getConfig())
      )
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(changing)
      assert.isFalse(others.some(({ came }) => came()))
    })
  )
})

describe("those who wait", () => {
  it.effect("give back what they are served after they have gone", () =>
    Effect.gen(function* () {
      const line = new Line()
      let givenBack = 0
      const waiting = Effect.uninterruptibleMask((restore) => line.wait(restore, () => void givenBack++))
      const fiber = yield* Effect.forkChild(waiting, { startImmediately: true })
      const go = line.next()
      yield* Fiber.interrupt(fiber)
      go?.()
      assert.deepStrictEqual([givenBack, line.size], [1, 0])
    })
  )
})

describe("the end of a fleet", () => {
  it.effect("closes every session at once, each within its deadline, and gives out no more", () =>
    Effect.gen(function* () {
      const { counts, device, fleet: devices } = yield* simulated(numbered(30))
      for (const name of numbered(30)) device(name).faults.add(Faults.silence(), { on: "close-session" })
      const { close, fleet } = yield* fleetOf(devices)
      yield* Effect.forEach(numbered(30), (name) => held(fleet, name))
      const closing = yield* Effect.forkChild(close, { startImmediately: true })
      yield* settle
      yield* TestClock.adjust("5 seconds")
      yield* settle
      assert.isDefined(closing.pollUnsafe())
      assert.deepStrictEqual(
        numbered(30).map((name) => counts(name).open),
        Array(30).fill(0)
      )
      const error = yield* Effect.flip(Effect.scoped(fleet.session("d1")))
      assert.strictEqual(error.message, "connect on d1: the fleet was closed")
      assert.isFalse(error.isRetryable)
    })
  )

  it.effect("leaves no timer", () =>
    countingSleepers((sleepers) =>
      Effect.gen(function* () {
        const { fleet: devices } = yield* simulated(numbered(3))
        const { close, fleet } = yield* fleetOf(devices, { connectsPerSecond: 2 })
        yield* Effect.flatMap(held(fleet, "d1"), ({ release }) => release)
        yield* held(fleet, "d2")
        yield* asking(fleet, "d3")
        yield* settle
        assert.deepStrictEqual(fleet.statistics(), { sessions: 3, idle: 1, waiting: 0, pacing: 1 })
        assert.strictEqual(sleepers(), 2)
        yield* close
        yield* settle
        assert.strictEqual(sleepers(), 0)
      })
    )
  )

  it.effect("lets a confirmed commit reach the device by a new connection, without waiting for its turn", () =>
    Effect.gen(function* () {
      const { counts, device, fleet: devices } = yield* simulated(["a"])
      const { close, fleet } = yield* fleetOf(devices, { connectsPerSecond: 2 })
      const { session } = yield* held(fleet, "a")
      const checked = Deferred.makeUnsafe<void>()
      const changing = yield* Effect.forkChild(
        session.confirmedCommit({ timeout: "1 minute", config }, () => Deferred.await(checked))
      )
      yield* settle
      yield* close
      Deferred.doneUnsafe(checked, Exit.void)
      yield* Fiber.await(changing)
      assert.strictEqual(counts("a").opened, 3)
      assert.isUndefined(device("a").confirmedCommit)
      assert.strictEqual(counts("a").open, 0)
    })
  )

  it.effect("fails those who still wait, and leaves no connect behind", () =>
    Effect.gen(function* () {
      const hanging = { peer: "hanging", open: () => Effect.never }
      const { close, fleet } = yield* fleetOf(
        [
          { name: "a", transport: hanging },
          { name: "b", transport: hanging }
        ],
        { maxSessions: 1 }
      )
      const [a, b] = [yield* asking(fleet, "a"), yield* asking(fleet, "b")]
      yield* settle
      yield* close
      for (const { fiber } of [a, b]) {
        assert.include((yield* Effect.flip(Fiber.join(fiber))).message, "the fleet was closed")
      }
      assert.deepStrictEqual(fleet.statistics(), { sessions: 0, idle: 0, waiting: 0, pacing: 0 })
    })
  )
})
