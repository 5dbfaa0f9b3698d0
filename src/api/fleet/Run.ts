/**
 * A run: one program on many devices, so many at once, step by step, until it is over or stopped.
 *
 * All of its state is in here and changes synchronously, so that between the question whether a device has sent a
 * write and its interruption no write can begin. Devices run in fibers of their own, which nobody but the run
 * interrupts: a device in a write finishes, whoever goes away.
 */
import type * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { ConnectError } from "../../errors.ts"
import type { Device } from "./Devices.ts"
import type { Groups } from "./RedundancyGroups.ts"
import { News } from "./News.ts"
import { Order } from "./Order.ts"
import { type Plan, type Step, stopsAfter } from "./Plan.ts"
import { retrying } from "./Retry.ts"
import * as FleetSummary from "./Summary.ts"
import type { DeviceResult, Progress, Stopped, Summary } from "./Summary.ts"
import * as Writes from "../session/Writes.ts"

/** One device of the run. */
interface Task {
  readonly device: Device
  readonly canary: boolean
  fiber: Fiber.Fiber<unknown, unknown> | undefined
  writes: Writes.Writes | undefined
  attempts: number
  began: number
  result: FleetSummary.DeviceSummary | undefined
}

export interface Options<A, E, R> {
  readonly plan: Plan
  readonly groups: Groups
  /** One attempt: a session, and the program on it within its writes, which outlive no session. */
  readonly attempt: (device: Device, writes: Writes.Writes) => Effect.Effect<A, E | ConnectError, R>
  readonly fork: <B, F>(effect: Effect.Effect<B, F, R>) => Fiber.Fiber<B, F>
  /** Milliseconds that only differences are taken of. */
  readonly now: () => number
}

export class Run<A, E, R> {
  readonly #options: Options<A, E, R>
  readonly #began: number
  readonly #tasks: ReadonlyArray<Task>
  readonly #order: Order<Task>
  readonly #running = new Set<Task>()
  #soaking: Fiber.Fiber<unknown> | undefined
  #pumping = false
  readonly #counts = { succeeded: 0, failed: 0, unknown: 0, interrupted: 0 }
  #stopped: Stopped | undefined
  #elapsed: number | undefined
  readonly #results: Queue.Queue<DeviceResult<A, E>, Cause.Done>
  readonly #news = new News(() => this.#progress())
  readonly #over = Deferred.makeUnsafe<void>()
  readonly #unwatch: () => void

  constructor(options: Options<A, E, R>, results: Queue.Queue<DeviceResult<A, E>, Cause.Done>) {
    this.#options = options
    this.#results = results
    this.#began = options.now()
    const steps = options.plan.steps.map((step) => step.devices.map((device) => task(device, step)))
    this.#tasks = steps.flat()
    this.#order = new Order(steps, options.groups)
    this.#unwatch = options.groups.watch(this)
  }

  /** Starts the first devices. */
  start(): void {
    this.#pump()
  }

