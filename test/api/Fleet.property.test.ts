/** Random fleets, programs and stops: what holds for all of them. */
import { assert, describe, it } from "@effect/vitest"
import * as Arbitrary from "effect/Arbitrary"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { Fleet, type Program, type RunOptions } from "../../src/api/Fleet.ts"
import { Slots } from "../../src/api/fleet/Line.ts"
import { Pacer } from "../../src/api/fleet/Pacer.ts"
import { CommitUnknownError, DeadlineError } from "../../src/errors.ts"
import type { Session } from "../../src/api/Session.ts"
import { settle } from "../rpc/peer.ts"
import { fleetOf, named, numbered, service, simulated, write } from "./fleet.ts"

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

/** One device: how many turns it takes, after which of them it writes, how it ends, and its group. */
const Behaviour = Schema.Struct({
  turns: upTo(6),
  writes: Schema.Literals(["never", "at once", "late", "shielded"]),
  ends: Schema.Literals(["well", "well", "well", "failing", "dying", "interrupted", "unknown"]),
  group: upTo(3)
})
type Behaviour = typeof Behaviour.Type

const Scene = Schema.Struct({
  concurrency: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 6 })),
  /** 0: none. */
  canary: Schema.Literals([0, 0, 0, 1, 2, 3]),
  batch: Schema.Literals([0, 0, 0, 1, 3, 5]),
  rule: Schema.Literals(["default", "never", "failures", "ratio"]),
  bound: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 4 })),
  /** After so many turns of its own somebody ends it. */
  end: Schema.Literals(["nobody", "nobody", "stop", "reader", "scope"]),
  after: upTo(30)
})
type Scene = typeof Scene.Type

const unknown = new CommitUnknownError({
  phase: "sent",
  cause: new DeadlineError({ phase: "rpc", deadline: 1, bytes: 0 })
})

const endings: Readonly<Record<Behaviour["ends"], Effect.Effect<void, unknown>>> = {
  well: Effect.void,
  failing: Effect.fail("no"),
  dying: Effect.die("broken"),
  interrupted: Effect.interrupt,
  unknown: Effect.fail(unknown)
}

const turns = (count: number) => Effect.repeat(Effect.yieldNow, { times: count })

interface Event {
  readonly device: string
  readonly what: "start" | "write" | "end"
  readonly interrupted?: boolean
}

/** The program of all devices, and what they did, in order. */
const played = (behaviours: ReadonlyMap<string, Behaviour>) => {
  const events: Array<Event> = []
  const note = (device: string, what: Event["what"]) => Effect.sync(() => void events.push({ device, what }))
  const program: Program<void, unknown, never> = (_session, { name }) => {
    const { ends, turns: count, writes } = behaviours.get(name)!
    const writing = write(note(name, "write"))
    const body = Effect.gen(function* () {
      yield* note(name, "start")
      if (writes === "at once") yield* writing
      yield* turns(count)
      if (writes === "late") yield* writing
      if (writes === "shielded") yield* Effect.uninterruptible(Effect.andThen(turns(2), writing))
      yield* turns(1)
      yield* endings[ends]
    })
    return Effect.onExit(body, (exit) =>
      Effect.sync(() => {
        const interrupted = Exit.isFailure(exit) && Exit.hasInterrupts(exit)
        events.push({ device: name, what: "end", interrupted })
      })
    )
  }
  return { events, program }
}

const optionsOf = ({ batch, bound, canary, concurrency, rule }: Scene): RunOptions => ({
  concurrency,
  ...(canary === 0 ? {} : { canary }),
  ...(batch === 0 ? {} : { batch }),
  ...(rule === "never" ? { stopAfter: "never" } : {}),
  ...(rule === "failures" ? { stopAfter: { failures: bound } } : {}),
  ...(rule === "ratio" ? { stopAfter: { ratio: bound / 5, atLeast: bound } } : {})
})

/** Runs the scene to its end, and says where the events stood when somebody ended it. */
const toItsEnd = (scene: Scene, program: Program<void, unknown, never>, events: ReadonlyArray<Event>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const run = yield* Scope.provide(Fleet.start(program, optionsOf(scene)), scope)
    const reader = yield* Effect.forkChild(Stream.runCollect(run.results), { startImmediately: true })
    let stoppedAt: number | undefined
    if (scene.end !== "nobody") {
      yield* turns(scene.after)
      stoppedAt = events.length
      if (scene.end === "stop") yield* run.stop
      else if (scene.end === "reader") yield* Fiber.interrupt(reader)
      else yield* Scope.close(scope, Exit.void)
    }
    const summary = yield* run.summary
    const exit = yield* Fiber.await(reader)
    yield* Scope.close(scope, Exit.void)
    return { summary, results: Exit.isSuccess(exit) ? exit.value : undefined, stoppedAt }
  })

const fails = (behaviour: Behaviour): boolean => behaviour.ends !== "well"

