/**
 * What a mirror does with the updates of its subscription, one after the other: which of them make its tree, when something was
 * missed, and what is asked for then.
 *
 * How updates are applied is `notifications/push/Replica.ts`; that another subscription follows a lost one is `Mirror.ts`.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import type { ErrorContext, SubscribeError } from "../../errors.ts"
import type { DynamicEvent } from "../../notifications/push/DynamicSubscription.ts"
import * as Replica from "../../notifications/push/Replica.ts"
import { ModuleNamespaces } from "../../notifications/push/ModuleNamespaces.ts"
import * as Outcome from "../../rpc/Outcome.ts"
import type * as Reconnect from "../../sessions/Reconnect.ts"
import type { Element } from "../../xml/Element.ts"
import type { Session } from "../Session.ts"
import { Drops } from "./Drops.ts"
import { modules } from "./Library.ts"
import type { Settings } from "./MirrorOptions.ts"
import { inWords, isOver, type MirrorState, type MirrorStatistics, type Why, whyOf } from "./MirrorState.ts"
import { type Asker, Resync } from "./Resync.ts"
import { triggerOf } from "./Trigger.ts"

export interface Up extends Asker {
  readonly over: Deferred.Deferred<Why>
}

/** Milliseconds between two looks at what was dropped. */
const lookEvery = 5000

export class Mirroring {
  readonly tree: SubscriptionRef.SubscriptionRef<Element | undefined>
  readonly state: SubscriptionRef.SubscriptionRef<MirrorState>
  readonly settings: Settings
  readonly end = Deferred.makeUnsafe<void, SubscribeError>()
  readonly #counters = { updates: 0, subscriptions: 0 }
  readonly #session: Session
  readonly #modules: ModuleNamespaces
  readonly #replica: Replica.Replica
  trigger: "on-change" | "periodic" = "on-change"
  readonly #resync: Resync
  #drops = new Drops()
  /** The device's YANG library was read. */
  #knowsModules = false

  constructor(
    session: Session,
    settings: Settings,
    tree: SubscriptionRef.SubscriptionRef<Element | undefined>,
    state: SubscriptionRef.SubscriptionRef<MirrorState>
  ) {
    this.#session = session
    this.settings = settings
    this.tree = tree
    this.state = state
    this.#modules = new ModuleNamespaces(session.capabilities.modules)
    this.#replica = new Replica.Replica(this.#modules)
    this.#resync = new Resync(settings.patience)
  }

