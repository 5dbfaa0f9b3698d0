/**
 * The namespaces of subscriptions, datastores and capabilities (RFC 8639, 8641, 8342, 9196), and what an identity is called
 * in a message: devices write it with the prefix of a module, with one that the XML binds, or with none.
 */
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"

/** RFC 8639. */
export const subscribed = "urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications"
/** RFC 8641. */
export const push = "urn:ietf:params:xml:ns:yang:ietf-yang-push"
/** RFC 8342. */
export const datastores = "urn:ietf:params:xml:ns:yang:ietf-datastores"
/** RFC 9196. */
export const systemCapabilities = "urn:ietf:params:xml:ns:yang:ietf-system-capabilities"
export const notificationCapabilities = "urn:ietf:params:xml:ns:yang:ietf-notification-capabilities"

/** `ietf-yang-push:period-unsupported`, `yp:period-unsupported` and `period-unsupported` are the same. */
export const localName = (text: string): string => {
  const trimmed = text.trim()
  return trimmed.slice(trimmed.lastIndexOf(":") + 1)
}

/** An identity by its local name. */
export const Identity = Schema.String.pipe(
  Schema.decodeTo(Schema.String, {
    decode: SchemaGetter.transform(localName),
    encode: SchemaGetter.transform((name: string) => name)
  })
)
