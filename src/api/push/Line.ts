/**
 * A session that carries dynamic subscriptions: one to itself, or the one that the subscriptions of a session have in
 * common, opened with the first of them and closed with the last.
 *
 * modify, delete and resync have to go over the session of their subscription (RFC 8640 §5). One that is held back by a slow
 * reader would never read their replies, so it is let go while one of them is on its way.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { OperationError, SubscribeError } from "../../errors.ts"
import type { DynamicSubscription } from "../../notifications/push/DynamicSubscription.ts"
import { Router } from "../../notifications/push/Router.ts"
import type { CallOptions, Operation } from "../../rpc/Operation.ts"
import * as Outcome from "../../rpc/Outcome.ts"
import type * as Core from "../../rpc/Session.ts"
import { needCore } from "../session/CoreOf.ts"
import type { Host, Opening } from "../session/Host.ts"
import { listening } from "../session/Listening.ts"
import type { Session } from "../Session.ts"

/** Milliseconds that an unfinished notification may stay without a further byte. */
const patience = 5000

export class Line {
  readonly core: Core.Session
  readonly router: Router
  readonly #session: Session
  readonly #subscriptions = new Set<DynamicSubscription>()
  #holds = 0
  #calls = 0
  #release: (() => void) | undefined
  users = 0

  constructor(session: Session) {
    this.#session = session
    this.core = needCore(session)
    const { limits, notifications } = this.core
    this.router = new Router(limits.bytes, patience, (count) => void (notifications.discarded += count))
  }

  /** Ends the session: what it carries cannot be known any more. */
  cut(detail: string): void {
    this.core.end({ by: "us", detail })
  }

  run<A>(operation: Operation<A>, options?: CallOptions): Effect.Effect<A, OperationError> {
    const call = Effect.suspend(() => {
      this.#calls++
      this.#hold()
      return this.#session.run(operation, options)
    })
    const done = Effect.sync(() => {
      this.#calls--
      this.#hold()
    })
    return Effect.ensuring(call, done)
  }

  /** Holds the session back, until the result is called. */
  pause(): () => void {
    let held = true
    this.#holds++
    this.#hold()
    return () => {
      if (!held) return
      held = false
      this.#holds--
      this.#hold()
    }
  }

  #hold(): void {
    if (this.#holds > 0 && this.#calls === 0) this.#release ??= this.core.pause()
    else {
      const release = this.#release
      this.#release = undefined
      release?.()
    }
  }

  /** The subscription ends with this session. */
  add(subscription: DynamicSubscription): void {
    this.#subscriptions.add(subscription)
    if (this.core.ended) this.#tell()
  }

  remove(subscription: DynamicSubscription): void {
    this.#subscriptions.delete(subscription)
  }

  readonly #tell = (why: Core.CloseReason = { by: "us", detail: "the session is over" }): void => {
    const reason = Outcome.ended(why, "closed", this.core.context)
    for (const subscription of this.#subscriptions) subscription.finish(Exit.fail(reason), reason.summary)
  }

  /** Listens until the scope closes, and tells the subscriptions of the session's end. */
  get listen(): Effect.Effect<void, never, Scope.Scope> {
    const { core } = this
    return Effect.gen({ self: this }, function* () {
      yield* listening(core, this.router, { cuts: true })
      const watch = Effect.map(Deferred.await(core.closed), (why) => this.#tell(why))
      yield* Effect.forkScoped(watch, { startImmediately: true })
    })
  }
}

/** A session of its own, as long as the scope. */
export const alone = (open: Opening): Effect.Effect<Line, SubscribeError, Scope.Scope> =>
  Effect.gen(function* () {
    const line = new Line(yield* open)
    line.users = 1
    yield* line.listen
    return line
  })

interface Shared {
  readonly line: Line
  readonly scope: Scope.Closeable
}

/** The lines that subscriptions of one session have in common: one at a time, another one when it is lost. */
export class Lines {
  readonly #opening = Semaphore.makeUnsafe(1)
  #shared: Shared | undefined

  /** As long as the scope; the last one that leaves closes it. */
  together(open: Opening): Effect.Effect<Line, SubscribeError, Scope.Scope> {
    const joined = this.#opening.withPermit(Effect.suspend(() => this.#join(open)))
    const shared = Effect.acquireRelease(joined, (it) => this.#leave(it), { interruptible: true })
    return Effect.map(shared, ({ line }) => line)
  }

  #join(open: Opening): Effect.Effect<Shared, SubscribeError> {
    const present = this.#shared
    if (present !== undefined && !present.line.core.ended) {
      present.line.users++
      return Effect.succeed(present)
    }
    const scope = Scope.makeUnsafe()
    return Effect.onExit(Scope.provide(alone(open), scope), (exit) =>
      Exit.isSuccess(exit) ? Effect.void : Scope.close(scope, exit)
    ).pipe(Effect.map((line) => (this.#shared = { line, scope })))
  }

  #leave(shared: Shared): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (--shared.line.users > 0) return Effect.void
      if (this.#shared === shared) this.#shared = undefined
      return Scope.close(shared.scope, Exit.void)
    })
  }
}

const lines = new WeakMap<Host, Lines>()

/** Those of a session, which is what its subscriptions have in common. */
export const of = (host: Host): Lines => {
  const known = lines.get(host) ?? new Lines()
  lines.set(host, known)
  return known
}
