/**
 * Where the events of one subscription wait: its queue, what the queue's policy does to the session that it is fed from, and
 * what the health bus is told of it. It outlives sessions: what is in it is read after they have ended.
 */
import type * as Exit from "effect/Exit"
import type { SubscribeError } from "../errors.ts"
import { DropReports, figures, type HealthBus, type HealthReport, type QueueOwner } from "./Health.ts"
import { type QueueLimits, SubscriptionQueue } from "./SubscriptionQueue.ts"

/** A session that can be held back, until the result is called. */
export interface Source {
  pause(): () => void
}

export interface MailboxOptions extends QueueLimits {
  /** After so many further drops there is another health event. Default: 1. */
  readonly dropEventThreshold?: number
}

/** A report about this mailbox: the figures of its queue and whose it is are added. */
export type OwnReport = HealthReport extends infer Report
  ? Report extends HealthReport
    ? Omit<Report, keyof QueueOwner>
    : never
  : never

export class Mailbox<Event> {
  readonly queue: SubscriptionQueue<Event, SubscribeError>
  readonly #owner: QueueOwner
  readonly #health: HealthBus
  #source: Source | undefined
  #release: (() => void) | undefined
  #isFull = false

  /** Throws an `InputError` for limits that are none. */
  constructor(
    sizeOf: (event: Event) => number,
    { dropEventThreshold = 1, ...limits }: MailboxOptions,
    owner: QueueOwner,
    health: HealthBus
  ) {
    this.#owner = owner
    this.#health = health
    const drops = new DropReports(
      dropEventThreshold,
      (report) => health.publish(report),
      owner,
      () => this.queue
    )
    const suspends = (limits.policy ?? "suspend") === "suspend"
    this.queue = new SubscriptionQueue<Event, SubscribeError>(sizeOf, limits, {
      onDrop: (count) => drops.dropped(count),
      onFull: () => {
        this.#isFull = suspends
        this.#hold()
      },
      onRoom: () => {
        this.#isFull = false
        this.#let()
        drops.recovered()
      }
    })
  }

  /** Whether the session that feeds it is held back. */
  get paused(): boolean {
    return this.#release !== undefined
  }

  /** From now on it is fed from this session, or from none. */
  feedFrom(source: Source | undefined): void {
    this.#let()
    this.#source = source
    if (this.#isFull) this.#hold()
  }

  /** No more comes: what waits is still read, then readers get the reason. */
  end(reason: Exit.Exit<void, SubscribeError>): void {
    this.feedFrom(undefined)
    this.queue.end(reason)
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
