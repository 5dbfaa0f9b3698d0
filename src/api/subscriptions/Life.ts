/**
 * The life of a subscription: established on a session, lost, established again on another one where that was asked for,
 * and over for good; `sessions/Reconnect` keeps the state, one session at a time.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { type ErrorContext, type SubscribeError, withContext } from "../../errors.ts"
import type { Subscription } from "../../notifications/Subscription.ts"
import * as Outcome from "../../rpc/Outcome.ts"
import type { CloseReason } from "../../rpc/Session.ts"
import * as Reconnect from "../../sessions/Reconnect.ts"
import { type DownReason, inWords } from "../reconnecting/ConnectionState.ts"
import { diedOf, isForGood, steadyAfter } from "../reconnecting/Options.ts"
import type { Carrier } from "../session/Carrier.ts"
import { type Attached, prepare, subscribe } from "./Attached.ts"
import type { Settings } from "./Options.ts"
import * as Resuming from "./Resuming.ts"
import { type Seat, sit } from "./Seat.ts"

type Why = SubscribeError | CloseReason

export interface Living {
  readonly subscription: Subscription
  readonly carrier: Carrier
  readonly settings: Settings
  readonly context: ErrorContext
}

/** How a subscription whose session has ended for this reason ends. */
const exitOf = (why: Why, context: ErrorContext): Exit.Exit<void, SubscribeError> => {
  if (why === over) return Exit.void
  return Exit.fail("_tag" in why ? withContext(why, context) : Outcome.ended(why, "closed", context))
}

const over: CloseReason = { by: "us", detail: "its scope was closed" }

/**
 * Whoever subscribes hears of what refuses. Later a device that refuses for now (too many sessions) may not refuse for ever; a
 * shared session that has stopped does.
 */
const endsIt = (error: SubscribeError, everUp: boolean): boolean =>
  !everUp ||
  (error._tag === "ChannelError" && error.by === "us") ||
  isForGood(error, everUp, (refusal) => refusal.isRetryable)

/** Keeps one subscription going until it is over. */
class Life {
  readonly #living: Living

  constructor(living: Living) {
    this.#living = living
  }

  get open(): Effect.Effect<Seat, SubscribeError, Scope.Scope> {
    const { carrier, settings, subscription } = this.#living
    const { create } = settings
    const first = Effect.flatMap(prepare(carrier), (session) => subscribe(session, carrier, subscription, create))
    const established = Effect.suspend(() => (subscription.hasBegun ? this.#again : first))
    return Effect.tap(sit(subscription, carrier, create, established), ({ core }) =>
      Effect.sync(() => subscription.begin(core))
    )
  }

  /** After a loss: on from where it was, or from now on where the device refuses to replay. */
  readonly #again: Effect.Effect<Attached, SubscribeError, Scope.Scope> = Effect.gen({ self: this }, function* () {
    const { carrier, settings, subscription } = this.#living
    const session = yield* prepare(carrier)
    const plan = yield* Resuming.plan(session, subscription, settings.create)
    return yield* Effect.catchTag(this.#resume(session, plan), "RpcError", (refusal) => {
      // Without a replay there is no stopTime (RFC 5277 §2.1.1): it would not end any more.
      const mayGoOn = plan.create.startTime !== undefined && plan.create.stopTime === undefined
      if (!mayGoOn || refusal.isRetryable) return Effect.fail(refusal)
      const reason = `the device refuses to replay: ${refusal.summary}`
      return this.#resume(session, Resuming.fromNow(settings.create, subscription.lastEventTime, reason))
    })
  })

  #resume(session: Attached["session"], { create, missing }: Resuming.Plan) {
    const { carrier, subscription } = this.#living
    return Effect.suspend(() => {
      subscription.resuming({ missing, replays: create.startTime !== undefined })
      return subscribe(session, carrier, subscription, create)
    })
  }

  readonly changed = (state: Reconnect.State<Seat, Why>): Effect.Effect<void> =>
    Effect.sync(() => {
      const { context, subscription } = this.#living
      if (state._tag === "Down") subscription.sessionLost(inWords(state.why as DownReason))
      else if (state._tag === "Stopped") {
        subscription.finish(exitOf(state.why, context), inWords(state.why as DownReason))
      }
    })
}

/** Established when it returns; over with the scope. */
export const live = (living: Living): Effect.Effect<void, SubscribeError, Scope.Scope> => {
  const life = new Life(living)
  const { settings, subscription } = living
  const isOver = () => subscription.mailbox.queue.ended !== undefined
  const schedule = Schedule.while(settings.schedule ?? Schedule.recurs(0), () => !isOver())
  return Effect.asVoid(
    Reconnect.make<Seat, SubscribeError, CloseReason>({
      open: life.open,
      closed: (seat) => Effect.raceFirst(seat.closed, Effect.as(Effect.exit(subscription.ended), over)),
      schedule: schedule as Schedule.Schedule<unknown, Why>,
      steadyAfter,
      isFinal: endsIt,
      over,
      died: diedOf,
      changed: life.changed
    })
  )
}
