/** Replies for plain async code: lazy parts as properties, moments as `Date`. */
import * as Effect from "effect/Effect"
import { inspect } from "node:util"
import type { ProtocolError, RpcErrorItem } from "../../errors.ts"
import type { Reply } from "../../rpc/Reply.ts"
import type { Element } from "../../xml/Element.ts"
import type { EditReport } from "../changes/Change.ts"
import type { CommitReply } from "../operations/Commit.ts"
import { unwrap } from "./Run.ts"

/** A reply with its lazy parts as plain properties. */
export interface RpcReply {
  /** Always true: a refused rpc rejects, so whoever holds a reply holds a success. */
  readonly ok: true
  /** The whole message as received. */
  readonly xml: string
  /** The `<data>` element, parsed when first asked for; throws a `ProtocolError` when it is not well-formed. */
  readonly data: Element
  readonly warnings: ReadonlyArray<RpcErrorItem>
  readonly messageId: string | undefined
  readonly bytes: number
  /** Milliseconds from writing the rpc to the end of its reply. */
  readonly elapsed: number
}

/** What a whole change came to. */
export interface EditResult extends Omit<EditReport, "replies"> {
  readonly replies: ReadonlyArray<RpcReply>
}

/** Between which two moments the device rolls an unconfirmed commit back. */
export interface CommitRpcReply extends RpcReply {
  readonly rollback: { readonly earliest: Date; readonly latest: Date } | undefined
}

const runSync = <A>(effect: Effect.Effect<A, ProtocolError>): A => unwrap(Effect.runSyncExit(effect), undefined)

class PlainReply implements RpcReply {
  readonly #reply: Reply
  constructor(reply: Reply) {
    this.#reply = reply
  }
  static behind(reply: PlainReply): Reply {
    return reply.#reply
  }
  readonly ok = true
  get xml(): string {
    return this.#reply.xml
  }
  get data(): Element {
    return runSync(this.#reply.data)
  }
  get warnings(): ReadonlyArray<RpcErrorItem> {
    return this.#reply.warnings
  }
  get messageId(): string | undefined {
    return this.#reply.messageId
  }
  get bytes(): number {
    return this.#reply.bytes
  }
  get elapsed(): number {
    return this.#reply.elapsed
  }
  /** For logs: what it is about, never its content. */
  toJSON(): unknown {
    const { bytes, elapsed, messageId, ok, warnings } = this
    return { ok, messageId, bytes, elapsed, warnings }
  }
  [inspect.custom](): unknown {
    return this.toJSON()
  }
}

export const toPlain = (reply: Reply): RpcReply => new PlainReply(reply)

/** The reply that a plain one shows; undefined for anything else. */
export const behind = (value: object): Reply | undefined =>
  value instanceof PlainReply ? PlainReply.behind(value) : undefined

export const toCommitReply = (reply: CommitReply): CommitRpcReply => {
  const { rollback } = reply
  const dates = rollback && {
    earliest: new Date(rollback.earliest.epochMilliseconds),
    latest: new Date(rollback.latest.epochMilliseconds)
  }
  return Object.assign(new PlainReply(reply), { rollback: dates })
}
