/**
 * Any other rpc, as an element or as text, and what is known of it by its name: an operation of RFC 6241 sent this way
 * is treated like the operation itself.
 */
import { InputError } from "../../errors.ts"
import type { Operation } from "../../rpc/Operation.ts"
import type { Reply } from "../../rpc/Reply.ts"
import * as Element from "../../xml/Element.ts"
import * as Namespaces from "../../xml/Namespaces.ts"
import { cancelCommit, commit, discardChanges } from "./Commit.ts"
import type { Datastore, Url } from "./Datastore.ts"
import { copyConfig, deleteConfig, editConfig, validate } from "./Edit.ts"
import * as Fragment from "./Fragment.ts"
import { lock, unlock } from "./Lock.ts"
import { get, getConfig } from "./Retrieve.ts"
import { closeSession, killSession } from "./SessionControl.ts"

export interface RpcOptions {
  /** True: it changes nothing on the device, so a lost reply leaves nothing in doubt. Default: false. */
  readonly read?: boolean
}

const textOf = (body: Element.Element, name: string): string | undefined => {
  const found = Element.child(body, name)
  return found === undefined ? undefined : Element.text(found).trim()
}

/** What `<target>` or `<source>` names; what is not there is running, as devices read it. */
const datastoreOf = (body: Element.Element, name: "target" | "source"): Datastore | Url => {
  const parent = Element.child(body, name)
  const named = parent === undefined ? undefined : Element.elements(parent)[0]
  if (named?.name === "url") return { url: Element.text(named).trim() }
  return named?.name === "candidate" || named?.name === "startup" ? named.name : "running"
}

const given = <const Key extends string>(key: Key, value: string | undefined): { readonly [K in Key]?: string } =>
  value === undefined ? {} : ({ [key]: value } as { readonly [K in Key]?: string })

const commitOf = (body: Element.Element) =>
  commit({
    ...(Element.child(body, "confirmed") === undefined ? {} : { confirmed: true }),
    ...given("persist", textOf(body, "persist")),
    ...given("persistId", textOf(body, "persist-id"))
  })

const editOf = (body: Element.Element) =>
  editConfig({
    target: datastoreOf(body, "target"),
    // A device that is not told stops at the first error, and may keep what came before it.
    errorOption: textOf(body, "error-option") === "rollback-on-error" ? "rollback-on-error" : "stop-on-error",
    ...(textOf(body, "test-option") === "test-only" ? { testOption: "test-only" } : {})
  })

const lockTargetOf = (body: Element.Element) => {
  const target = datastoreOf(body, "target")
  return typeof target === "string" ? { target } : {}
}

/** Operations of RFC 6241 sent as they are: each is the operation value that it would have been, but for its encoding. */
const ofBase: ReadonlyMap<string, (body: Element.Element) => Operation<unknown>> = new Map([
  ["get", () => get()],
  ["get-config", (body) => getConfig({ source: datastoreOf(body, "source") })],
  ["edit-config", editOf],
  ["copy-config", (body) => copyConfig({ target: datastoreOf(body, "target"), source: datastoreOf(body, "source") })],
  ["delete-config", (body) => deleteConfig({ target: datastoreOf(body, "target") })],
  ["validate", () => validate()],
  ["lock", (body) => lock(lockTargetOf(body))],
  ["unlock", (body) => unlock(lockTargetOf(body))],
  ["commit", commitOf],
  ["cancel-commit", (body) => cancelCommit(given("persistId", textOf(body, "persist-id")))],
  ["discard-changes", () => discardChanges()],
  ["close-session", () => closeSession()],
  ["kill-session", () => killSession({ sessionId: 0 })]
])

const readElsewhere = new Map([
  [Namespaces.monitoring, "get-schema"],
  [Namespaces.nmda, "get-data"]
])

/** Whatever they are granted lasts as long as the session, and is given back with it. */
const acquiring = new Set(["partial-lock", "create-subscription", "establish-subscription"])

/** Of subscriptions alone (RFC 8639, 8641). */
const controlling = new Set(["modify-subscription", "delete-subscription", "kill-subscription", "resync-subscription"])

/** What is known of an operation by its name; of an unknown one, that it may have changed the device. */
const factsOf = (body: Element.Element, read: boolean): Pick<Operation, "kind"> & Partial<Operation<unknown>> => {
  const known = body.namespace === Namespaces.base ? ofBase.get(body.name)?.(body) : undefined
  if (known !== undefined) return known
  if (read || readElsewhere.get(body.namespace) === body.name) return { kind: "read" }
  if (controlling.has(body.name)) return { kind: "control" }
  return acquiring.has(body.name) ? { kind: "control", undo: () => "close-session" } : { kind: "write" }
}

/** The operation element within what the caller gave: itself, or the only child of a whole `<rpc>`. */
const bodyOf = (fragment: Fragment.Fragment): Element.Element => {
  const elements = Fragment.elements(fragment, "rpc")
  const [only] = elements
  if (elements.length !== 1)
    throw new InputError({ what: "rpc", why: `expected one operation element, got ${elements.length}` })
  if (only!.name !== "rpc" || !Namespaces.isBaseOrNone(only!.namespace)) return inBase(only!)
  const inner = Element.elements(only!)
  if (inner.length !== 1)
    throw new InputError({ what: "rpc", why: `expected one operation element in <rpc>, got ${inner.length}` })
  return inBase(inner[0]!)
}

/** Text without a namespace means the base namespace, as it would inside `<rpc>`. */
const inBase = (element: Element.Element): Element.Element =>
  element.namespace !== ""
    ? element
    : Element.make(element.name, Namespaces.base, {
        attributes: element.attributes,
        children: element.children.map((child) => (Element.isElement(child) ? inBase(child) : child)),
        scope: Element.bind(element.scope, { "": Namespaces.base })
      })

/** An operation that cannot be sent: it fails where others are encoded, as a typed error. */
const unsendable = (error: InputError): Operation<Reply> => ({
  name: "rpc",
  kind: "control",
  needs: [],
  expects: "output",
  encode: () => {
    throw error
  },
  decode: (reply) => reply
})

const make = (element: Element.Element, read: boolean): Operation<Reply> => ({
  expects: "output",
  ...factsOf(element, read),
  name: element.name,
  needs: [],
  encode: () => element,
  decode: (reply) => reply
})

/**
 * Sends an operation element, or a whole `<rpc>` whose message-id is replaced. An operation without a namespace is put
 * into the base namespace; text that is not well-formed fails with an `InputError` before anything is sent.
 */
export const rpc = (body: Fragment.Fragment, { read = false }: RpcOptions = {}): Operation<Reply> => {
  try {
    return make(bodyOf(body), read)
  } catch (error) {
    if (error instanceof InputError) return unsendable(error)
    throw error
  }
}
