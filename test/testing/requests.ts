/** Requests and expectations that the tests of the simulated device share. */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Client } from "./client.ts"

export const systemNamespace = "urn:ietf:params:xml:ns:yang:ietf-system"
export const target = (name: string) => `<target><${name}/></target>`
export const source = (name: string) => `<source><${name}/></source>`
export const lock = (name: string) => `<lock>${target(name)}</lock>`
export const unlock = (name: string) => `<unlock>${target(name)}</unlock>`
export const system = (inside: string) => `<system xmlns="${systemNamespace}">${inside}</system>`
export const hostname = (name: string) => system(`<hostname>${name}</hostname>`)
export const edit = (name: string, config: string, options = "") =>
  `<edit-config>${target(name)}${options}<config>${config}</config></edit-config>`
export const getConfig = (name = "running", filter = "") => `<get-config>${source(name)}${filter}</get-config>`

export const accepted = (client: Client, ...bodies: ReadonlyArray<string>) =>
  Effect.forEach(
    bodies,
    (body) => Effect.map(client.rpc(body), (reply) => assert.match(reply, /<(nc:)?ok\/>/, `${body}: ${reply}`)),
    { discard: true }
  )

/** Refused with exactly these error-tags; gives the reply. */
export const refused = (client: Client, body: string, ...tags: ReadonlyArray<string>) =>
  Effect.map(client.rpc(body), (reply) => {
    const found = [...reply.matchAll(/error-tag>([^<]+)</g)].map((match) => match[1])
    assert.deepStrictEqual(found, [...tags], `${body}: ${reply}`)
    assert.notMatch(reply, /<(nc:)?ok\/>/)
    return reply
  })

export const hostnameOf = (client: Client, datastore = "running") =>
  Effect.map(client.rpc(getConfig(datastore)), (reply) => /<hostname>([^<]*)</.exec(reply)?.[1])
