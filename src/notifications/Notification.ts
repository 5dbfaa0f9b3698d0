/**
 * One event that a device reported (RFC 5277 §4). Its head was read when it arrived; text, tree, time and data are made
 * when first asked for, so a notification that nobody looks into costs next to nothing.
 *
 * Where it came from and where it waits is the subscription's.
 */
import type * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { inspect } from "node:util"
import { decode, type DecodeOptions } from "../data/Decode.ts"
import { type DataError, type ErrorContext, ProtocolError } from "../errors.ts"
import { excerpt } from "../telemetry/Excerpt.ts"
import * as Element from "../xml/Element.ts"
import type { NotificationHead } from "../xml/NotificationHead.ts"
import * as Parse from "../xml/Parse.ts"
import * as EventTime from "./EventTime.ts"

export interface Notification {
  readonly _tag: "Notification"
  /** As the device sent it; undefined when it sent none (RFC 5277 demands one). */
  readonly eventTime: string | undefined
  /**
   * The eventTime as a moment, rounded down to milliseconds; undefined when there is none or it is no date-time with an
   * offset. `nanoseconds` has all of its fraction.
   */
  readonly time: DateTime.Utc | undefined
  /** The eventTime in nanoseconds since 1970: what is compared when milliseconds are too coarse. */
  readonly nanoseconds: bigint | undefined
  /** Local name of the event: `netconf-config-change`; empty when the notification holds none. */
  readonly name: string
  /** Namespace of the event. */
  readonly namespace: string
  /** The whole message as received. */
  readonly xml: string
  /** The parsed `<notification>`; fails with a `ProtocolError` (layer xml) when it is not well-formed or exceeds a limit. */
  readonly tree: Effect.Effect<Element.Element, ProtocolError>
  /** The event: the element beside eventTime. Parsed once, when first asked for. */
  readonly data: Effect.Effect<Element.Element, ProtocolError>
  /**
   * The event as a value: the schema describes what is inside of it, as {@link decode} of `data/Decode` reads it.
   *
   * Fails with a `DataError` when it does not fit, and as `data` does.
   */
  readonly decode: <S extends Schema.Constraint>(
    schema: S,
    options?: DecodeOptions
  ) => Effect.Effect<S["Type"], ProtocolError | DataError, S["DecodingServices"]>
  /** When it was complete, in milliseconds since 1970, by this machine's clock. */
  readonly receivedAt: number
  /** Size of the message in bytes. */
  readonly bytes: number
}

/** A notification that arrived, with what its lazy parts need. */
export interface Arrived {
  /** Valid UTF-8, and not written to any more. */
  readonly bytes: Buffer
  readonly head: NotificationHead
  readonly receivedAt: number
  readonly limits?: Partial<Parse.Limits>
  /** Of its session, for the errors. */
  readonly context?: ErrorContext
}

const noContext: ErrorContext = {}

class MessageNotification implements Notification {
  readonly _tag = "Notification"
  readonly eventTime: string | undefined
  readonly name: string
  readonly namespace: string
  readonly receivedAt: number
  readonly bytes: number
  readonly #limits: Partial<Parse.Limits> | undefined
  readonly #context: ErrorContext
  #bytes: Buffer | undefined
  #text: string | undefined
  #tree: Element.Element | ProtocolError | undefined
  #time: EventTime.EventTime | "none" | undefined

  constructor({ bytes, context, head, limits, receivedAt }: Arrived) {
    this.eventTime = head.eventTime
    this.name = head.name
    this.namespace = head.namespace
    this.receivedAt = receivedAt
    this.bytes = bytes.length
    this.#limits = limits
    this.#context = context ?? noContext
    this.#bytes = bytes
  }

  get time(): DateTime.Utc | undefined {
    return this.#moment()?.time
  }

  get nanoseconds(): bigint | undefined {
    return this.#moment()?.nanoseconds
  }

  #moment(): EventTime.EventTime | undefined {
    this.#time ??= (this.eventTime === undefined ? undefined : EventTime.parse(this.eventTime)) ?? "none"
    return this.#time === "none" ? undefined : this.#time
  }

  get xml(): string {
    if (this.#text === undefined) {
      this.#text = this.#bytes!.toString("utf8")
      this.#bytes = undefined
    }
    return this.#text
  }

  get tree(): Effect.Effect<Element.Element, ProtocolError> {
    return Effect.suspend(() => {
      const tree = this.#parsed()
      return tree._tag === "Element" ? Effect.succeed(tree) : Effect.fail(tree)
    })
  }

  get data(): Effect.Effect<Element.Element, ProtocolError> {
    return Effect.suspend(() => {
      const event = this.event()
      return event._tag === "Element" ? Effect.succeed(event) : Effect.fail(event)
    })
  }

  decode<S extends Schema.Constraint>(
    schema: S,
    options?: DecodeOptions
  ): Effect.Effect<S["Type"], ProtocolError | DataError, S["DecodingServices"]> {
    return Effect.flatMap(this.data, decode(schema, { ...options, context: this.#errorContext() }))
  }

  /** The event or why there is none, for those who cannot wait for an effect. */
  event(): Element.Element | ProtocolError {
    const tree = this.#parsed()
    if (tree._tag !== "Element") return tree
    const event = Element.elements(tree).find((element) => element.name !== "eventTime")
    return event ?? this.#error("message", "the notification holds no event")
  }

  /** The message in the form that is at hand. */
  message(): Buffer | string {
    return this.#bytes ?? this.#text!
  }

  parts(): Arrived {
    const { eventTime, name, namespace, receivedAt } = this
    const parts = { bytes: this.#bytes ?? Buffer.from(this.#text!), head: { eventTime, name, namespace }, receivedAt }
    return { ...parts, context: this.#context, ...(this.#limits === undefined ? {} : { limits: this.#limits }) }
  }

  #parsed(): Element.Element | ProtocolError {
    return (this.#tree ??= this.#parse())
  }

  #parse(): Element.Element | ProtocolError {
    try {
      return Parse.decode(this.#bytes ?? this.#text!, this.#limits === undefined ? {} : { limits: this.#limits })
    } catch (error) {
      if (error instanceof Parse.XmlError) return this.#error("xml", error.placed)
      throw error
    }
  }

  #errorContext(): ErrorContext {
    return { operation: "notification", ...this.#context }
  }

  #error(layer: "xml" | "message", detail: string): ProtocolError {
    return new ProtocolError({
      ...this.#errorContext(),
      layer,
      detail,
      bytes: this.bytes,
      excerpt: excerpt(this.xml.slice(0, 400))
    })
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

/** A notification whose text, tree and time are made when asked for. */
export const make = (arrived: Arrived): Notification => new MessageNotification(arrived)

/** What a notification can be made of again, in another thread: plain, and without its tree. */
export const partsOf = (notification: Notification): Arrived | undefined =>
  notification instanceof MessageNotification ? notification.parts() : undefined

/** The same event (`data`) for plain code: throws the `ProtocolError` that `data` fails with. */
export const dataOf = (notification: Notification): Element.Element => {
  const event = (notification as MessageNotification).event()
  if (event._tag === "Element") return event
  throw event
}

/**
 * The message, as bytes or as text: what compares messages makes neither of the other.
 *
 * @internal
 */
export const messageOf = (notification: Notification): Buffer | string =>
  notification instanceof MessageNotification ? notification.message() : notification.xml
