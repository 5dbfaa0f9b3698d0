/**
 * The modules of a device and their namespaces, from its YANG library (RFC 8525, and RFC 7895 before it): a hello names none
 * of YANG 1.1 (RFC 7950 §5.6.4), and the paths of changes name nothing else.
 */
import * as Effect from "effect/Effect"
import type { OperationError } from "../../errors.ts"
import * as Element from "../../xml/Element.ts"
import * as Filter from "../operations/Filter.ts"
import type { Session } from "../Session.ts"

const yangLibrary = "urn:ietf:params:xml:ns:yang:ietf-yang-library"

export interface Module {
  readonly name: string
  readonly namespace: string
}

const inLibrary = (name: string, ...children: ReadonlyArray<Element.Element>): Element.Element =>
  Element.make(name, yangLibrary, { children })

const module = inLibrary("module", inLibrary("name"), inLibrary("namespace"))

const filter = Filter.subtree(
  inLibrary("yang-library", inLibrary("module-set", inLibrary("name"), module)),
  inLibrary("modules-state", module)
)

const textOf = (element: Element.Element, name: string): string => {
  const found = Element.child(element, name)
  return found === undefined ? "" : Element.text(found).trim()
}

/** None where the device does not say. */
export const modules = (session: Pick<Session, "get">): Effect.Effect<ReadonlyArray<Module>, OperationError> =>
  session.get({ filter }).pipe(
    Effect.flatMap((reply) => reply.tree),
    Effect.map((tree) => {
      const data = Element.child(tree, "data") ?? tree
      const said = [["yang-library", "module-set", "module"] as const, ["modules-state", "module"] as const]
      return said
        .flatMap((path) => Element.findAll(data, path))
        .map((found) => ({ name: textOf(found, "name"), namespace: textOf(found, "namespace") }))
        .filter(({ name, namespace }) => name !== "" && namespace !== "")
    })
  )
