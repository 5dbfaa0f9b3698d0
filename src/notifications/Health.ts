/**
 * What a program should know about its subscriptions besides their notifications: queues that overflow and recover,
 * messages that are broken, subscriptions that begin and end. One bounded bus for the process, which counts what it drops.
 *
 * Queues are SubscriptionQueue's, what is broken is found by Feed and Recover.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ErrorContext } from "../errors.ts"
import type { Broken } from "./Feed.ts"
import { type QueueStatistics, SubscriptionQueue } from "./SubscriptionQueue.ts"

/** What every health event says; figures are those of its queue at that moment, 0 where there is none. */
export interface HealthFields {
  /** Milliseconds since 1970. */
  readonly timestamp: number
  /** The caller's name of the device. */
  readonly label: string | undefined
  readonly hostname: string | undefined
  readonly port: number | undefined
  /** The event stream that is subscribed to. */
  readonly stream: string | undefined
  /** One sentence for a log, without content of notifications. */
  readonly message: string
  readonly queueSize: number
  /** `Infinity` for an unbounded queue. */
  readonly queueMaxSize: number
  readonly queueHighWatermark: number
  readonly notificationsEnqueued: number
  readonly notificationsDroppedQueueFull: number
  /** Dropped since the last event that said so. */
  readonly notificationsDroppedDelta: number
  readonly incompleteNotificationsReceived: number
  /** Bytes of an unfinished message. */
  readonly partialBytes: number
  /** How many events the bus had dropped when this one was handed out: more than before means that some are missing. */
  readonly healthEventsDropped: number
}

/** A queue dropped its first notification since it last had room. */
export interface NotificationQueueFull extends HealthFields {
  readonly _tag: "NotificationQueueFull"
}
/** A queue goes on dropping: one for each `threshold` further drops. */
export interface NotificationDropsSummary extends HealthFields {
  readonly _tag: "NotificationDropsSummary"
}
/** A queue that had dropped has room again. */
export interface NotificationQueueRecovered extends HealthFields {
  readonly _tag: "NotificationQueueRecovered"
}
/** A notification was not complete: too large, too slow, or the next one began inside of it. */
export interface IncompleteNotification extends HealthFields {
  readonly _tag: "IncompleteNotification"
  readonly guard: Exclude<Broken, "malformed">
}
/** A notification was complete and cannot be read. */
export interface MalformedNotification extends HealthFields {
  readonly _tag: "MalformedNotification"
}
/** A session carries a subscription from now on. */
export interface SubscriptionUp extends HealthFields {
  readonly _tag: "SubscriptionUp"
}
/** A subscription was lost, and may come back; or it is over. */
export interface SubscriptionDown extends HealthFields {
  readonly _tag: "SubscriptionDown"
  /** Why: what the `message` says, without the device. */
  readonly reason: string
}
/** Notifications between two moments may be missing. */
export interface SubscriptionGap extends HealthFields {
  readonly _tag: "SubscriptionGap"
  /** eventTime of the last notification before it, as sent. */
  readonly from: string | undefined
  /** eventTime from which on there is everything again, as sent or as the device's replay log says. */
  readonly to: string | undefined
}

export type HealthEvent =
  | NotificationQueueFull
  | NotificationDropsSummary
  | NotificationQueueRecovered
  | IncompleteNotification
  | MalformedNotification
  | SubscriptionUp
  | SubscriptionDown
  | SubscriptionGap

/** An event as its source gives it: what is left out is 0 or unknown. */
export type HealthReport = {
  readonly [Tag in HealthEvent["_tag"]]: Given<Extract<HealthEvent, { readonly _tag: Tag }>>
}[HealthEvent["_tag"]]

type Given<Event extends HealthFields> = Omit<Event, keyof HealthFields> &
  Partial<Omit<HealthFields, "message" | "healthEventsDropped">> &
  Pick<HealthFields, "message">

