/**
 * rpc-error elements (RFC 6241 §4.3, appendix A) as data: found wherever vendors nest them, by any prefix.
 */
import type { ErrorInfo, RpcErrorItem } from "../errors.ts"
import * as Element from "../xml/Element.ts"
import * as Namespaces from "../xml/Namespaces.ts"
import { print } from "../xml/Print.ts"

const trimmed = (parent: Element.Element, name: string): string | undefined => {
  const found = Element.child(parent, name)
  const text = found === undefined ? "" : Element.text(found).trim()
  return text === "" ? undefined : text
}

const texts = (parent: Element.Element, name: string): ReadonlyArray<string> | undefined => {
  const found = Element.children(parent, name).map((element) => Element.text(element).trim())
  return found.length === 0 ? undefined : found
}

const without = <A extends object>(fields: A): A =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as A

const readInfo = (info: Element.Element): ErrorInfo => {
  const sessionId = trimmed(info, "session-id")
  return without({
    sessionId: sessionId !== undefined && /^[0-9]{1,10}$/.test(sessionId) ? Number(sessionId) : undefined,
    badAttribute: trimmed(info, "bad-attribute"),
    badElement: trimmed(info, "bad-element"),
    badNamespace: trimmed(info, "bad-namespace"),
    okElements: texts(info, "ok-element"),
    errElements: texts(info, "err-element"),
    noopElements: texts(info, "noop-element"),
    xml: print(info)
  })
}

/** Reads one rpc-error. A missing severity is an error; a missing tag (Junos) is `operation-failed`. */
export const read = (element: Element.Element): RpcErrorItem => {
  const info = Element.child(element, "error-info")
  return without({
    type: trimmed(element, "error-type"),
    tag: trimmed(element, "error-tag") ?? "operation-failed",
    severity: trimmed(element, "error-severity") === "warning" ? "warning" : "error",
    appTag: trimmed(element, "error-app-tag"),
    path: trimmed(element, "error-path"),
    message: trimmed(element, "error-message"),
    info: info === undefined ? undefined : readInfo(info)
  } as const)
}

/**
 * Every rpc-error of a reply, in order. Outside of `<data>` an rpc-error counts in any namespace, because it must never
 * pass for a success; inside it only in the base namespace, because a model may use the name. A device that leaves
 * namespaces out leaves them out throughout.
 */
export const collect = (reply: Element.Element): ReadonlyArray<RpcErrorItem> => {
  const items: Array<RpcErrorItem> = []
  const walk = (parent: Element.Element, inData: boolean): void => {
    for (const element of Element.elements(parent)) {
      if (element.name === "rpc-error" && (!inData || Namespaces.isBase(element.namespace, reply.namespace)))
        items.push(read(element))
      else walk(element, inData || element.name === "data")
    }
  }
  walk(reply, false)
  return items
}
