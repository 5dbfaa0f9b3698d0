/**
 * The sessions that are there, and what those that are gone have left: the metrics of sessions and pools are sums over
 * them, made when somebody reads the metrics. Nothing is counted twice, and a message costs nothing.
 *
 * A session counts in the registry that it was connected with, for as long as it lives and after its end.
 */
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import * as Metrics from "./Metrics.ts"

export interface Pool {
  readonly statistics: () => { readonly size: number; readonly running: number; readonly waiting: number }
}

/** What a session has seen; each number only grows. */
export interface Seen {
  readonly bytesIn: number
  readonly bytesOut: number
  readonly late: number
  readonly foreign: number
  readonly unexpected: number
  /** Notifications that nobody listened to. */
  readonly discarded: number
  /** Messages whose invalid UTF-8 was replaced. */
  readonly replaced: number
  /** What the framing tolerated, by kind. */
  readonly tolerated: Readonly<Record<string, number>>
}

export interface LiveSession {
  readonly state: keyof typeof Metrics.sessions
  /** The pool that it takes its permits from, once it is up. */
  readonly pool: Pool | undefined
  readonly seen: () => Seen
}

interface Total {
  readonly metric: Metric.Counter<number>
  readonly of: (seen: Seen) => number
}

/** Every counter that is a sum over sessions. */
const totals: ReadonlyArray<Total> = [
  { metric: Metrics.bytes.received, of: (seen) => seen.bytesIn },
  { metric: Metrics.bytes.sent, of: (seen) => seen.bytesOut },
  { metric: Metrics.dropped.late, of: (seen) => seen.late },
  { metric: Metrics.dropped.foreign, of: (seen) => seen.foreign },
  { metric: Metrics.dropped.unexpected, of: (seen) => seen.unexpected },
  { metric: Metrics.dropped.discarded, of: (seen) => seen.discarded },
  ...Metrics.toleratedKinds.map((kind) => ({
    metric: Metrics.tolerated[kind],
    of: (seen: Seen) => (kind === "invalid-utf8" ? seen.replaced : (seen.tolerated[kind] ?? 0))
  }))
]

const poolNumbers = ["size", "running", "waiting"] as const
const states = ["connecting", "up", "closing"] as const

const nothing = () => {}

/** The sessions of one registry. */
export class LiveSessions {
  readonly #live = new Set<LiveSession>()
  readonly #ended: Array<number> = totals.map(() => 0)
  /** Where they count: without the attributes of whoever connects, because a session is shared. */
  readonly context: Context.Context<never>

  constructor(registry: Metric.MetricRegistry) {
    this.context = Context.make(Metric.MetricRegistry, registry)
    this.#register()
  }

  join(session: LiveSession): void {
    this.#live.add(session)
  }

  /** What it has seen is kept; it must not see more. */
  leave(session: LiveSession): void {
    if (!this.#live.delete(session)) return
    const seen = session.seen()
    for (const [i, total] of totals.entries()) this.#ended[i]! += total.of(seen)
  }

  #register(): void {
    for (const [i, { metric, of }] of totals.entries()) {
      const get = () => ({ count: this.#total(i, of), incremental: true })
      Metric.registerUnsafe(metric, this.context, { get, update: nothing, modify: nothing })
    }
    for (const state of states) this.#gauge(Metrics.sessions[state], () => this.#inState(state))
    for (const number of poolNumbers) this.#gauge(Metrics.pool[number], () => this.#ofPools(number))
  }

  #gauge(metric: Metric.Gauge<number>, value: () => number): void {
    const get = () => ({ value: value() })
    Metric.registerUnsafe(metric, this.context, { get, update: nothing, modify: nothing })
  }

  #total(i: number, of: Total["of"]): number {
    let sum = this.#ended[i]!
    for (const session of this.#live) sum += of(session.seen())
    return sum
  }

  #inState(state: LiveSession["state"]): number {
    let count = 0
    for (const session of this.#live) if (session.state === state) count++
    return count
  }

  #ofPools(number: (typeof poolNumbers)[number]): number {
    const pools = new Set<Pool>()
    for (const { pool } of this.#live) if (pool !== undefined) pools.add(pool)
    let sum = 0
    for (const pool of pools) sum += pool.statistics()[number]
    return sum
  }
}

const ofRegistry = new WeakMap<Metric.MetricRegistry, LiveSessions>()

/** Those of the registry that counts in this context. */
export const of = (context: Context.Context<never>): LiveSessions => {
  const registry = Context.get(context, Metric.MetricRegistry)
  let sessions = ofRegistry.get(registry)
  if (sessions === undefined) ofRegistry.set(registry, (sessions = new LiveSessions(registry)))
  return sessions
}
