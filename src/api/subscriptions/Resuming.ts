/**
 * Where a subscription goes on after its session was lost: from the device's own last eventTime, never by our clock, where
 * the device can replay; and what is missing where it cannot (docs/notifications.md, "What a gap means").
 */
import * as Effect from "effect/Effect"
import type { OperationError, SubscribeError } from "../../errors.ts"
import type { History } from "../../notifications/Duplicates.ts"
import type { Missing } from "../../notifications/Loss.ts"
import { gapBetween, type Reach } from "../../notifications/ReplayLog.ts"
import type { Subscription } from "../../notifications/Subscription.ts"
import { type CreateSubscriptionOptions, timeText } from "../operations/CreateSubscription.ts"
import { defaultStream, type EventStream, streams } from "../operations/EventStreams.ts"
import type { Session } from "../Session.ts"

/** What is asked of the next session, and what nobody can ask for any more. */
export interface Plan {
  readonly create: CreateSubscriptionOptions
  /** Undefined: nothing is missing. */
  readonly missing: Missing | undefined
}

const withoutReplay = ({ startTime: _start, stopTime: _stop, ...create }: CreateSubscriptionOptions) => create

/** From now on, and what that leaves out. */
export const fromNow = (create: CreateSubscriptionOptions, from: string | undefined, reason: string): Plan => ({
  create: withoutReplay(create),
  missing: { from, to: undefined, reason }
})

/** What the device says of the stream; undefined where it does not say. */
const described = (session: Session, name: string): Effect.Effect<EventStream | undefined, OperationError> =>
  streams(session.run, session.capabilities).pipe(
    Effect.map((all) => all.find((stream) => stream.name === name)),
    Effect.catchTags({
      RpcError: () => Effect.undefined,
      CapabilityError: () => Effect.undefined,
      ProtocolError: () => Effect.undefined
    })
  )

const replayed = (create: CreateSubscriptionOptions, startTime: string, missing: Missing | undefined): Plan => ({
  create: { ...create, startTime },
  missing
})

/** The way to go on, on a session that carries nothing yet. */
export const plan = (
  session: Session,
  subscription: Subscription,
  create: CreateSubscriptionOptions
): Effect.Effect<Plan, SubscribeError> =>
  Effect.gen(function* () {
    const last = subscription.history?.last ?? (create.startTime && timeText("startTime", create.startTime))
    if (last === undefined)
      return fromNow(create, undefined, "no notification had come, so nothing says from when to replay")
    const stream = yield* described(session, create.stream ?? defaultStream)
    const reach = gapBetween({ replaySupport: undefined, ...stream, last })
    if (reach._tag === "NoReplay") {
      const reason = "the device does not replay this stream"
      // Without a replay there is no stopTime (RFC 5277 §2.1.1), and none is no way to go on: the device says so.
      if (create.stopTime === undefined) return fromNow(create, last, reason)
      return replayed(create, last, { from: last, to: undefined, reason })
    }
    return replayed(create, last, missingOf(reach, last, subscription.history))
  })

/**
 * What the device says of its log may not hold any more when it replays, and says nothing of events of one stamp. So what came
 * last has to come again.
 */
const missingOf = (reach: Reach, last: string, history: History | undefined): Missing | undefined => {
  const reason = "the device's log does not reach back"
  if (reach._tag === "Gap") return { from: reach.from, to: reach.to, reason }
  const all = { from: last, to: undefined }
  if (history?.isPartial === true)
    return { ...all, reason: "more notifications of one eventTime were delivered than are remembered" }
  return reach._tag === "Unknown" || history?.last !== undefined ? { ...all, reason, inDoubt: true } : undefined
}
