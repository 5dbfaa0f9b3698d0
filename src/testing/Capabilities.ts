/**
 * The capabilities that a simulated device advertises, and what it can do because of them (RFC 6241 §8): one list of
 * URIs decides both.
 */
import { InputError } from "../errors.ts"
import * as Hello from "../rpc/Hello.ts"
import * as Read from "../rpc/Capabilities.ts"
import * as Namespaces from "../xml/Namespaces.ts"
import { findIllegal } from "../xml/Print.ts"
import type { Dialect } from "./Dialects.ts"
import type { Model } from "./Model.ts"

const uri = (name: string): string => `urn:ietf:params:netconf:capability:${name}`

/** What a device offers unless it is told otherwise: everything that it can do. */
export const all: ReadonlyArray<string> = [
  ":base:1.0",
  ":base:1.1",
  ":candidate",
  ":writable-running",
  ":startup",
  ":validate:1.0",
  ":validate:1.1",
  ":confirmed-commit:1.0",
  ":confirmed-commit:1.1",
  ":rollback-on-error",
  ":url",
  ":xpath",
  Namespaces.monitoring
]

const full = (name: string): string => {
  if (!name.startsWith(":")) return name
  if (name.startsWith(":base:")) return `urn:ietf:params:netconf${name}`
  if (name === ":url") return uri("url:1.0?scheme=file")
  return uri(/:\d+\.\d+$/.test(name) ? name.slice(1) : `${name.slice(1)}:1.0`)
}

const modules = (model: Model): ReadonlyArray<string> =>
  model.modules
    .filter((module) => module.revision !== undefined)
    .map((module) => `${module.namespace}?module=${module.name}&revision=${module.revision}`)

/** The capability as it is; throws an `InputError` for one that would make the hello no XML. */
export const checkUri = (capability: string): string => {
  const illegal = findIllegal(capability)
  if (illegal === undefined) return capability
  const code = illegal.codePoint.toString(16).toUpperCase().padStart(4, "0")
  throw new InputError({
    what: "capabilities",
    why: `${JSON.stringify(capability)} holds U+${code}, which XML cannot carry; to send it, use a fault or raw bytes`
  })
}

const allowedBase = (capability: string, framing: Dialect["framing"]): boolean =>
  framing === "chunked" ? capability !== Hello.base10 : framing === "auto" || capability !== Hello.base11

/** Short names (`:candidate`, `:validate:1.1`) and URIs to the capabilities of a device; throws like {@link checkUri}. */
export const make = (names: ReadonlyArray<string>, model: Model, dialect: Dialect): Read.Capabilities => {
  const offered = names.map(full).filter((capability) => allowedBase(capability, dialect.framing))
  return Read.make([...offered, ...modules(model)].map(checkUri))
}
