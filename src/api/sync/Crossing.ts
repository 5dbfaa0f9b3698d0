/**
 * Values on their way between the two threads. The structured clone carries what is plain; this module packs what is not:
 * elements, durations, secrets, errors, replies, notifications. A function cannot cross, and is refused by the name of its option.
 */
import type { Transferable } from "node:worker_threads"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { AnyError, InputError, isNetconfError, type NetconfError } from "../../errors.ts"
import * as Notification from "../../notifications/Notification.ts"
import * as PlainNotification from "../../notifications/PlainNotification.ts"
import * as Capabilities from "../../rpc/Capabilities.ts"
import * as Reply from "../../rpc/Reply.ts"
import * as Element from "../../xml/Element.ts"
import * as Print from "../../xml/Print.ts"
import { XmlError } from "../../xml/XmlError.ts"
import { isRecord, kindOf } from "../Checks.ts"
import * as Fragment from "../operations/Fragment.ts"
import { behind, toPlain } from "../promise/RpcReply.ts"

/** Stands in the place of what is packed. No name of an option, and nothing that a peer can send: replies cross as bytes. */
const mark = "\0packed"

type Packed =
  | { readonly [mark]: "element"; readonly text: string; readonly what: string }
  | { readonly [mark]: "duration"; readonly millis: number }
  | { readonly [mark]: "moment"; readonly millis: number }
  | { readonly [mark]: "secret"; readonly value: unknown; readonly label: string | undefined }
  | { readonly [mark]: "bytes"; readonly bytes: Uint8Array }
  | { readonly [mark]: "error"; readonly fields: unknown }
  | { readonly [mark]: "defect"; readonly name: string; readonly message: string; readonly stack: string | undefined }
  | { readonly [mark]: "reply"; readonly parts: Reply.Received; readonly more: unknown }
  | { readonly [mark]: "notification"; readonly parts: Notification.Arrived }
  | { readonly [mark]: "capabilities"; readonly uris: ReadonlyArray<string> }

/** From this size on a reply's memory is its own (Message.ts), and is handed over instead of copied. */
const large = 262_144

const encodeError = Schema.encodeUnknownSync(AnyError)
const decodeError = Schema.decodeUnknownSync(AnyError)

/** What refuses an option that only a client in the same thread can take. */
export const insteadOf = (what: string, kind: string): InputError =>
  new InputError({
    what,
    why: `${kind} cannot cross to the thread that works for a blocking client; NetconfClient of effect-netconf/promise takes it`
  })

const packError = (error: NetconfError): Packed => ({ [mark]: "error", fields: encodeError(error) })

const textOf = (value: unknown, otherwise: string): string => (typeof value === "string" ? value : otherwise)

const packDefect = ({ message, name, stack }: { readonly [field in keyof Error]: unknown }): Packed => ({
  [mark]: "defect",
  name: textOf(name, "Error"),
  message: textOf(message, "an error without a message"),
  stack: typeof stack === "string" ? stack : undefined
})

/** A value of the caller's as it crosses; throws an `InputError` that names `what` for one that cannot. */
export const pack = (value: unknown, what: string): unknown => {
  if (typeof value === "function") throw insteadOf(what, "a function")
  if (typeof value === "symbol") throw insteadOf(what, "a symbol")
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map((each, i) => pack(each, `${what}[${i}]`))
  return packObject(value, what)
}

const packObject = (value: object, what: string): unknown => {
  if (Element.isMade(value) && Element.isElement(value)) return packElement(value, what)
  if (Redacted.isRedacted(value)) {
    const secret = pack(Redacted.value(value), what)
    return { [mark]: "secret", value: secret, label: value.label } satisfies Packed
  }
  if (Duration.isDuration(value)) return { [mark]: "duration", millis: Duration.toMillis(value) } satisfies Packed
  if (DateTime.isDateTime(value)) return { [mark]: "moment", millis: value.epochMilliseconds } satisfies Packed
  // A copy: a clone would take along all that shares its memory.
  if (value instanceof Uint8Array) return { [mark]: "bytes", bytes: new Uint8Array(value) } satisfies Packed
  if (isNetconfError(value)) return packError(value)
  if (value instanceof Date || value instanceof RegExp) return value
  return packRecord(value, what)
}

const packElement = (element: Element.Element, what: string): Packed => {
  try {
    return { [mark]: "element", text: Print.print(element), what }
  } catch (error) {
    throw error instanceof XmlError ? new InputError({ what, why: error.kind }) : error
  }
}

