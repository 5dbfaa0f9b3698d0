/**
 * Subscriptions to a datastore (RFC 8641): the whole selection at each period, or at the start and then what changes, as a
 * YANG patch with a counting patch-id.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Element from "../xml/Element.ts"
import type { Core } from "./Core.ts"
import type { Outlet, Source } from "./DynamicSubscription.ts"
import * as EventTime from "./EventTime.ts"
import { refused as refusedBy } from "./Parameters.ts"
import * as PushParameters from "./PushParameters.ts"
import * as Refusal from "./Refusal.ts"
import * as Selected from "./Selected.ts"
import { push, refused } from "./SubscriptionErrors.ts"
import type { SubscriptionFilter } from "./SubscriptionFilter.ts"
import * as Tree from "./Tree.ts"
import * as TreeDiff from "./TreeDiff.ts"
import * as YangPatch from "./YangPatch.ts"

export const namespace = push

const leaf = (name: string, text: string): Element.Element =>
  Element.make(name, push, { children: text === "" ? [] : [text] })

const largestPatchId = 4_294_967_295

export class DatastoreSource implements Source {
  readonly target = "datastore"
  filter: SubscriptionFilter
  readonly #core: Core
  readonly #session: number
  readonly #datastore: PushParameters.DatastoreName
  #trigger: PushParameters.Trigger
  #outlet: Outlet | undefined
  #timer: Fiber.Fiber<void> | undefined
  /** The selection as the receiver knows it. */
  #told: Element.Element = Tree.root()
  /** The selection as it was seen last. */
  #seen: Element.Element = Tree.root()
  /** Changes since the last update, by target; those that cancel each other out are told all the same. */
  readonly #churned = new Map<string, YangPatch.Edit>()
  #dampened = false
  #patchId = 0
  #incomplete = false

  /** Reads the parameters; throws `Refused`. */
  constructor(
    core: Core,
    session: number,
    request: Element.Element,
    datastore: PushParameters.DatastoreName,
    filter: SubscriptionFilter
  ) {
    this.#core = core
    this.#session = session
    this.filter = filter
    this.#datastore = datastore
    const trigger = PushParameters.trigger(core, "establish", request)
    if (trigger === undefined) {
      throw refusedBy(Refusal.missingParameter("periodic", "a datastore subscription is periodic or on-change"))
    }
    this.#trigger = trigger
    this.#mayServe("establish", trigger, filter)
  }

  #mayServe(operation: "establish" | "modify", trigger: PushParameters.Trigger, filter: SubscriptionFilter): void {
    const core = this.#core
    const { maxNodes = Infinity, refusesEmptySelection = false } = core.settings.notifications.push ?? {}
    const whole = Selected.select(core, this.#datastore, filter)
    if (Tree.isEmpty(whole) && refusesEmptySelection) {
      throw PushParameters.refuse(core, operation, "unchanging-selection", "the filter selects nothing")
    }
    const notifiable = this.#select(trigger, filter)
    if (Selected.isLost(core, whole, notifiable)) {
      const hints = { "filter-failure-hint": `not on change: ${Selected.onChangeUnsupported(core).join(", ")}` }
      throw PushParameters.refuse(
        core,
        operation,
        "on-change-unsupported",
        "nothing selected is pushed on change",
        hints
      )
    }
    const nodes = Selected.countNodes(notifiable)
    if (nodes <= maxNodes || (trigger.kind === "on-change" && !trigger.syncOnStart)) return
    const identity = trigger.kind === "periodic" ? "update-too-big" : "sync-too-big"
    const hints = { "object-count-estimate": nodes, "object-count-limit": maxNodes }
    throw PushParameters.refuse(core, operation, identity, `${nodes} nodes are selected`, hints)
  }

  #select(trigger = this.#trigger, filter = this.filter): Element.Element {
    const select = trigger.kind === "periodic" ? Selected.select : Selected.selectNotifiable
    return select(this.#core, this.#datastore, filter)
  }

  readonly open = (outlet: Outlet): void => {
    this.#outlet = outlet
    if (this.#trigger.kind === "periodic") return this.#openPeriodic(this.#trigger)
    this.#told = this.#select()
    this.#seen = this.#told
    if (this.#trigger.syncOnStart) this.#sendAll()
  }

  /** The first update goes at once and is the anchor, or waits for the next multiple of the period. */
  #openPeriodic({ anchor, period }: PushParameters.Periodic): void {
    const now = EventTime.fromMillis(this.#core.now())
    if (anchor === undefined) this.#sendAll()
    const nanoseconds = BigInt(period) * 10_000_000n
    const first = anchor?.at ?? now
    const phase = (((now - first) % nanoseconds) + nanoseconds) % nanoseconds
    const wait = EventTime.millisBetween(phase, nanoseconds)
    const each = Effect.sync(() => this.#sendAll())
    const loop = Effect.forever(Effect.andThen(Effect.sleep(period * 10), each))
    this.#timer = this.#run(Effect.sleep(wait).pipe(Effect.andThen(each), Effect.andThen(loop)))
  }

  #run(effect: Effect.Effect<void>): Fiber.Fiber<void> {
    return this.#core.settings.runFork(effect)
  }

  #update(name: "push-update" | "push-change-update", content: Element.Element): void {
    const incomplete = this.#incomplete ? [leaf("incomplete-update", "")] : []
    this.#incomplete = false
    const children = [leaf("id", String(this.#outlet?.id)), content, ...incomplete]
    this.#outlet?.own(Element.make(name, push, { children }))
  }

  /** The whole selection; patch-ids begin anew. */
  #sendAll(): void {
    if (this.#outlet?.isActive() !== true) return
    this.#told = this.#select()
    this.#seen = this.#told
    this.#churned.clear()
    this.#patchId = 0
    this.#update("push-update", Element.make("datastore-contents", push, { children: this.#told.children }))
  }

  /** resync-subscription: the whole selection follows the reply. */
  resync(): void {
    if (this.#trigger.kind === "periodic") {
      throw refused(this.#core, "on-change-sync-unsupported", "a periodic subscription is not resynchronized")
    }
    this.#core.afterReply(this.#session, () => this.#sendAll())
  }

  readonly observe = (): void => {
    if (this.#trigger.kind === "periodic") return
    const now = this.#select()
    for (const edit of YangPatch.edits(this.#core.model, TreeDiff.changes(this.#core.model, this.#seen, now))) {
      this.#churned.set(edit.target, edit)
    }
    this.#seen = now
    if (this.#outlet?.isActive() === true && !this.#dampened) this.#sendChanges()
  }

  /** What is another than was told, and what came and went meanwhile (RFC 8641 §3.3). */
  #sendChanges(): void {
    if (this.#trigger.kind === "periodic") return
    const { dampening, excluded } = this.#trigger
    const patch = [...YangPatch.edits(this.#core.model, TreeDiff.changes(this.#core.model, this.#told, this.#seen))]
    for (const edit of this.#churned.values()) {
      if (!patch.some(({ target }) => covers(target, edit.target) || covers(edit.target, target))) patch.push(edit)
    }
    this.#told = this.#seen
    this.#churned.clear()
    const left = patch.filter(({ operation }) => !excluded.has(operation))
    if (left.length === 0) return
    this.#update("push-change-update", YangPatch.datastoreChanges(this.#patchId, left))
    this.#patchId = this.#patchId === largestPatchId ? 0 : this.#patchId + 1
    if (dampening > 0) this.#dampen(dampening * 10)
  }

  #dampen(millis: number): void {
    this.#dampened = true
    const over = Effect.sync(() => {
      this.#dampened = false
      if (this.#outlet?.isActive() === true) this.#sendChanges()
    })
    this.#timer = this.#run(Effect.andThen(Effect.sleep(millis), over))
  }

  readonly resume = (): void => {
    if (!this.#dampened) this.#sendChanges()
  }

  readonly refilter = (filter: SubscriptionFilter): void => {
    this.filter = filter
    if (this.#trigger.kind === "periodic") return
    if (this.#trigger.syncOnStart) return this.#sendAll()
    this.#told = this.#select()
    this.#seen = this.#told
  }

  readonly modify = (request: Element.Element, filter: SubscriptionFilter): (() => void) => {
    const named = PushParameters.datastore(this.#core, request)
    const trigger = PushParameters.trigger(this.#core, "modify", request) ?? this.#trigger
    if ((named ?? this.#datastore) !== this.#datastore || trigger.kind !== this.#trigger.kind) {
      throw refusedBy(Refusal.invalidValue("neither the datastore nor the kind of trigger can be modified"))
    }
    const kept =
      trigger.kind === "on-change" && this.#trigger.kind === "on-change"
        ? { ...this.#trigger, dampening: trigger.dampening }
        : trigger
    this.#mayServe("modify", kept, filter)
    return () => this.#apply(kept, filter)
  }

  #apply(trigger: PushParameters.Trigger, filter: SubscriptionFilter): void {
    // Without a new start, what has changed by now is told by the terms of now.
    if (trigger.kind === "on-change" && !trigger.syncOnStart) this.#sendChanges()
    this.#timer?.interruptUnsafe()
    this.#dampened = false
    this.#trigger = trigger
    this.refilter(filter)
    if (trigger.kind === "periodic") this.#openPeriodic(trigger)
  }

  readonly close = (): void => this.#timer?.interruptUnsafe()

  /** The changes since the last update are lost, and the next update says that it is incomplete. */
  lose(): void {
    this.#told = this.#seen
    this.#churned.clear()
    this.#incomplete = true
  }

  /** The next patch-id is not the one that is due. */
  skipPatchId(): void {
    this.#patchId++
  }

  readonly described = (): ReadonlyArray<Element.Element> => [
    PushParameters.describeDatastore(this.#datastore),
    PushParameters.describe(this.#trigger)
  ]
}

/** Whether one target holds the other. */
const covers = (outer: string, inner: string): boolean => inner === outer || inner.startsWith(`${outer}/`)
