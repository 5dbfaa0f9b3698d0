/** Rules 4, 13, 14 and 38 of change safety together: what is slow on our side never confirms what the device has rolled back. */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import * as Audit from "../../../src/api/Audit.ts"
import type { ConfirmedCommitOptions } from "../../../src/api/changes/ConfirmedCommit.ts"
import * as Netconf from "../../../src/api/Netconf.ts"
import type { Session } from "../../../src/api/Session.ts"
import { Faults, SampleModel, SimulatedDevice } from "../../../src/testing.ts"
import { print } from "../../../src/xml/Print.ts"
import { settle } from "../../rpc/peer.ts"

const config = `<system xmlns="${SampleModel.system}"><hostname>r1</hostname></system>`

const devices: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
  ["1.1", []],
  ["1.0", [":confirmed-commit:1.1"]]
]

interface Setting {
  readonly without: ReadonlyArray<string>
  readonly verify?: (session: Session) => Effect.Effect<unknown, unknown>
  readonly more?: Partial<ConfirmedCommitOptions>
  readonly sink?: Audit.Sink
  /** Something else on the session, before the confirmed commit. */
  readonly before?: (session: Session, device: SimulatedDevice.SimulatedDevice) => Effect.Effect<unknown, unknown>
  readonly connect?: Partial<Netconf.ConnectOptions>
}

/** A confirmed commit of 20 seconds with a margin of 4, watched until it is over, half a second at a time. */
const watched = ({ before, connect, more, sink, verify = () => Effect.void, without }: Setting) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make({ without })
    const session = yield* Netconf.connect({ transport: device.transport, label: "leaf-01", ...connect })
    if (before !== undefined) {
      yield* Effect.forkChild(Effect.ignore(before(session, device)))
      yield* settle
    }
    const options = { timeout: "20 seconds", config, verifyOn: "this-session", ...more } as const
    const committed = session.confirmedCommit(options, verify)
    const audited = sink === undefined ? committed : Effect.provide(committed, Audit.layer(sink))
    const fiber = yield* Effect.forkChild(Effect.exit(audited))
    for (let halves = 0; halves < 400 && fiber.pollUnsafe() === undefined; halves++) {
      yield* settle
      if (fiber.pollUnsafe() === undefined) yield* TestClock.adjust("500 millis")
    }
    const exit = yield* Fiber.join(fiber)
    yield* TestClock.adjust("2 minutes")
    yield* settle
    const of = (wanted: boolean) =>
      device.log.filter(({ operation, xml }) => operation === "commit" && xml.includes("<confirmed/>") === wanted)
    const runs = print(device.running).includes("<hostname>r1</hostname>")
    return { commits: of(true), confirms: of(false), device, exit, runs }
  })

/** Whatever happened: no confirmation from the deadline on, and success only where the change is there. */
const safe = ({ commits, confirms, device, exit, runs }: Effect.Success<ReturnType<typeof watched>>, margin = 4000) => {
  assert.isAtMost(commits.length, 1)
  assert.isAtMost(confirms.length, 1)
  for (const { at } of confirms) assert.isBelow(at - commits[0]!.at, 20_000 - margin)
  assert.strictEqual(Exit.isSuccess(exit), runs)
  assert.isUndefined(device.confirmedCommit)
  assert.strictEqual(device.locks.size, 0)
}

/** A check that leaves an unanswered rpc behind. */
const reading = (session: Session) =>
  Effect.asVoid(Effect.forkDetach(Effect.ignore(session.get()), { startImmediately: true }))

/** A sink that never answers from this record of commits on. */
const hangingFrom = (record: number, times: Array<number> = []): Audit.Sink => {
  let records = 0
  return {
    record: ({ operation }) =>
      Effect.flatMap(Clock.currentTimeMillis, (now) => {
        if (operation !== "commit" || ++records < record) return Effect.void
        times.push(now)
        return Effect.never
      })
  }
}

const uninterruptible = (sink: Audit.Sink): Audit.Sink => ({
  record: (entry) => Effect.uninterruptible(sink.record(entry))
})

