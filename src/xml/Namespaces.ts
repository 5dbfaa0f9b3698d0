/** Namespace URIs of the protocol; devices are matched by these and never by prefix. */

/** RFC 6241 base, also for NETCONF 1.1. */
export const base = "urn:ietf:params:xml:ns:netconf:base:1.0"
/** RFC 6022 monitoring: sessions, schemas, get-schema. */
export const monitoring = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"
/** RFC 8526: get-data and edit-data. */
export const nmda = "urn:ietf:params:xml:ns:yang:ietf-netconf-nmda"
/** RFC 5277: notification, eventTime, create-subscription. */
export const notification = "urn:ietf:params:xml:ns:netconf:notification:1.0"
/** RFC 5277 §3.4: the list of streams, replayComplete, notificationComplete. */
export const netmod = "urn:ietf:params:xml:ns:netmod:notification"
/** RFC 8639: dynamic subscriptions and their streams. */
export const subscribed = "urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications"
/** RFC 8641: what is pushed of datastores. */
export const push = "urn:ietf:params:xml:ns:yang:ietf-yang-push"
/** RFC 8342: the identities of datastores. */
export const datastores = "urn:ietf:params:xml:ns:yang:ietf-datastores"
/** RFC 9196: what a system says that it is able to do, and of that what it is able to push. */
export const systemCapabilities = "urn:ietf:params:xml:ns:yang:ietf-system-capabilities"
export const notificationCapabilities = "urn:ietf:params:xml:ns:yang:ietf-notification-capabilities"

/** A device that strips namespaces strips them throughout: an element without one counts in a message without one. */
export const isBase = (namespace: string, root: string): boolean =>
  namespace === base || (root === "" && namespace === "")

/** What a caller may leave out: the base namespace, or none. */
export const isBaseOrNone = (namespace: string): boolean => namespace === base || namespace === ""
