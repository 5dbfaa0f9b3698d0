/**
 * The life of a subscription: established on a session, lost, established again on another one where that was asked for,
 * and over for good; `sessions/Reconnect` keeps the state, one session at a time.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { ChannelError, type ErrorContext, type SubscribeError, withContext } from "../../errors.ts"
import type { Subscription } from "../../notifications/Subscription.ts"
import type { CloseReason } from "../../rpc/Session.ts"
import * as Reconnect from "../../sessions/Reconnect.ts"
import { type DownReason, inWords } from "../reconnecting/ConnectionState.ts"
import { isFinal, steadyAfter } from "../reconnecting/Options.ts"
import { type Attached, type Carrier, prepare, subscribe } from "./Attached.ts"
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
  if ("_tag" in why) return Exit.fail(withContext(why, context))
  const { by, detail, error } = why
  if (error !== undefined) return Exit.fail(withContext(error, context))
  return Exit.fail(new ChannelError({ ...context, phase: "closed", by, detail }))
}

const over: CloseReason = { by: "us", detail: "its scope was closed" }

/** A device that refuses for now (too many sessions) may not refuse for ever. */
const isForGood = (error: SubscribeError, everUp: boolean): boolean => {
  if (error._tag === "RpcError") return !error.isRetryable
  // The session that it shares does not come back.
  if (error._tag === "ChannelError" && error.by === "us") return true
  return error._tag === "CapabilityError" || isFinal(error as Parameters<typeof isFinal>[0], everUp)
}

/** Keeps one subscription going until it is over. */
class Life {
  readonly #living: Living
  /** When the last session was lost. */
  #lostAt: number | undefined

  constructor(living: Living) {
    this.#living = living
  }

  get open(): Effect.Effect<Seat, SubscribeError, Scope.Scope> {
    const { carrier, settings, subscription } = this.#living
    const { create } = settings
    const first = Effect.flatMap(prepare(carrier), (session) => subscribe(session, carrier, subscription, create))
    const established = Effect.suspend(() => (this.#lostAt === undefined ? first : this.#again))
    return Effect.tap(sit(subscription, carrier, create, established), ({ core }) =>
      Effect.sync(() => subscription.begin(core))
    )
  }

  /** After a loss: on from where it was, or from now on where the device refuses to replay. */
  readonly #again: Effect.Effect<Attached, SubscribeError, Scope.Scope> = Effect.gen({ self: this }, function* () {
    const { carrier, settings, subscription } = this.#living
    const session = yield* prepare(carrier)
    const plan = yield* Resuming.plan(session, subscription, settings.create)
    const attached = yield* Effect.catchTag(this.#resume(session, plan), "RpcError", (refusal) => {
      if (plan.create.startTime === undefined || refusal.isRetryable) return Effect.fail(refusal)
      const reason = `the device refuses to replay: ${refusal.summary}`
      return this.#resume(session, Resuming.live(settings.create, subscription.lastEventTime, reason))
    })
    return attached
  })

  #resume(session: Attached["session"], { create, missing }: Resuming.Plan) {
    const { carrier, subscription } = this.#living
    return Effect.suspend(() => {
      const lostAt = this.#lostAt ?? subscription.now()
      const { from, inDoubt = false, reason = "", to } = missing ?? {}
      const gap = missing && { from, to, reason, lostAt, resumedAt: subscription.now() }
      // Said before the first notification that follows it can come.
      subscription.resumed({ gap, inDoubt, replays: create.startTime !== undefined })
      return subscribe(session, carrier, subscription, create)
    })
  }

  readonly changed = (state: Reconnect.State<Seat, Why>): Effect.Effect<void> =>
    Effect.sync(() => {
      const { context, subscription } = this.#living
      if (state._tag === "Down") {
        this.#lostAt ??= subscription.now()
        subscription.lost(inWords(state.why as DownReason))
      } else if (state._tag === "Up") this.#lostAt = undefined
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
      closed: (seat) => Effect.raceFirst(seat.closed, Effect.as(subscription.end, over)),
      schedule: schedule as Schedule.Schedule<unknown, Why>,
      steadyAfter,
      isFinal: isForGood,
      over,
      died: (detail) => ({
        by: "us",
        detail: `it is not established again, because that has failed by itself: ${detail}`
      }),
      changed: life.changed
    })
  )
}