/** Where in the events the rule stops the run, by a reading of it that is not the run's own. */
const ruleStopsAt = (
  scene: Scene,
  order: ReadonlyArray<string>,
  behaviours: ReadonlyMap<string, Behaviour>,
  events: ReadonlyArray<Event>
): number | undefined => {
  let [done, failures] = [0, 0]
  const canary = new Set(order.slice(0, scene.canary))
  const wrote = new Set<string>()
  for (const [i, { device, what }] of events.entries()) {
    if (what === "write") wrote.add(device)
    if (what !== "end") continue
    done++
    const failed = fails(behaviours.get(device)!)
    if (failed) failures++
    const ratio = done >= scene.bound && failures / done >= scene.bound / 5
    if (!failed && !(scene.rule === "ratio" && ratio)) continue
    const stops = {
      default: scene.canary > 0 || scene.batch > 0 || wrote.has(device) || behaviours.get(device)!.ends === "unknown",
      never: false,
      failures: failures >= scene.bound,
      ratio
    }
    if ((failed && canary.has(device)) || stops[scene.rule]) return i
  }
  return undefined
}

describe("a run", () => {
  it.effect.prop(
    "keeps its rules, whatever its devices do and whoever ends it",
    [Arbitrary.array(Arbitrary.schema(Behaviour), { minLength: 3, maxLength: 24 }), Scene],
    ([made, scene]) =>
      Effect.gen(function* () {
        const order = numbered(made.length)
        const behaviours = new Map(order.map((name, i) => [name, made[i]!]))
        const groupOf = (name: string) => {
          const { group } = behaviours.get(name)!
          return group === 0 ? undefined : `group ${group}`
        }
        const devices = named(order, (name) => {
          const group = groupOf(name)
          return group === undefined ? {} : { redundancyGroup: group }
        })
        const { events, program } = played(behaviours)
        const { results, stoppedAt, summary } = yield* Effect.provide(
          toItsEnd(scene, program, events),
          Layer.succeed(Fleet, service(devices))
        )

        // Every device is in exactly one state.
        assert.deepStrictEqual(summary.devices.map(({ device }) => device).sort(), [...order].sort())
        assert.strictEqual(
          Object.values(summary.counts).reduce((sum, count) => sum + count, 0),
          order.length
        )
        const started = new Set(events.filter(({ what }) => what === "start").map(({ device }) => device))
        for (const { device, state } of summary.devices) {
          assert.strictEqual(state === "notStarted", !started.has(device), `${device} is ${state}`)
        }
        if (results !== undefined) {
          assert.sameMembers(
            results.map(({ device }) => device),
            [...started]
          )
        }

        // Never more than so many, never two of a group, no step before the one before it is done.
        const steps = [order.slice(0, scene.canary), order.slice(scene.canary)].flatMap((part, i) => {
          if (i === 0 || scene.batch === 0) return part.length === 0 ? [] : [part]
          return Array.from({ length: Math.ceil(part.length / scene.batch) }, (_, n) =>
            part.slice(n * scene.batch, (n + 1) * scene.batch)
          )
        })
        const stepOf = (name: string) => steps.findIndex((step) => step.includes(name))
        const running = new Set<string>()
        const written = new Set<string>()
        const ended = Math.min(stoppedAt ?? Infinity, ruleStopsAt(scene, order, behaviours, events) ?? Infinity)
        for (const [i, { device, interrupted, what }] of events.entries()) {
          if (what === "start") {
            assert.isBelow(i, ended, `${device} was started after the end`)
            running.add(device)
            assert.isAtMost(running.size, scene.concurrency)
            const groups = [...running].map(groupOf).filter((group) => group !== undefined)
            assert.strictEqual(new Set(groups).size, groups.length)
            assert.strictEqual(new Set([...running].map(stepOf)).size, 1)
          } else if (what === "write") {
            assert.isBelow(i, ended, `${device} wrote after the end`)
            written.add(device)
          } else {
            running.delete(device)
            // What has written is interrupted by nobody but itself.
            if (written.has(device)) {
              assert.strictEqual(interrupted, behaviours.get(device)!.ends === "interrupted", device)
            }
          }
        }

        // The run ended by itself, or for one of these reasons.
        if (ended === Infinity) {
          assert.isUndefined(summary.stopped)
          assert.strictEqual(started.size, order.length)
        }
      }),
    { arbitrary: { seed: 7, runs: 300, size: 40 } }
  )

  it.effect(
    "costs each device the same, in batches and in one large group, with 50,000 of them",
    () =>
      Effect.gen(function* () {
        const devices = named(numbered(50_000), () => ({ redundancyGroup: "one" }))
        for (const options of [{}, { batch: 10, concurrency: 10 }]) {
          const count = yield* Fleet.run(() => Effect.yieldNow, options).pipe(
            Stream.runCount,
            Effect.provide(Layer.succeed(Fleet, service(devices)))
          )
          assert.strictEqual(count, 50_000)
        }
      }),
    40_000
  )
})

