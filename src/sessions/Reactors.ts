/**
 * Where sessions live: in the caller's event loop, which is the default, or spread over worker threads that each own the
 * sockets and the SSH of their sessions. Framing, deadlines of replies, limits and logs are the caller's either way.
 *
 * A session goes to the least loaded reactor. Transports that cannot cross to a thread (memory, given sockets, one's own) stay
 * in the caller's loop. A thread starts with its first session and ends when it has been idle; none keeps the process alive.
 * Reactor is one thread, Moves evens out subscriptions after `resize`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { type ConnectError, InputError, tryInput } from "../errors.ts"
import { knownNames, wholeNumber } from "../transport/Checks.ts"
import * as Placement from "../transport/Placement.ts"
import { Delays } from "../transport/thread/Delays.ts"
import type { Delay } from "../transport/thread/Protocol.ts"
import type { Connection } from "../transport/Transport.ts"
import { Destination, loop, type Movable, Moves } from "./reactors/Moves.ts"
import { Reactor, type Request } from "./reactors/Reactor.ts"
import type { ThreadOptions } from "./reactors/ThreadLife.ts"

export { loop, type Movable } from "./reactors/Moves.ts"
export { Destination } from "./reactors/Moves.ts"
export type { Delay } from "../transport/thread/Protocol.ts"

export interface Options {
  /** How many worker threads sessions are spread over. 0: all of them live in the caller's loop. */
  readonly threads: number
  /** How many subscriptions begin to move in a second; a move takes about three. Default: 10. */
  readonly movesPerSecond?: number
}

export interface ResizeOptions {
  /** False: no subscription moves, because each move is a login. Default: true. */
  readonly rebalance?: boolean
}

export interface ReactorStatistics {
  /** `loop`, or a thread's: `worker-1`. `session.reactor` is one of these. */
  readonly id: string
  readonly kind: "loop" | "worker"
  /**
   * `asleep`: no thread is running, because no session needs one. `draining`: takes no new sessions, and goes with the last
   * one. `failing`: its thread does not stay up, and sessions are refused for a while.
   */
  readonly state: "asleep" | "starting" | "up" | "draining" | "failing"
  /** Sessions that live there, those that are being opened or closed included. */
  readonly sessions: number
  /** Subscriptions that live there and can move. */
  readonly subscriptions: number
  readonly bytesIn: number
  readonly bytesOut: number
  /** Batches that came from the thread; none in the loop. */
  readonly messages: number
  /** How often its thread has ended without being told to. */
  readonly crashes: number
  /**
   * How late its loop came in the last seconds in which it had something to do, in milliseconds. The caller's own loop is
   * measured for a second or two after it was asked for, so the first answer has none.
   */
  readonly eventLoopDelay: Delay | undefined
}

export interface Statistics {
  readonly size: number
  /** The caller's loop, then the threads. */
  readonly reactors: ReadonlyArray<ReactorStatistics>
}

/** What a session of the messages layer has to tell. */
interface Hosted {
  readonly connection: Connection | undefined
  readonly ended: boolean
  readonly seen: { readonly bytesIn: number; readonly bytesOut: number }
}

type Opening = ReturnType<Placement.Placement["open"]>

type Fork = (effect: Effect.Effect<void>) => Fiber.Fiber<void>

/** A thread without sessions is kept for five seconds: starting one takes a few hundred milliseconds. */
const ofThreads: ThreadOptions = { idle: 5_000 }

export class Reactors implements Placement.Placement {
  #named = 0
  #threads: ReadonlyArray<Reactor> = []
  readonly #draining = new Set<Reactor>()
  readonly #inLoop = new Set<Hosted>()
  readonly #past = { bytesIn: 0, bytesOut: 0 }
  readonly #moves: Moves
  readonly #thread: ThreadOptions
  readonly #crosses = new WeakMap<Placement.Crossing, boolean>()
  #delay: Delay | undefined
  #delays: Delays | undefined

  constructor(
    threads: number,
    fork: Fork = Effect.runFork,
    movesPerSecond: number = 10,
    thread: ThreadOptions = ofThreads
  ) {
    this.#thread = thread
    this.#moves = new Moves(fork, movesPerSecond, () => this.#places())
    this.#grow(threads)
  }

  /** How many threads sessions are spread over; 0 for none, and the caller's loop alone. */
  get size(): number {
    return this.#threads.length
  }

