/**
 * What all sessions of one simulated device share: its datastores, files, faults, log, and who is connected. Changed
 * synchronously, one operation at a time; time passes elsewhere.
 */
import type * as Clock from "effect/Clock"
import type { Capabilities } from "../rpc/Capabilities.ts"
import * as Element from "../xml/Element.ts"
import * as Namespaces from "../xml/Namespaces.ts"
import type { Datastores } from "./Datastores.ts"
import type { Receiver } from "./Delivery.ts"
import type { Dialect } from "./Dialects.ts"
import { DynamicSubscriptions } from "./DynamicSubscriptions.ts"
import * as EditConfig from "./EditConfig.ts"
import * as EventStreams from "./EventStreams.ts"
import * as EventTime from "./EventTime.ts"
import type { Faults } from "./Faults.ts"
import type { Model } from "./Model.ts"
import type { NamedFilter, NotificationOptions } from "./NotificationOptions.ts"
import * as NotificationState from "./NotificationState.ts"
import type { Body } from "./Operations.ts"
import * as Refusal from "./Refusal.ts"
import type { RunFork } from "./Server.ts"
import * as StandardEvents from "./StandardEvents.ts"
import { Subscriptions } from "./Subscriptions.ts"

/** One request as it was received. */
export interface LogEntry {
  readonly session: number
  /** The operation's element name. */
  readonly operation: string
  readonly messageId: string | undefined
  /** The whole message. */
  readonly xml: string
  /** Milliseconds of the Clock. */
  readonly at: number
}

/** Who is at the other end, as far as the transport knows. */
export interface Peer {
  readonly username: string
  readonly sourceHost: string
  readonly transport: "netconf-ssh" | "netconf-memory"
}

/** A session as a test sees it. */
export interface DeviceSession extends Peer {
  readonly id: number
  /** Milliseconds of the Clock. */
  readonly loginTime: number
  /** Whether the client's hello was read. */
  readonly established: boolean
  readonly framing: "end-of-message" | "chunked"
  /** Sends a message that nobody asked for, in a proper frame: a notification, or a reply of your own. */
  readonly send: (message: string | Element.Element) => void
  /** Sends bytes as they are. */
  readonly sendBytes: (bytes: string | Uint8Array) => void
  /** Cuts the connection, as a broken network does (the default) or as a server that closes. */
  readonly cut: (by?: "network" | "peer") => void
}

/** An operation of your own: what the reply holds. Refuses by throwing `Refusal.Refused`. */
export type CustomOperation = (request: Element.Element, session: number) => Body

export interface Settings {
  readonly model: Model
  readonly dialect: Dialect
  readonly capabilities: Capabilities
  readonly factory: Element.Element
  readonly stores: Datastores
  readonly faults: Faults
  readonly files: Map<string, string>
  readonly schemas: ReadonlyMap<string, string>
  readonly operations: ReadonlyMap<string, CustomOperation>
  readonly state: (running: Element.Element) => Element.Element | undefined
  readonly clock: Clock.Clock
  readonly maxMessageBytes: number
  readonly maxSessions: number
  readonly notifications: NotificationOptions
  readonly runFork: RunFork
}

/** A session as the core handles it. */
interface Member {
  readonly view: DeviceSession
  readonly receiver: Receiver
  /** Ends it at once, whatever it is doing; `killer` is the session that asked for it. */
  readonly kill: (detail: string, killer?: number) => void
}

export class Core {
  readonly model: Model
  readonly dialect: Dialect
  /** What a new session is told; sessions that are open keep what they were told. */
  capabilities: Capabilities
  readonly factory: Element.Element
  readonly stores: Datastores
  readonly faults: Faults
  readonly files: Map<string, string>
  readonly schemas: ReadonlyMap<string, string>
  readonly operations: ReadonlyMap<string, CustomOperation>
  readonly settings: Settings
  readonly streams: EventStreams.EventStreams
  readonly subscriptions = new Subscriptions()
  /** Filters that subscriptions can name. */
  readonly filters: Map<string, NamedFilter>
  readonly dynamic: DynamicSubscriptions
  readonly events: StandardEvents.StandardEvents
  readonly log: Array<LogEntry> = []
  readonly members = new Map<number, Member>()
  /** Whether the last thing that was asked of the candidate was to validate it. */
  validated = false
  /** Called after anything that may have begun or ended a confirmed commit. */
  changed: () => void = () => {}
  readonly #afterReply = new Map<number, Array<() => void>>()
  #lastSession = 0

