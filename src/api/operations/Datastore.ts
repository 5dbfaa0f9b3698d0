/**
 * Datastores of RFC 6241 §5 as values, how they are written as a source or a target, and what they need of the peer.
 */
import { InputError } from "../../errors.ts"
import type { Capabilities } from "../../rpc/Capabilities.ts"
import type { Needs } from "../../rpc/Operation.ts"
import * as Element from "../../xml/Element.ts"
import * as Namespaces from "../../xml/Namespaces.ts"

/** A conventional configuration datastore. */
export type Datastore = "running" | "candidate" | "startup"

const names: ReadonlyArray<string> = ["running", "candidate", "startup"] satisfies ReadonlyArray<Datastore>

/** A file or a server that the device reads or writes itself (RFC 6241 §8.8); needs `:url` and the URL's scheme. */
export interface Url {
  readonly url: string
}

/** An element of the base namespace, by hand. */
export const baseElement = (name: string, children: ReadonlyArray<Element.Node> = []): Element.Element =>
  Element.make(name, Namespaces.base, { children })

const checkScheme = (url: string, capabilities: Capabilities): void => {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(url)?.[1]?.toLowerCase()
  if (scheme === undefined)
    throw new InputError({ what: "url", why: "it has no scheme; expected for example file:///name.xml" })
  const schemes = capabilities.urlSchemes.map((offered) => offered.toLowerCase())
  if (schemes.length > 0 && !schemes.includes(scheme)) {
    throw new InputError({ what: "url", why: `the peer reads and writes ${schemes.join(", ")}, not ${scheme}` })
  }
}

/** `<url>…</url>`; throws an `InputError` for a scheme that the peer does not offer. */
export const urlElement = ({ url }: Url, capabilities: Capabilities): Element.Element => {
  checkScheme(url, capabilities)
  return baseElement("url", [url])
}

/** `<running/>`, or `<url>…</url>`. */
export const encode = (datastore: Datastore | Url, capabilities: Capabilities): Element.Element => {
  if (typeof datastore !== "string") return urlElement(datastore, capabilities)
  if (names.includes(datastore)) return baseElement(datastore)
  throw new InputError({ what: "datastore", why: `expected ${names.join(", ")} or { url }, got ${String(datastore)}` })
}

/** What naming the datastore needs of the peer. */
export const needs = (datastore: Datastore | Url): Needs => {
  if (typeof datastore !== "string") return [[":url"]]
  // A name that is none is refused when it is encoded, in words that fit.
  return datastore === "candidate" || datastore === "startup" ? [[`:${datastore}`]] : []
}

/** What changing the datastore needs of the peer. */
export const needsToWrite = (datastore: Datastore | Url): Needs =>
  datastore === "running" ? [[":writable-running"]] : needs(datastore)

/** Its name for messages and audits; a URL without its user part, which may hold a password and in it any character. */
export const label = (datastore: Datastore | Url): string =>
  typeof datastore === "string" ? datastore : datastore.url.replace(/^([^:]*:(?:\/\/)?)[^]*@/, "$1")