  /**
   * Changes how many threads there are, at any time. More of them take new sessions; fewer take none any more and go when
   * their sessions have. Subscriptions move in the background, each to a new session before its old one is closed; other
   * sessions end where they are. Fails with an `InputError` for what is no whole number from 0.
   */
  resize(size: number, options: ResizeOptions = {}): Effect.Effect<void, InputError> {
    return tryInput(() => this.#resize(checkSize(size), checkResize(options)))
  }

  #resize(size: number, { rebalance = true }: ResizeOptions): void {
    if (size > this.#threads.length) this.#grow(size)
    else this.#shrink(size)
    if (rebalance) this.#moves.start()
    else this.#moves.stop()
  }

  /** Those that are on their way out stay, before new ones start. */
  #grow(size: number): void {
    const threads = [...this.#threads]
    while (threads.length < size) {
      const [back] = this.#draining
      if (back === undefined) threads.push(this.#make())
      else {
        this.#draining.delete(back)
        back.drain(false)
        threads.push(back)
      }
    }
    this.#threads = threads
  }

  #make(): Reactor {
    const made: Reactor = new Reactor(`worker-${++this.#named}`, this.#thread, () => this.#draining.delete(made))
    return made
  }

  /** Those with the fewest sessions go. */
  #shrink(size: number): void {
    const bySessions = [...this.#threads].sort((a, b) => b.sessions - a.sessions)
    const kept = new Set(bySessions.slice(0, size))
    const leaving = this.#threads.filter((thread) => !kept.has(thread))
    this.#threads = this.#threads.filter((thread) => kept.has(thread))
    for (const thread of leaving) {
      this.#draining.add(thread)
      thread.drain()
    }
  }

  /** Where sessions may go. */
  #places(): ReadonlyArray<string> {
    return this.#threads.length === 0 ? [loop] : this.#threads.map(({ id }) => id)
  }

  statistics(): Statistics {
    const threads = [...this.#threads, ...this.#draining]
    return { size: this.size, reactors: [this.#ofLoop(), ...threads.map((thread) => this.#ofThread(thread))] }
  }

  #ofLoop(): ReactorStatistics {
    let { bytesIn, bytesOut } = this.#past
    let sessions = 0
    for (const { ended, seen } of this.#inLoop) {
      bytesIn += seen.bytesIn
      bytesOut += seen.bytesOut
      if (!ended) sessions++
    }
    this.#delays ??= new Delays((delay) => {
      this.#delay = delay
    })
    this.#delays.touch()
    const own = { id: loop, kind: "loop", state: "up", messages: 0, crashes: 0 } as const
    return { ...own, sessions, subscriptions: this.#moves.count(loop), bytesIn, bytesOut, eventLoopDelay: this.#delay }
  }

  #ofThread(thread: Reactor): ReactorStatistics {
    const { bytesIn, bytesOut, crashes, id, load, messages, sessions, state } = thread
    const counted = { sessions, subscriptions: this.#moves.count(id), bytesIn, bytesOut, messages, crashes }
    return { id, kind: "worker", state, ...counted, eventLoopDelay: load.delay }
  }

  /** Tells of something that can move to another reactor; the result says that it is gone. */
  register(movable: Movable): () => void {
    return this.#moves.register(movable)
  }

  /** Ends a thread as a crash would: its sessions are lost by `network`. False: there is no such thread. */
  terminate(id: string): boolean {
    const thread = [...this.#threads, ...this.#draining].find((one) => one.id === id)
    return thread?.terminate("it was terminated") ?? false
  }

  /** For sessions: opens one, wherever it is to live. */
  hosting<S extends Hosted>(open: Effect.Effect<S, ConnectError, Scope.Scope>): typeof open {
    return Effect.flatMap(Effect.provideService(open, Placement.Current, this), (session) => {
      if (session.connection?.reactor !== undefined) return Effect.succeed(session)
      this.#inLoop.add(session)
      return Effect.as(
        Effect.addFinalizer(() => Effect.sync(() => this.#left(session))),
        session
      )
    })
  }

  #left(session: Hosted): void {
    this.#inLoop.delete(session)
    this.#past.bytesIn += session.seen.bytesIn
    this.#past.bytesOut += session.seen.bytesOut
  }

  /** For transports. */
  readonly open: Placement.Placement["open"] = (crossing, handler, context, here) =>
    this.#threads.length === 0 || !this.#canCross(crossing)
      ? here
      : Effect.flatMap(Destination, (wanted) => this.#opened(wanted, { crossing, handler, context }, here))

  #opened(wanted: string | undefined, request: Request, here: Opening): Opening {
    const reactor = this.#choose(request.crossing, wanted)
    if (reactor === undefined) return here
    return Effect.flatMap(reactor.ready(request), (ready) =>
      // It may have been left meanwhile.
      ready ? reactor.open(request) : this.#opened(wanted, request, here)
    )
  }

  #canCross(crossing: Placement.Crossing): boolean {
    const known = this.#crosses.get(crossing)
    if (known !== undefined) return known
    const crosses = crossing.describe() !== undefined
    this.#crosses.set(crossing, crosses)
    return crosses
  }

  /** Sessions that share a connection go where it is; the others to the least loaded. */
  #choose(crossing: Placement.Crossing, wanted: string | undefined): Reactor | undefined {
    const destination = this.#threads.find(({ id }) => id === wanted)
    if (destination !== undefined) return destination
    const home = crossing.shared ? this.#threads.find((thread) => thread.serves(crossing)) : undefined
    if (home !== undefined) return home
    const now = performance.now()
    const weighed = this.#threads.map((thread) => {
      const { load, sessions, state } = thread
      return { thread, weight: [state === "failing" ? 1 : 0, load.level(now), sessions] }
    })
    return weighed.sort((a, b) => compare(a.weight, b.weight))[0]?.thread
  }

