/**
 * The life of something that is opened anew whenever it is lost: connecting, up, down, and stopped for good.
 *
 * One fiber owns the state, so that never two are open at once: the next one is opened when the scope of the last has closed.
 * What is opened, when to give up, and what callers are told is the business of who uses it.
 *
 *   Connecting -> Up | Down | Stopped     Up -> Down | Stopped     Down -> Connecting | Stopped
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as PubSub from "effect/PubSub"
import * as Pull from "effect/Pull"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Monotonic from "../transport/Monotonic.ts"

/** `attempt` counts from 1, and on until something that was opened has been up for long enough. */
export type State<A, Why> =
  | { readonly _tag: "Connecting"; readonly attempt: number }
  | { readonly _tag: "Up"; readonly item: A; readonly since: number }
  | {
      readonly _tag: "Down"
      readonly why: Why
      /** The attempt that comes next. */
      readonly attempt: number
      /** Milliseconds until then, and the moment itself. */
      readonly retryIn: number
      readonly retryAt: number
    }
  | { readonly _tag: "Stopped"; readonly why: Why }

export interface Options<A, E, Why> {
  readonly open: Effect.Effect<A, E, Scope.Scope>
  /** Waits for the end of what was opened. */
  readonly closed: (item: A) => Effect.Effect<Why>
  /** How long to wait before each attempt after the first; its end stops for good. */
  readonly schedule: Schedule.Schedule<unknown, E | Why>
  /** Milliseconds of being up after which the schedule starts anew. */
  readonly steadyAfter: number
  /** Whether to stop for good; `everUp` says whether it was ever open. */
  readonly isFinal: (error: E, everUp: boolean) => boolean
  /** Why it has stopped when its scope closes. */
  readonly over: Why
  /** Why it has stopped when what owns the state has died of a defect, in a schedule for one. */
  readonly died: (detail: string) => Why
  /** Told of every state, before those who wait for it. */
  readonly changed: (state: State<A, E | Why>) => Effect.Effect<void>
}

/** A subscriber that falls further behind loses the oldest states, never the newest. */
const keptStates = 64

type Step<Input> = (now: number, input: Input) => Pull.Pull<[unknown, Duration.Duration], never, unknown>

export class Reconnect<A, E, Why> {
  readonly #options: Options<A, E, Why>
  readonly #clock: Clock.Clock
  readonly #states: PubSub.PubSub<State<A, E | Why>>
  readonly #first = Deferred.makeUnsafe<void, E>()
  readonly #stopped = Deferred.makeUnsafe<E | Why>()
  readonly #waiting = new Set<(answer: Effect.Effect<A, E | Why>) => void>()
  #state: State<A, E | Why> = { _tag: "Connecting", attempt: 1 }
  #present: A | undefined
  #last: A | undefined
  #why: E | Why | undefined
  #attempt = 1
  #step: Step<E | Why> | undefined
  #fiber: Fiber.Fiber<void> | undefined

  constructor(options: Options<A, E, Why>, clock: Clock.Clock, states: PubSub.PubSub<State<A, E | Why>>) {
    this.#options = options
    this.#clock = clock
    this.#states = states
  }

  get state(): State<A, E | Why> {
    return this.#state
  }

  /** What is open now. */
  get present(): A | undefined {
    return this.#present
  }

  /** What is open now, or was last. */
  get last(): A | undefined {
    return this.#last
  }

  /** Why it was lost, or could not be opened, last. */
  get why(): E | Why | undefined {
    return this.#why
  }

