/**
 * Subscriptions to event streams (RFC 5277): established when `open` returns, and over with its scope; or the same as one
 * lazy stream. What carries them is in `subscriptions/`.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { CapabilityError, type ErrorContext, type SubscribeError, tryInput, withContext } from "../errors.ts"
import type { QueueOwner } from "../notifications/Health.ts"
import * as Core from "../notifications/Subscription.ts"
import type { SubscriptionEvent } from "../notifications/SubscriptionEvent.ts"
import * as NotificationHealth from "./NotificationHealth.ts"
import type { Carrier } from "./subscriptions/Attached.ts"
import { live } from "./subscriptions/Life.ts"
import { read, type Settings, type SubscribeOptions } from "./subscriptions/Options.ts"
import type { Session } from "./Session.ts"

export type { SubscribeOptions } from "./subscriptions/Options.ts"
export type { SubscriptionStatistics } from "../notifications/Subscription.ts"

/** A subscription that is established. What waits in it can still be read when it is over. */
export interface Subscription {
  /** The event stream, `NETCONF` unless another was named. */
  readonly stream: string
  readonly label: string | undefined
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
  readonly statistics: () => Core.SubscriptionStatistics
  /** Whether a session carries it now: false while it resumes, and when it is over. */
  readonly isActive: () => boolean
  /** Waits for its end; fails as `events` does, and not because of what has not been read. */
  readonly ended: Effect.Effect<void, SubscribeError>
}

/** What a subscription of a session needs of it. */
export interface Host {
  readonly context: ErrorContext
  readonly session: () => Session
  readonly maxMessage: number
  /** Another session with the device, on the same connection where that is possible. */
  readonly another: Carrier["open"]
  /** Another session on a connection of its own. */
  readonly elsewhere: Carrier["open"]
  /** The session that the caller holds, or the next one where it comes back. */
  readonly shared: Carrier["open"]
  /** Whether subscriptions go on on another session unless told otherwise. */
  readonly resumes: boolean
  /** Whether the shared session comes back. */
  readonly returns: boolean
}

const ownerOf = ({ context: { label, peer } }: Host, stream: string | undefined): QueueOwner => {
  const [, hostname, port] = /^\[?(.*?)\]?:(\d+)$/.exec(peer ?? "") ?? []
  return { label, hostname: hostname ?? peer, port: port === undefined ? undefined : Number(port), stream }
}

const defaultStream = "NETCONF"

const make = (core: Core.Subscription, { context }: Host, stream: string): Subscription => ({
  stream,
  label: context.label,
  peer: context.peer ?? "",
  events: core.mailbox.queue.stream(),
  take: (max) => core.mailbox.queue.take(max),
  peek: (max) => core.mailbox.queue.peek(max),
  statistics: () => core.statistics,
  isActive: () => core.isActive,
  ended: Effect.flatten(core.end)
})

/** Found before another session is opened. */
const lacking = (host: Host, needed: string): Effect.Effect<void, CapabilityError> => {
  const { capabilities } = host.session()
  if (capabilities.has(needed)) return Effect.void
  const error = { operation: "create-subscription", needed: [needed], offered: capabilities.uris }
  return Effect.fail(new CapabilityError({ ...host.context, ...error }))
}

const carrierOf = (host: Host, { isOwn }: Settings): Carrier =>
  isOwn
    ? { open: host.another, elsewhere: host.elsewhere, isOwn }
    : { open: host.shared, elsewhere: host.shared, isOwn }

/** Established when it returns. */
export const open = (
  host: Host,
  options: SubscribeOptions = {}
): Effect.Effect<Subscription, SubscribeError, Scope.Scope> =>
  Effect.gen(function* () {
    const settings = yield* tryInput(() => read({ resume: host.resumes, ...options }, host.returns))
    yield* lacking(host, ":notification")
    if (!settings.isOwn) yield* lacking(host, ":interleave")
    const clock = yield* Clock.Clock
    const stream = settings.create.stream ?? defaultStream
    const bus = yield* NotificationHealth.Current
    const core = yield* tryInput(
      () =>
        new Core.Subscription({
          mailbox: settings.mailbox,
          owner: ownerOf(host, stream),
          health: bus,
          maxBytes: settings.maxBytes ?? host.maxMessage,
          patience: settings.patience,
          resumes: settings.schedule !== undefined,
          replays: settings.create.startTime !== undefined,
          now: () => clock.currentTimeMillisUnsafe()
        })
    )
    yield* live({ subscription: core, carrier: carrierOf(host, settings), settings, context: host.context })
    return make(core, host, stream)
  }).pipe(Effect.mapError((error) => withContext(error, { operation: "create-subscription", ...host.context })))

/** The same, established when the stream is run, and over when it ends. */
export const stream = (host: Host, options?: SubscribeOptions): Stream.Stream<SubscriptionEvent, SubscribeError> =>
  Stream.unwrap(Effect.map(open(host, options), ({ events }) => events))
