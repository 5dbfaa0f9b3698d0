/**
 * Sessions with the interop servers, and the small model (ietf-interfaces) that the tests read and edit.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { Element, Netconf, Ssh, xml } from "../../src/index.ts"
import type { Datastore, Session } from "../../src/index.ts"
import { read } from "./facts.ts"
import type { Variant } from "./facts.ts"

export const facts = read()

export const password: Ssh.Auth = { password: Redacted.make(facts.password) }

/** How to reach a variant; password login and the server's own fingerprints unless told otherwise. */
export const options = (variant: Variant, more: Partial<Ssh.SshOptions> = {}): Ssh.SshOptions => ({
  host: facts.host,
  port: facts.ports[variant],
  username: facts.username,
  auth: password,
  hostKey: { fingerprint: Object.values(facts.fingerprints) },
  ...more
})

export const open = (
  variant: Variant,
  more: Partial<Ssh.SshOptions> = {},
  connect: Partial<Netconf.ConnectOptions> = {}
) => Netconf.connect({ label: variant, transport: Ssh.make(options(variant, more)), ...connect })

export const ns = "urn:ietf:params:xml:ns:yang:ietf-interfaces"
export const interfaceXml = (name: string, description = "") =>
  xml`<interfaces xmlns=${ns}>
    <interface>
      <name>${name}</name>
      <description>${description}</description>
      <type xmlns:ianaift="urn:ietf:params:xml:ns:yang:iana-if-type">ianaift:ethernetCsmacd</type>
    </interface>
  </interfaces>`

const namesIn = (data: Element.Element): ReadonlyArray<string> =>
  Element.findAll(data, [
    [ns, "interfaces"],
    [ns, "interface"],
    [ns, "name"]
  ]).map(Element.text)

/** The names of the interfaces in a datastore. */
export const names = (session: Session, source: Datastore = "running") =>
  session.getConfig({ source }).pipe(
    Effect.flatMap((reply) => reply.data),
    Effect.map(namesIn)
  )

/** Deletes them all and leaves the candidate clean. */
export const reset = (session: Session) =>
  Effect.gen(function* () {
    const candidate = session.capabilities.has(":candidate")
    if (candidate) yield* session.discardChanges()
    if ((yield* names(session)).length === 0) return
    const config = xml`<interfaces xmlns=${ns} xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0" nc:operation="delete"/>`
    yield* session.editConfig({ target: candidate ? "candidate" : "running", config })
    if (candidate) yield* session.commit()
  })
