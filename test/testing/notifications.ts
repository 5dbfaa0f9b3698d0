/** Requests and expectations that the tests of the device's notifications share. */
import * as Effect from "effect/Effect"
import type { Client } from "./client.ts"
import { settle } from "./client.ts"

export const notificationNamespace = "urn:ietf:params:xml:ns:netconf:notification:1.0"
export const events = "http://example.com/event/1.0"

export const event = (name: string, inside = "") => `<${name} xmlns="${events}">${inside}</${name}>`
export const create = (parameters = "") =>
  `<create-subscription xmlns="${notificationNamespace}">${parameters}</create-subscription>`

/** Which event a notification is; the message itself for anything else. */
export const nameOf = (message: string): string => /<\/eventTime>\s*<([\w-]+)/.exec(message)?.[1] ?? message

/** The next notifications, as many, by the names of their events. */
export const take = (client: Client, count: number): Effect.Effect<ReadonlyArray<string>> =>
  Effect.map(Effect.all(Array.from({ length: count }, () => client.next)), (messages) => messages.map(nameOf))

/** Everything that has been sent to this client since its hello, by the names of the events. */
export const all = (client: Client): Effect.Effect<ReadonlyArray<string>> =>
  Effect.map(settle, () => [...client.received().matchAll(/<\/eventTime><([\w-]+)/g)].map((match) => match[1]!))
