/**
 * All subscriptions of one client: opening and ending them, and reading what they bring as one, fairly, each in its order.
 *
 * A subscription leaves when it is over, all of it has been read, and its error, if there was one, has been thrown; others go
 * on whatever becomes of one.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { InputError, type SubscribeError } from "../../errors.ts"
import type { PlainNotification } from "../../notifications/PlainNotification.ts"
import type { Subscription } from "../Subscribe.ts"
import { knownNames, shown, signal as checkSignal } from "../Checks.ts"
import { Items, limitOf, type Look, over, Readers, type WaitOptions } from "./Readers.ts"
import type { Runner } from "./AsyncProgram.ts"
import { Handle, plain, type PlainSubscriptionEvent, type SubscriptionHandle } from "./SubscriptionHandle.ts"

const isNotification = (event: PlainSubscriptionEvent): event is PlainNotification => event._tag === "Notification"

/** Which events a reader wants; the others are taken and left out. */
type Wanted<A extends PlainSubscriptionEvent> = (event: PlainSubscriptionEvent) => event is A

const everything = (_event: PlainSubscriptionEvent): _event is PlainSubscriptionEvent => true

export class Subscriptions {
  readonly #handles = new Set<Handle>()
  /** All that have been, read to the end or not. */
  readonly #own = new WeakSet<SubscriptionHandle>()
  /** Subscriptions under way, and what stops them. */
  readonly #opening = new Map<Promise<unknown>, AbortController>()
  readonly #readers = new Readers((wake) => this.#watch(wake))
  #wake: (() => void) | undefined
  /** There has been one: before that, whoever reads waits for it. */
  #hasBegun = false
  /** No more come, until another one is opened. */
  #isClosed = false
  readonly #outer: Scope.Scope | undefined

  /** They end with the surrounding scope, if there is one. */
  constructor(outer?: Scope.Scope) {
    this.#outer = outer
  }

