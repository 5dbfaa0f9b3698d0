/**
 * Parameters of protocol operations, read from the request with the refusals that the RFC prescribes (RFC 6241 §7,
 * appendix A): what is missing, unknown, of a wrong value, or needs a capability that the device lacks.
 */
import * as Element from "../xml/Element.ts"
import * as Namespaces from "../xml/Namespaces.ts"
import type { Core } from "./Core.ts"
import type * as Datastores from "./Datastores.ts"
import * as Refusal from "./Refusal.ts"

export const refused = (refusal: Refusal.Refusal) => new Refusal.Refused(refusal)

export const parameter = (request: Element.Element, name: string): Element.Element | undefined =>
  Element.child(request, name, Namespaces.base)

export const required = (request: Element.Element, name: string): Element.Element => {
  const element = parameter(request, name)
  if (element === undefined) {
    throw refused(Refusal.missingParameter(name, `${request.name} needs ${name} in the namespace ${Namespaces.base}`))
  }
  return element
}

export const value = (request: Element.Element, name: string): string | undefined => {
  const element = parameter(request, name)
  return element === undefined ? undefined : Element.text(element).trim()
}

export const choice = <A extends string>(
  request: Element.Element,
  name: string,
  values: ReadonlyArray<A>
): A | undefined => {
  const given = value(request, name)
  if (given === undefined) return undefined
  const found = values.find((candidate) => candidate === given)
  if (found === undefined) throw refused(Refusal.invalidParameter(`${name} is none of ${values.join(", ")}`))
  return found
}

export const needs = (core: Core, capability: string, request: Element.Element): void => {
  if (core.capabilities.has(capability)) return
  throw refused(Refusal.notSupported(`${request.name} needs ${capability}, which this device does not have`))
}

/** What `<source>` or `<target>` can name. */
export type Reference =
  | { readonly kind: "datastore"; readonly name: Datastores.Name }
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "config"; readonly config: Element.Element }

/** What `<source>` or `<target>` names. */
export const reference = (core: Core, request: Element.Element, name: "source" | "target"): Reference => {
  const holder = required(request, name)
  const [element] = Element.elements(holder)
  if (element === undefined) throw refused(Refusal.missingParameter(name, `${name} names nothing`))
  if (element.namespace !== Namespaces.base) throw refused(Refusal.unknownNamespace(element.name, element.namespace))
  switch (element.name) {
    case "running":
    case "candidate":
    case "startup":
      return { kind: "datastore", name: element.name }
    case "url":
      return { kind: "url", url: url(core, element) }
    case "config":
      if (name === "source") return { kind: "config", config: element }
  }
  throw refused(Refusal.unknownParameter(element.name, `${name} cannot be ${element.name}`))
}

export const url = (core: Core, element: Element.Element): string => {
  if (!core.capabilities.has(":url")) throw refused(Refusal.unknownParameter("url", "this device has no :url"))
  const text = Element.text(element).trim()
  const scheme = text.slice(0, Math.max(0, text.indexOf(":")))
  if (!core.capabilities.urlSchemes.includes(scheme)) {
    throw refused(Refusal.invalidParameter(`this device has no URL scheme ${scheme === "" ? "in that" : scheme}`))
  }
  return text
}

export const datastore = (core: Core, request: Element.Element, name: "source" | "target"): Datastores.Name => {
  const found = reference(core, request, name)
  if (found.kind === "datastore") return found.name
  throw refused(Refusal.unknownParameter(found.kind, `${request.name} takes a datastore, not a ${found.kind}`))
}

export const writable = (core: Core, name: Datastores.Name): void => {
  if (name !== "running" || core.capabilities.has(":writable-running")) return
  throw refused(Refusal.unknownParameter(name, "this device has no :writable-running"))
}
