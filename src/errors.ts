/**
 * Every way in which a call can fail, as tagged errors with plain fields, in one closed union per use.
 *
 * The fields survive a thread or a wire (Schema); `message` is made from them when asked for, and reads
 * `get-config on leaf-01 (session 7): lock-denied, held by session 4`. Text that came from a peer is printed
 * with its control characters escaped. This module imports nothing of the library.
 *
 * ConnectError: Connection, Auth, HostKey, Certificate, Channel, Protocol, Deadline, Input.
 * OperationError: Channel, Protocol, Deadline, Capability, Input, Audit, Rpc, CommitUnknown. NetconfError: both, and Data.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** Where and in what an error happened; each field is there when it was known. */
export const ErrorContext = {
  /** The caller's name of the device. */
  label: Schema.optional(Schema.String),
  /** Address and port, as dialled. */
  peer: Schema.optional(Schema.String),
  sessionId: Schema.optional(Schema.Finite),
  /** The operation's element name: `edit-config`. */
  operation: Schema.optional(Schema.String),
  messageId: Schema.optional(Schema.String),
  /** Milliseconds since the failed step began. */
  elapsed: Schema.optional(Schema.Finite),
  /** What has happened before this error, where that matters: `the change is applied, not saved`. Then it is never retryable. */
  state: Schema.optional(Schema.String)
}

export interface ErrorContext {
  readonly label?: string | undefined
  readonly peer?: string | undefined
  readonly sessionId?: number | undefined
  readonly operation?: string | undefined
  readonly messageId?: string | undefined
  readonly elapsed?: number | undefined
  readonly state?: string | undefined
}

/**
 * Text from a peer, safe to print: C0 and C1 control characters, DEL, bidirectional overrides and line separators are
 * escaped as `\u{1b}`.
 */
