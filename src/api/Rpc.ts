/**
 * Any other rpc, as an element or as text, and what is known of it by its name: an operation of RFC 6241 sent this way
 * is treated like the operation itself.
 */
import { InputError } from "../errors.ts"
import type { Kind, Operation } from "../rpc/Operation.ts"
import type { Reply } from "../rpc/Reply.ts"
import * as Element from "../xml/Element.ts"
import * as Namespaces from "../xml/Namespaces.ts"
import * as Fragment from "./Fragment.ts"

export interface RpcOptions {
  /** True: it changes nothing on the device, so a lost reply leaves nothing in doubt. Default: false. */
  readonly read?: boolean
}

const reads = new Set(["get", "get-config", "validate", "get-schema", "get-data"])
const controls = new Set(["lock", "unlock", "discard-changes", "close-session", "kill-session"])
const readNamespaces = new Set([Namespaces.base, Namespaces.monitoring, Namespaces.nmda])

const kindOf = ({ name, namespace }: Element.Element, read: boolean): Kind => {
  if (read || (reads.has(name) && readNamespaces.has(namespace))) return "read"
  return controls.has(name) && namespace === Namespaces.base ? "control" : "write"
}

const changes = {
  lock: "lock",
  unlock: "unlock",
  "edit-config": "edit",
  "copy-config": "edit",
  commit: "commit",
  "discard-changes": "discard"
} as const

const leaseOf = (body: Element.Element): Pick<Operation, "lease" | "datastore"> => {
  const change = body.namespace === Namespaces.base ? changes[body.name as keyof typeof changes] : undefined
  if (change === undefined) return {}
  const target = Element.find(body, ["target"])
  const datastore = target === undefined ? "candidate" : (Element.elements(target)[0]?.name ?? "candidate")
  return { lease: { change, datastore }, datastore }
}

/** The operation element within what the caller gave: itself, or the only child of a whole `<rpc>`. */
const bodyOf = (fragment: Fragment.Fragment): Element.Element => {
  const elements = Fragment.elements(fragment, "rpc")
  const [only] = elements
  if (elements.length !== 1)
    throw new InputError({ what: "rpc", why: `expected one operation element, got ${elements.length}` })
  if (only!.name !== "rpc" || (only!.namespace !== Namespaces.base && only!.namespace !== "")) return inBase(only!)
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
        scope: { ...element.scope, "": Namespaces.base }
      })

const acquires = new Set(["partial-lock", "create-subscription", "establish-subscription"])

/** What gives back what it acquired, when its success comes after nobody waits for it any more. */
const undoOf = (body: Element.Element): Pick<Operation, "undo"> => {
  const isBase = body.namespace === Namespaces.base
  if (isBase && body.name === "lock") {
    const unlock = Element.make("unlock", Namespaces.base, { children: Element.elements(body) })
    return { undo: () => make(unlock, false) }
  }
  const isConfirmed = isBase && body.name === "commit" && Element.child(body, "confirmed") !== undefined
  return isConfirmed || acquires.has(body.name) ? { undo: () => "close-session" } : {}
}

const released = new Set(["unlock", "discard-changes", "cancel-commit", "close-session", "kill-session"])

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
  name: element.name,
  kind: kindOf(element, read),
  release: element.namespace === Namespaces.base && released.has(element.name),
  needs: [],
  expects: "output",
  ...leaseOf(element),
  ...undoOf(element),
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