const nothing: Omit<HealthFields, "timestamp" | "message"> = {
  label: undefined,
  hostname: undefined,
  port: undefined,
  stream: undefined,
  queueSize: 0,
  queueMaxSize: 0,
  queueHighWatermark: 0,
  notificationsEnqueued: 0,
  notificationsDroppedQueueFull: 0,
  notificationsDroppedDelta: 0,
  incompleteNotificationsReceived: 0,
  partialBytes: 0,
  healthEventsDropped: 0
}

/** Events that one reader of the bus may have waiting. */
export const busCapacity = 10_000

const makeQueue = (): SubscriptionQueue<HealthEvent> =>
  new SubscriptionQueue<HealthEvent>(() => 0, { policy: "dropOldest", capacity: busCapacity, maxBytes: Infinity })

/** A reader of the bus with events of its own. */
export interface HealthWatch {
  readonly poll: () => HealthEvent | undefined
  /** Calls back once, when there is something to poll; returns how to stop waiting. */
  readonly wait: (wake: () => void) => () => void
  readonly stop: () => void
}

/** Says of an event how many its reader has lost so far. */
const stamped = (event: HealthEvent, queue: SubscriptionQueue<HealthEvent>): HealthEvent => {
  const { dropped } = queue.statistics
  return dropped === 0 ? event : { ...event, healthEventsDropped: dropped }
}

/**
 * Takes events from everywhere, synchronously, and keeps the last 10,000 for `next`; each stream has as many of its own.
 */
export class HealthBus {
  readonly #queue = makeQueue()
  /** What `clear` took away was not lost to anybody. */
  #cleared = 0
  readonly #streams = new Set<SubscriptionQueue<HealthEvent>>()