for (const [version, without] of devices) {
  describe(`a confirmed commit with :confirmed-commit:${version}`, () => {
    for (const kind of ["", ", not even interruptible"] as const) {
      const sunk = (sink: Audit.Sink) => (kind === "" ? sink : uninterruptible(sink))

      it.effect(`confirms at once under an audit that hangs once it was sent${kind}`, () =>
        Effect.gen(function* () {
          const seen = yield* watched({ without, sink: sunk(hangingFrom(2)), verify: () => Effect.sleep("1 second") })
          safe(seen)
          assert.isTrue(Exit.isSuccess(seen.exit))
          assert.isAtMost(seen.confirms[0]!.at - seen.commits[0]!.at, 1500)
        })
      )

      it.effect(`confirms at once under an audit that hangs at the confirmation's own record${kind}`, () =>
        Effect.gen(function* () {
          const seen = yield* watched({ without, sink: sunk(hangingFrom(3)), verify: () => Effect.sleep("12 seconds") })
          safe(seen)
          assert.isTrue(Exit.isSuccess(seen.exit))
          assert.isAtMost(seen.confirms[0]!.at - seen.commits[0]!.at, 12_500)
        })
      )

      it.effect(`takes it back at once under an audit that hangs${kind}`, () =>
        Effect.gen(function* () {
          const verify = () => Effect.andThen(Effect.sleep("1 second"), Effect.die("unhealthy"))
          const seen = yield* watched({ without, sink: sunk(hangingFrom(2)), verify })
          safe(seen)
          assert.lengthOf(seen.confirms, 0)
          const last = seen.device.log.find(({ operation }) => /^(?:cancel-commit|close-session)$/.test(operation))!
          assert.isAtMost(last.at - seen.commits[0]!.at, 2000)
        })
      )
    }

    it.effect("is not confirmed too late when the check has left a change, which has to be recorded first", () =>
      Effect.gen(function* () {
        let records = 0
        const sink: Audit.Sink = {
          record: ({ operation }) =>
            operation === "commit" && ++records === 3 ? Effect.sleep("9 seconds") : Effect.void
        }
        const more = `<system xmlns="${SampleModel.system}"><contact>x</contact></system>`
        const verify = (session: Session) =>
          Effect.andThen(session.editConfig({ target: "candidate", config: more }), Effect.sleep("10 seconds"))
        const seen = yield* watched({ without, sink, verify })
        safe(seen)
        assert.lengthOf(seen.confirms, 0)
        if (Exit.isFailure(seen.exit)) assert.include(String(seen.exit.cause), "not verified in time")
      })
    )

    it.effect("is not sent when its own record hangs, and leaves the session as it was", () =>
      Effect.gen(function* () {
        const seen = yield* watched({ without, sink: uninterruptible(hangingFrom(1)) })
        safe(seen)
        assert.lengthOf(seen.commits, 0)
        assert.strictEqual(seen.device.sessions.size, 1)
      })
    )

    it.effect("never confirms from the margin on, however the check fills the time", () =>
      Effect.gen(function* () {
        for (const millis of [15_500, 15_999, 16_000, 16_001, 19_999, 25_000]) {
          safe(yield* watched({ without, verify: () => Effect.sleep(millis) }))
          safe(yield* watched({ without, verify: () => Effect.uninterruptible(Effect.sleep(millis)) }))
        }
      })
    )

    it.effect("has all of its time when it waited long for its turn", () =>
      Effect.gen(function* () {
        const seen = yield* watched({
          without,
          connect: { maxOutstanding: 1 },
          before: (session, device) => {
            device.faults.add(Faults.late("30 seconds"), { on: "commit", times: 1 })
            return session.commit()
          },
          verify: () => Effect.sleep("15 seconds")
        })
        const [first, ...confirms] = seen.confirms
        assert.isBelow(first!.at, 1000)
        safe({ ...seen, confirms })
        assert.isTrue(Exit.isSuccess(seen.exit))
      })
    )

    it.effect("has all of its time when its own record was slow", () =>
      Effect.gen(function* () {
        let records = 0
        const sink: Audit.Sink = {
          record: ({ operation }) =>
            operation === "commit" && ++records === 1 ? Effect.sleep("9 seconds") : Effect.void
        }
        const seen = yield* watched({ without, sink, verify: () => Effect.sleep("15 seconds") })
        safe(seen)
        assert.isTrue(Exit.isSuccess(seen.exit))
      })
    )

    it.effect("waits for no permit, which an rpc that hangs holds", () =>
      Effect.gen(function* () {
        const seen = yield* watched({
          without,
          connect: { maxOutstanding: 1 },
          verify: reading,
          before: (_, device) => Effect.sync(() => device.faults.add(Faults.late("5 seconds"), { on: "get" }))
        })
        safe(seen)
        assert.isTrue(Exit.isSuccess(seen.exit))
        assert.isBelow(seen.confirms[0]!.at, 15_000)
      })
    )

    it.effect("is not confirmed behind an rpc that the device does not get done with", () =>
      Effect.gen(function* () {
        for (const [time, confirms] of [
          ["40 seconds", 0],
          ["18 seconds", version === "1.1" ? 1 : 0]
        ] as const) {
          const before: Setting["before"] = (_, device) =>
            Effect.sync(() => device.faults.add(Faults.delay(time), { on: "get" }))
          const seen = yield* watched({ without, verify: reading, before })
          assert.strictEqual(seen.runs, confirms === 1)
          assert.strictEqual(Exit.isSuccess(seen.exit), seen.runs)
          assert.strictEqual(seen.device.commits, 1 + confirms)
          if (version === "1.0") assert.lengthOf(seen.confirms, 0)
        }
      })
    )

    it.effect("takes no late ok for its confirmation", () =>
      Effect.gen(function* () {
        const seen = yield* watched({
          without,
          before: (_, device) =>
            Effect.sync(() => {
              device.faults.add(Faults.delay("25 seconds"), { on: "commit", after: 1 })
            })
        })
        assert.isTrue(Exit.isFailure(seen.exit))
      })
    )
  })
}
