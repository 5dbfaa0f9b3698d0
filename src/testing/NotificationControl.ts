/**
 * What a test does to the notifications of a simulated device: events, floods, a log that loses its beginning, changed
 * capabilities.
 */
import * as Effect from "effect/Effect"
import type * as Element from "../xml/Element.ts"
import type { Broken } from "./BrokenNotifications.ts"
import * as Capabilities from "./Capabilities.ts"
import type { Core } from "./Core.ts"
import type { DynamicSubscription } from "./DynamicSubscription.ts"
import type { NamedFilter } from "./NotificationOptions.ts"
import { DatastoreSource } from "./PushSubscriptions.ts"
import type { Identity } from "./SubscriptionErrors.ts"

export interface NotifyOptions {
  /** Default: NETCONF. */
  readonly stream?: string
  /** Sent as it is. Default: now, as the dialect stamps. */
  readonly eventTime?: string
}

/** A dynamic subscription as a test sees it. */
export interface Subscription {
  readonly id: number
  readonly session: number
  readonly state: "active" | "suspended" | "concluded"
}

/** What becomes of a dynamic subscription without its receiver's doing (RFC 8639 §2.7). An unknown id is thrown. */
export interface SubscriptionControl {
  readonly all: () => ReadonlyArray<Subscription>
  /** Default reason: `insufficient-resources`. */
  readonly suspend: (id: number, reason?: Identity) => void
  readonly resume: (id: number) => void
  /** Default reason: `no-such-subscription`. */
  readonly terminate: (id: number, reason?: Identity) => void
  /** Loses the changes since the last update of a datastore subscription; the next update says that it is incomplete. */
  readonly loseChanges: (id: number) => void
  /** Lets the next patch-id of a datastore subscription jump. */
  readonly skipPatchId: (id: number) => void
}

export interface NotificationControl {
  /** Something happens: the event goes to whoever is subscribed to its stream, and into the stream's log. */
  readonly notify: (event: string | Element.Element, options?: NotifyOptions) => void
  /** So many events, as fast as the slowest subscribed writer takes them; `event` is given their number, from 0. */
  readonly flood: (count: number, event: (n: number) => string, options?: NotifyOptions) => Effect.Effect<void>
  /** Drops the oldest events of a stream's log, all of them by default. */
  readonly ageReplayLog: (options?: { readonly stream?: string; readonly count?: number }) => void
  /** Bytes that are wrong, to every session that is subscribed, or to one. */
  readonly sendBroken: (broken: Broken, session?: number) => void
  readonly subscriptions: SubscriptionControl
  /** Gives a filter that subscriptions can name another content, or takes it away. */
  readonly setFilter: (name: string, filter: NamedFilter | undefined) => void
  /** What new sessions are told, and netconf-capability-change for those who are subscribed. */
  readonly changeCapabilities: (change: {
    readonly add?: ReadonlyArray<string>
    readonly remove?: ReadonlyArray<string>
  }) => void
}

/** Events that a flood lets happen in one turn of the loop. */
const burst = 256

export class Controls implements NotificationControl {
  readonly #core: Core

  readonly subscriptions: SubscriptionControl

  constructor(core: Core) {
    this.#core = core
    this.subscriptions = {
      all: () => [...core.dynamic.all.values()].map(({ id, session, state }) => ({ id, session, state })),
      suspend: (id, reason = "insufficient-resources") => this.#find(id).suspend(reason),
      resume: (id) => this.#find(id).resume(),
      terminate: (id, reason = "no-such-subscription") => this.#find(id).terminate(reason),
      loseChanges: (id) => this.#datastore(id).lose(),
      skipPatchId: (id) => this.#datastore(id).skipPatchId()
    }
  }

  #find(id: number): DynamicSubscription {
    const found = this.#core.dynamic.all.get(id)
    if (found === undefined) throw new Error(`this device has no subscription ${id}`)
    return found
  }

  #datastore(id: number): DatastoreSource {
    const { source } = this.#find(id)
    if (source instanceof DatastoreSource) return source
    throw new Error(`the subscription ${id} is not one to a datastore`)
  }

  readonly setFilter: NotificationControl["setFilter"] = (name, filter) => {
    if (filter === undefined) this.#core.filters.delete(name)
    else this.#core.filters.set(name, filter)
    this.#core.dynamic.refilter(name)
  }

  readonly notify: NotificationControl["notify"] = (event, options = {}) => {
    // Read at once, so that what is not XML fails where it was written.
    void this.#core.streams.notify(event, options.stream, options.eventTime).content
  }

  readonly flood: NotificationControl["flood"] = (count, event, options = {}) =>
    Effect.gen({ self: this }, function* () {
      for (let n = 0; n < count; n++) {
        this.#core.streams.notify(event(n), options.stream, options.eventTime)
        if (n % burst === burst - 1) yield* Effect.yieldNow
        for (const { receiver } of this.#core.members.values()) if (!receiver.hasRoom) yield* receiver.room
      }
    })

  readonly sendBroken: NotificationControl["sendBroken"] = (broken, session) => {
    const { dynamic, members, streams, subscriptions } = this.#core
    for (const [id, { view }] of members) {
      if (session === undefined ? !(subscriptions.has(id) || dynamic.has(id)) : id !== session) continue
      view.sendBytes(broken({ framing: view.framing, notification: (event) => streams.record(event).message }))
    }
  }

  readonly ageReplayLog: NotificationControl["ageReplayLog"] = ({ count = Infinity, stream = "NETCONF" } = {}) =>
    this.#core.streams.all.get(stream)?.age(count)

  readonly changeCapabilities: NotificationControl["changeCapabilities"] = (change) => {
    const before = this.#core.capabilities
    this.#core.capabilities = Capabilities.change(before, change)
    this.#core.events.capabilities(Capabilities.compare(before, this.#core.capabilities))
  }
}
