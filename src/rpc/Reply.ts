/**
 * An rpc-reply (RFC 6241 §4.2): judged on arrival as ok, data, output or refusal, with its text and its tree made only
 * when asked for.
 *
 * The judgement is cheap where the bytes allow a certain answer: the head, a byte search for `rpc-error`, the closing
 * tag. Whenever that is not certain the whole reply is parsed, so that an error never reads as a success.
 */
import * as Effect from "effect/Effect"
import type * as Schema from "effect/Schema"
import { decode, type DecodeOptions } from "../data/Decode.ts"
import { type DataError, type ErrorContext, ProtocolError, type RpcErrorItem } from "../errors.ts"
import { excerpt } from "../telemetry/Excerpt.ts"
import { type Redaction, standard } from "../telemetry/Redaction.ts"
import * as ClosingTag from "../xml/ClosingTag.ts"
import * as Element from "../xml/Element.ts"
import * as Namespaces from "../xml/Namespaces.ts"
import * as Parse from "../xml/Parse.ts"
import type { Message } from "./Message.ts"
import * as RpcErrors from "./RpcErrors.ts"

/** What an operation's success looks like: `<ok/>`, a `<data>`, or any output of its own (or `<ok/>`). */
export type Expected = "ok" | "data" | "output"

export interface Reply {
  readonly messageId: string | undefined
  /** Size of the message in bytes. */
  readonly bytes: number
  /** Milliseconds from writing the rpc to the end of its reply. */
  readonly elapsed: number
  /** When the reply was complete, in milliseconds since 1970. */
  readonly receivedAt: number
  /** rpc-errors of severity warning that came with the success. */
  readonly warnings: ReadonlyArray<RpcErrorItem>
  /** The whole message as received. */
  readonly xml: string
  /** The parsed `<rpc-reply>`; fails with a `ProtocolError` (layer xml) when it is not well-formed or exceeds a limit. */
  readonly tree: Effect.Effect<Element.Element, ProtocolError>
  /** The `<data>` element, or an rpc's first output element; parsed once, when first asked for. */
  readonly data: Effect.Effect<Element.Element, ProtocolError>
  /**
   * What is in `data`, as the schema says: `Schema.Struct({ interfaces: Interfaces })`. Fails with a `DataError` when it
   * does not fit, and as `data` does.
   */
  readonly decode: <S extends Schema.Constraint>(
    schema: S,
    options?: Omit<DecodeOptions, "context">
  ) => Effect.Effect<S["Type"], ProtocolError | DataError, S["DecodingServices"]>
}

export interface Success {
  readonly _tag: "Success"
  readonly warnings: ReadonlyArray<RpcErrorItem>
  /** There when judging needed it. */
  readonly tree: Element.Element | undefined
}

export interface Refused {
  readonly _tag: "Refused"
  readonly errors: readonly [RpcErrorItem, ...Array<RpcErrorItem>]
}

export type Judgement =
  | Success
  | Refused
  | { readonly _tag: "Unclear"; readonly layer: "xml" | "message"; readonly detail: string }

// Shorter than 8 bytes, so that Buffer.indexOf looks for one character and compares: 7 times faster than the whole name.
const errorMark = Buffer.from("c-error")

/** Whether the bytes `rpc-error` occur at all; where they do not, the reply holds no such element. */
const mayHoldError = (bytes: Buffer): boolean => {
  for (let at = bytes.indexOf(errorMark); at !== -1; at = bytes.indexOf(errorMark, at + 1)) {
    if (at >= 2 && bytes[at - 1] === 0x70 && bytes[at - 2] === 0x72) return true
  }
  return false
}

/** An empty `ok`, and behind it nothing but the end of the root. */
const okAtEnd = /<((?:[\w.-]+:)?ok)\s*(?:\/>|><\/(?:[\w.-]+:)?ok\s*>)\s*<\/[^<>]*>\s*$/

/** Whether the first `ok` of a reply is also its end: then nothing stands between, nor a comment that hides its end. */
const isOkAlone = (bytes: Buffer): boolean => {
  const tail = bytes.subarray(-128).toString("latin1")
  const found = okAtEnd.exec(tail)
  return found !== null && bytes.indexOf(`<${found[1]!}`) === Math.max(0, bytes.length - 128) + found.index
}

/** Whether the bytes end with the closing tag of the root. */
const endsWithClosingTag = ({ bytes, head }: Message): boolean =>
  ClosingTag.nameAtEnd(bytes) === (head.prefix === "" ? head.name : `${head.prefix}:${head.name}`)

const matches = (expected: Expected, name: string, ours: boolean): boolean => {
  switch (expected) {
    case "ok":
      return name === "ok" && ours
    case "data":
      return name === "data" && ours
    case "output":
      return name !== "ok" || ours
  }
}

/** An `<ok/>` beside or inside the containers in which Junos reports a commit or a load. */
const containers = new Set([
  "commit-results",
  "load-configuration-results",
  "multi-routing-engine-results",
  "multi-routing-engine-item",
  "routing-engine"
])
const saysOk = (parent: Element.Element, root: string): boolean =>
  Element.elements(parent).some((element) =>
    element.name === "ok"
      ? Namespaces.isBase(element.namespace, root) || containers.has(parent.name)
      : containers.has(element.name) && saysOk(element, root)
  )

const hasExpected = (reply: Element.Element, expected: Expected): boolean =>
  expected === "ok"
    ? saysOk(reply, reply.namespace)
    : Element.elements(reply).some(
        (element) =>
          element.name !== "rpc-error" &&
          matches(expected, element.name, Namespaces.isBase(element.namespace, reply.namespace))
      )

