/** Runs over a fleet: what becomes of each device, how a run stops (docs/change-safety.md, "Many devices") and ends. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { type Device, type DeviceResult, Fleet, type Program } from "../../src/api/Fleet.ts"
import { CommitUnknownError, ConnectionError, DeadlineError } from "../../src/errors.ts"
import { Faults, Refusal, SampleModel } from "../../src/testing.ts"
import { print } from "../../src/xml/Print.ts"
import { countingSleepers, settle } from "../rpc/peer.ts"
import { fleetOf, named, numbered, refused, service, simulated, summarized, without, write } from "./fleet.ts"

const config = `<system xmlns="${SampleModel.system}"><hostname>leaf-01</hostname></system>`

/** By device: what it does until it is let go on. */
const controlled = () => {
  const started: Array<string> = []
  const gates = new Map<string, Deferred.Deferred<void, string>>()
  const gate = (name: string) => {
    const known = gates.get(name) ?? Deferred.makeUnsafe<void, string>()
    gates.set(name, known)
    return known
  }
  const begin = (name: string) =>
    Effect.suspend(() => {
      started.push(name)
      return Deferred.await(gate(name))
    })
  const reading: Program<void, string, never> = (_session, { name }) => begin(name)
  const finish = (...names: ReadonlyArray<string>) =>
    Effect.sync(() => names.forEach((name) => Deferred.doneUnsafe(gate(name), Exit.void)))
  const fail = (name: string) => Effect.sync(() => Deferred.doneUnsafe(gate(name), Exit.fail("failed")))
  /** Sends a write, then waits. */
  const writing: Program<void, unknown, never> = (_session, { name }) => Effect.andThen(write(Effect.void), begin(name))
  return { started, begin, reading, writing, finish, fail }
}

const states = (results: ReadonlyArray<DeviceResult<unknown, unknown>>) =>
  results.map(({ device, outcome }) => `${device} ${outcome}`)

describe("Fleet.run", () => {
  it.effect("gives a result per device as it finishes, with a session of that device", () =>
    Effect.gen(function* () {
      const { fleet: devices } = yield* simulated(numbered(3))
      const { fleet } = yield* fleetOf(devices)
      const read: Program<string, unknown, never> = (session, device) =>
        Effect.as(Effect.delay(session.getConfig(), device.name === "d1" ? "3 seconds" : "1 second"), session.label!)
      const running = yield* Fleet.run(read).pipe(
        Stream.runCollect,
        Effect.provideService(Fleet, fleet),
        Effect.forkChild({ startImmediately: true })
      )
      yield* settle
      yield* TestClock.adjust("1 second")
      yield* TestClock.adjust("2 seconds")
      const results = yield* Fiber.join(running)
      assert.deepStrictEqual(
        results.map(({ exit, ...rest }) => ({ ...rest, exit: Exit.isSuccess(exit) ? exit.value : exit })),
        [
          { device: "d2", outcome: "succeeded", elapsed: 1000, attempts: 1, wrote: false, exit: "d2" },
          { device: "d3", outcome: "succeeded", elapsed: 1000, attempts: 1, wrote: false, exit: "d3" },
          { device: "d1", outcome: "succeeded", elapsed: 3000, attempts: 1, wrote: false, exit: "d1" }
        ]
      )
    })
  )

  it.effect("turns failure, defect and interruption of one device into values, also a failed connect", () =>
    Effect.gen(function* () {
      const program: Program<string, string, never> = (_session, { name }) => {
        if (name === "d1") return Effect.fail("no")
        if (name === "d2") return Effect.die(new Error("broken"))
        if (name === "d3") return Effect.interrupt
        if (name === "d4") throw new Error("thrown")
        return Effect.succeed(name)
      }
      const refusing = { ...service(named(numbered(6))) }
      const session = refusing.session
      const unreachable = new ConnectionError({ reason: "unreachable", detail: "no route" })
      const fleet = {
        ...refusing,
        session: (name: string) => (name === "d5" ? Effect.fail(unreachable) : session(name))
      }
      const results = yield* Stream.runCollect(Fleet.run(program)).pipe(Effect.provideService(Fleet, fleet))
      assert.deepStrictEqual(states(results), [
        "d1 failed",
        "d2 failed",
        "d3 interrupted",
        "d4 failed",
        "d5 failed",
        "d6 succeeded"
      ])
    })
  )

  it.effect("closes the scope of a program with it", () =>
    Effect.gen(function* () {
      const closed: Array<string> = []
      const program = (_session: unknown, { name }: Device) =>
        Effect.as(
          Effect.addFinalizer(() => Effect.sync(() => void closed.push(name))),
          name
        )
      const results = yield* Stream.runCollect(Fleet.run(program, { concurrency: 1 }))
      assert.deepStrictEqual(closed, ["d1", "d2"])
      assert.lengthOf(results, 2)
    }).pipe(without(numbered(2)))
  )

  it.effect("has 50 devices under way, or as many as are allowed, in the order of the fleet", () =>
    Effect.gen(function* () {
      for (const [concurrency, expected] of [
        [undefined, 50],
        [7, 7]
      ] as const) {
        const { finish, reading, started } = controlled()
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* Fleet.start(reading, concurrency === undefined ? {} : { concurrency })
            assert.deepStrictEqual(started, numbered(expected))
            yield* finish("d3")
            assert.deepStrictEqual(started, numbered(expected + 1))
          })
        )
      }
    }).pipe(without(numbered(60)))
  )

  it.effect("fails for options that do not fit the fleet", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Stream.runDrain(Fleet.run(() => Effect.void, { devices: ["leaf-1"] })))
      assert.strictEqual(error.message, "input: devices: there is no device called leaf-1; near it: leaf-11")
    }).pipe(without(["leaf-11", "spine-01"]))
  )
})