describe("sessions", () => {
  const Step = Schema.Struct({ device: upTo(4), does: Schema.Literals(["take", "take", "give", "kill", "wait"]) })

  it.effect.prop(
    "are never more than allowed, never handed out dead, and all closed at the end",
    [Arbitrary.array(Arbitrary.schema(Step), { minLength: 20, maxLength: 40 }), upTo(3)],
    ([steps, more]) =>
      Effect.gen(function* () {
        const maxSessions = more + 1
        const names = numbered(5)
        const { counts, device, fleet: devices } = yield* simulated(names)
        const { close, fleet } = yield* fleetOf(devices, { maxSessions, idleTime: "1 minute" })
        const open = () => names.reduce((sum, name) => sum + counts(name).open, 0)
        const dead = new Set<Session>()
        const held: Array<readonly [name: string, fiber: Fiber.Fiber<Session, unknown>, scope: Scope.Closeable]> = []
        const handedOutDead: Array<string> = []
        for (const { device: index, does } of steps) {
          const name = names[index]!
          if (does === "take") {
            const scope = yield* Scope.make()
            const taking = Effect.tap(Scope.provide(fleet.session(name), scope), (session) => {
              if (dead.has(session)) handedOutDead.push(name)
              return Effect.forkDetach(
                Effect.tap(session.closed, () => Effect.sync(() => dead.add(session))),
                {
                  startImmediately: true
                }
              )
            })
            held.push([name, yield* Effect.forkDetach(taking), scope])
          } else if (does === "give") {
            const [one] = held.splice(index % Math.max(1, held.length), 1)
            if (one !== undefined) {
              yield* Fiber.interrupt(one[1])
              yield* Scope.close(one[2], Exit.void)
            }
          } else if (does === "kill") device(name).reboot()
          else yield* TestClock.adjust("40 seconds")
          yield* settle
          assert.isAtMost(open(), maxSessions)
          for (const each of names) assert.isAtMost(counts(each).open, 1)
        }
        assert.deepStrictEqual(handedOutDead, [])
        yield* close
        assert.strictEqual(open(), 0)
        for (const [, fiber] of held) assert.isDefined(fiber.pollUnsafe())
      }),
    { arbitrary: { seed: 3, runs: 40, size: 40 } }
  )
})

describe("the pacer", () => {
  const Arrival = Schema.Struct({ after: upTo(400), leaves: Schema.Boolean, urgent: Schema.Boolean })

  it.effect.prop(
    "lets no more begin within any second than it may, and everyone who stays",
    [Arbitrary.array(Arbitrary.schema(Arrival), { maxLength: 40 }), upTo(5)],
    ([arrivals, more]) =>
      Effect.gen(function* () {
        const perSecond = more + 1
        const clock = yield* Clock.Clock
        const pacer = new Pacer(perSecond, clock, Effect.runForkWith(yield* Effect.context<never>()))
        const now = () => Number(clock.monotonicTimeNanosUnsafe()) / 1_000_000
        const begun: Array<number> = []
        const turn = (urgent: boolean) =>
          Effect.uninterruptibleMask((restore) =>
            Effect.andThen(
              pacer.turn(restore, urgent),
              Effect.sync(() => void begun.push(now()))
            )
          )
        const staying: Array<Fiber.Fiber<void>> = []
        for (const { after, leaves, urgent } of arrivals) {
          const fiber = yield* Effect.forkChild(turn(urgent), { startImmediately: true })
          yield* TestClock.adjust(after)
          if (leaves) yield* Fiber.interrupt(fiber)
          else staying.push(fiber)
        }
        yield* TestClock.adjust("1 hour")
        yield* Fiber.joinAll(staying)
        assert.strictEqual(pacer.waiting, 0)
        for (const [i, from] of begun.entries()) {
          const within = begun.slice(i).filter((at) => at < from + 1000)
          assert.isAtMost(within.length, perSecond)
        }
      }),
    { arbitrary: { seed: 11, runs: 100, size: 40 } }
  )
})

describe("slots", () => {
  it.effect(
    "cost each of 200,000 that wait the same, also when most of them leave",
    () =>
      Effect.gen(function* () {
        const slots = new Slots(1)
        let served = 0
        const using = Effect.uninterruptibleMask((restore) =>
          Effect.andThen(
            slots.take(restore),
            Effect.sync(() => {
              served++
              slots.give()
            })
          )
        )
        yield* Effect.uninterruptibleMask((restore) => slots.take(restore))
        const waiting = yield* Effect.forEach(numbered(200_000), () =>
          Effect.forkChild(using, { startImmediately: true })
        )
        for (const [i, fiber] of waiting.entries()) if (i % 4 !== 0) fiber.interruptUnsafe()
        assert.strictEqual(slots.waiting, 50_000)
        slots.give()
        assert.deepStrictEqual([served, slots.used, slots.waiting], [50_000, 0, 0])
      }),
    40_000
  )
})
