/**
 * The events that a NETCONF server itself sends (RFC 6470): datastore changes with their edits and who made them, sessions
 * that begin and end, the life of a confirmed commit, changed capabilities.
 *
 * They are found by comparing what the datastores are with what they were whenever something may have changed them, so
 * that every way of changing them counts: operations, rollbacks, the console.
 */
import * as Element from "../xml/Element.ts"
import type { Core, Peer } from "./Core.ts"
import type { Confirmed } from "./Datastores.ts"
import type * as Refusal from "./Refusal.ts"
import * as Tree from "./Tree.ts"
import * as TreeDiff from "./TreeDiff.ts"

export const namespace = "urn:ietf:params:xml:ns:yang:ietf-netconf-notifications"

export const names = [
  "netconf-config-change",
  "netconf-capability-change",
  "netconf-session-start",
  "netconf-session-end",
  "netconf-confirmed-commit"
] as const
export type Name = (typeof names)[number]

/** The user, the host where it is an address, and the session; session 0 is not a NETCONF session. */
export interface Actor {
  readonly session: number
  readonly username: string
  readonly sourceHost?: string
}

/** Why a datastore may have changed. */
export interface Cause {
  /** Undefined for the device itself. */
  readonly by: Actor | undefined
  /** What a confirmed commit that is under way no longer has come to. */
  readonly confirmed: "complete" | "cancel" | "timeout"
}

export type TerminationReason = "closed" | "killed" | "dropped" | "timeout" | "bad-hello" | "other"

const leaf = (name: string, text: string, scope?: Element.Scope): Element.Element =>
  Element.make(name, namespace, { children: text === "" ? [] : [text], ...(scope === undefined ? {} : { scope }) })

const isAddress = (host: string | undefined): host is string =>
  host !== undefined && /^(\d{1,3}(\.\d{1,3}){3}|[\da-f:.]*:[\da-f:.]*)$/i.test(host)

const parameters = ({ session, sourceHost, username }: Actor): ReadonlyArray<Element.Element> => [
  leaf("username", username),
  leaf("session-id", String(session)),
  ...(isAddress(sourceHost) ? [leaf("source-host", sourceHost)] : [])
]

const changedBy = (by: Actor | undefined): Element.Element =>
  Element.make("changed-by", namespace, { children: by === undefined ? [leaf("server", "")] : parameters(by) })

/** The edit operation that makes each kind of change. */
const operations = { create: "create", delete: "delete", replace: "merge" } as const

const edit = (core: Core, { kind, steps }: TreeDiff.Change): Element.Element => {
  let path: Refusal.Path = Tree.rootPath
  for (const { element, schema } of steps) path = Tree.pathOf(core.model, path, schema, element)
  return Element.make("edit", namespace, {
    children: [leaf("target", path.text, { ...path.scope, "": namespace }), leaf("operation", operations[kind])]
  })
}

export class StandardEvents {
  readonly #core: Core
  readonly #names: ReadonlySet<Name>
  #running: Element.Element
  #startup: Element.Element
  #confirmed: Confirmed | undefined

  constructor(core: Core, enabled: ReadonlySet<Name>) {
    this.#core = core
    this.#names = enabled
    this.#running = core.stores.running
    this.#startup = core.stores.startup
  }

  #send(name: Name, children: ReadonlyArray<Element.Element>): void {
    if (!this.#names.has(name) || !this.#core.streams.all.has("NETCONF")) return
    this.#core.streams.notify(Element.make(name, namespace, { children }))
  }

  sessionStart(peer: Peer, session: number): void {
    this.#send("netconf-session-start", parameters({ ...peer, session }))
  }

  sessionEnd(peer: Peer, session: number, reason: TerminationReason, killer?: number): void {
    const killedBy = killer === undefined || killer === 0 ? [] : [leaf("killed-by", String(killer))]
    const children = [...parameters({ ...peer, session }), ...killedBy, leaf("termination-reason", reason)]
    this.#send("netconf-session-end", children)
  }

  capabilities(change: Readonly<Record<"added" | "deleted" | "modified", ReadonlyArray<string>>>): void {
    const lists = (["added", "deleted", "modified"] as const).flatMap((kind) =>
      change[kind].map((uri) => leaf(`${kind}-capability`, uri))
    )
    if (lists.length > 0) this.#send("netconf-capability-change", [changedBy(undefined), ...lists])
  }

  /** To be called after anything that may have changed a datastore, or begun or ended a confirmed commit. */
  observe(cause: Cause): void {
    const { confirmed, running, startup } = this.#core.stores
    const was = { running: this.#running, startup: this.#startup, confirmed: this.#confirmed }
    this.#running = running
    this.#startup = startup
    this.#confirmed = confirmed
    this.#config("running", was.running, running, cause.by)
    this.#config("startup", was.startup, startup, cause.by)
    this.#commit(was.confirmed, confirmed, cause)
  }

  /** Takes the datastores as they are, as a device does that starts. */
  forget(): void {
    this.#running = this.#core.stores.running
    this.#startup = this.#core.stores.startup
    this.#confirmed = this.#core.stores.confirmed
  }

  #config(datastore: "running" | "startup", before: Element.Element, after: Element.Element, by: Cause["by"]): void {
    if (before === after || !this.#names.has("netconf-config-change")) return
    const changes = TreeDiff.changes(this.#core.model, before, after)
    if (changes.length === 0) return
    const edits = changes.map((change) => edit(this.#core, change))
    this.#send("netconf-config-change", [changedBy(by), leaf("datastore", datastore), ...edits])
  }

  #commit(before: Confirmed | undefined, after: Confirmed | undefined, cause: Cause): void {
    if (before?.period === after?.period) return
    const event = after !== undefined ? (before === undefined ? "start" : "extend") : cause.confirmed
    // Nobody's doing: a timeout has no session parameters.
    const who = cause.by === undefined ? [] : parameters(cause.by)
    const timeout = after === undefined ? [] : [leaf("timeout", String(after.timeout))]
    this.#send("netconf-confirmed-commit", [...who, leaf("confirm-event", event), ...timeout])
  }
}