  /** For layers: no session is placed in a thread any more, and what still lives in one is lost. */
  close(): void {
    this.#moves.close()
    this.#shrink(0)
    for (const thread of this.#draining) thread.terminate("the reactors were closed")
    this.#delays?.stop()
  }
}

/** By the first number that differs. */
const compare = (a: ReadonlyArray<number>, b: ReadonlyArray<number>): number => {
  const i = a.findIndex((value, at) => value !== b[at])
  return i < 0 ? 0 : a[i]! - b[i]!
}

/** More threads than any machine has cores: each is some 10 MB, and starting them blocks the loop. */
const mostThreads = 1024

/** Throws an `InputError` for what is no whole number from 0, or more than can be meant. */
const checkSize = (size: number): number => {
  if (wholeNumber("reactor count", size, 0) <= mostThreads) return size
  throw new InputError({ what: "reactor count", why: `${size} is more than ${mostThreads}` })
}

const checkResize = (options: ResizeOptions): ResizeOptions => {
  knownNames("", options, ["rebalance"])
  return options
}

const processWide = new Reactors(0)

/** The reactors that sessions are connected in: those of the process, unless a layer gives others. */
export const Current: Context.Reference<Reactors> = Context.Reference<Reactors>("effect-netconf/Reactors", {
  defaultValue: () => processWide
})

/**
 * Reactors of their own for what is connected inside; their threads end with the layer's scope.
 *
 * @example
 * program(transport).pipe(Effect.scoped, Effect.provide(Reactors.layer({ threads: 2 })))
 */
export const layer = (options: Options): Layer.Layer<never, InputError> => Layer.effect(Current, make(options))

const make = (options: Options): Effect.Effect<Reactors, InputError, Scope.Scope> =>
  Effect.gen(function* () {
    yield* tryInput(() => checkOptions(options))
    const fork = Effect.runForkWith(yield* Effect.context<never>())
    const reactors = new Reactors(options.threads, fork, options.movesPerSecond)
    yield* Effect.addFinalizer(() => Effect.sync(() => reactors.close()))
    return reactors
  })

const checkOptions = (options: Options): void => {
  knownNames("", options, ["threads", "movesPerSecond"])
  wholeNumber("threads", options.threads, 0)
  if (options.movesPerSecond !== undefined) wholeNumber("movesPerSecond", options.movesPerSecond, 1)
}

/**
 * Sets how many worker threads the sessions of the process are spread over, at any time and from anywhere; 0, the
 * default, is the caller's event loop alone. Throws an `InputError`.
 */
export const setNotificationReactorCount = (count: number): void => {
  checkSize(count)
  Effect.runSync(Effect.orDie(processWide.resize(count)))
}

/** How many worker threads the sessions of the process are spread over. */
export const notificationReactorCount = (): number => processWide.size
