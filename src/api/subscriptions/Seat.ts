/**
 * Where a subscription sits: on one session, or for the while of a move on two. A move subscribes the new session while the
 * old one still delivers, closes the old one and reads it to its end, and lets the new one take over.
 */
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type { SubscribeError } from "../../errors.ts"
import { Handover } from "../../notifications/Handover.ts"
import type { Subscription } from "../../notifications/Subscription.ts"
import type * as Core from "../../rpc/Session.ts"
import * as Reactors from "../../sessions/Reactors.ts"
import type { CreateSubscriptionOptions } from "../operations/CreateSubscription.ts"
import * as AtOnce from "../session/AtOnce.ts"
import type { Carrier } from "../session/Carrier.ts"
import { type Attached, prepare, subscribe } from "./Attached.ts"

/**
 * How long both sessions deliver at least. Stamps of whole seconds make different events look alike: after this long, none
 * that the old session alone has brought can look like one that the new session will bring.
 */
const together = "2500 millis"

/** How long the old session may take to end, all that it had to deliver included. */
const patience = "1 minute"

/** A session that carries it, and what closes it. */
interface Place {
  readonly attached: Attached
  readonly scope: Scope.Closeable
}

/** Where it was opened. */
interface Surroundings {
  readonly outer: Scope.Scope
  readonly context: Context.Context<never>
}

/** Begins a session in a scope of its own, which ends with the surrounding one at the latest. */
const placed = <E>(outer: Scope.Scope, open: Effect.Effect<Attached, E, Scope.Scope>): Effect.Effect<Place, E> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Scope.fork(outer), (scope) =>
      restore(Scope.provide(open, scope)).pipe(
        Effect.map((attached) => ({ attached, scope })),
        Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
      )
    )
  )

export class Seat implements Reactors.Movable {
  readonly #subscription: Subscription
  readonly #carrier: Carrier
  readonly #create: CreateSubscriptionOptions
  readonly #outer: Scope.Scope
  readonly #context: Context.Context<never>
  readonly #moving = Semaphore.makeUnsafe(1)
  #place: Place
  #left: Core.Session | undefined

  constructor(
    subscription: Subscription,
    carrier: Carrier,
    create: CreateSubscriptionOptions,
    { context, outer }: Surroundings,
    place: Place
  ) {
    this.#subscription = subscription
    this.#carrier = carrier
    this.#create = create
    this.#outer = outer
    this.#context = context
    this.#place = place
  }

  get core(): Core.Session {
    return this.#place.attached.core
  }

  get reactor(): string {
    return this.core.connection?.reactor ?? Reactors.loop
  }

  /** Waits for the end of the session that it is on, whichever that is by then. */
  readonly closed: Effect.Effect<Core.CloseReason> = Effect.suspend(() => {
    const { core } = this
    return Effect.flatMap(Deferred.await(core.closed), (reason) =>
      // While it moves, the end of the old session is expected; what comes after is the move's to say.
      Effect.flatMap(this.#left === core ? this.#moving.withPermit(Effect.void) : Effect.void, () =>
        this.core === core ? Effect.succeed(reason) : this.closed
      )
    )
  })

