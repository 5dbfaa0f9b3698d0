/**
 * The mark of one edit: every edit creates one entry with a name that no other has, so that the device itself can be
 * asked, afterwards and past the client, whether it was made.
 */
import type { Element as Node } from "../../src/xml/Element.ts"
import * as Element from "../../src/xml/Element.ts"
import { xml } from "../../src/xml/Template.ts"
import { Model } from "../../src/testing.ts"

export const namespace = "urn:effect-netconf:chaos"

/** What the devices of the farm know. */
export const model = Model.make(Model.open(namespace, { "ledger/entry": ["token"] }))

/** What each has from the beginning: a read must bring its own name. */
export const factory = (device: string): string => `<about xmlns="${namespace}"><name>${device}</name></about>`

/** Creates the entry: were it made a second time, the device would refuse. */
export const create = (token: string): Node =>
  xml`<ledger xmlns="${namespace}" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0"
    ><entry nc:operation="create"><token>${token}</token></entry></ledger>`

export const entry = (token: string): Node =>
  xml`<ledger xmlns="${namespace}"><entry><token>${token}</token></entry></ledger>`

export const about = xml`<about xmlns="${namespace}"/>`

/** The tokens in a datastore. */
export const tokensIn = (data: Node): ReadonlyArray<string> =>
  Element.findAll(data, ["ledger", "entry", "token"]).map((token) => Element.text(token).trim())

/** The tokens that a request would create. */
export const tokensOf = (request: string): ReadonlyArray<string> =>
  [...request.matchAll(/<(?:\w+:)?token>([^<]*)</g)].map((match) => match[1]!)
