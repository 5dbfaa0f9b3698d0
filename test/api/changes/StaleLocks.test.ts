/** Whose lock is broken, and above all whose is not: docs/change-safety.md, "Breaking a stale lock". */
import { assert, describe, it } from "@effect/vitest"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Schedule from "effect/Schedule"
import * as TestClock from "effect/testing/TestClock"
import * as Audit from "../../../src/api/Audit.ts"
import * as Netconf from "../../../src/api/Netconf.ts"
import type { Session } from "../../../src/api/Session.ts"
import type { LockHolder } from "../../../src/api/changes/StaleLocks.ts"
import { Dialects, Faults, Refusal, SimulatedDevice } from "../../../src/testing.ts"
import { xml } from "../../../src/xml/Template.ts"
import { failure, settle, start, success } from "../../rpc/peer.ts"

const config = xml`<system xmlns="urn:ietf:params:xml:ns:yang:ietf-system"><hostname>leaf-01</hostname></system>`
const monitoring = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"

/** A device, whose running is locked by session 1; session 2 wants it an hour later. */
const contended = (options: SimulatedDevice.Options = {}) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make(options)
    const holder = yield* Netconf.connect({ transport: device.transport })
    yield* holder.lock()
    yield* TestClock.adjust("1 hour")
    const session = yield* Netconf.connect({ label: "leaf-01", transport: device.transport })
    const asked: Array<LockHolder> = []
    const breakStale = (found: LockHolder) => asked.push(found) > 0
    const names = () =>
      device.log.filter((entry) => entry.session === session.sessionId).map((entry) => entry.operation)
    return { device, holder, session, asked, breakStale, names }
  })

const take = (session: Session, breakStale: (holder: LockHolder) => boolean) =>
  session.locked(["running"], Effect.succeed("held"), { breakStale })

/** Replies to the look-up as a device would that lists this session. */
const lists = (...leaves: ReadonlyArray<string>) =>
  Faults.reply(
    `<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="{message-id}"><data><netconf-state xmlns="${monitoring}"><sessions>${leaves
      .map((leaf) => `<session>${leaf}</session>`)
      .join("")}</sessions></netconf-state></data></rpc-reply>`
  )
const known =
  "<session-id>1</session-id><transport>netconf-ssh</transport><username>ann</username><source-host>192.0.2.9</source-host><login-time>2026-05-01T10:00:00+02:00</login-time>"

