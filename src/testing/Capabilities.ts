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
import * as DynamicSubscriptions from "./DynamicSubscriptions.ts"
import type { Model } from "./Model.ts"
import * as PushSubscriptions from "./PushSubscriptions.ts"

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
  ":notification",
  ":interleave",
  DynamicSubscriptions.namespace,
  PushSubscriptions.namespace,
  Namespaces.monitoring
]

/** Modules of YANG 1.1 that the device implements besides its model, as they are advertised. */
const advertised: Readonly<Record<string, string>> = {
  [DynamicSubscriptions.namespace]:
    "module=ietf-subscribed-notifications&revision=2019-09-09&features=encode-xml,replay,subtree,xpath",
  [PushSubscriptions.namespace]: "module=ietf-yang-push&revision=2019-09-09&features=on-change"
}

const full = (name: string): string => {
  if (Object.hasOwn(advertised, name)) return `${name}?${advertised[name]}`
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

const library = `${uri("yang-library:1.1")}?revision=2019-01-04&content-id=1`

/** What the hello says: by RFC 7950 §5.6.4, no modules of YANG 1.1. */
export const inHello = (capabilities: Read.Capabilities, dialect: Dialect): ReadonlyArray<string> =>
  dialect.yang11Modules === "in-hello"
    ? capabilities.uris
    : [...capabilities.uris.filter((one) => !Object.hasOwn(advertised, base(one))), library]

/** With some more, and without those that are removed: URIs, without their parameters, or short names. */
export const change = (
  before: Read.Capabilities,
  { add = [], remove = [] }: { readonly add?: ReadonlyArray<string>; readonly remove?: ReadonlyArray<string> }
): Read.Capabilities => {
  const removed = new Set(remove.map((name) => base(full(name))))
  const added = add.map(full).map(checkUri)
  const replaced = new Set(added.map(base))
  return Read.make([...before.uris.filter((uri) => !removed.has(base(uri)) && !replaced.has(base(uri))), ...added])
}

const base = (uri: string): string => uri.split("?", 1)[0]!

/** RFC 6470: modified are those whose parameters alone are others. */
export const compare = (
  before: Read.Capabilities,
  after: Read.Capabilities
): Readonly<Record<"added" | "deleted" | "modified", ReadonlyArray<string>>> => {
  const fresh = after.uris.filter((uri) => !before.uris.includes(uri))
  return {
    added: fresh.filter((uri) => !before.has(base(uri))),
    modified: fresh.filter((uri) => before.has(base(uri))),
    deleted: before.uris.filter((uri) => !after.has(base(uri)))
  }
}
