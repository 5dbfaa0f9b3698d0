/**
 * Subscriptions to event streams (RFC 5277): established when `open` returns, and over with its scope; or the same as one
 * lazy stream. What carries them is in `subscriptions/`.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { CapabilityError, type SubscribeError, tryInput, withContext } from "../errors.ts"
import { ownerOf } from "../notifications/Health.ts"
import * as Underlying from "../notifications/Subscription.ts"
import type { SubscriptionEvent } from "../notifications/SubscriptionEvent.ts"
import { wholeNumber } from "./Checks.ts"
import * as NotificationHealth from "./NotificationHealth.ts"
import { defaultStream } from "./operations/EventStreams.ts"
import { carrierOf } from "./session/Carrier.ts"
import type { Host } from "./session/Host.ts"
import { live } from "./subscriptions/Life.ts"
import { read, type SubscribeOptions } from "./subscriptions/Options.ts"

export type { SubscribeOptions } from "./subscriptions/Options.ts"
export type { SubscriptionStatistics } from "../notifications/Subscription.ts"

/** A subscription that is established. What waits in it can still be read when it is over. */
export interface Subscription {
  /** The event stream, `NETCONF` unless another was named. */
  readonly stream: string
  /** The caller's name of the device. */
  readonly label: string | undefined
  /** Address and port of the device. */
  readonly peer: string
  /**
   * Everything that comes, in order, in chunks of what waits. One reader at a time. Whoever leaves it in the middle of a
   * chunk leaves the rest of that chunk: `take` is for reading piece by piece.
   */
  readonly events: Stream.Stream<SubscriptionEvent, SubscribeError>
  /** What waits, at most `max` of it, as soon as there is any. Interrupting it takes nothing. `Done` when it is over. */
  readonly take: (max?: number) => Effect.Effect<ReadonlyArray<SubscriptionEvent>, SubscribeError | Cause.Done>
  /** The oldest of what waits; it stays there. Default: 100 at most. */
  readonly peek: (max?: number) => ReadonlyArray<SubscriptionEvent>
  readonly statistics: () => Underlying.SubscriptionStatistics
  /** Whether a session carries it now: false while it resumes, and when it is over. */
  readonly isActive: () => boolean
  /** Waits for its end; fails as `events` does, and not because of what has not been read. */
  readonly ended: Effect.Effect<void, SubscribeError>
}

const aCount = (max: number | undefined, least: number): number | undefined =>
  max === undefined || max === Infinity ? max : wholeNumber("max", max, least)

const make = (underlying: Underlying.Subscription, { context }: Host, stream: string): Subscription => ({
  stream,
  label: context.label,
  peer: context.peer ?? "",
  events: underlying.mailbox.queue.stream(),
  take: (max) =>
    Effect.andThen(
      tryInput(() => aCount(max, 1)),
      underlying.mailbox.queue.take(max)
    ),
  peek: (max) => underlying.mailbox.queue.peek(aCount(max, 0)),
  statistics: () => underlying.statistics,
  isActive: () => underlying.isActive,
  ended: underlying.ended
})

/** Found before another session is opened. */
const lacking = (host: Host, needed: string): Effect.Effect<void, CapabilityError> => {
  const capabilities = host.capabilities()
  if (capabilities.has(needed)) return Effect.void
  const error = { operation: "create-subscription", needed: [needed], offered: capabilities.uris }
  return Effect.fail(new CapabilityError({ ...host.context, ...error }))
}

/** Established when it returns; what `session.openSubscription` does, and fails with. */
export const open = (
  host: Host,
  options: SubscribeOptions = {}
): Effect.Effect<Subscription, SubscribeError, Scope.Scope> =>
  Effect.gen(function* () {
    const settings = yield* tryInput(() => read(options, host.returns))
    yield* lacking(host, ":notification")
    if (!settings.isOwn) yield* lacking(host, ":interleave")
    const clock = yield* Clock.Clock
    const stream = settings.create.stream ?? defaultStream
    const bus = yield* NotificationHealth.Current
    const underlying = yield* tryInput(
      () =>
        new Underlying.Subscription({
          mailbox: settings.mailbox,
          owner: ownerOf(host.context, stream),
          health: bus,
          maxBytes: settings.maxBytes,
          patience: settings.patience,
          resumes: settings.schedule !== undefined,
          replays: settings.create.startTime !== undefined,
          now: () => clock.currentTimeMillisUnsafe()
        })
    )
    const carrier = carrierOf(host, settings.isOwn)
    yield* live({ subscription: underlying, carrier, settings, context: host.context })
    return make(underlying, host, stream)
  }).pipe(Effect.mapError((error) => withContext(error, { operation: "create-subscription", ...host.context })))

/** The same, established when the stream is run, and over when it ends. */
export const stream = (host: Host, options?: SubscribeOptions): Stream.Stream<SubscriptionEvent, SubscribeError> =>
  Stream.unwrap(Effect.map(open(host, options), ({ events }) => events))