describe("breakStale", () => {
  it.effect("kills the session that holds the lock, and takes it", () =>
    Effect.gen(function* () {
      const { asked, breakStale, device, holder, names, session } = yield* contended()
      assert.strictEqual(yield* take(session, breakStale), "held")
      assert.deepStrictEqual(asked, [
        {
          sessionId: 1,
          username: "memory",
          sourceHost: "memory",
          loginTime: DateTime.makeUnsafe(0),
          transport: "netconf-memory"
        }
      ])
      assert.deepStrictEqual(names(), ["lock", "get", "kill-session", "lock", "unlock"])
      assert.strictEqual((yield* holder.closed).by, "peer")
      assert.strictEqual(device.locks.size, 0)
    })
  )

  it.effect("reads who it is as devices write it", () =>
    Effect.gen(function* () {
      const { asked, breakStale, device, session } = yield* contended()
      const prefixed = known.replace("netconf-ssh", "ncm:netconf-ssh")
      device.faults.add(lists(prefixed, known.replace(">1<", ">11<")), { on: "get" })
      yield* take(session, breakStale)
      assert.deepStrictEqual(asked, [
        {
          sessionId: 1,
          username: "ann",
          sourceHost: "192.0.2.9",
          loginTime: DateTime.makeUnsafe("2026-05-01T08:00:00Z"),
          transport: "netconf-ssh"
        }
      ])
    })
  )

  it.effect("warns the operator, and is audited", () =>
    Effect.gen(function* () {
      const { breakStale, session } = yield* contended()
      const logged: Array<string> = []
      const entries: Array<string> = []
      const logger = Logger.make(({ logLevel, message }) => void logged.push(`${logLevel} ${String(message)}`))
      yield* take(session, breakStale).pipe(
        Effect.provide([
          Logger.layer([logger]),
          Audit.layer({
            record: ({ operation, outcome, payload }) =>
              Effect.sync(
                () => void entries.push(`${operation} ${outcome} ${/<session-id>(\d+)/.exec(payload ?? "")?.[1]}`)
              )
          })
        ])
      )
      assert.deepStrictEqual(logged, [
        "Warn killing session 1 of memory from memory over netconf-memory, since 1970-01-01T00:00:00.000Z, to break its lock"
      ])
      assert.deepStrictEqual(entries, ["kill-session started 1", "kill-session ok undefined"])
    })
  )

  it.effect("kills nobody when the kill cannot be audited", () =>
    Effect.gen(function* () {
      const { breakStale, device, session } = yield* contended()
      const broken = Audit.layer({ record: () => Effect.fail("the disk is full") })
      const error = yield* Effect.flip(Effect.provide(take(session, breakStale), broken))
      assert.include(error.message, "could not be killed: the audit cannot be written: the disk is full (not sent)")
      assert.isTrue(device.sessions.has(1))
    })
  )

  it.effect("waits for the victim's rollback for a moment, not for ever", () =>
    Effect.gen(function* () {
      for (const [refusals, granted] of [
        [15, true],
        [Infinity, false]
      ] as const) {
        const { breakStale, device, session } = yield* contended()
        device.faults.add(Faults.refuse(Refusal.lockDenied(1, "rolling back")), { on: "lock", times: refusals })
        const call = yield* start(take(session, breakStale))
        yield* TestClock.adjust("10 seconds")
        yield* settle
        if (granted) assert.strictEqual(success(call), "held")
        else
          assert.match(
            failure(call).message,
            /lock-denied, held by session 1.*; session 1 .* was killed to break its lock/
          )
      }
    })
  )

  it.effect("rolls back what the victim has committed and not confirmed", () =>
    Effect.gen(function* () {
      const { breakStale, device, holder, session } = yield* contended()
      const before = device.running
      yield* holder.editConfig({ target: "candidate", config })
      yield* holder.commit({ confirmed: true })
      assert.notDeepEqual(device.running, before)
      yield* take(session, breakStale)
      assert.deepStrictEqual(device.running, before)
    })
  )

  it.effect("leaves the lock to another session that was faster", () =>
    Effect.gen(function* () {
      const { asked, breakStale, device, session } = yield* contended()
      device.faults.add(Faults.refuse(Refusal.lockDenied(9, "held")), { on: "lock", after: 1 })
      const error = yield* Effect.flip(take(session, breakStale))
      assert.match(error.message, /held by session 9.*; session 1 .* was killed to break its lock/)
      assert.lengthOf(asked, 1)
    })
  )

  it.effect("kills at most one session for a lock, however long it waits for it", () =>
    Effect.gen(function* () {
      const { asked, breakStale, device, session } = yield* contended()
      const third = yield* Netconf.connect({ transport: device.transport })
      device.faults.add(Faults.refuse(Refusal.lockDenied(third.sessionId!, "held")), { on: "lock", after: 1, times: 4 })
      const wait = Schedule.spaced("1 minute")
      const call = yield* start(session.locked(["running"], Effect.succeed("held"), { breakStale, wait }))
      yield* TestClock.adjust("5 minutes")
      yield* settle
      assert.strictEqual(success(call), "held")
      assert.lengthOf(asked, 1)
      assert.isTrue(device.sessions.has(third.sessionId!))
    })
  )

  it.effect("asks again with each attempt of a wait, until the answer is yes", () =>
    Effect.gen(function* () {
      const { session } = yield* contended()
      let asked = 0
      const breakStale = () => ++asked === 3
      const wait = Schedule.spaced("1 minute")
      const call = yield* start(session.locked(["running"], Effect.succeed("held"), { breakStale, wait }))
      yield* TestClock.adjust("3 minutes")
      yield* settle
      assert.strictEqual(success(call), "held")
      assert.strictEqual(asked, 3)
    })
  )

  it.effect("serves edit and confirmedCommit as well", () =>
    Effect.gen(function* () {
      const one = yield* contended()
      yield* one.session.edit(config, { breakStale: one.breakStale })
      assert.strictEqual(one.device.commits, 1)
      const two = yield* contended()
      const options = { timeout: "1 minute", config, breakStale: two.breakStale } as const
      yield* two.session.confirmedCommit(options, (other) => other.getConfig())
      assert.isUndefined(two.device.confirmedCommit)
      assert.strictEqual(two.device.commits, 2)
      const three = yield* contended()
      const call = yield* start(three.session.edit(config, { wait: Schedule.spaced("1 second") }))
      yield* three.holder.unlock()
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(call)
    })
  )
})

