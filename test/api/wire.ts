/** The element that an operation is sent as, compared with the RFC's own text. */
import { assert } from "@effect/vitest"
import type { Operation } from "../../src/rpc/Operation.ts"
import * as Capabilities from "../../src/rpc/Capabilities.ts"
import * as Element from "../../src/xml/Element.ts"
import { decode } from "../../src/xml/Parse.ts"
import { print } from "../../src/xml/Print.ts"
import { base, everything, helloOf } from "../rpc/peer.ts"

export const capabilitiesOf = (names: ReadonlyArray<string> = everything) =>
  Capabilities.make(
    [...helloOf(names).matchAll(/<capability>([^<]*)</g)].map((found) => found[1]!.replaceAll("&amp;", "&"))
  )

/** What stands inside `<rpc>` on the wire. */
export const wire = (operation: Operation<unknown>, names?: ReadonlyArray<string>): Element.Element => {
  const rpc = Element.make("rpc", base, { children: [operation.encode(capabilitiesOf(names))] })
  return Element.elements(decode(print(rpc)))[0]!
}

/** White space between elements means nothing in these examples. */
const squeeze = (element: Element.Element): Element.Element => ({
  ...element,
  children: element.children
    .filter((node) => typeof node !== "string" || node.trim() !== "" || element.children.length === 1)
    .map((node) => (typeof node === "string" ? node.trim() : Element.isElement(node) ? squeeze(node) : node))
})

/** `expected` is the content of the RFC's `<rpc>`. */
export const isSentAs = (operation: Operation<unknown>, expected: string, names?: ReadonlyArray<string>): void => {
  const sent = wire(operation, names)
  const wanted = Element.elements(decode(`<rpc xmlns="${base}">${expected}</rpc>`))[0]!
  assert.isTrue(Element.equals(squeeze(sent), squeeze(wanted)), `${print(sent)}\n instead of\n${print(wanted)}`)
}
