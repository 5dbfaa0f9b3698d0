/**
 * A dynamic subscription that is established: what its holder can do with it (RFC 8639 §2.4, RFC 8641 §4.4.4), until its scope
 * closes.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import { type OperationError, type SubscribeError, tryInput } from "../../errors.ts"
import * as Dynamic from "../../notifications/push/DynamicSubscription.ts"
import { refusalOf } from "../../notifications/push/SubscriptionRefusal.ts"
import type { SubscriptionEvent } from "../../notifications/SubscriptionEvent.ts"
import * as Terms from "../operations/SubscriptionOptions.ts"
import * as Operations from "../operations/Subscriptions.ts"
import { told } from "../operations/ToldTerms.ts"
import type { Host } from "../session/Host.ts"
import * as Line from "./Line.ts"

/** A dynamic subscription that is established. What waits in it can still be read when it is over. */
export interface DynamicSubscription {
  /** The device's name for it. */
  readonly id: number
  /** The caller's name of the device. */
  readonly label: string | undefined
  /** Address and port of the device. */
  readonly peer: string
  /** Its terms now: those it was established with, and what was modified. */
  readonly terms: () => Terms.EstablishOptions
  /** From when on the device's log reaches, where that is later than `startTime`; then the first event is a `Gap`. */
  readonly replayStartTimeRevision: string | undefined
  /**
   * Everything that comes, in order. Ends when stop-time is reached, when it is removed, and with its scope; fails with a
   * `SubscriptionTerminatedError` when the device ends it, and when its session is lost. One reader at a time; whoever leaves
   * it in the middle of a chunk leaves the rest of that chunk: `take` is for reading piece by piece.
   */
  readonly events: Stream.Stream<Dynamic.DynamicEvent, SubscribeError>
  /** What waits, at most `max` of it, as soon as there is any. Interrupting it takes nothing. `Done` when it is over. */
  readonly take: (max?: number) => Effect.Effect<ReadonlyArray<Dynamic.DynamicEvent>, SubscribeError | Cause.Done>
  /** The oldest of what waits; it stays there. Default: 100 at most. */
  readonly peek: (max?: number) => ReadonlyArray<Dynamic.DynamicEvent>
  /**
   * Changes its terms; what is left out stays as it is. Fails with an `RpcError` ({@link refusalOf} says why) and then
   * nothing has changed.
   */
  readonly modify: (change: Terms.ModifyOptions) => Effect.Effect<void, OperationError>
  /** Asks for the whole selection again: a `PushUpdate` follows. On-change subscriptions alone. */
  readonly resync: () => Effect.Effect<void, OperationError>
  /** Deletes it; what waits can still be read. */
  readonly remove: () => Effect.Effect<void, OperationError>
  readonly state: () => "active" | "suspended" | "ended"
  readonly statistics: () => Dynamic.DynamicStatistics
  /** Waits for its end; fails as `events` does, and not because of what has not been read. */
  readonly ended: Effect.Effect<void, SubscribeError>
}

const isGone = (error: OperationError): boolean =>
  error._tag === "RpcError" && refusalOf(error)?.reason === "no-such-subscription"

/** One subscription on one session. */
export class Established implements DynamicSubscription {
  readonly id: number
  readonly replayStartTimeRevision: string | undefined
  readonly #dynamic: Dynamic.DynamicSubscription
  readonly #line: Line.Line
  readonly #context: Host["context"]
  readonly #modifying = Semaphore.makeUnsafe(1)
  #terms: Terms.EstablishOptions
  /** Its removal was interrupted: it is over here, and perhaps not there. */
  #mayBeThere = false

  constructor(
    dynamic: Dynamic.DynamicSubscription,
    line: Line.Line,
    { id, replayStartTimeRevision }: Operations.Established,
    terms: Terms.EstablishOptions,
    context: Host["context"]
  ) {
    this.id = id
    this.replayStartTimeRevision = replayStartTimeRevision
    this.#dynamic = dynamic
    this.#line = line
    this.#terms = terms
    this.#context = context
  }

  get label(): string | undefined {
    return this.#context.label
  }

  get peer(): string {
    return this.#context.peer ?? ""
  }

  /** The device may have modified it meanwhile. */
  readonly terms = () => {
    const event = this.#dynamic.told()
    return event === undefined ? this.#terms : (this.#terms = told(this.#terms, event))
  }

  readonly state = () => this.#dynamic.state
  readonly statistics = () => this.#dynamic.statistics

  get ended(): Effect.Effect<void, SubscribeError> {
    return this.#dynamic.ended
  }

  get events(): Stream.Stream<Dynamic.DynamicEvent, SubscribeError> {
    return Stream.fromPull(Effect.succeed(this.#take()))
  }

  readonly take: DynamicSubscription["take"] = (max) => this.#take(max)
  readonly peek: DynamicSubscription["peek"] = (max) => this.#dynamic.peek(max)

  /** Whatever has been taken is read and handed out. */
  #take(max?: number) {
    const { mailbox, read } = this.#dynamic
    const all = (chunk: readonly [SubscriptionEvent, ...Array<SubscriptionEvent>]) => Effect.forEach(chunk, read)
    return Effect.uninterruptibleMask((restore) => Effect.flatMap(restore(mailbox.queue.take(max)), all))
  }

  /** One at a time: each restates what the one before it has come to. */
  readonly modify: DynamicSubscription["modify"] = (change) => {
    const modified = Effect.gen({ self: this }, function* () {
      const terms = yield* tryInput(() => Terms.modified(this.terms(), change))
      yield* this.#line.run(Operations.modifySubscription(this.id, terms))
      this.#terms = terms
      this.#dynamic.modified()
    })
    return this.#modifying.withPermit(modified)
  }

  readonly resync: DynamicSubscription["resync"] = () =>
    Effect.asVoid(this.#line.run(Operations.resyncSubscription(this.id)))

  readonly remove: DynamicSubscription["remove"] = () =>
    Effect.suspend(() => {
      if (this.#dynamic.state === "ended") return Effect.void
      const stays = this.#dynamic.leaving()
      const deleted = Effect.catchIf(this.#line.run(Operations.deleteSubscription(this.id)), isGone, () => Effect.void)
      return Effect.onExit(Effect.asVoid(deleted), (exit) =>
        Effect.sync(() => {
          if (Exit.isSuccess(exit)) return this.#dynamic.finish(Exit.void, "it was deleted")
          if (!Cause.hasInterruptsOnly(exit.cause)) return stays()
          this.#mayBeThere = true
          this.#dynamic.finish(Exit.void, "its deletion was interrupted")
        })
      )
    })

  /** The session that closes with it ends it as well; on one that goes on it is deleted. */
  leave(deadline: number): Effect.Effect<void> {
    const { core, router, users } = this.#line
    const isThere = this.#dynamic.state !== "ended" || (this.#mayBeThere && !router.isAnothers(this.id, this.#dynamic))
    const goesOn = users > 1 && !core.ended && isThere
    const total = deadline === Infinity ? ("none" as const) : deadline
    const deleted = Effect.ignore(this.#line.run(Operations.deleteSubscription(this.id), { deadline: total, total }))
    return Effect.ensuring(
      goesOn ? deleted : Effect.void,
      Effect.sync(() => {
        router.leave(this.#dynamic, this.id)
        this.#line.remove(this.#dynamic)
        this.#dynamic.finish(Exit.void, "its scope was closed")
      })
    )
  }
}
