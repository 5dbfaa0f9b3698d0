/**
 * rpc-reply and hello as the device writes them: attributes of the rpc returned (RFC 6241 §4.2), and what the dialect
 * makes of the text.
 */
import * as Element from "../xml/Element.ts"
import * as Namespaces from "../xml/Namespaces.ts"
import * as Print from "../xml/Print.ts"
import type { Dialect } from "./Dialects.ts"
import type { Body } from "./Operations.ts"
import * as Refusal from "./Refusal.ts"

const prefixed = (element: Element.Element, prefix: string): Element.Element => {
  if (element.namespace !== Namespaces.base) return element
  const { "": _default, ...scope } = Element.bindings(element.scope)
  return {
    ...element,
    prefix,
    scope: { ...scope, [prefix]: Namespaces.base },
    children: element.children.map((node) => (Element.isElement(node) ? prefixed(node, prefix) : node))
  }
}

/** The element as text, with the dialect's prefix and declaration. */
export const print = (dialect: Dialect, element: Element.Element): string =>
  Print.print(dialect.prefix === "" ? element : prefixed(element, dialect.prefix), { declaration: dialect.declaration })

/** The reply's children for what an operation gave. */
export const contents = (body: Body, warnings: ReadonlyArray<Refusal.Refusal>): ReadonlyArray<Element.Element> => {
  if (body !== "ok") return body
  const beside = warnings.map((warning) => Refusal.toElement({ ...warning, severity: "warning" }))
  return [...beside, Element.make("ok", Namespaces.base)]
}

/** The reply's children for what was refused. */
export const errors = (
  dialect: Dialect,
  operation: string,
  refusals: ReadonlyArray<Refusal.Refusal>
): ReadonlyArray<Element.Element> => {
  const elements = refusals.map(Refusal.toElement)
  if (dialect.commitResults === undefined || operation !== "commit") return elements
  return [Element.make(dialect.commitResults, Namespaces.base, { children: elements })]
}

/** The rpc-reply; `messageId` undefined leaves it out, whatever the rpc said. */
export const reply = (
  rpc: Element.Element | undefined,
  messageId: string | undefined,
  children: ReadonlyArray<Element.Element>
): Element.Element => {
  const others = rpc?.attributes.filter(({ name, namespace }) => name !== "message-id" || namespace !== "") ?? []
  const own = messageId === undefined ? [] : [{ name: "message-id", prefix: "", namespace: "", value: messageId }]
  return Element.make("rpc-reply", Namespaces.base, {
    ...(rpc === undefined ? {} : { prefix: rpc.prefix, scope: rpc.scope }),
    attributes: [...own, ...others],
    children
  })
}

/** The device's hello as text, without its frame. */
export const hello = (dialect: Dialect, capabilities: ReadonlyArray<string>, sessionId: number): string => {
  const list = capabilities.map((uri) => Element.make("capability", Namespaces.base, { children: [uri] }))
  const id = Element.make("session-id", Namespaces.base, { children: [String(sessionId)] })
  const element = Element.make("hello", Namespaces.base, {
    children: [
      Element.make("capabilities", Namespaces.base, { children: list }),
      ...(dialect.helloSessionId ? [id] : [])
    ]
  })
  return `${dialect.beforeHello}${print(dialect, element)}${dialect.afterHello}`
}