  /** Opens one; it rejects with the reason when `close` comes first. */
  open(
    opening: Effect.Effect<Subscription, SubscribeError, Scope.Scope>,
    run: Runner["run"],
    signal: AbortSignal | undefined
  ): Promise<SubscriptionHandle> {
    this.#isClosed = false
    this.#prune()
    const stop = new AbortController()
    const given = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal])
    const opened = this.#open(opening, run, given)
    const settled = opened.then(
      () => {},
      () => {}
    )
    this.#opening.set(settled, stop)
    return opened.finally(() => {
      this.#opening.delete(settled)
      this.#look()
    })
  }

  async #open(
    opening: Effect.Effect<Subscription, SubscribeError, Scope.Scope>,
    run: Runner["run"],
    signal: AbortSignal
  ): Promise<SubscriptionHandle> {
    const scope = this.#outer === undefined ? Scope.makeUnsafe() : Scope.forkUnsafe(this.#outer)
    try {
      const subscription = await run(Scope.provide(opening, scope), signal)
      signal.throwIfAborted()
      const handle = new Handle(subscription, scope)
      this.#handles.add(handle)
      this.#own.add(handle)
      this.#hasBegun = true
      return handle
    } catch (error) {
      await Effect.runPromise(Scope.close(scope, Exit.void))
      throw error
    }
  }

  /** Whether a session carries one of them now. */
  get isActive(): boolean {
    return [...this.#handles].some((handle) => handle.isActive)
  }

  /** How much is unread. */
  get size(): number {
    return [...this.#handles].reduce((sum, { arrivals }) => sum + arrivals.size, 0)
  }

  /** The next notification; undefined when none comes in time. */
  async next(options: WaitOptions): Promise<PlainNotification | undefined> {
    const millis = limitOf(options, "10 millis")
    const waiting = this.#isClosed
    const look: Look<PlainNotification> = () => {
      const found = this.#take(isNotification)
      if (found !== undefined) return { value: found }
      // Whoever waits when it closes waits no longer; who comes later waits his time, or a loop would never rest.
      return this.#isClosed && !waiting ? over : undefined
    }
    return (await this.#readers.read(look, { millis, signal: options.signal }))?.value
  }

  /** Notifications alone, until the last subscription is over. */
  notifications(options: { readonly signal?: AbortSignal }): AsyncIterableIterator<PlainNotification, undefined> {
    return this.#items(options, isNotification)
  }

  /** All events, until the last subscription is over. */
  events(options: { readonly signal?: AbortSignal }): AsyncIterableIterator<PlainSubscriptionEvent, undefined> {
    return this.#items(options, everything)
  }

  #items<A extends PlainSubscriptionEvent>(options: { readonly signal?: AbortSignal }, wanted: Wanted<A>): Items<A> {
    knownNames("", options, ["signal"])
    checkSignal(options.signal)
    const look: Look<A> = () => {
      const found = this.#take(wanted)
      if (found !== undefined) return { value: found }
      const isLeft = this.#handles.size > 0 || this.#opening.size > 0
      return isLeft || !(this.#isClosed || this.#hasBegun) ? undefined : over
    }
    return new Items(this.#readers, look, options.signal)
  }

  /** The oldest notifications, at most `max`, in the order in which they will be handed out. */
  peek(max: number): ReadonlyArray<PlainNotification> {
    const queues = [...this.#handles].map((handle) => peeked(handle, max))
    const found: Array<PlainNotification> = []
    for (let i = 0; found.length < max && queues.some((queue) => i < queue.length); i++) {
      for (const queue of queues) if (i < queue.length) found.push(queue[i]!)
    }
    return found.slice(0, max)
  }

  /** Ends one of them, or all. */
  async delete(handle: SubscriptionHandle | undefined): Promise<void> {
    if (handle === undefined) return this.#end()
    if (!this.#own.has(handle)) {
      const got = handle instanceof Handle ? "another client's" : shown(handle)
      throw new InputError({ what: "subscription", why: `expected what subscribe() of this client gave, got ${got}` })
    }
    await handle.close()
    this.#prune()
    this.#look()
  }

  /** Ends all of them, and those under way with `reason`. What is unread can still be read. Never rejects. */
  async close(reason: () => unknown): Promise<void> {
    this.#isClosed = true
    const opening = [...this.#opening]
    for (const [, stop] of opening) stop.abort(reason())
    await Promise.all([...opening.map(([settled]) => settled), this.#end()])
  }

  async #end(): Promise<void> {
    await Promise.all([...this.#handles].map((handle) => handle.close()))
    this.#prune()
    this.#look()
  }

  /** The next event that is wanted, from one subscription after the other. Throws the error of one that has failed. */
  #take<A extends PlainSubscriptionEvent>(wanted: Wanted<A>): A | undefined {
    for (const handle of this.#handles) {
      for (let event = handle.arrivals.poll(); event !== undefined; event = handle.arrivals.poll()) {
        const found = plain(event)
        if (!wanted(found)) continue
        this.#last(handle)
        return found
      }
      if (handle.arrivals.over === undefined) continue
      this.#handles.delete(handle)
      if (!handle.isDone) handle.tell()
    }
    return undefined
  }

  /** Its turn comes again after all others'. */
  #last(handle: Handle): void {
    this.#handles.delete(handle)
    this.#handles.add(handle)
  }

  #prune(): void {
    for (const handle of this.#handles) if (handle.isDone) this.#handles.delete(handle)
  }

  #look(): void {
    this.#wake?.()
  }

  #watch(wake: () => void): () => void {
    this.#wake = wake
    const stop = [...this.#handles].map(({ arrivals }) => arrivals.wait(wake))
    return () => {
      this.#wake = undefined
      for (const each of stop) each()
    }
  }
}

/** The oldest notifications of one subscription; what else waits among them does not count. */
const peeked = ({ arrivals }: Handle, max: number): ReadonlyArray<PlainNotification> => {
  for (let asked = Math.max(1, max); ; asked *= 2) {
    const events = arrivals.peek(asked)
    const found = events.map(plain).filter(isNotification)
    if (found.length >= max || events.length < asked) return found
  }
}