const isNonEmpty = <A>(items: ReadonlyArray<A>): items is readonly [A, ...Array<A>] => items.length > 0

const unclear = (reply: Element.Element, expected: Expected): Judgement => {
  const seen = Element.elements(reply).map(
    (element) =>
      `<${element.name}>${element.namespace === reply.namespace ? "" : ` in namespace "${element.namespace}"`}`
  )
  const wanted = expected === "output" ? "<ok/> or output" : expected === "ok" ? "<ok/>" : "<data>"
  return {
    _tag: "Unclear",
    layer: "message",
    detail: `the reply holds ${seen.length === 0 ? "nothing" : seen.slice(0, 3).join(", ")} where ${wanted} was expected`
  }
}

const judgeTree = (reply: Element.Element, expected: Expected, redaction: () => Redaction): Judgement => {
  const items = RpcErrors.collect(reply, redaction)
  if (isNonEmpty(items) && items.some((item) => item.severity === "error")) return { _tag: "Refused", errors: items }
  if (!hasExpected(reply, expected)) return unclear(reply, expected)
  return { _tag: "Success", warnings: items, tree: reply }
}

/** Decides what a reply says. Only a certain success is one. What its rpc-errors say is redacted. */
export const judge = (
  message: Message,
  expected: Expected,
  limits: Partial<Parse.Limits>,
  redaction: () => Redaction = () => standard
): Judgement => {
  const { bytes, head } = message
  if (head.name !== "rpc-reply" || (head.namespace !== Namespaces.base && head.namespace !== "")) {
    return { _tag: "Unclear", layer: "message", detail: `expected an rpc-reply, got <${head.name}>` }
  }
  const first = head.first
  if (
    first !== undefined &&
    matches(expected, first.name, Namespaces.isBase(first.namespace, head.namespace)) &&
    endsWithClosingTag(message) &&
    !mayHoldError(bytes) &&
    (first.name !== "ok" || isOkAlone(bytes))
  ) {
    return { _tag: "Success", warnings: [], tree: undefined }
  }
  try {
    return judgeTree(Parse.decode(bytes, { limits }), expected, redaction)
  } catch (error) {
    if (!(error instanceof Parse.XmlError)) throw error
    return { _tag: "Unclear", layer: "xml", detail: error.placed }
  }
}

/** A reply that was judged a success, with what its lazy parts need. */
export interface Received {
  readonly message: Pick<Message, "bytes" | "messageId">
  readonly judgement: Success
  readonly context: ErrorContext
  readonly limits: Partial<Parse.Limits>
  readonly elapsed: number
  readonly receivedAt: number
}

class MessageReply implements Reply {
  readonly messageId: string | undefined
  readonly elapsed: number
  readonly receivedAt: number
  readonly bytes: number
  readonly warnings: ReadonlyArray<RpcErrorItem>
  readonly #limits: Partial<Parse.Limits>
  readonly #context: ErrorContext
  #bytes: Buffer | undefined
  #text: string | undefined
  #tree: Element.Element | undefined

  constructor({ context, elapsed, judgement, limits, message, receivedAt }: Received) {
    this.messageId = message.messageId
    this.elapsed = elapsed
    this.receivedAt = receivedAt
    this.bytes = message.bytes.length
    this.warnings = judgement.warnings
    this.#limits = limits
    this.#context = context
    this.#bytes = message.bytes
    this.#tree = judgement.tree
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
      try {
        return Effect.succeed((this.#tree ??= Parse.decode(this.#bytes ?? this.#text!, { limits: this.#limits })))
      } catch (error) {
        return error instanceof Parse.XmlError ? Effect.fail(this.#error("xml", error.placed)) : Effect.die(error)
      }
    })
  }

  get data(): Effect.Effect<Element.Element, ProtocolError> {
    return Effect.flatMap(this.tree, (tree) => {
      const children = Element.elements(tree).filter((element) => element.name !== "rpc-error")
      const data =
        children.find((element) => element.name === "data") ?? children.find((element) => element.name !== "ok")
      return data === undefined ? Effect.fail(this.#error("message", "the reply holds no data")) : Effect.succeed(data)
    })
  }

  decode<S extends Schema.Constraint>(
    schema: S,
    options?: Omit<DecodeOptions, "context">
  ): Effect.Effect<S["Type"], ProtocolError | DataError, S["DecodingServices"]> {
    return Effect.flatMap(this.data, decode(schema, { ...options, context: this.#context }))
  }

  parts(): Received {
    const { elapsed, messageId, receivedAt, warnings } = this
    const message = { bytes: this.#bytes ?? Buffer.from(this.#text!), messageId }
    const judgement: Success = { _tag: "Success", warnings, tree: undefined }
    return { message, judgement, context: this.#context, limits: this.#limits, elapsed, receivedAt }
  }

  #error(layer: "xml" | "message", detail: string): ProtocolError {
    return new ProtocolError({
      ...this.#context,
      layer,
      detail,
      bytes: this.bytes,
      excerpt: excerpt(this.xml.slice(0, 400))
    })
  }
}

/** A reply whose text and tree are made when asked for. */
export const make = (received: Received): Reply => new MessageReply(received)

/** What a reply can be made of again, in another thread: plain, and without its tree. */
export const partsOf = (reply: Reply): Received | undefined =>
  reply instanceof MessageReply ? reply.parts() : undefined