  publish(report: HealthReport): void {
    const event = { ...nothing, timestamp: Date.now(), ...report } as HealthEvent
    this.#queue.offer(event)
    for (const stream of this.#streams) stream.offer(event)
  }

  /** How many events `next` would give at once. */
  get pending(): number {
    return this.#queue.size
  }

  /** The oldest event that nobody has taken, if there is one. */
  poll(): HealthEvent | undefined {
    const event = this.#queue.poll()
    if (event === undefined) return undefined
    const dropped = this.#queue.statistics.dropped - this.#cleared
    return dropped === 0 ? event : { ...event, healthEventsDropped: dropped }
  }

  /** Calls back once, when there is something to {@link poll}; returns how to stop waiting. */
  wait(wake: () => void): () => void {
    return this.#queue.wait(wake)
  }

  /** Every event from now on for one more reader, until it stops. */
  watch(): HealthWatch {
    const queue = makeQueue()
    this.#streams.add(queue)
    return {
      poll: () => {
        const event = queue.poll()
        return event && stamped(event, queue)
      },
      wait: (wake) => queue.wait(wake),
      stop: () => void this.#streams.delete(queue)
    }
  }

  /** Throws away what waits for `next`; streams keep theirs. Returns how many there were. */
  clear(): number {
    const count = this.#queue.clear()
    this.#cleared += count
    return count
  }

  /**
   * The next event; undefined when `millis` pass without one, or when aborted. One that is given up takes nothing, and
   * waiting does not keep the process alive.
   */
  next(options: { readonly millis?: number; readonly signal?: AbortSignal } = {}): Promise<HealthEvent | undefined> {
    return new Promise((resolve) => {
      const { millis = Infinity, signal } = options
      let stop = (): void => {}
      const finish = (event: HealthEvent | undefined): void => {
        stop()
        clearTimeout(timer)
        signal?.removeEventListener("abort", giveUp)
        resolve(event)
      }
      const giveUp = (): void => finish(undefined)
      const timer = millis === Infinity ? undefined : setTimeout(giveUp, millis).unref()
      const attempt = (): void => {
        const event = this.poll()
        if (event !== undefined || signal?.aborted === true) finish(event)
        else stop = this.#queue.wait(attempt)
      }
      signal?.addEventListener("abort", giveUp)
      attempt()
    })
  }

  /** Every event from now on; each stream sees them all. */
  get events(): Stream.Stream<HealthEvent> {
    const open = Effect.gen({ self: this }, function* () {
      const queue = makeQueue()
      yield* Effect.acquireRelease(
        Effect.sync(() => this.#streams.add(queue)),
        () => Effect.sync(() => this.#streams.delete(queue))
      )
      const chunk: Effect.Effect<readonly [HealthEvent, ...Array<HealthEvent>], Cause.Done> = Effect.map(
        queue.take(),
        ([first, ...rest]) => [stamped(first, queue), ...rest.map((event) => stamped(event, queue))]
      )
      return Stream.fromPull(Effect.succeed(chunk))
    })
    return Stream.unwrap(open)
  }
}

/** Whose queue it is, for the events about it. */
export type QueueOwner = Partial<Pick<HealthFields, "label" | "hostname" | "port" | "stream">>

/** The owner of a queue by the context of its device, whose `peer` is address and port. */
export const ownerOf = ({ label, peer }: ErrorContext, stream: string | undefined): QueueOwner => {
  const [, hostname, port] = /^\[?(.*?)\]?:(\d+)$/.exec(peer ?? "") ?? []
  return { label, hostname: hostname ?? peer, port: port === undefined ? undefined : Number(port), stream }
}

/** The queue's figures as an event has them. */
export const figures = (
  statistics: QueueStatistics,
  capacity: number
): Pick<
  HealthFields,
  "queueSize" | "queueMaxSize" | "queueHighWatermark" | "notificationsEnqueued" | "notificationsDroppedQueueFull"
> => ({
  queueSize: statistics.size,
  queueMaxSize: capacity,
  queueHighWatermark: statistics.highWatermark,
  notificationsEnqueued: statistics.received - statistics.dropped,
  notificationsDroppedQueueFull: statistics.dropped
})

/**
 * When drops are worth an event: the first since there was room, then each time that `threshold` more were dropped, and
 * once there is room again. A flood of drops is no flood of events.
 */
export class DropReports {
  readonly #threshold: number
  readonly #publish: (report: HealthReport) => void
  readonly #owner: QueueOwner
  readonly #queue: () => { readonly statistics: QueueStatistics; readonly capacity: number }
  #dropping = false
  /** Dropped, and in no event yet. */
  #unsaid = 0
  #sinceFull = 0

  constructor(
    threshold: number,
    publish: (report: HealthReport) => void,
    owner: QueueOwner,
    queue: () => { readonly statistics: QueueStatistics; readonly capacity: number }
  ) {
    this.#threshold = Math.max(1, threshold)
    this.#publish = publish
    this.#owner = owner
    this.#queue = queue
  }

  /** For `onDrop` of the queue. */
  dropped(count: number): void {
    this.#unsaid += count
    this.#sinceFull += count
    if (!this.#dropping) {
      this.#dropping = true
      this.#report("NotificationQueueFull", "the notification queue is full: notifications are dropped")
    } else if (this.#unsaid >= this.#threshold) {
      this.#report("NotificationDropsSummary", `${this.#unsaid} more notifications dropped, the queue is full`)
    }
  }

  /** For `onRoom` of the queue. */
  recovered(): void {
    if (!this.#dropping) return
    this.#dropping = false
    const count = this.#sinceFull
    this.#sinceFull = 0
    this.#report("NotificationQueueRecovered", `the notification queue has room again, ${count} were dropped`)
  }

  #report(_tag: "NotificationQueueFull" | "NotificationDropsSummary" | "NotificationQueueRecovered", message: string) {
    const { capacity, statistics } = this.#queue()
    const notificationsDroppedDelta = this.#unsaid
    this.#unsaid = 0
    this.#publish({ _tag, message, ...this.#owner, ...figures(statistics, capacity), notificationsDroppedDelta })
  }
}