  /** How many callers wait for the next one. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Every state from the present one on; ends with Stopped. */
  get states(): Stream.Stream<State<A, E | Why>> {
    return Stream.takeUntil(Stream.fromPubSub(this.#states), ({ _tag }) => _tag === "Stopped")
  }

  /** Why it has stopped for good, once it has. */
  get stopped(): Effect.Effect<E | Why> {
    return Deferred.await(this.#stopped)
  }

  /** What is open, or will be next; never `lost`. Fails with the reason when it has stopped for good. */
  next(lost?: A): Effect.Effect<A, E | Why> {
    return Effect.callback((resume) => {
      const present = this.#present
      if (present !== undefined && present !== lost) return resume(Effect.succeed(present))
      if (this.#state._tag === "Stopped") return resume(Effect.fail(this.#state.why))
      this.#waiting.add(resume)
      return Effect.sync(() => void this.#waiting.delete(resume))
    })
  }

  /** Waits until it is open for the first time; fails when it never will be. */
  get first(): Effect.Effect<void, E> {
    return Deferred.await(this.#first)
  }

  /** Starts the fiber that owns the state. */
  get start(): Effect.Effect<void> {
    const ended = (exit: Exit.Exit<void>) =>
      Effect.suspend(() => {
        if (Exit.isFailure(exit)) Deferred.doneUnsafe(this.#first, exit)
        const { died, over } = this.#options
        const dead = Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)
        return this.#stop(dead ? died(inWords(exit.cause)) : over)
      })
    const forked = Effect.forkDetach(Effect.onExit(this.#run, ended), { startImmediately: true })
    return Effect.map(forked, (fiber) => void (this.#fiber = fiber))
  }

  /** Ends it: everybody is told at once, and what is open or being opened is closed. */
  get end(): Effect.Effect<void> {
    return Effect.suspend(() =>
      Effect.andThen(
        this.#stop(this.#options.over),
        this.#fiber === undefined ? Effect.void : Fiber.interrupt(this.#fiber)
      )
    )
  }

  readonly #run: Effect.Effect<void> = Effect.gen({ self: this }, function* () {
    while (this.#state._tag !== "Stopped") {
      yield* this.#become({ _tag: "Connecting", attempt: this.#attempt })
      const retryIn = yield* Effect.catch(this.#life, (error) => this.#failed(error))
      if (retryIn !== undefined) yield* Effect.sleep(retryIn)
    }
  })

  /** One of them from opening to its end; then milliseconds to the next attempt. */
  readonly #life: Effect.Effect<number | undefined, E> = Effect.scoped(
    Effect.gen({ self: this }, function* () {
      const item = yield* this.#options.open
      const since = this.#elapsed()
      this.#present = item
      this.#last = item
      yield* this.#become({ _tag: "Up", item, since: this.#clock.currentTimeMillisUnsafe() })
      Deferred.doneUnsafe(this.#first, Exit.void)
      const why = yield* this.#options.closed(item)
      this.#present = undefined
      if (this.#elapsed() - since >= this.#options.steadyAfter) {
        this.#step = undefined
        this.#attempt = 0
      }
      return yield* this.#fell(why)
    })
  )

  /** Milliseconds that only differences are taken of. */
  #elapsed(): number {
    return Monotonic.millis(this.#clock)
  }

  #failed(error: E): Effect.Effect<number | undefined> {
    if (!this.#options.isFinal(error, this.#last !== undefined)) return this.#fell(error)
    return this.#giveUp(error)
  }

  #fell(why: E | Why): Effect.Effect<number | undefined> {
    return Effect.gen({ self: this }, function* () {
      this.#why = why
      this.#step ??= yield* Schedule.toStep(this.#options.schedule)
      const now = this.#clock.currentTimeMillisUnsafe()
      const retryIn = yield* Pull.catchDone(
        Effect.map(this.#step(now, why), ([, delay]) => Math.round(Duration.toMillis(delay))),
        () => Effect.succeed(undefined)
      )
      if (retryIn === undefined) return yield* this.#giveUp(why)
      const attempt = ++this.#attempt
      yield* this.#become({ _tag: "Down", why, attempt, retryIn, retryAt: now + retryIn })
      return retryIn
    })
  }

  #giveUp(why: E | Why): Effect.Effect<undefined> {
    return Effect.suspend(() => {
      // Before it was ever open, only an error of opening can have brought it here.
      if (this.#last === undefined) Deferred.doneUnsafe(this.#first, Exit.fail(why as E))
      return Effect.as(this.#stop(why), undefined)
    })
  }

  #stop(why: E | Why): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#state._tag === "Stopped") return Effect.void
      this.#present = undefined
      this.#why = why
      return this.#become({ _tag: "Stopped", why })
    })
  }

  #become(state: State<A, E | Why>): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#state = state
      // Those who wait are answered last: they run at once, and one of them may end all this.
      return PubSub.publish(this.#states, state).pipe(
        Effect.andThen(this.#options.changed(state)),
        Effect.andThen(Effect.sync(() => this.#tell(state)))
      )
    })
  }

  #tell(state: State<A, E | Why>): void {
    if (state._tag === "Up") this.#answer(Effect.succeed(state.item))
    else if (state._tag === "Stopped") {
      this.#answer(Effect.fail(state.why))
      Deferred.doneUnsafe(this.#stopped, Exit.succeed(state.why))
    }
  }

  #answer(answer: Effect.Effect<A, E | Why>): void {
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const resume of waiting) resume(answer)
  }
}

const inWords = (cause: Cause.Cause<unknown>): string => {
  const defect = Cause.squash(cause)
  return defect instanceof Error ? defect.message : String(defect)
}

/** Returns when it is open for the first time; ends with the scope, and leaves nothing behind when it fails or is interrupted. */
export const make = <A, E, Why>(options: Options<A, E, Why>): Effect.Effect<Reconnect<A, E, Why>, E, Scope.Scope> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.gen(function* () {
      const states = yield* PubSub.sliding<State<A, E | Why>>({ capacity: keptStates, replay: 1 })
      const reconnect = new Reconnect(options, yield* Clock.Clock, states)
      yield* reconnect.start
      yield* Effect.onError(restore(reconnect.first), () => reconnect.end)
      yield* Effect.addFinalizer(() => reconnect.end)
      return reconnect
    })
  )