describe("stopping", () => {
  /** One device in a write, one that reads, two that wait; then the run is ended in one of several ways. */
  const scene = Effect.gen(function* () {
    const control = controlled()
    const { reading, writing } = control
    const program: Program<void, unknown, never> = (session, device) =>
      (device.name === "d1" ? writing : reading)(session, device)
    const scope = yield* Scope.make()
    const run = yield* Scope.provide(Fleet.start(program, { concurrency: 2, stopAfter: { failures: 1 } }), scope)
    assert.deepStrictEqual(control.started, ["d1", "d2"])
    return { ...control, scope, run }
  })

  const ways: ReadonlyArray<
    readonly [way: string, by: string, end: (made: Effect.Success<typeof scene>) => Effect.Effect<unknown>]
  > = [
    ["stop", "asked", ({ run }) => run.stop],
    ["a scope that closes", "closed", ({ scope }) => Effect.forkDetach(Scope.close(scope, Exit.void))],
    [
      "an interrupted reader of the results",
      "left",
      ({ run }) =>
        Effect.flatMap(Effect.forkChild(Stream.runDrain(run.results), { startImmediately: true }), Fiber.interrupt)
    ]
  ]
  for (const [way, by, end] of ways) {
    it.effect(`by ${way} lets a device in a write finish, interrupts the others and starts no further one`, () =>
      Effect.gen(function* () {
        const made = yield* scene
        yield* end(made)
        yield* settle
        const summarizing = yield* Effect.forkChild(made.run.summary, { startImmediately: true })
        yield* settle
        assert.isUndefined(summarizing.pollUnsafe())
        yield* made.finish("d1", "d2", "d3", "d4")
        const summary = yield* Fiber.join(summarizing)
        assert.deepStrictEqual(made.started, ["d1", "d2"])
        assert.deepStrictEqual(
          summary.devices.map(({ device, state, wrote }) => ({ device, state, wrote })),
          [
            { device: "d1", state: "succeeded", wrote: true },
            { device: "d2", state: "interrupted", wrote: false },
            { device: "d3", state: "notStarted", wrote: false },
            { device: "d4", state: "notStarted", wrote: false }
          ]
        )
        assert.strictEqual(summary.stopped?.by, by)
      }).pipe(without(numbered(4)))
    )
  }

  it.effect("after a failure delivers the results of those that finish, and of those that were interrupted", () =>
    Effect.gen(function* () {
      const { fail, finish, reading, started, writing } = controlled()
      const program: Program<void, unknown, never> = (session, device) =>
        (device.name === "d1" ? writing : reading)(session, device)
      const collecting = yield* Fleet.run(program, { concurrency: 3, stopAfter: { failures: 1 } }).pipe(
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      yield* fail("d3")
      yield* finish("d1")
      assert.deepStrictEqual(states(yield* Fiber.join(collecting)), ["d3 failed", "d2 interrupted", "d1 succeeded"])
      assert.deepStrictEqual(started, ["d1", "d2", "d3"])
    }).pipe(without(numbered(5)))
  )

  it.effect("by a reader that has enough waits for the write before the stream is over", () =>
    Effect.gen(function* () {
      const { finish, reading, started, writing } = controlled()
      const program: Program<void, unknown, never> = (session, device) =>
        (device.name === "d1" ? writing : reading)(session, device)
      const first = yield* Fleet.run(program, { concurrency: 2 }).pipe(
        Stream.take(1),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      yield* finish("d2")
      yield* settle
      assert.isUndefined(first.pollUnsafe())
      yield* finish("d1")
      assert.deepStrictEqual(states(yield* Fiber.join(first)), ["d2 succeeded"])
      assert.deepStrictEqual(started, ["d1", "d2", "d3"])
    }).pipe(without(numbered(4)))
  )

  it.effect("by a failed reader, or an interrupted caller, is the same", () =>
    Effect.gen(function* () {
      for (const end of ["fail", "interrupt"]) {
        const { begin, finish } = controlled()
        let interrupted = false
        const program: Program<void, unknown, never> = (_session, { name }) =>
          name === "d1"
            ? Effect.void
            : Effect.onInterrupt(Effect.andThen(write(Effect.void), begin(name)), () =>
                Effect.sync(() => void (interrupted = true))
              )
        const caller = yield* Fleet.run(program).pipe(
          Stream.runForEach(() => (end === "fail" ? Effect.fail("enough") : Effect.never)),
          Effect.forkChild({ startImmediately: true })
        )
        yield* settle
        caller.interruptUnsafe()
        yield* settle
        assert.isUndefined(caller.pollUnsafe())
        yield* finish("d2")
        yield* Fiber.await(caller)
        assert.isFalse(interrupted)
      }
    }).pipe(without(numbered(2)))
  )

  it.effect("lets no write begin afterwards, also where a program cannot be interrupted", () =>
    Effect.gen(function* () {
      const { begin, finish } = controlled()
      let sent = false
      const sending = write(Effect.sync(() => void (sent = true)))
      const program: Program<void, unknown, never> = (_session, { name }) =>
        Effect.uninterruptible(Effect.andThen(begin(name), sending))
      const run = yield* Fleet.start(program)
      yield* run.stop
      yield* finish("d1")
      const { devices } = yield* run.summary
      assert.isFalse(sent)
      assert.deepInclude(devices[0], { state: "interrupted", wrote: false })
    }).pipe(Effect.scoped, without(["d1"]))
  )

  it.effect("from within a device stops that one too, unless it has written", () =>
    Effect.gen(function* () {
      for (const wrote of [false, true]) {
        const sent: Array<string> = []
        const run: { stop: Effect.Effect<void> } = { stop: Effect.void }
        const program: Program<void, unknown, never> = (_session, { name }) =>
          Effect.gen(function* () {
            if (wrote) yield* write(Effect.void)
            yield* Effect.yieldNow
            yield* run.stop
            yield* write(Effect.sync(() => void sent.push(name)))
          })
        const started = yield* Fleet.start(program, { concurrency: 1 })
        run.stop = started.stop
        const summary = yield* started.summary
        assert.deepStrictEqual(
          summary.devices.map(({ state }) => state),
          [wrote ? "succeeded" : "interrupted", "notStarted"]
        )
        assert.deepStrictEqual(sent, wrote ? ["d1"] : [])
      }
    }).pipe(Effect.scoped, without(numbered(2)))
  )

  it.effect("from within a device that never was suspended interrupts it as well", () =>
    Effect.gen(function* () {
      const run: { stop: Effect.Effect<void> } = { stop: Effect.void }
      const program: Program<void, never, never> = (_session, { name }) =>
        name === "d1" ? Effect.yieldNow : Effect.andThen(run.stop, Effect.never)
      const started = yield* Fleet.start(program, { concurrency: 1 })
      run.stop = started.stop
      const summary = yield* started.summary
      assert.deepStrictEqual(
        summary.devices.map(({ state }) => state),
        ["succeeded", "interrupted"]
      )
    }).pipe(Effect.scoped, without(numbered(2)))
  )

  it.effect("by default happens at the first failure after a write, not at one without", () =>
    Effect.gen(function* () {
      const program: Program<void, unknown, never> = (_session, { name }) =>
        name === "d3" ? Effect.andThen(write(Effect.void), Effect.fail("no")) : Effect.fail("no")
      const summary = yield* summarized(program, { concurrency: 1 })
      assert.deepStrictEqual(summary.counts, {
        succeeded: 0,
        failed: 3,
        unknown: 0,
        interrupted: 0,
        notStarted: 2
      })
      assert.strictEqual(summary.stopped?.detail, "d3 failed after it had sent a write")
      const never = yield* summarized(program, { concurrency: 1, stopAfter: "never" })
      assert.strictEqual(never.counts.failed, 5)
    }).pipe(without(numbered(5)))
  )

  it.effect("counts as a failure, and as unknown, what is left without a clear reply, also when it is swallowed", () =>
    Effect.gen(function* () {
      const unknown = new CommitUnknownError({
        operation: "commit",
        phase: "sent",
        cause: new DeadlineError({ phase: "rpc", deadline: 1000, bytes: 0 })
      })
      const programs: ReadonlyArray<Program<unknown, unknown, never>> = [
        () => write(Effect.fail(unknown)),
        () => Effect.ignore(write(Effect.fail(unknown))),
        () => Effect.fail(unknown),
        () => Effect.timeoutOption(write(Effect.never), "1 second")
      ]
      for (const program of programs) {
        const running = yield* Effect.forkChild(summarized(program, { concurrency: 1, stopAfter: { failures: 1 } }))
        yield* settle
        yield* TestClock.adjust("1 second")
        const summary = yield* Fiber.join(running)
        assert.strictEqual(summary.counts.unknown, 1)
        assert.strictEqual(summary.counts.notStarted, 1)
      }
    }).pipe(without(numbered(2)))
  )

  it.effect("by the end of the fleet waits for the write on its session", () =>
    Effect.gen(function* () {
      const { device, fleet: devices } = yield* simulated(["a", "b"])
      const { close, fleet } = yield* fleetOf(devices)
      device("a").faults.add(Faults.delay("20 seconds"), { on: "commit" })
      device("b").faults.add(Faults.delay("20 seconds"), { on: "get-config" })
      const program: Program<unknown, unknown, never> = (session) =>
        session.label === "a" ? session.edit(config) : session.getConfig()
      const run = yield* Fleet.start(program).pipe(Effect.provideService(Fleet, fleet))
      yield* settle
      const closing = yield* Effect.forkChild(close, { startImmediately: true })
      yield* settle
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust("20 seconds")
      yield* Fiber.join(closing)
      const summary = yield* run.summary
      assert.deepStrictEqual(
        summary.devices.map(({ state }) => state),
        ["succeeded", "interrupted"]
      )
      assert.include(print(device("a").running), "leaf-01")
      assert.strictEqual(device("a").locks.size, 0)
    }).pipe(Effect.scoped)
  )
})

describe("canary and batches", () => {
  it.effect("start the rest when all of the canary has succeeded and the soak is over", () =>
    Effect.gen(function* () {
      const { finish, reading, started } = controlled()
      const run = yield* Fleet.start(reading, { canary: 2, soak: "10 minutes", batch: 3 })
      const step = Effect.map(Stream.runHead(run.progress), (latest) => latest)
      yield* finish("d1")
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(started, ["d1", "d2"])
      yield* finish("d2")
      yield* TestClock.adjust("599 seconds")
      assert.deepStrictEqual(started, ["d1", "d2"])
      assert.propertyVal(yield* Effect.fromOption(yield* step), "step", "soak")
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(started, numbered(5))
      yield* finish("d3", "d5")
      assert.deepStrictEqual(started, numbered(5))
      assert.propertyVal(yield* Effect.fromOption(yield* step), "step", "batch 1 of 2")
      yield* finish("d4", "d6", "d7", "d8")
      assert.strictEqual((yield* run.summary).counts.succeeded, 8)
    }).pipe(Effect.scoped, without(numbered(8)))
  )

  it.effect("end with a canary that fails, also with stopAfter never", () =>
    Effect.gen(function* () {
      const { fail, reading, started } = controlled()
      const run = yield* Fleet.start(reading, { canary: ["d3"], stopAfter: "never" })
      yield* fail("d3")
      const { counts, stopped } = yield* run.summary
      assert.deepStrictEqual([counts.failed, counts.notStarted], [1, 2])
      assert.strictEqual(stopped?.by, "canary")
      assert.deepStrictEqual(started, ["d3"])
    }).pipe(Effect.scoped, without(numbered(3)))
  )

  it.effect("are stopped during the soak at once, and leave no timer", () =>
    countingSleepers((sleepers) =>
      Effect.gen(function* () {
        const { finish, reading, started } = controlled()
        const run = yield* Fleet.start(reading, { canary: 1, soak: "1 hour" })
        yield* finish("d1")
        assert.strictEqual(sleepers(), 1)
        yield* run.stop
        assert.strictEqual((yield* run.summary).counts.notStarted, 1)
        assert.strictEqual(sleepers(), 0)
        assert.deepStrictEqual(started, ["d1"])
      }).pipe(Effect.scoped, without(numbered(2)))
    )
  )
})

describe("a redundancy group", () => {
  const pairs = (name: string) => (name < "d5" ? { redundancyGroup: name < "d3" ? "left" : "right" } : {})

  it.effect("has one device under way, while others go on; who has waited comes first", () =>
    Effect.gen(function* () {
      const { finish, reading, started } = controlled()
      yield* Fleet.start(reading, { concurrency: 3 })
      assert.deepStrictEqual(started, ["d1", "d3", "d5"])
      yield* finish("d5")
      assert.deepStrictEqual(started, ["d1", "d3", "d5", "d6"])
      yield* finish("d3")
      assert.deepStrictEqual(started, ["d1", "d3", "d5", "d6", "d4"])
      yield* finish("d1")
      assert.deepStrictEqual(started, ["d1", "d3", "d5", "d6", "d4", "d2"])
    }).pipe(Effect.scoped, without(numbered(7), pairs))
  )

  it.effect("holds over all runs of a fleet", () =>
    Effect.gen(function* () {
      const { fleet: devices } = yield* simulated(["a", "b"], {}, () => ({ redundancyGroup: "core" }))
      const { fleet } = yield* fleetOf(devices)
      const { finish, reading, started } = controlled()
      const one = yield* Fleet.start(reading, { devices: ["a"] }).pipe(Effect.provideService(Fleet, fleet))
      const other = yield* Fleet.start(reading, { devices: ["b"] }).pipe(Effect.provideService(Fleet, fleet))
      yield* settle
      assert.deepStrictEqual(started, ["a"])
      yield* finish("a")
      yield* one.summary
      yield* settle
      assert.deepStrictEqual(started, ["a", "b"])
      yield* finish("b")
      assert.strictEqual((yield* other.summary).counts.succeeded, 1)
    }).pipe(Effect.scoped)
  )
})

describe("progress and summary", () => {
  it.effect("tell a slow reader the latest state, and everyone the last one", () =>
    Effect.gen(function* () {
      const { finish, reading } = controlled()
      const run = yield* Fleet.start(reading, { concurrency: 2 })
      const seen: Array<string> = []
      const released = Deferred.makeUnsafe<void>()
      const watching = yield* run.progress.pipe(
        Stream.runForEach(({ running, succeeded, waiting }) =>
          Effect.suspend(() => {
            seen.push(`${waiting} ${running.join("+")} ${succeeded}`)
            return seen.length === 1 ? Deferred.await(released) : Effect.void
          })
        ),
        Effect.forkChild({ startImmediately: true })
      )
      yield* settle
      yield* finish("d1")
      yield* finish("d2")
      yield* finish("d3")
      Deferred.doneUnsafe(released, Exit.void)
      yield* settle
      assert.deepStrictEqual(seen, ["2 d1+d2 0", "0 d4 3"])
      yield* finish("d4")
      yield* Fiber.join(watching)
      assert.strictEqual(seen.at(-1), "0  4")
      const after = yield* Stream.runCollect(run.progress)
      assert.deepStrictEqual(
        after.map(({ succeeded }) => succeeded),
        [4]
      )
    }).pipe(Effect.scoped, without(numbered(4)))
  )

  it.effect("fit on a page that names errors of the library in full, others by their tags", () =>
    Effect.gen(function* () {
      const failures: Readonly<Record<string, Effect.Effect<void, unknown>>> = {
        d1: Effect.void,
        d2: Effect.fail(refused("invalid-value")),
        d3: Effect.fail({ _tag: "Unhealthy", detail: "hunter2" }),
        d4: Effect.die(new TypeError("hunter2")),
        d5: Effect.fail("hunter2"),
        d6: Effect.timeoutOption(write(Effect.never), "1 second")
      }
      const running = yield* Effect.forkChild(
        summarized((_session, { name }) => failures[name] ?? Effect.void, { concurrency: 6 })
      )
      yield* settle
      yield* TestClock.adjust("1 second")
      const page = String(yield* Fiber.join(running))
      assert.deepStrictEqual(page.split("\n"), [
        "9 devices in 1.0 s: 4 succeeded, 4 failed, 1 unknown",
        "stopped: d6 is in an unknown state after it had sent a write",
        "failed      d2: RpcError: invalid-value",
        "failed      d3: Unhealthy",
        "failed      d4: defect: TypeError",
        "failed      d5: failed with a string",
        "unknown     d6 (sent a write): a write was interrupted after it was sent"
      ])
    }).pipe(without(numbered(9)))
  )

  it.effect("list the devices that were not started, in one line", () =>
    Effect.gen(function* () {
      const run = yield* Fleet.start(() => Effect.never, { concurrency: 1 })
      yield* run.stop
      const lines = String(yield* run.summary).split("\n")
      assert.deepStrictEqual(lines.slice(0, 3), [
        "30 devices in 0.0 s: 1 interrupted, 29 not started",
        "stopped: stop was called",
        "interrupted d1: interrupted"
      ])
      assert.match(lines[3]!, /^not started d2, d3, .*, d21 and 9 more$/)
    }).pipe(Effect.scoped, without(numbered(30)))
  )
})

describe("a shared session", () => {
  it.effect("that dies fails the program it dies under, and the next program gets another", () =>
    Effect.gen(function* () {
      const { counts, device, fleet: devices } = yield* simulated(["a"])
      const { fleet } = yield* fleetOf(devices)
      device("a").faults.add(Faults.refuse(Refusal.operationFailed("not today")), { on: "get-config", times: 1 })
      device("a").faults.add(Faults.closeBefore("network"), { on: "get-config", after: 1, times: 1 })
      const once = Effect.provideService(
        summarized((session) => session.getConfig()),
        Fleet,
        fleet
      )
      const whys = [yield* once, yield* once, yield* once].map(({ devices: [only] }) => only?.why)
      assert.match(whys[0] ?? "", /^RpcError: operation-failed/)
      assert.match(whys[1] ?? "", /^ChannelError: /)
      assert.isUndefined(whys[2])
      assert.strictEqual(counts("a").opened, 2)
    })
  )
})
