/**
 * A part of a datastore, mirrored: a tree that follows the device (RFC 8641). Whatever was missed is asked for again, by
 * resync-subscription where changes are pushed, by a new subscription where it is periodic or its session was lost.
 *
 * What becomes of each update is `Mirroring.ts`.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import { type SubscribeError, tryInput } from "../../errors.ts"
import * as Outcome from "../../rpc/Outcome.ts"
import * as Reconnect from "../../sessions/Reconnect.ts"
import type { Element } from "../../xml/Element.ts"
import { diedOf, steadyAfter } from "../reconnecting/Options.ts"
import type { Session } from "../Session.ts"
import { Mirroring, type Up } from "./Mirroring.ts"
import { type MirrorOptions, read } from "./MirrorOptions.ts"
import { endsIt, type MirrorState, type MirrorStatistics, type Why } from "./MirrorState.ts"

export interface Mirror {
  /** `<data>` around the top-level nodes, as in the reply to get; undefined until the first update. */
  readonly tree: SubscriptionRef.SubscriptionRef<Element | undefined>
  /** The tree as it is, as soon as there is one, and as it becomes; whoever is slow gets all of them. Never ends by itself. */
  readonly changes: Stream.Stream<Element>
  readonly state: SubscriptionRef.SubscriptionRef<MirrorState>
  /** How the device tells now: on change, or periodically; the subscription that follows a lost one may differ. */
  readonly trigger: () => "on-change" | "periodic"
  /** Waits for the first tree; fails when it ends before that. */
  readonly first: Effect.Effect<Element, SubscribeError>
  /** Waits for its end: with its scope, at stop-time, or with the reason why it cannot go on. */
  readonly ended: Effect.Effect<void, SubscribeError>
  readonly statistics: () => MirrorStatistics
}

/** What `Push.mirror` does. */
export const make = (session: Session, options: MirrorOptions): Effect.Effect<Mirror, SubscribeError, Scope.Scope> =>
  Effect.gen(function* () {
    const settings = yield* tryInput(() => read(options))
    const tree = yield* SubscriptionRef.make<Element | undefined>(undefined)
    const state = yield* SubscriptionRef.make<MirrorState>({ _tag: "Waiting" })
    const mirroring = new Mirroring(session, settings, tree, state)
    const goesOn = (why: Why) =>
      why._tag !== "Completed" && (why._tag !== "SubscriptionTerminatedError" || why.isRetryable)
    const schedule = (settings.schedule ?? Schedule.recurs(0)) as Schedule.Schedule<unknown, Why>
    yield* Reconnect.make<Up, SubscribeError, Why>({
      open: mirroring.open,
      closed: ({ over }) => Deferred.await(over),
      schedule: Schedule.while(schedule, ({ input }) => goesOn(input)),
      steadyAfter,
      isFinal: endsIt,
      over: { _tag: "Closed" },
      died: (defect) => Outcome.ended(diedOf(defect), "closed", mirroring.context),
      changed: mirroring.changed
    })
    return {
      tree,
      changes: mirroring.changes,
      state,
      trigger: () => mirroring.trigger,
      first: mirroring.first,
      ended: Deferred.await(mirroring.end),
      statistics: () => mirroring.statistics
    }
  })
