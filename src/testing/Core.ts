/**
 * What all sessions of one simulated device share: its datastores, files, faults, log, and who is connected. Changed
 * synchronously, one operation at a time; time passes elsewhere.
 */
import type * as Clock from "effect/Clock"
import type { Capabilities } from "../rpc/Capabilities.ts"
import * as Element from "../xml/Element.ts"
import * as Namespaces from "../xml/Namespaces.ts"
import type { Datastores } from "./Datastores.ts"
import type { Dialect } from "./Dialects.ts"
import * as EditConfig from "./EditConfig.ts"
import type { Faults } from "./Faults.ts"
import type { Model } from "./Model.ts"
import type { Body } from "./Operations.ts"
import * as Refusal from "./Refusal.ts"

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
}

/** A session as the core handles it. */
interface Member {
  readonly view: DeviceSession
  /** Ends it at once, whatever it is doing. */
  readonly kill: (detail: string) => void
}

export class Core {
  readonly model: Model
  readonly dialect: Dialect
  readonly capabilities: Capabilities
  readonly factory: Element.Element
  readonly stores: Datastores
  readonly faults: Faults
  readonly files: Map<string, string>
  readonly schemas: ReadonlyMap<string, string>
  readonly operations: ReadonlyMap<string, CustomOperation>
  readonly settings: Settings
  readonly log: Array<LogEntry> = []
  readonly members = new Map<number, Member>()
  /** Whether the last thing that was asked of the candidate was to validate it. */
  validated = false
  /** Called after anything that may have begun or ended a confirmed commit. */
  changed: () => void = () => {}
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

  /** Running and state together, as `get` shows them. */
  withState(): Element.Element {
    const { running } = this.stores
    const state = this.settings.state(running)
    if (state === undefined) return this.#withSessions(running)
    const { data, refusals } = EditConfig.apply(running, state, { model: this.model, state: true })
    if (refusals.length > 0) throw new Refusal.Refused(...refusals)
    return this.#withSessions(data)
  }

  #withSessions(data: Element.Element): Element.Element {
    if (!this.capabilities.has(Namespaces.monitoring)) return data
    const sessions = [...this.members.values()].map(({ view }) => monitored(view))
    const leaf = monitoringElement("sessions", sessions)
    return { ...data, children: [...data.children, monitoringElement("netconf-state", [leaf])] }
  }

  kill(id: number): boolean {
    const member = this.members.get(id)
    member?.kill("killed by another session")
    return member !== undefined
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
