/**
 * One dynamic subscription (RFC 8639 §2.4): its state, the end that stop-time sets it, and the state change notifications
 * that its receiver alone is told of (§2.7). What it sends comes from its source, a stream or a datastore.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Element from "../xml/Element.ts"
import type { Core } from "./Core.ts"
import { Delivery } from "./Delivery.ts"
import type { EventRecord } from "./EventStreams.ts"
import * as EventTime from "./EventTime.ts"
import { identityLeaf, subscribed } from "./SubscriptionErrors.ts"
import type { Identity } from "./SubscriptionErrors.ts"
import type { SubscriptionFilter, Target } from "./SubscriptionFilter.ts"

/** Where a subscription's messages come from. */
export interface Source {
  readonly target: Target
  readonly filter: SubscriptionFilter
  /** Begins; what it sends waits for the reply. */
  readonly open: (out: Outlet) => void
  /** Takes another filter from now on. */
  readonly refilter: (filter: SubscriptionFilter) => void
  /** New terms of modify-subscription: throws `Refused`, or gives what puts them into force behind the reply. */
  readonly modify: (request: Element.Element, filter: SubscriptionFilter) => () => void
  /** After a suspension. */
  readonly resume: () => void
  readonly close: () => void
  /** A datastore may have changed. */
  readonly observe: () => void
  /** Its parameters, as they are shown. */
  readonly described: () => ReadonlyArray<Element.Element>
}

/** What a source sends through. */
export interface Outlet {
  readonly id: number
  readonly isActive: () => boolean
  /** An event, sent if it is not later than stop-time. */
  readonly event: (record: EventRecord, pause?: number) => void
  /** A notification of this subscription's own. */
  readonly own: (content: Element.Element) => void
}

export const leaf = (name: string, text: string): Element.Element =>
  Element.make(name, subscribed, { children: [text] })

export class DynamicSubscription implements Outlet {
  readonly id: number
  readonly session: number
  readonly source: Source
  readonly #core: Core
  readonly #delivery: Delivery
  #stop: { readonly at: bigint; readonly text: string } | undefined
  #timer: Fiber.Fiber<void> | undefined
  state: "active" | "suspended" | "concluded" = "active"
  /** Called when it is over by itself. */
  readonly #over: () => void

  constructor(core: Core, session: number, id: number, source: Source, over: () => void) {
    this.#core = core
    this.session = session
    this.id = id
    this.source = source
    this.#over = over
    this.#delivery = new Delivery(core.receiver(session), core.settings.runFork)
  }

  readonly start = (): void => this.#delivery.start()

  readonly isActive = (): boolean => this.state === "active"

  readonly event: Outlet["event"] = (record, pause) => {
    if (!this.isActive() || (this.#stop !== undefined && record.at > this.#stop.at)) return
    this.#delivery.push(record.message, pause)
  }

  readonly own: Outlet["own"] = (content) => this.#delivery.push(this.#core.streams.record(content).message)

  change(name: string, children: ReadonlyArray<Element.Element> = []): void {
    this.own(Element.make(name, subscribed, { children: [leaf("id", String(this.id)), ...children] }))
  }

  /** Sets the end, or sets it anew. */
  stopAt(text: string | undefined): void {
    const at = text === undefined ? undefined : EventTime.parse(text)
    if (text === undefined || at === undefined) return
    this.#timer?.interruptUnsafe()
    this.#stop = { at, text }
  }

  /** Begins to wait for its end. */
  watchStop(): void {
    if (this.#stop === undefined) return
    const left = EventTime.millisBetween(EventTime.fromMillis(this.#core.now()), this.#stop.at)
    if (left <= 0) return this.#complete()
    this.#timer = this.#core.settings.runFork(
      Effect.andThen(
        Effect.sleep(left),
        Effect.sync(() => this.#complete())
      )
    )
  }

  #complete(): void {
    this.change("subscription-completed")
    this.#conclude()
  }

  #conclude(): void {
    this.state = "concluded"
    this.source.close()
    this.#timer?.interruptUnsafe()
    this.#over()
  }

  suspend(reason: Identity): void {
    if (!this.isActive()) return
    this.change("subscription-suspended", [identityLeaf("reason", subscribed, reason)])
    this.state = "suspended"
  }

  resume(): void {
    if (this.state !== "suspended") return
    this.state = "active"
    this.change("subscription-resumed")
    this.source.resume()
  }

  /** New terms are in force; they end a suspension without a word, the ok has said it. */
  modified(apply: () => void): void {
    if (this.state === "concluded") return
    this.state = "active"
    apply()
  }

  terminate(reason: Identity): void {
    this.change("subscription-terminated", [identityLeaf("reason", subscribed, reason)])
    this.#conclude()
  }

  /** Ends it without a word: deleted, or gone with its session. */
  end(): void {
    this.halt()
    this.#conclude()
  }

  /** Sends nothing more of what waits. */
  halt(): void {
    this.#delivery.end()
  }

  /** The filter that it names is another now. */
  changeFilter(filter: SubscriptionFilter): void {
    this.change("subscription-modified", [...filter.described, ...this.source.described()])
    this.source.refilter(filter)
  }

  /** All of its parameters. */
  described(): ReadonlyArray<Element.Element> {
    const stop = this.#stop === undefined ? [] : [leaf("stop-time", this.#stop.text)]
    return [...this.source.filter.described, ...this.source.described(), ...stop]
  }
}
