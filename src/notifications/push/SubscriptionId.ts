/**
 * The id by which a device names a dynamic subscription (RFC 8639 §2.4.2): where it stands in the reply that grants one, and
 * in the notifications of its own. Whom it belongs to is the router's business.
 */
import * as Element from "../../xml/Element.ts"
import { dataOf, type Notification } from "../Notification.ts"

/** The id below an element: the data of a reply, or an event. Undefined where there is none. */
export const idIn = (element: Element.Element): number | undefined => {
  const found = Element.child(element, "id")
  const text = found === undefined ? "" : Element.text(found).trim()
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined
}

/** An id at the beginning of an event, which is where all devices have it. */
const firstId = /<(?:[\w.-]+:)?push-(?:change-)?update\b[^>]*>\s*<(?:[\w.-]+:)?id(?:\s[^>]*)?>\s*(\d{1,10})\s*</

/** Characters of a notification that are looked at for its id before all of it is parsed. */
const beginning = 2048

/** The subscription that a notification of its own names; undefined where it names none, or cannot be read. */
export const idOf = (notification: Notification): number | undefined => {
  const found = firstId.exec(notification.xml.slice(0, beginning))
  if (found !== null) return Number(found[1])
  try {
    return idIn(dataOf(notification))
  } catch {
    return undefined
  }
}