  get context(): ErrorContext {
    return { label: this.#session.label, peer: this.#session.peer, operation: "mirror" }
  }

  get statistics(): MirrorStatistics {
    return { ...this.#counters, resyncs: this.#resync.count }
  }

  /** One subscription, with a fiber that applies its updates. */
  get open(): Effect.Effect<Up, SubscribeError, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const { subscription, trigger } = yield* triggerOf(this.#session, this.settings)
      const over = Deferred.makeUnsafe<Why>()
      this.#counters.subscriptions++
      this.trigger = trigger
      this.#replica.restart()
      this.#drops = new Drops()
      const again = (why: string) => Effect.asVoid(Deferred.succeed<Why, never>(over, { _tag: "Again", why }))
      const up: Up = { subscription, over, again, waits: () => this.#replica.waits }
      const applied = Stream.runForEach(subscription.events, (event) => this.#take(up, event))
      const ended = Effect.onExit(applied, (exit) =>
        Effect.sync(() => Deferred.doneUnsafe(over, Exit.succeed(whyOf(exit))))
      )
      yield* Effect.forkScoped(Effect.ignoreCause(ended))
      yield* Effect.forkScoped(this.#watch(up))
      yield* Effect.addFinalizer(() => this.#resync.stop)
      // The whole selection is due: a device that forgets it is asked for it.
      if (trigger === "on-change") yield* this.#resync.expect(up)
      return up
    })
  }

  /** What was dropped may be older than this event or newer: only a whole selection that comes from now on has it. */
  #take(up: Up, event: DynamicEvent): Effect.Effect<void> {
    const was = this.#drops.take(up.subscription.statistics())
    const dropped = was === "dropped" ? this.#hasDropped(up) : Effect.void
    // Changes find that a whole selection is waited for.
    const isOld = was !== "sure" && event._tag === "PushUpdate"
    return Effect.andThen(dropped, () => (isOld ? Effect.void : this.#handle(up, event)))
  }

  #hasDropped(up: Up): Effect.Effect<void> {
    return this.#lost(up, "updates were dropped, the queue is full", true)
  }

  /** One that is too large for an empty queue is dropped, and nothing may come behind it. */
  #watch(up: Up): Effect.Effect<void> {
    const { subscription } = up
    if (!this.settings.drops) return Effect.void
    const look = Effect.suspend(() =>
      this.#drops.hasMore(subscription.statistics()) ? this.#hasDropped(up) : Effect.void
    )
    return Effect.forever(Effect.andThen(Effect.sleep(lookEvery), look))
  }

  #lost(up: Up, why: string, isAnew = false): Effect.Effect<void> {
    this.#replica.missed()
    return this.#miss(up, { missed: why }, isAnew)
  }

  #handle(up: Up, event: DynamicEvent): Effect.Effect<void> {
    switch (event._tag) {
      case "PushUpdate":
        return this.#apply(up, this.#replica.replace(event), true)
      case "PushChangeUpdate":
        return this.#apply(up, this.#replica.change(event), false)
      case "Gap":
        return this.#lost(up, event.reason)
      case "SubscriptionSuspended":
        return this.#become({ _tag: "Suspended", reason: event.reason })
      case "SubscriptionResumed":
        return this.#resumed(up)
      case "SubscriptionModified":
        // Another filter is in force, and what it selects besides comes with the next period, or has to be asked for.
        return this.trigger === "periodic" ? Effect.void : this.#lost(up, "the device has modified the subscription")
      default:
        return Effect.void
    }
  }

  /**
   * What has changed meanwhile should come by itself now, but need not before the next change (RFC 8641 §3.11.1), and it is not
   * told whether it has.
   */
  #resumed(up: Up): Effect.Effect<void> {
    this.#replica.missed()
    const waiting = Effect.andThen(this.#resync.stop, this.#become({ _tag: "Waiting" }))
    if (this.trigger === "periodic") return waiting
    return Effect.andThen(waiting, this.#resync.ask(up, "the device had suspended the subscription"))
  }

  #apply(up: Up, outcome: Replica.Outcome, isWhole: boolean): Effect.Effect<void> {
    if (outcome === "ignored") return Effect.void
    if (outcome !== "changed") return this.#miss(up, outcome)
    this.#counters.updates++
    const told = Effect.andThen(SubscriptionRef.set(this.tree, this.#replica.tree), this.#become({ _tag: "Current" }))
    return isWhole ? Effect.andThen(told, this.#resync.stop) : told
  }

  /** Where it is current already, nobody is told again. */
  #become(state: MirrorState): Effect.Effect<void> {
    return Effect.suspend(() => {
      const isSame = state._tag === "Current" && SubscriptionRef.getUnsafe(this.state)._tag === "Current"
      return isSame ? Effect.void : SubscriptionRef.set(this.state, state)
    })
  }

  /** Once: what the device does not say then, it does not say later. */
  readonly #learn: Effect.Effect<void> = Effect.suspend(() => {
    this.#knowsModules = true
    const learnt = Effect.map(modules(this.#session), (known) => this.#modules.add(known))
    return Effect.catch(learnt, (error) =>
      Effect.sync(() => {
        this.#knowsModules = error._tag === "RpcError"
      })
    )
  })

  #miss(up: Up, { missed: why, needsModules = false }: Replica.Missed, isAnew = false): Effect.Effect<void> {
    const asked = this.trigger === "periodic" ? up.again(why) : this.#resync.ask(up, why, isAnew)
    const stale = this.#become({ _tag: "Stale", why })
    return Effect.andThen(needsModules && !this.#knowsModules ? Effect.andThen(stale, this.#learn) : stale, asked)
  }

  readonly changed = (state: Reconnect.State<Up, Why>): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (state._tag === "Down") return this.#become({ _tag: "Stale", why: inWords(state.why) })
      if (state._tag !== "Stopped") return Effect.void
      const error = isOver(state.why) ? undefined : state.why
      return Effect.andThen(
        SubscriptionRef.set(this.state, { _tag: "Ended", error }),
        error === undefined ? Deferred.succeed(this.end, undefined) : Deferred.fail(this.end, error)
      )
    })

  get changes(): Stream.Stream<Element> {
    return Stream.filter(SubscriptionRef.changes(this.tree), (element) => element !== undefined)
  }

  get first(): Effect.Effect<Element, SubscribeError> {
    const tree = Effect.orDie(Effect.flatMap(Stream.runHead(this.changes), Effect.fromOption))
    const reason = { by: "us", detail: "the mirror has ended before its first update" } as const
    const over = Effect.andThen(
      Deferred.await(this.end),
      Effect.suspend(() => Effect.fail(Outcome.ended(reason, "closed", this.context)))
    )
    return Effect.raceFirst(tree, over)
  }
}