  /**
   * To a new session of the same carrier. Never fails, and does nothing where nothing would be gained or something lost: a
   * subscription that has a stopTime or is still replaying, that is not of its own session, or that is held back.
   */
  get move(): Effect.Effect<void> {
    const moved = this.#moving.withPermit(Effect.suspend(() => (this.#mayMove ? this.#moved : Effect.void)))
    return Effect.flatMap(Reactors.Destination, (wanted) => {
      // By the services that it was opened with, not those of whoever moves it: its login guard, its reactors.
      const here = Effect.provideContext(Effect.provideService(moved, Reactors.Destination, wanted), this.#context)
      // Once begun it is the subscription's, whatever becomes of whoever asked for it.
      return Effect.asVoid(Effect.flatMap(Effect.forkIn(Effect.ignore(here), this.#outer), Fiber.await))
    })
  }

  /** Whether there is another reactor that it could live in. */
  get canMove(): boolean {
    return this.core.canCross
  }

  get #mayMove(): boolean {
    const { isActive, isReplaying, mailbox } = this.#subscription
    const { stopTime } = this.#create
    return this.#carrier.isOwn && isActive && !isReplaying && !mailbox.paused && stopTime === undefined
  }

  readonly #moved: Effect.Effect<void, SubscribeError> = Effect.suspend(() => {
    const handover = new Handover(this.#subscription)
    const { startTime: _past, ...now } = this.#create
    const open = Effect.flatMap(
      prepare({ open: Effect.provideService(this.#carrier.elsewhere, AtOnce.Current, true) }),
      (session) => subscribe(session, this.#carrier, handover, now)
    )
    return placed(this.#outer, open).pipe(
      Effect.tap(({ attached }) => Effect.sync(() => handover.begin(attached.core))),
      Effect.flatMap((next) => Effect.andThen(Effect.sleep(together), this.#takeOver(handover, next))),
      Effect.onExit(() => Effect.sync(() => handover.giveUp()))
    )
  })

  #takeOver(handover: Handover, next: Place): Effect.Effect<void> {
    return Effect.suspend(() => {
      // One of them has ended meanwhile: it stays where it is, or resumes as after any loss.
      if (this.core.ended || next.attached.core.ended) return Scope.close(next.scope, Exit.void)
      return Effect.flatMap(this.#readToItsEnd, (whole) => this.#swap(handover, next, whole))
    })
  }

  /** `whole`: the old session has been read to its end. */
  #swap(handover: Handover, next: Place, whole: boolean): Effect.Effect<void> {
    const swapped = Effect.suspend(() => {
      if (!whole && this.#subscription.history !== undefined) return this.#lost
      if (!whole) this.#subscription.missed("the session that it moved away from did not end in time")
      const { scope } = this.#place
      this.#place = next
      this.#subscription.movedTo(next.attached.core)
      handover.takeOver()
      return Scope.close(scope, Exit.void)
    })
    return Effect.uninterruptible(swapped)
  }

  /** What it has not delivered, a resume brings, or says that it is gone: it is left as lost, with both sessions. */
  readonly #lost: Effect.Effect<void> = Effect.sync(() =>
    this.core.end({ by: "us", detail: "it did not end in time when it was to be left for another session" })
  )

  /** Everything that the device sent before its answer to close-session has been read when that is read. */
  readonly #readToItsEnd: Effect.Effect<boolean> = Effect.suspend(() => {
    const { core, session } = this.#place.attached
    this.#left = core
    const closed = Effect.isSuccess(session.closeSession({ deadline: "none" }))
    return Effect.raceFirst(closed, this.#outOfPatience)
  })

  /** A reader that takes its time is waited for. */
  readonly #outOfPatience: Effect.Effect<boolean> = Effect.suspend(() =>
    Effect.flatMap(Effect.sleep(patience), () =>
      this.#subscription.mailbox.paused ? this.#outOfPatience : Effect.succeed(false)
    )
  )

  /** Has the reactors move it, until the scope closes. */
  get movable(): Effect.Effect<void, never, Scope.Scope> {
    if (!this.#carrier.isOwn) return Effect.void
    return Effect.flatMap(Reactors.Current, (reactors) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => reactors.register(this)),
          (unregister) => Effect.sync(unregister)
        )
      )
    )
  }
}

/** Sits down on a session that `open` subscribes. */
export const sit = (
  subscription: Subscription,
  carrier: Carrier,
  create: CreateSubscriptionOptions,
  open: Effect.Effect<Attached, SubscribeError, Scope.Scope>
): Effect.Effect<Seat, SubscribeError, Scope.Scope> =>
  Effect.gen(function* () {
    const outer = yield* Effect.scope
    const place = yield* placed(outer, open)
    const seat = new Seat(subscription, carrier, create, { outer, context: yield* Effect.context<never>() }, place)
    yield* seat.movable
    return seat
  })
