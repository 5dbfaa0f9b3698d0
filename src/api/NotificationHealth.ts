/**
 * The health events of subscriptions, for Effect programs: one bus for the process unless a layer gives another. What each
 * event says is in `notifications/Health.ts`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { HealthBus, type HealthEvent } from "../notifications/Health.ts"

export type {
  HealthEvent,
  HealthFields,
  IncompleteNotification,
  MalformedNotification,
  NotificationDropsSummary,
  NotificationQueueFull,
  NotificationQueueRecovered,
  SubscriptionDown,
  SubscriptionGap,
  SubscriptionUp
} from "../notifications/Health.ts"

/** The bus of the process. */
export const bus: HealthBus = new HealthBus()

/** Where the subscriptions of a program report. */
export const Current = Context.Reference<HealthBus>("effect-netconf/NotificationHealth", { defaultValue: () => bus })

/**
 * A bus of its own for what it is given to: its events are seen nowhere else, and those of the process not here. Never fails.
 *
 * @example
 * const own = program(transport).pipe(Effect.scoped, Effect.provide(NotificationHealth.layer))
 */
export const layer: Layer.Layer<never> = Layer.effect(
  Current,
  Effect.sync(() => new HealthBus())
)

/**
 * Everything from now on; each stream sees all of it, and keeps the last 10,000 that it has not read.
 *
 * @example
 * Stream.runForEach(NotificationHealth.events, (event) => Effect.logWarning(event.message))
 */
export const events: Stream.Stream<HealthEvent> = Stream.unwrap(Effect.map(Current, (health) => health.events))
