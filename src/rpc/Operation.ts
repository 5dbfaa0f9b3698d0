/**
 * The shape of an operation (RFC 6241 §7, §8): a value that knows its name, what it needs of the peer, how its element
 * is written, and how its reply is read. Sessions know operations only by this shape; the values live in `api/`.
 */
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type { OperationError, RpcErrorItem } from "../errors.ts"
import type { Element } from "../xml/Element.ts"
import type { Capabilities } from "./Capabilities.ts"
import type { Expected, Reply } from "./Reply.ts"

/**
 * What an operation does to the device. `read`: nothing, it may be repeated. `control`: locks, candidates and sessions,
 * nothing that outlives them. `write`: the configuration may have changed as soon as it was sent.
 */
export type Kind = "read" | "control" | "write"

/** What a success does to the leases of the session: the locks it holds, the candidate it has edited. */
export interface LeaseChange {
  /** `confirm-later`: a confirmed commit that belongs to the session. `cancel`: of such a one. */
  readonly change: "lock" | "unlock" | "edit" | "commit" | "confirm-later" | "cancel" | "discard"
  readonly datastore: string
  /** Of a confirmed commit: the milliseconds after which the device rolls it back. */
  readonly lasts?: () => number
}

/** Every one is needed; each is a list of alternatives: `[[":candidate"], [":validate:1.1", ":validate:1.0"]]`. */
export type Needs = ReadonlyArray<ReadonlyArray<string>>

export interface Operation<A = Reply> {
  /** The element's name: `edit-config`. */
  readonly name: string
  readonly kind: Kind
  /**
   * Ends or frees something (unlock, discard, confirm, cancel, close, kill), so it waits for no permit: a full pool must
   * not let a lock or a confirm-timeout stand.
   */
  readonly release?: boolean
  readonly needs: Needs
  readonly expects: Expected
  /** The datastore that it is about, for errors and audits. */
  readonly datastore?: string
  /** Milliseconds from the written rpc to the reply's first byte, where the session's default does not fit. */
  readonly deadline?: number
  /**
   * Asked when nothing is left to wait for but room in the transport: for how many milliseconds it may still be written.
   * Later than that it is not sent, and fails with a `DeadlineError` of phase `queue`.
   */
  readonly sendWithin?: () => number
  readonly lease?: LeaseChange
  /** Part of the change may stand when it is refused (RFC 6241 §7.2, error-option). */
  readonly partial?: (capabilities: Capabilities) => boolean
  /** The operation element; throws an `InputError` for input that cannot be sent. */
  readonly encode: (capabilities: Capabilities) => Element
  /** What the caller gets. */
  readonly decode: (reply: Reply) => A
  /**
   * What gives back what a success acquired when nobody waits for it any more: an operation, or the session's end. `reply` is
   * the whole message of a reply that came too late, for what it alone can say: the id of a subscription.
   */
  readonly undo?: (capabilities: Capabilities, reply?: Uint8Array) => Operation<unknown> | "close-session"
  /** What is sent after a refusal, because a refusal may leave something behind. */
  readonly onRefused?: (capabilities: Capabilities) => Operation<unknown> | undefined
}

/** Sends an operation of a session; every named method is this one. */
export type Run = <A>(operation: Operation<A>, options?: CallOptions) => Effect.Effect<A, OperationError>

/** What a caller may set per call. */
export interface CallOptions {
  /** From the written rpc to the last byte of its reply, however steadily it comes. Default: none. */
  readonly total?: Duration.Input | "none"
  /** From the written rpc to the first byte of its reply; overrides the session's and the operation's default. */
  readonly deadline?: Duration.Input | "none"
  /**
   * What rpc-errors of severity warning do. `return` (default): they travel with the reply. `fail`: they fail the call.
   * A predicate decides for each one whether it fails the call.
   */
  readonly warnings?: "return" | "fail" | ((warning: RpcErrorItem) => boolean) | undefined
  /** False sends the operation even where the peer does not announce what it needs. */
  readonly capabilityCheck?: boolean
}