  /** Starts nothing any more and interrupts what has not sent a write; what has, goes on to its end. */
  stop(stopped: Stopped): void {
    if (this.#stopped !== undefined || this.#elapsed !== undefined) return
    this.#stopped = stopped
    this.#soaking?.interruptUnsafe()
    for (const running of this.#running) interrupt(running)
    this.#news.tell()
    this.#pump()
  }

  /** Stops and waits for the end. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    this.stop({ by: "closed", detail: "the scope of the run was closed" })
    return Deferred.await(this.#over)
  })

  readonly summary: Effect.Effect<Summary> = Effect.map(
    Effect.suspend(() => Deferred.await(this.#over)),
    () => FleetSummary.make(this.#tasks.map(summaryOf), this.#elapsed ?? 0, this.#stopped)
  )

  get results(): Stream.Stream<DeviceResult<A, E>> {
    const left = Effect.sync(() => this.stop({ by: "left", detail: "the reader of the results has left" }))
    return Stream.unwrap(
      Effect.as(
        Effect.addFinalizer(() => left),
        Stream.fromQueue(this.#results)
      )
    )
  }

  get progress(): Stream.Stream<Progress> {
    return this.#news.stream
  }

  /** A device of this group is done, here or in another run. */
  groupFreed(group: string): void {
    if (this.#order.freed(group)) this.#pump()
  }

  /** Starts what may start. A device may be done before `#start` returns: the flag turns recursion into a loop. */
  #pump(): void {
    if (this.#pumping || this.#elapsed !== undefined) return
    this.#pumping = true
    do {
      while (this.#stopped === undefined && this.#running.size < this.#options.plan.concurrency) {
        const next = this.#soaking === undefined ? this.#order.take() : undefined
        if (next === undefined) break
        this.#start(next)
      }
    } while (this.#advance())
    this.#pumping = false
    if (this.#isOver()) this.#end()
  }

  #start(started: Task): void {
    started.began = this.#options.now()
    this.#running.add(started)
    this.#news.tell()
    const fiber = this.#options.fork(this.#program(started))
    started.fiber = fiber
    fiber.addObserver((exit) => this.#finished(started, exit))
    if (this.#stopped !== undefined) interrupt(started)
  }

  #program(started: Task): Effect.Effect<A, E | ConnectError, R> {
    const { attempt, plan } = this.#options
    return Writes.track((writes) => {
      started.writes = writes
      const counted = Effect.suspend(() => {
        started.attempts++
        return attempt(started.device, writes)
      })
      return retrying(counted, plan.retry, writes)
    })
  }

  #finished(finished: Task, exit: Exit.Exit<A, E | ConnectError>): void {
    const result: DeviceResult<A, E> = {
      device: finished.device.name,
      exit,
      outcome: FleetSummary.outcomeOf(exit, finished.writes?.unknown),
      elapsed: this.#options.now() - finished.began,
      attempts: finished.attempts,
      wrote: finished.writes?.sent === true
    }
    finished.result = FleetSummary.ofResult(result, finished.writes?.unknown)
    this.#running.delete(finished)
    this.#counts[result.outcome]++
    Queue.offerUnsafe(this.#results, result)
    const done = { ...result, canary: finished.canary }
    const stopped =
      this.#stopped === undefined ? stopsAfter(this.#options.plan.stopAfter, done, this.#tally()) : undefined
    if (stopped === undefined) this.#news.tell()
    else this.stop(stopped)
    this.#options.groups.free(finished.device.redundancyGroup)
    this.#pump()
  }

  #tally() {
    const { failed, interrupted, succeeded, unknown } = this.#counts
    const failures = failed + interrupted + unknown
    return { done: succeeded + failures, failures }
  }

  /** Goes on to the next step once this one is done; false while it is not, or there is none. */
  #advance(): boolean {
    if (this.#stopped !== undefined || this.#soaking !== undefined) return false
    if (!this.#stepDone() || this.#order.isLast) return false
    const { hasCanary, soak } = this.#options.plan
    const soaks = hasCanary && this.#order.step === 0 && soak > 0
    this.#order.advance()
    if (soaks) this.#soak(soak)
    this.#news.tell()
    return !soaks
  }

  #stepDone(): boolean {
    return this.#running.size === 0 && this.#order.taken
  }

  #soak(soak: number): void {
    const over = Effect.sync(() => {
      this.#soaking = undefined
      this.#news.tell()
      this.#pump()
    })
    this.#soaking = this.#options.fork(Effect.andThen(Effect.sleep(soak), over))
  }

  #isOver(): boolean {
    if (this.#running.size > 0) return false
    if (this.#stopped !== undefined) return true
    return this.#soaking === undefined && this.#order.isLast && this.#stepDone()
  }

  #end(): void {
    if (this.#elapsed !== undefined) return
    this.#elapsed = this.#options.now() - this.#began
    this.#unwatch()
    Queue.endUnsafe(this.#results)
    this.#news.end()
    Deferred.doneUnsafe(this.#over, Exit.void)
  }

  #progress(): Progress {
    const { done } = this.#tally()
    const left = this.#tasks.length - done - this.#running.size
    return {
      total: this.#tasks.length,
      waiting: this.#stopped === undefined ? left : 0,
      running: [...this.#running].map(({ device }) => device.name),
      ...this.#counts,
      notStarted: this.#stopped === undefined ? 0 : left,
      step: this.#soaking === undefined ? this.#options.plan.steps[this.#order.step]?.name : "soak",
      stopped: this.#stopped
    }
  }
}

const task = (device: Device, { name }: Step): Task => ({
  device,
  canary: name === "canary",
  fiber: undefined,
  writes: undefined,
  attempts: 0,
  began: 0,
  result: undefined
})

/** Unless it has sent a write. From here on it cannot send a first one, also where its program cannot be interrupted. */
const interrupt = ({ fiber, writes }: Task): void => {
  writes?.forbid()
  if (writes?.sent !== true) fiber?.interruptUnsafe()
}

const summaryOf = ({ device, result }: Task): FleetSummary.DeviceSummary =>
  result ?? { device: device.name, state: "notStarted", wrote: false, attempts: 0, elapsed: 0, why: undefined }