export const printable = (text: string): string =>
  text.replace(
    // oxlint-disable-next-line no-control-regex -- these are the characters to escape
    /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`
  )

const describe = (context: ErrorContext, fallback: string, what: string): string => {
  const device = context.label ?? context.peer
  const where = device === undefined ? "" : ` on ${printable(device)}`
  const session = context.sessionId === undefined ? "" : ` (session ${context.sessionId})`
  const state = context.state === undefined ? "" : `; ${context.state}`
  return `${context.operation ?? fallback}${where}${session}: ${what}${state}`
}

const after = (context: ErrorContext): string =>
  context.elapsed === undefined ? "" : ` after ${Math.round(context.elapsed)} ms`

/** The network failed before the peer's hello was read. */
export class ConnectionError extends Schema.TaggedError<ConnectionError>()("ConnectionError", {
  ...ErrorContext,
  /** `timeout` is the kernel's; ours is a {@link DeadlineError}. */
  reason: Schema.Literals(["refused", "unreachable", "dns", "timeout", "reset"]),
  detail: Schema.String,
  /** Each address that was tried, with how it failed. */
  attempts: Schema.optional(Schema.Array(Schema.String))
}) {
  /** What went wrong, without the device and the operation. */
  get summary(): string {
    const attempts =
      this.attempts === undefined || this.attempts.length === 0
        ? ""
        : ` (tried ${this.attempts.map(printable).join("; ")})`
    return `${this.reason}: ${printable(this.detail)}${attempts}${after(this)}`
  }
  override get message(): string {
    return describe(this, "connect", this.summary)
  }
  get isRetryable(): boolean {
    return true
  }
}

/** The peer accepted none of the credentials, or the login was cut off after it had been sent a password. */
export class AuthError extends Schema.TaggedError<AuthError>()("AuthError", {
  ...ErrorContext,
  /** What was offered, in order: `agent (2 keys)`, `password`. */
  tried: Schema.Array(Schema.String),
  /** The methods the server says it would accept. */
  offered: Schema.Array(Schema.String),
  detail: Schema.String
}) {
  /** What went wrong, without the device and the operation. */
  get summary(): string {
    const tried = this.tried.length === 0 ? "nothing could be tried" : `tried ${this.tried.join(", ")}`
    const offered = this.offered.length === 0 ? "" : `; the server accepts ${this.offered.map(printable).join(", ")}`
    return `${printable(this.detail)}: ${tried}${offered}`
  }
  override get message(): string {
    return describe(this, "login", this.summary)
  }
  get isRetryable(): boolean {
    return false
  }
}

/** The peer's host key is not one that the caller trusts. Nothing secret has been sent. */
export class HostKeyError extends Schema.TaggedError<HostKeyError>()("HostKeyError", {
  ...ErrorContext,
  why: Schema.Literals(["unknown", "changed", "revoked", "unusable"]),
  /** `SHA256:...` of the key that the peer presented. */
  fingerprint: Schema.String,
  keyType: Schema.String,
  /** How a person who trusts this key accepts it, commands included. */
  howToAccept: Schema.String,
  detail: Schema.String
}) {
  /** What went wrong, without the device and the operation. */
  get summary(): string {
    return `host key ${this.why}: ${printable(this.keyType)} ${this.fingerprint}; ${printable(this.detail)}\n${this.howToAccept}`
  }
  override get message(): string {
    return describe(this, "login", this.summary)
  }
  get isRetryable(): boolean {
    return false
  }
}

/** The peer's TLS certificate is not one that the caller trusts. */
export class CertificateError extends Schema.TaggedError<CertificateError>()("CertificateError", {
  ...ErrorContext,
  why: Schema.Literals(["expired", "untrusted", "name", "revoked"]),
  detail: Schema.String
}) {
  /** What went wrong, without the device and the operation. */
  get summary(): string {
    return `certificate ${this.why}: ${printable(this.detail)}`
  }
  override get message(): string {
    return describe(this, "login", this.summary)
  }
  get isRetryable(): boolean {
    return false
  }
}

/**
 * The channel or the session ended. `phase: "write"` means that the request certainly did not reach the device;
 * `by` says who ended it.
 */
export class ChannelError extends Schema.TaggedError<ChannelError>()("ChannelError", {
  ...ErrorContext,
  phase: Schema.Literals(["open", "write", "closed"]),
  by: Schema.Literals(["peer", "us", "network"]),
  detail: Schema.String
}) {
  /** What went wrong, without the device and the operation. */
  get summary(): string {
    const sent = this.phase === "write" ? " (not sent)" : ""
    return `${printable(this.detail)}${sent}${after(this)}`
  }
  override get message(): string {
    return describe(this, "session", this.summary)
  }
  get isRetryable(): boolean {
    return this.by !== "us" && this.state === undefined
  }
}

/** The peer's bytes are not NETCONF. */
export class ProtocolError extends Schema.TaggedError<ProtocolError>()("ProtocolError", {
  ...ErrorContext,
  layer: Schema.Literals(["hello", "framing", "xml", "message"]),
  detail: Schema.String,
  /** How many bytes of the message had been read. */
  bytes: Schema.optional(Schema.Finite),
  /** Markup kept, every text and attribute value replaced by its length. */
  excerpt: Schema.optional(Schema.String)
}) {
  /** What went wrong, without the device and the operation. */
  get summary(): string {
    const excerpt = this.excerpt === undefined || this.excerpt === "" ? "" : `; seen: ${printable(this.excerpt)}`
    return `${printable(this.detail)}${excerpt}`
  }
  override get message(): string {
    return describe(this, this.layer, this.summary)
  }
  get isRetryable(): boolean {
    return false
  }
}

/** Nobody answered in time. */
export class DeadlineError extends Schema.TaggedError<DeadlineError>()("DeadlineError", {
  ...ErrorContext,
  /** Which step took too long; `connect` is a limit on all of them together. */
  phase: Schema.Literals([
    "queue",
    "dial",
    "handshake",
    "auth",
    "subsystem",
    "hello",
    "connect",
    "rpc",
    "progress",
    "verify",
    "close"
  ]),
  /** The deadline that passed, in milliseconds. */
  deadline: Schema.Finite,
  /** Bytes received for this step before it passed. */
  bytes: Schema.Finite,
  /** How the last attempt failed, where there were several. */
  last: Schema.optional(Schema.String)
}) {
  /** What went wrong, without the device and the operation. */
  get summary(): string {
    const bytes = this.bytes === 0 ? "nothing received" : `${this.bytes} bytes received`
    if (this.phase === "verify") return `not verified in time to confirm the commit (${this.deadline} ms were left)`
    if (this.last !== undefined)
      return `not connected within ${this.deadline} ms; the last attempt: ${printable(this.last)}`
    return `no answer within ${this.deadline} ms (phase ${this.phase}, ${bytes})`
  }
  override get message(): string {
    return describe(this, this.phase, this.summary)
  }
  /** True while connecting. A read that timed out is still being worked on by the device, so it is not. */
  get isRetryable(): boolean {
    return this.state === undefined && !["rpc", "progress", "verify", "close"].includes(this.phase)
  }
}

/** The peer does not offer what the operation needs; found before sending. */
export class CapabilityError extends Schema.TaggedError<CapabilityError>()("CapabilityError", {
  ...ErrorContext,
  /** Alternatives: any of them would do. */
  needed: Schema.Array(Schema.String),
  offered: Schema.Array(Schema.String)
}) {
  /** What went wrong, without the device and the operation. */
  get summary(): string {
    return `needs ${this.needed.join(" or ")}, which the peer does not offer (not sent)`
  }
  override get message(): string {
    return describe(this, "operation", this.summary)
  }
  get isRetryable(): boolean {
    return false
  }
}

/** The caller's own XML, options, key file or inventory is wrong; found before sending. */
export class InputError extends Schema.TaggedError<InputError>()("InputError", {
  ...ErrorContext,
  /** What is wrong: `filter`, `privateKey`, `confirmTimeout`. */
  what: Schema.String,
  /** Where in it, when known: `line 3, column 7`. */
  where: Schema.optional(Schema.String),
  why: Schema.String,
  /** Where several things are wrong: each of them with its place, a line each. */
  problems: Schema.optional(Schema.Array(Schema.String))
}) {
  /** What went wrong, without the device and the operation. */
  get summary(): string {
    const where = this.where === undefined ? "" : ` at ${this.where}`
    const problems = (this.problems ?? []).map((problem) => `\n  ${printable(problem)}`)
    return `${this.what}${where}: ${printable(this.why)}${problems.join("")}`
  }
  override get message(): string {
    return describe(this, "input", this.summary)
  }
  get isRetryable(): boolean {
    return false
  }
}

/** The audit could not be written, so the change was not sent: with auditing on nothing is changed unrecorded. */
export class AuditError extends Schema.TaggedError<AuditError>()("AuditError", {
  ...ErrorContext,
  detail: Schema.String
}) {
  /** What went wrong, without the device and the operation. */
  get summary(): string {
    return `the audit cannot be written: ${printable(this.detail)} (not sent)`
  }
  override get message(): string {
    return describe(this, "audit", this.summary)
  }
  get isRetryable(): boolean {
    return false
  }
}

/** error-tag of RFC 6241 appendix A and RFC 8639 to 8641; devices add their own. */
export type ErrorTag =
  | "in-use"
  | "invalid-value"
  | "too-big"
  | "missing-attribute"
  | "bad-attribute"
  | "unknown-attribute"
  | "missing-element"
  | "bad-element"
  | "unknown-element"
  | "unknown-namespace"
  | "access-denied"
  | "lock-denied"
  | "resource-denied"
  | "rollback-failed"
  | "data-exists"
  | "data-missing"
  | "operation-not-supported"
  | "operation-failed"
  | "partial-operation"
  | "malformed-message"
  | (string & {})

/** error-info of RFC 6241 appendix A, typed; `xml` is the whole element as received. */
export const ErrorInfo = Schema.Struct({
  /** lock-denied: who holds the lock. 0 means a holder that is not a NETCONF session. */
  sessionId: Schema.optional(Schema.Finite),
  badAttribute: Schema.optional(Schema.String),
  badElement: Schema.optional(Schema.String),
  badNamespace: Schema.optional(Schema.String),
  okElements: Schema.optional(Schema.Array(Schema.String)),
  errElements: Schema.optional(Schema.Array(Schema.String)),
  noopElements: Schema.optional(Schema.Array(Schema.String)),
  xml: Schema.String
})
export interface ErrorInfo extends Schema.Schema.Type<typeof ErrorInfo> {}

/** One rpc-error of RFC 6241 §4.3. Fields that the device left out are absent; severity defaults to error. */
export const RpcErrorItem = Schema.Struct({
  type: Schema.optional(Schema.String),
  tag: Schema.String,
  severity: Schema.Literals(["error", "warning"]),
  appTag: Schema.optional(Schema.String),
  path: Schema.optional(Schema.String),
  message: Schema.optional(Schema.String),
  info: Schema.optional(ErrorInfo)
})
export interface RpcErrorItem extends Schema.Schema.Type<typeof RpcErrorItem> {}

const printHolder = (holder: number, own: number | undefined): string => {
  if (holder === 0) return "something other than a NETCONF session"
  return holder === own ? "this session: one lock of this device may cover several datastores" : `session ${holder}`
}

const printItem = (item: RpcErrorItem, own: number | undefined): string => {
  const held = item.tag === "lock-denied" ? item.info?.sessionId : undefined
  const holder = held === undefined ? "" : `, held by ${printHolder(held, own)}`
  const bad = item.info?.badElement ?? item.info?.badAttribute ?? item.info?.badNamespace
  return printable(
    item.tag +
      holder +
      (item.message === undefined ? "" : `: ${item.message.trim()}`) +
      (bad === undefined ? "" : ` (${bad})`) +
      (item.path === undefined ? "" : ` at ${item.path.trim()}`)
  )
}

/** The peer said no. */
export class RpcError extends Schema.TaggedError<RpcError>()("RpcError", {
  ...ErrorContext,
  errors: Schema.NonEmptyArray(RpcErrorItem),
  /** `possible`: some of the change may have been made (stop-on-error and continue-on-error, RFC 6241 §7.2). */
  partial: Schema.optional(Schema.Literals(["possible"]))
}) {
  /** What went wrong, without the device and the operation. */
  get summary(): string {
    const partial = this.partial === undefined ? "" : "; part of the change may have been made"
    return this.errors.map((item) => printItem(item, this.sessionId)).join("; ") + partial
  }
  override get message(): string {
    return describe(this, "rpc", this.summary)
  }
  /** True for what another session holds or uses up for a while: in-use, lock-denied, resource-denied. */
  get isRetryable(): boolean {
    return this.state === undefined && this.errors.every((item) => retryableTags.has(item.tag))
  }
  /** False where the device did what was asked, with warnings that the caller does not accept. */
  get isRefusal(): boolean {
    return this.errors.some((item) => item.severity === "error")
  }
  /** Whether any of the errors carries this error-tag. */
  has(tag: ErrorTag): boolean {
    return this.errors.some((item) => item.tag === tag)
  }
}
const retryableTags = new Set(["in-use", "lock-denied", "resource-denied"])

/**
 * A request that may have changed the device was sent, and no clear reply came back: read the device before doing
 * anything else. Never retried by the library.
 */
export class CommitUnknownError extends Schema.TaggedError<CommitUnknownError>()("CommitUnknownError", {
  ...ErrorContext,
  datastore: Schema.optional(Schema.String),
  /** `sent`: no reply. `replied`: the reply itself says that the device does not know. */
  phase: Schema.Literals(["sent", "replied"]),
  cause: Schema.Union([ChannelError, ProtocolError, DeadlineError, RpcError])
}) {
  /** What went wrong, without the device and the operation. */
  get summary(): string {
    const datastore = this.datastore === undefined ? "" : ` of ${this.datastore}`
    return `whether the change${datastore} was made is unknown: ${this.cause.summary}`
  }
  override get message(): string {
    return describe(this, "rpc", this.summary)
  }
  get isRetryable(): boolean {
    return false
  }
}

/** The device has ended a dynamic subscription (RFC 8639 §2.7.3). */
export class SubscriptionTerminatedError extends Schema.TaggedError<SubscriptionTerminatedError>()(
  "SubscriptionTerminatedError",
  {
    ...ErrorContext,
    subscriptionId: Schema.Finite,
    /** The identity's local name: `no-such-subscription`, which is also what a killed one is told; `suspension-timeout`. */
    reason: Schema.String
  }
) {
  /** What went wrong, without the device and the operation. */
  get summary(): string {
    return `the device has ended subscription ${this.subscriptionId}: ${printable(this.reason)}`
  }
  override get message(): string {
    return describe(this, "subscription", this.summary)
  }
  /** True where it ended for want of resources, which may be there another time. */
  get isRetryable(): boolean {
    return this.state === undefined && this.reason === "suspension-timeout"
  }
}

/** Data that does not fit its schema. */
export class DataError extends Schema.TaggedError<DataError>()("DataError", {
  ...ErrorContext,
  path: Schema.String,
  expected: Schema.String
}) {
  /** What went wrong, without the device and the operation. */
  get summary(): string {
    return `${printable(this.path)}: expected ${this.expected}`
  }
  override get message(): string {
    return describe(this, "data", this.summary)
  }
  get isRetryable(): boolean {
    return false
  }
}

/** How connecting can fail, up to and including the peer's hello. */
export type ConnectError =
  | ConnectionError
  | AuthError
  | HostKeyError
  | CertificateError
  | ChannelError
  | ProtocolError
  | DeadlineError
  | InputError

/** How an operation on an open session can fail. */
export type OperationError =
  | ChannelError
  | ProtocolError
  | DeadlineError
  | CapabilityError
  | InputError
  | AuditError
  | RpcError
  | CommitUnknownError

/** How a subscription can fail, when it is established and later. */
export type SubscribeError = ConnectError | OperationError | SubscriptionTerminatedError

/** All of them, for logging. */
export type NetconfError = ConnectError | OperationError | SubscriptionTerminatedError | DataError

const classes = [
  ConnectionError,
  AuthError,
  HostKeyError,
  CertificateError,
  ChannelError,
  ProtocolError,
  DeadlineError,
  CapabilityError,
  InputError,
  AuditError,
  RpcError,
  CommitUnknownError,
  SubscriptionTerminatedError,
  DataError
] as const

/** Any of them, for crossing a thread: the fields are plain, and decoding them makes the error's own class again. */
export const AnyError = Schema.Union(classes)

/** Whether a caught value is one of the library's errors. */
export const isNetconfError = (value: unknown): value is NetconfError =>
  classes.some((errorClass) => value instanceof errorClass)

const framesOf = (error: Error): string => /(?:\n {4}at .*)*$/.exec(error.stack ?? "")?.[0] ?? ""

type Inspect = (value: unknown, options: object) => string

/** Line by line: the line breaks are those of `inspect`. */
const printableLines = (text: string): string => text.split("\n").map(printable).join("\n")

/** What `console.log` shows: class and message first, then where it was made, the fields that are there, and the cause. */
const inspectError = function (this: NetconfError, depth: number, options: object, inspect: Inspect): string {
  const said = `${this.name}: ${this.message}`
  if (depth < 0) return `[${said}]`
  const { _tag, cause, ...fields } = { ...this, cause: this.cause }
  const known = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
  const shown = printableLines(inspect(known, { ...options, colors: false, depth: 4 }))
  const behind = cause === undefined ? "" : `\n[cause]: ${inspect(cause, options)}`
  return `${said}${framesOf(this)} ${shown}${behind}`
}

// Node looks for it under this symbol; by itself it would show the fields alone.
for (const { prototype } of classes) {
  Object.defineProperty(prototype, Symbol.for("nodejs.util.inspect.custom"), {
    value: inspectError,
    configurable: true
  })
}

/** Whether a failed request certainly did not reach the device, not even in part, so it has changed nothing. */
export const wasNotSent = (error: NetconfError): boolean => {
  switch (error._tag) {
    case "AuditError":
    case "CapabilityError":
      return true
    case "InputError":
      // With a state it was found in the middle of something: what a check returned, for one.
      return error.state === undefined
    case "ChannelError":
      return error.phase === "write"
    case "DeadlineError":
      return error.phase === "queue"
    default:
      return false
  }
}

const remake = <E extends NetconfError>(error: E, fields: Record<string, unknown>): E => {
  const { _tag, ...rest } = { ...error, ...fields }
  // Error keeps its cause where a spread does not see it.
  const made = error.cause === undefined ? rest : { ...rest, cause: error.cause }
  const copy = new (error.constructor as new (fields: unknown) => E)(made)
  if (error.stack !== undefined) Object.defineProperty(copy, "stack", { value: error.stack, configurable: true })
  return copy
}

/** The same error with the context that it lacks filled in; what it already says is kept. */
export const withContext = <E extends NetconfError>(error: E, context: ErrorContext): E => {
  const lacking = Object.entries(context).filter(([key]) => error[key as keyof ErrorContext] === undefined)
  return remake(error, Object.fromEntries(lacking))
}

/** The same error with other words for these fields: what a peer said in them, redacted. */
export const withFields = <E extends NetconfError>(
  error: E,
  fields: Readonly<Record<string, string | ReadonlyArray<string>>>
): E => {
  if (Object.keys(fields).length === 0) return error
  const copy = remake(error, fields)
  // A stack begins with the message, and the old one must not live on there.
  const stack = `${copy.name}: ${copy.message}${framesOf(error)}`
  return Object.defineProperty(copy, "stack", { value: stack, configurable: true })
}

/** The same error, saying what had happened before it; whoever knows more says it later, and wins. */
export const withState = <E extends NetconfError>(error: E, state: string): E => remake(error, { state })

/** What checks the caller's input by throwing an `InputError`, as an effect; anything else that it throws is a defect. */
export const tryInput = <A>(check: () => A): Effect.Effect<A, InputError> =>
  Effect.suspend(() => {
    try {
      return Effect.succeed(check())
    } catch (error) {
      return error instanceof InputError ? Effect.fail(error) : Effect.die(error)
    }
  })
