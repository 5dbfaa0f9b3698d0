/**
 * Where the events of one subscription wait: its queue, what the queue's policy does to the session that it is fed from, what
 * is counted as broken or missing, and what the health bus is told of it all. It outlives sessions: what is in it is read
 * after they have ended.
 *
 * What is a notification, and what is missing, is found by the feed and by the subscription.
 */
import * as Deferred from "effect/Deferred"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { SubscribeError } from "../errors.ts"
import type { Broken } from "./Feed.ts"
import { DropReports, figures, type HealthBus, type HealthReport, type QueueOwner } from "./Health.ts"
import { type Gap, join, type SubscriptionEvent } from "./SubscriptionEvent.ts"
import { type QueueLimits, type QueueStatistics, SubscriptionQueue } from "./SubscriptionQueue.ts"

/** A session that can be held back, until the result is called. */
export interface Source {
  pause(): () => void
}

export interface MailboxOptions extends QueueLimits {
  /** After so many further drops there is another health event. Default: 1. */
  readonly dropEventThreshold?: number
}

/** What has passed through a mailbox. */
export interface MailboxStatistics extends QueueStatistics {
  /** Notifications that could not be read; each is a gap. */
  readonly malformed: number
  /** Notifications that broke off: too large, or the next one began inside of them. */
  readonly incomplete: number
  /** How often a `Gap` was told: notifications may be missing there. */
  readonly gaps: number
  /** Whether its session is held back, because the queue is full (policy `suspend`). */
  readonly paused: boolean
}

/** A report about this mailbox: the figures of its queue and whose it is are added. */
export type OwnReport = HealthReport extends infer Report
  ? Report extends HealthReport
    ? Omit<Report, keyof QueueOwner>
    : never
  : never

/** Bytes that a waiting notification takes beside its message, about: objects, and what its message shares a packet with. */
const keep = 512

const sizeOf = (event: SubscriptionEvent): number => (event._tag === "Notification" ? event.bytes + keep : 0)

export class Mailbox {
  readonly queue: SubscriptionQueue<SubscriptionEvent, SubscribeError>
  readonly #owner: QueueOwner
  readonly #health: HealthBus
  readonly #over = Deferred.makeUnsafe<void, SubscribeError>()
  /** Waits for its end, and fails with the reason if there is one. */
  readonly ended: Effect.Effect<void, SubscribeError> = Deferred.await(this.#over)
  readonly #counters = { malformed: 0, incomplete: 0, gaps: 0 }
  #source: Source | undefined
  #release: (() => void) | undefined
  #isFull = false

  /** Throws an `InputError` for limits that are none. */
  constructor({ dropEventThreshold = 1, ...limits }: MailboxOptions, owner: QueueOwner, health: HealthBus) {
    this.#owner = owner
    this.#health = health
    const drops = new DropReports(
      dropEventThreshold,
      (report) => health.publish(report),
      owner,
      () => this.queue
    )
    const suspends = (limits.policy ?? "suspend") === "suspend"
    const hooks = {
      onDrop: (count: number) => drops.dropped(count),
      onFull: () => {
        this.#isFull = suspends
        this.#hold()
      },
      onRoom: () => {
        this.#isFull = false
        this.#let()
        drops.recovered()
      }
    }
    this.queue = new SubscriptionQueue<SubscriptionEvent, SubscribeError>(sizeOf, limits, hooks, join)
  }

  /** Whether the session that feeds it is held back. */
  get paused(): boolean {
    return this.#release !== undefined
  }

  get statistics(): MailboxStatistics {
    return { ...this.queue.statistics, ...this.#counters, paused: this.paused }
  }

  /** From now on it is fed from this session, or from none. */
  feedFrom(source: Source | undefined): void {
    this.#let()
    this.#source = source
    this.#hold()
  }

  /** No more comes: what waits is still read, then readers get the reason; the first one counts. `told`: that it was up. */
  end(exit: Exit.Exit<void, SubscribeError>, told?: { readonly reason: string; readonly message: string }): void {
    if (this.queue.ended !== undefined) return
    this.feedFrom(undefined)
    this.queue.end(exit)
    if (told !== undefined) this.report({ _tag: "SubscriptionDown", ...told })
    Deferred.doneUnsafe(this.#over, exit)
  }

  /** Bytes that were no whole notification: counted, and told to the health bus. */
  broken(partialBytes: number, message: string, kind: Broken): void {
    if (kind === "malformed") {
      this.#counters.malformed++
      return this.report({ _tag: "MalformedNotification", message, partialBytes })
    }
    const incompleteNotificationsReceived = ++this.#counters.incomplete
    const report = { message, partialBytes, incompleteNotificationsReceived }
    this.report({ _tag: "IncompleteNotification", guard: kind, ...report })
  }

  /** Something may be missing behind what waits. */
  gap(gap: Omit<Gap, "_tag">): void {
    this.queue.offerMark({ _tag: "Gap", ...gap })
    this.tellGap(gap)
  }

  /** The same of a gap that does not wait here: its reader has found it. */
  tellGap({ from, reason, to }: Omit<Gap, "_tag">): void {
    this.#counters.gaps++
    this.report({ _tag: "SubscriptionGap", from, to, message: `notifications may be missing: ${reason}` })
  }

  report(report: OwnReport): void {
    const { capacity, statistics } = this.queue
    this.#health.publish({ ...this.#owner, ...figures(statistics, capacity), ...report } as HealthReport)
  }

  #hold(): void {
    if (this.#isFull) this.#release ??= this.#source?.pause()
  }

  #let(): void {
    const release = this.#release
    this.#release = undefined
    release?.()
  }
}