describe("breakStale leaves the lock where it is, and says why", () => {
  const spares: ReadonlyArray<
    readonly [string, string, SimulatedDevice.Options, (device: SimulatedDevice.SimulatedDevice) => unknown]
  > = [
    [
      "when the device does not say who holds it",
      "the device does not say which session holds it",
      { dialect: Dialects.anonymousLockDenied },
      () => {}
    ],
    [
      "when the device does not offer its sessions",
      "the device does not offer its sessions for reading (ietf-netconf-monitoring)",
      { without: [monitoring] },
      () => {}
    ],
    [
      "when what holds it is no NETCONF session",
      "what holds it is no NETCONF session",
      {},
      ({ faults }) => faults.add(Faults.refuse(Refusal.lockDenied(0, "held")), { on: "lock" })
    ],
    [
      "when it is this very session",
      "this session holds it itself",
      {},
      ({ faults }) => faults.add(Faults.refuse(Refusal.lockDenied(2, "held")), { on: "lock" })
    ],
    [
      "when the session is not among those of the device",
      "session 7 is not among the sessions of the device",
      {},
      ({ faults }) => faults.add(Faults.refuse(Refusal.lockDenied(7, "held")), { on: "lock" })
    ],
    [
      "when the sessions may not be read",
      "the sessions of the device could not be read: access-denied",
      {},
      ({ faults }) => faults.add(Faults.refuse({ tag: "access-denied" }), { on: "get" })
    ],
    [
      "when the sessions come as no XML",
      "the sessions of the device could not be read: ",
      {},
      ({ faults }) => faults.add(Faults.garbage, { on: "get" })
    ],
    [
      "when the device lists the id twice",
      "the device lists session 1 more than once",
      {},
      ({ faults }) => faults.add(lists(known, known), { on: "get" })
    ],
    ...["username", "source-host", "login-time", "transport"].map(
      (name) =>
        [
          `when the device does not tell its ${name}`,
          "the device does not say of session 1 who it is, from where, since when and over what",
          {},
          ({ faults }: SimulatedDevice.SimulatedDevice) =>
            faults.add(lists(known.replace(new RegExp(`<${name}>.*</${name}>`), "")), { on: "get" })
        ] as const
    ),
    [
      "when its login-time is no time",
      "the device does not say of session 1 who it is, from where, since when and over what",
      {},
      ({ faults }) => faults.add(lists(known.replace("2026-05-01T10:00:00+02:00", "long ago")), { on: "get" })
    ]
  ]
  for (const [when, why, options, arrange] of spares) {
    it.effect(when, () =>
      Effect.gen(function* () {
        const { asked, breakStale, device, names, session } = yield* contended(options)
        arrange(device)
        const error = yield* Effect.flip(take(session, breakStale))
        assert.isTrue(error._tag === "RpcError" && error.has("lock-denied"))
        assert.include(error.message, `; the lock was not broken: ${why}`)
        assert.notInclude(names(), "kill-session")
        assert.deepStrictEqual(asked, [])
        assert.isTrue(device.sessions.has(1))
      })
    )
  }

  it.effect("when the predicate says no", () =>
    Effect.gen(function* () {
      const { device, names, session } = yield* contended()
      const error = yield* Effect.flip(take(session, ({ username }) => username !== "memory"))
      assert.include(error.message, "held by session 1")
      assert.include(error.message, "; the lock was not broken: breakStale spared session 1 of memory from memory over")
      assert.deepStrictEqual(names(), ["lock", "get"])
      assert.isTrue(device.sessions.has(1))
    })
  )

  it.effect("when the device refuses to kill", () =>
    Effect.gen(function* () {
      const { breakStale, device, session } = yield* contended()
      device.faults.add(Faults.refuse({ tag: "access-denied" }), { on: "kill-session" })
      const error = yield* Effect.flip(take(session, breakStale))
      assert.include(error.message, "held by session 1")
      assert.include(error.message, "could not be killed: access-denied")
      assert.isTrue(device.sessions.has(1))
    })
  )

  it.effect("when the id belongs to somebody else since a reboot", () =>
    Effect.gen(function* () {
      const { device } = yield* contended({ dialect: Dialects.staleLocks })
      device.reboot()
      const bystander = yield* Netconf.connect({ transport: device.transport })
      const session = yield* Netconf.connect({ transport: device.transport })
      assert.strictEqual(bystander.sessionId, 1)
      const anHourAgo = DateTime.makeUnsafe(0)
      const stale = ({ loginTime }: LockHolder) => DateTime.Equivalence(loginTime, anHourAgo)
      const error = yield* Effect.flip(take(session, stale))
      assert.include(error.message, "since 1970-01-01T01:00:00.000Z")
      assert.isTrue(device.sessions.has(1))
    })
  )

  it.effect("and does not look for anybody when the lock is free or the refusal another one", () =>
    Effect.gen(function* () {
      const { breakStale, device, holder, names, session } = yield* contended()
      yield* holder.unlock()
      yield* take(session, breakStale)
      device.faults.add(Faults.refuse({ tag: "in-use" }), { on: "lock", times: 1 })
      const error = yield* Effect.flip(take(session, breakStale))
      assert.isTrue(error._tag === "RpcError" && error.state === undefined)
      assert.deepStrictEqual(names(), ["lock", "unlock", "lock"])
    })
  )
})

describe("a predicate that is asynchronous", () => {
  for (const [what, predicate] of [
    ["a promise", async () => false],
    ["a promise that rejects", () => Promise.reject(new Error("no"))],
    ["an effect", () => Effect.succeed(true)],
    ["nothing", () => undefined],
    ["a text", () => "yes"]
  ] as const) {
    it.effect(`kills nobody when it returns ${what}, and says so`, () =>
      Effect.gen(function* () {
        const { device, holder, names, session } = yield* contended()
        const error = yield* Effect.flip(take(session, predicate as unknown as () => boolean))
        assert(error._tag === "InputError")
        assert.match(
          error.message,
          /^lock on leaf-01.*breakStale: expected true or false at once, got .*nobody was killed/
        )
        assert.notInclude(names(), "kill-session")
        yield* holder.get()
        assert.strictEqual(device.locks.size, 1)
      })
    )
  }
})
