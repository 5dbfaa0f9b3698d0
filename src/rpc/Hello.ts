/**
 * The hello exchange (RFC 6241 §8.1): what we say, what the peer said, and the base version that follows from both.
 *
 * Reading is tolerant where devices are sloppy (banner text and comments around the hello, a hello without its
 * namespace); what was tolerated is reported. Ours is fixed before connecting and never waits for the peer's.
 */
import type { Mode } from "../framing/Framing.ts"
import * as Element from "../xml/Element.ts"
import * as Namespaces from "../xml/Namespaces.ts"
import * as Parse from "../xml/Parse.ts"
import { escapeText } from "../xml/Print.ts"
import * as Capabilities from "./Capabilities.ts"

export const base10 = "urn:ietf:params:netconf:base:1.0"
export const base11 = "urn:ietf:params:netconf:base:1.1"

/** `auto` offers both base versions and takes the newer; the others offer one and insist on it. */
export type Framing = "auto" | Mode

/** A peer's hello that cannot be used; the session turns it into a `ProtocolError` of layer hello. */
export class HelloError extends Error {}

export interface Hello {
  readonly sessionId: number | undefined
  readonly capabilities: Capabilities.Capabilities
  /** What a strict reader would have refused. */
  readonly tolerated: ReadonlyArray<string>
}

const offered = (framing: Framing): ReadonlyArray<string> =>
  framing === "auto" ? [base10, base11] : framing === "chunked" ? [base11] : [base10]

/** Our hello, as text; `extra` are further capability URIs. */
export const encode = (framing: Framing, extra: ReadonlyArray<string> = []): string => {
  const capabilities = [...offered(framing), ...extra].map((uri) => `<capability>${escapeText(uri)}</capability>`)
  return (
    `<?xml version="1.0" encoding="UTF-8"?><hello xmlns="${Namespaces.base}">` +
    `<capabilities>${capabilities.join("")}</capabilities></hello>`
  )
}

/** The hello element within text that may have a banner before it and comments after it. */
const locate = (text: string): { readonly hello: string; readonly banner: boolean } => {
  const start = /<(?:([\w.-]+):)?hello(?=[\s>/])/.exec(text)
  if (start === null) {
    const rpcError = text.includes("rpc-error") ? " (an rpc-error came instead)" : ""
    throw new HelloError(`the peer's first message is not a hello${rpcError}`)
  }
  const closing = `</${start[1] === undefined ? "" : start[1] + ":"}hello`
  const end = text.indexOf(">", Math.max(text.lastIndexOf(closing), start.index))
  if (/<!DOCTYPE/i.test(text.slice(0, start.index))) throw new HelloError("a DOCTYPE is not accepted")
  // oxlint-disable-next-line no-control-regex -- NUL and BEL are what devices sprinkle
  const before = text.slice(0, start.index).replace(/^[\s\u0000\u0007\ufeff]*(?:<\?xml[^>]*\?>)?\s*/, "")
  return { hello: end < 0 ? text.slice(start.index) : text.slice(start.index, end + 1), banner: before !== "" }
}

const readSessionId = (hello: Element.Element): number | undefined => {
  const text = Element.child(hello, "session-id")
  if (text === undefined) return undefined
  const id = Element.text(text).trim()
  if (!/^[0-9]{1,10}$/.test(id) || Number(id) === 0 || Number(id) > 0xffff_ffff) {
    throw new HelloError(`session-id is not a number from 1 to 4294967295`)
  }
  return Number(id)
}

/** Reads the peer's first message. `text` is what stood before the first end-of-message mark. */
export const read = (text: string, limits: Partial<Parse.Limits>, requireSessionId: boolean): Hello => {
  const { banner, hello: source } = locate(text)
  const hello = Parse.decode(source, { limits })
  const tolerated: Array<string> = banner ? ["text before the hello"] : []
  if (hello.namespace === "") tolerated.push("a hello without its namespace")
  else if (hello.namespace !== Namespaces.base) throw new HelloError("the hello is in a foreign namespace")
  const capabilities = Element.child(hello, "capabilities")
  if (capabilities === undefined) throw new HelloError("the hello has no capabilities")
  const uris = Element.children(capabilities, "capability").map(Element.text)
  if (uris.every((uri) => uri.trim() === "")) throw new HelloError("the hello has no capabilities")
  const sessionId = readSessionId(hello)
  if (sessionId === undefined) {
    if (requireSessionId) {
      throw new HelloError(
        `the hello has no session-id; if the device is known to leave it out, connect with missingSessionId: "tolerate"`
      )
    }
    tolerated.push("a hello without session-id")
  }
  return { sessionId, capabilities: Capabilities.make(uris), tolerated }
}

/** The framing that both hellos allow: chunked when both offer base:1.1 (RFC 6242 §4.1). */
export const chooseFraming = (framing: Framing, peer: Capabilities.Capabilities): Mode => {
  const has11 = peer.has(base11)
  // NX-OS announces the bare base namespace, some old devices nothing else.
  const has10 = peer.has(base10) || peer.has(Namespaces.base)
  if (framing !== "end-of-message" && has11) return "chunked"
  if (framing !== "chunked" && has10) return "end-of-message"
  const theirs = has11 ? "base:1.1" : has10 ? "base:1.0" : "no base version"
  const hint = has11 || has10 ? `; connect with framing: "auto"` : ""
  throw new HelloError(
    `no base version in common: we offer ${offered(framing)
      .map((uri) => uri.slice(-8))
      .join(" and ")}, the peer ${theirs}${hint}`
  )
}
