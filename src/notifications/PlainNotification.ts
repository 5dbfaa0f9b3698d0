/** Notifications for plain async code: lazy parts as properties, moments as `Date`. */
import { inspect } from "node:util"
import type { Element } from "../xml/Element.ts"
import { dataOf, type Notification } from "./Notification.ts"

/** A notification with its lazy parts as plain properties. */
export interface PlainNotification {
  readonly _tag: "Notification"
  /** As the device sent it; undefined when it sent none. */
  readonly eventTime: string | undefined
  /** The eventTime as a moment, rounded down to milliseconds; undefined when it is no date-time with an offset. */
  readonly time: Date | undefined
  /** The eventTime in nanoseconds since 1970, with all of its fraction. */
  readonly nanoseconds: bigint | undefined
  /** Local name of the event; empty when the notification holds none. */
  readonly name: string
  readonly namespace: string
  /** The whole message as received. */
  readonly xml: string
  /** The event, parsed when first asked for; throws a `ProtocolError` when it is not well-formed. */
  readonly data: Element
  /** When it was complete, in milliseconds since 1970, by this machine's clock. */
  readonly receivedAt: number
  /** Size of the message in bytes. */
  readonly bytes: number
}

class Plain implements PlainNotification {
  readonly _tag = "Notification"
  readonly #notification: Notification
  constructor(notification: Notification) {
    this.#notification = notification
  }
  static behind(plain: Plain): Notification {
    return plain.#notification
  }
  get eventTime(): string | undefined {
    return this.#notification.eventTime
  }
  get time(): Date | undefined {
    const { time } = this.#notification
    return time && new Date(time.epochMilliseconds)
  }
  get nanoseconds(): bigint | undefined {
    return this.#notification.nanoseconds
  }
  get name(): string {
    return this.#notification.name
  }
  get namespace(): string {
    return this.#notification.namespace
  }
  get xml(): string {
    return this.#notification.xml
  }
  get data(): Element {
    return dataOf(this.#notification)
  }
  get receivedAt(): number {
    return this.#notification.receivedAt
  }
  get bytes(): number {
    return this.#notification.bytes
  }
  /** For logs: what it is about, never its content. */
  toJSON(): unknown {
    const { bytes, eventTime, name, namespace, receivedAt } = this
    return { _tag: this._tag, name, namespace, eventTime, receivedAt, bytes }
  }
  [inspect.custom](): unknown {
    return this.toJSON()
  }
}

export const toPlain = (notification: Notification): PlainNotification => new Plain(notification)

/** The notification that a plain one shows; undefined for anything else. */
export const behind = (value: object): Notification | undefined =>
  value instanceof Plain ? Plain.behind(value) : undefined
