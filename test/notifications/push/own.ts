/** Notifications as a device sends them, for the tests of this folder. */
import * as Notification from "../../../src/notifications/Notification.ts"
import { decode as parse } from "../../../src/xml/Parse.ts"
import * as NotificationHead from "../../../src/xml/NotificationHead.ts"

export const sn = "urn:ietf:params:xml:ns:yang:ietf-subscribed-notifications"
export const yp = "urn:ietf:params:xml:ns:yang:ietf-yang-push"

export const received = (xml: string): Notification.Notification => {
  const bytes = Buffer.from(xml)
  return Notification.make({ bytes, head: NotificationHead.read(bytes)!, receivedAt: 0 })
}

export const notification = (content: string): Notification.Notification =>
  received(
    `<notification xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0">\n  <eventTime>2007-09-01T10:00:00Z</eventTime>\n  ${content}\n</notification>`
  )

/** White space that lays out the text is none. */
export const tree = (xml: string) => parse(xml.replaceAll(/>\s+</g, "><"))