  constructor(settings: Settings) {
    this.settings = settings
    this.model = settings.model
    this.dialect = settings.dialect
    this.capabilities = settings.capabilities
    this.factory = settings.factory
    this.stores = settings.stores
    this.faults = settings.faults
    this.files = settings.files
    this.schemas = settings.schemas
    this.operations = settings.operations
    const { notifications } = settings
    this.streams = new EventStreams.EventStreams({
      streams: [
        { name: "NETCONF", description: "default event stream", ...notifications },
        ...(notifications.streams ?? [])
      ],
      stamp: () => (settings.dialect.wholeSeconds ? EventTime.formatSeconds : EventTime.format)(this.now()),
      declaration: settings.dialect.declaration
    })
    this.filters = new Map(Object.entries(notifications.filters ?? {}))
    const { standardEvents = true } = notifications
    const names = standardEvents === true ? StandardEvents.names : standardEvents === false ? [] : standardEvents
    this.events = new StandardEvents.StandardEvents(this, new Set(names))
    this.dynamic = new DynamicSubscriptions(this)
  }

  now(): number {
    return this.settings.clock.currentTimeMillisUnsafe()
  }

  nextSession(): number {
    return ++this.#lastSession
  }

  /** What the dialect adds to an edit. */
  get rules(): Pick<EditConfig.Options, "normalise" | "denied"> {
    return { normalise: this.dialect.normalise, denied: this.dialect.hidden }
  }

  /** Running and state together, as `get` shows them, with what the device says of itself. */
  withState(): Element.Element {
    return NotificationState.add(this, this.#withSessions(this.operational()))
  }

  /** Running and the state data of the model. */
  operational(): Element.Element {
    const { running } = this.stores
    const state = this.settings.state(running)
    if (state === undefined) return running
    const { data, refusals } = EditConfig.apply(running, state, { model: this.model, state: true })
    if (refusals.length > 0) throw new Refusal.Refused(...refusals)
    return data
  }

  #withSessions(data: Element.Element): Element.Element {
    if (!this.capabilities.has(Namespaces.monitoring)) return data
    const sessions = [...this.members.values()].map(({ view }) => monitored(view))
    const leaf = monitoringElement("sessions", sessions)
    return { ...data, children: [...data.children, monitoringElement("netconf-state", [leaf])] }
  }

  kill(id: number, killer: number): boolean {
    const member = this.members.get(id)
    member?.kill("killed by another session", killer)
    return member !== undefined
  }

  receiver(session: number): Receiver {
    const member = this.members.get(session)
    if (member === undefined) throw new Refusal.Refused(Refusal.operationFailed("the session is ending"))
    return member.receiver
  }

  /** What follows the reply to the request that is being answered, never before it. */
  afterReply(session: number, step: () => void): void {
    this.#afterReply.set(session, [...(this.#afterReply.get(session) ?? []), step])
  }

  replied(session: number): void {
    const steps = this.#afterReply.get(session) ?? []
    this.#afterReply.delete(session)
    for (const step of steps) step()
  }

  /** To be called after anything that may have changed a datastore. */
  observe(cause: StandardEvents.Cause): void {
    this.events.observe(cause)
    this.dynamic.observe()
    this.changed()
  }

  /** A session is gone, with its subscriptions and what it has not committed. */
  release(session: number, by: StandardEvents.Actor): void {
    this.members.delete(session)
    this.#afterReply.delete(session)
    this.subscriptions.release(session)
    this.dynamic.release(session)
    this.stores.release(session)
    this.observe({ by, confirmed: "cancel" })
  }

  /** Ends all sessions. */
  stop(detail: string): void {
    for (const member of this.members.values()) member.kill(detail)
  }

  /** Starts anew; sessions are numbered from 1 again. */
  reboot(): void {
    this.stop("the device reboots")
    this.#lastSession = 0
    this.stores.reboot()
    this.events.forget()
    this.streams.reset()
    this.changed()
  }
}

const monitoringElement = (name: string, children: ReadonlyArray<Element.Node>): Element.Element =>
  Element.make(name, Namespaces.monitoring, { children })

/** RFC 6022 §2.1.3. */
const monitored = (session: DeviceSession): Element.Element =>
  monitoringElement("session", [
    monitoringElement("session-id", [String(session.id)]),
    monitoringElement("transport", [session.transport]),
    monitoringElement("username", [session.username]),
    monitoringElement("source-host", [session.sourceHost]),
    monitoringElement("login-time", [new Date(session.loginTime).toISOString()])
  ])