const packRecord = (value: object, what: string): unknown => {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) throw insteadOf(what, kindOf(value))
  const within = (name: string) => (what === "" ? name : `${what}.${name}`)
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, pack(each, within(name))]))
}

const describe = (error: unknown): Packed => {
  if (error instanceof Error) return packDefect(error)
  return packDefect(new Error(String(error)))
}

/**
 * What a thrown value is in the other thread: the library's errors as they are, others by name and message. Never throws:
 * a value may have no text, or be an error of the library's in name alone, and whoever waits for it has to be told all the same.
 */
export const packThrown = (error: unknown): unknown => {
  for (const packed of [() => (isNetconfError(error) ? packError(error) : describe(error)), () => describe(error)]) {
    try {
      return packed()
    } catch {
      // The next one says less.
    }
  }
  return packDefect(new Error("a value that cannot be described was thrown"))
}

/** A result as it crosses; the memory of large replies goes into `transfer`. */
export const packResult = (value: unknown, transfer: Array<Transferable>): unknown => {
  if (Array.isArray(value)) return value.map((each) => packResult(each, transfer))
  if (!isRecord(value) || value instanceof Date) return value
  if (isNetconfError(value)) return packError(value)
  const reply = behind(value)
  const parts = reply === undefined ? undefined : Reply.partsOf(reply)
  if (parts !== undefined) return packReply(parts, value, transfer)
  const notification = PlainNotification.behind(value)
  const arrived = notification === undefined ? undefined : Notification.partsOf(notification)
  if (arrived !== undefined) return packNotification(arrived)
  if (isCapabilities(value)) return { [mark]: "capabilities", uris: value.uris } satisfies Packed
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, packResult(each, transfer)]))
}

const isCapabilities = (value: object): value is Capabilities.Capabilities => "uris" in value && "has" in value

const packReply = (
  parts: Reply.Received,
  { rollback }: { readonly rollback?: unknown },
  transfer: Array<Transferable>
): Packed => {
  const { bytes, messageId } = parts.message
  const own = bytes.length >= large
  if (own) transfer.push(bytes.buffer as ArrayBuffer)
  const message = { bytes: own ? bytes : (new Uint8Array(bytes) as Buffer), messageId }
  return { [mark]: "reply", parts: { ...parts, message }, more: rollback === undefined ? {} : { rollback } }
}

const packNotification = (parts: Notification.Arrived): Packed => ({
  [mark]: "notification",
  parts: { ...parts, bytes: new Uint8Array(parts.bytes) as Buffer }
})

const isPacked = (value: object): value is Packed => mark in value

/** What was packed. */
export const unpack = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(unpack)
  if (!isRecord(value) || value instanceof Date || value instanceof RegExp) return value
  if (isPacked(value)) return restore(value)
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, unpack(each)]))
}

const restore = (packed: Packed): unknown => {
  switch (packed[mark]) {
    case "element":
      return Fragment.elements(packed.text, packed.what)[0]
    case "duration":
      return Duration.millis(packed.millis)
    case "moment":
      return DateTime.makeUnsafe(packed.millis)
    case "secret":
      return Redacted.make(unpack(packed.value), packed.label === undefined ? {} : { label: packed.label })
    case "bytes":
      return bufferOf(packed.bytes)
    case "error":
      return decodeError(packed.fields)
    case "defect":
      return restoreDefect(packed)
    case "reply":
      return restoreReply(packed)
    case "notification":
      return PlainNotification.toPlain(Notification.make({ ...packed.parts, bytes: bufferOf(packed.parts.bytes) }))
    case "capabilities":
      return Capabilities.make(packed.uris)
  }
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)

const restoreDefect = ({ message, name, stack }: Extract<Packed, { readonly [mark]: "defect" }>): Error => {
  const error = new Error(message)
  Object.defineProperty(error, "name", { value: name, configurable: true, writable: true })
  if (stack !== undefined) Object.defineProperty(error, "stack", { value: stack, configurable: true, writable: true })
  return error
}

const restoreReply = ({ more, parts }: Extract<Packed, { readonly [mark]: "reply" }>): unknown => {
  const { bytes, messageId } = parts.message
  return Object.assign(toPlain(Reply.make({ ...parts, message: { bytes: bufferOf(bytes), messageId } })), more)
}
