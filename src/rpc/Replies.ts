/**
 * Arriving messages on their way to the calls that wait for them (RFC 6241 §4.2, §4.5): matched by message-id, judged,
 * and collected until the batch is finished, because resuming a call runs its fiber inline.
 */
import * as Effect from "effect/Effect"
import * as Errors from "../errors.ts"
import type { Profile } from "../profiles/Profile.ts"
import type { Redaction } from "../telemetry/Redaction.ts"
import { redactError } from "../telemetry/RedactedError.ts"
import * as ClosingTag from "../xml/ClosingTag.ts"
import type * as Parse from "../xml/Parse.ts"
import type { Call, Calls } from "./Calls.ts"
import * as Message from "./Message.ts"
import type { Notifications } from "./Notifications.ts"
import type { Operation } from "./Operation.ts"
import * as Outcome from "./Outcome.ts"
import type { Reader } from "./Reader.ts"
import * as Reply from "./Reply.ts"

export interface Counters {
  /** Replies that came after their call had been abandoned. */
  late: number
  /** Replies with an id that was never issued, or whose call had been answered. */
  foreign: number
  /** Messages that are neither an rpc-reply nor a notification that somebody listens to. */
  unexpected: number
  /** Messages whose invalid UTF-8 was replaced. */
  replaced: number
}

export interface Owner {
  peer(): Outcome.Peer
  profile(): Profile
  readonly limits: Parse.Limits
  readonly invalidUtf8: "refuse" | "replace"
  /** Milliseconds that only differences are taken of. */
  now(): number
  /** Milliseconds since 1970. */
  wallClock(): number
  /** Hides secrets in what the peer says about this call, those that it repeats from the request too. */
  redaction(call: Call): Redaction
  /** An operation succeeded on the device, whether or not anyone still waits for it. */
  succeeded(call: Call): void
  /** Gives back what an abandoned call has acquired. */
  undo(call: Call, undo: Operation<unknown> | "close-session"): void
}

/** Of a message without a readable head: whether it may have been a reply all the same. */
const mentionsReply = (beginning: Buffer): boolean => beginning.subarray(0, 4096).includes("rpc-reply")

type Answer = Effect.Effect<Reply.Reply, Errors.OperationError>

/** Beyond this many bytes without a readable head, an unfinished message feeds nobody's deadline. */
const headWithin = 65_536

export class Replies {
  readonly counters: Counters = { late: 0, foreign: 0, unexpected: 0, replaced: 0 }
  readonly #calls: Calls
  readonly #owner: Owner
  readonly #notifications: Notifications
  #completed: Array<readonly [call: Call, answer: Answer]> = []
  /** Calls that may have acquired something for nobody. */
  #undos: Array<Parameters<Owner["undo"]>> = []
  /** Whose reply is arriving in pieces, once its head could be read. */
  #receiving: Call | "nobody" | undefined
  /** How many bytes of it there were when its head was last looked for. */
  #searched = 0

  constructor(calls: Calls, owner: Owner, notifications: Notifications) {
    this.#calls = calls
    this.#owner = owner
    this.#notifications = notifications
  }

  /** One whole message. */
  message(bytes: Buffer): void {
    this.#receiving = undefined
    this.#searched = 0
    if (this.#notifications.recall(bytes)) return
    try {
      const message = Message.read(bytes, this.#owner.invalidUtf8)
      if (message.replaced) this.counters.replaced++
      if (message.head.name === "rpc-reply") this.#reply(this.#notifications.heard ? this.#alone(message) : message)
      else this.#unasked(message)
    } catch (error) {
      if (!(error instanceof Message.MessageError)) throw error
      this.unreadable(bytes, bytes.length, "xml", error.message)
    }
  }

  /** A message that cannot be used fails the call that it answers, and never the session. */
  unreadable(beginning: Buffer, bytes: number, layer: "xml" | "message", detail: string): void {
    this.#receiving = undefined
    this.#searched = 0
    const head = Message.replyIdOf(beginning)
    const isOther = head === undefined && this.#notifications.heard && !mentionsReply(beginning)
    const call = isOther ? undefined : this.#concerned(head)
    if (call === undefined) {
      if (!this.#notifications.malformed(beginning, detail)) this.counters.unexpected++
      return
    }
    call.span?.received(bytes)
    if (head !== undefined) this.#calls.remove(call)
    if (call.abandoned) return this.#late(call, { _tag: "Unclear", layer, detail })
    // Without a readable id this may not have been its reply: a tombstone waits for the real one.
    if (head === undefined) this.#calls.abandon(call)
    this.#fail(call, Outcome.unreadable(layer, detail, bytes, beginning))
  }

  /** Notes that a piece of an unfinished message came; returns the call that it answers. */
  progress(reader: Reader): Call | undefined {
    this.#receiving ??= this.#search(reader)
    const call = this.#receiving
    if (call === undefined || call === "nobody") return undefined
    call.progressAt = this.#owner.now()
    call.received = reader.partialBytes
    return call
  }

  /** Looks for the head, each time that the message has grown by half: a message in many small pieces stays cheap. */
  #search(reader: Reader): Call | "nobody" | undefined {
    const { partialBytes } = reader
    if (partialBytes < this.#searched * 1.5 || partialBytes > headWithin) return undefined
    this.#searched = partialBytes
    const head = Message.replyIdOf(reader.peek())
    if (head === undefined) return undefined
    return (head === "other" ? undefined : this.#calls.find(head.messageId)) ?? "nobody"
  }

  /** Gives back what was acquired for nobody, then resumes every call whose answer is known, oldest first. */
  flush(): void {
    if (this.#completed.length === 0 && this.#undos.length === 0) return
    const completed = this.#completed
    const undos = this.#undos
    this.#completed = []
    this.#undos = []
    for (const [call, undo] of undos) this.#owner.undo(call, undo)
    for (const [call, answer] of completed) call.resume(answer)
  }

  /** Without what stands behind it in its frame, where the mark between them is missing. */
  #alone(message: Message.Message): Message.Message {
    const { name, prefix } = message.head
    const closing = prefix === "" ? name : `${prefix}:${name}`
    if (ClosingTag.nameAtEnd(message.bytes) === closing) return message
    return { ...message, bytes: this.#notifications.behindReply(message.bytes) }
  }

  /** A message that answers nothing. */
  #unasked({ bytes, head }: Message.Message): void {
    if (head.name === "notification") this.#notifications.take(bytes)
    else if (!this.#notifications.malformed(bytes, `a message <${head.name}> came, which answers nothing`))
      this.counters.unexpected++
  }

  #reply(message: Message.Message): void {
    const match = this.#calls.match(message.messageId, this.#owner.profile().foreignMessageId)
    switch (match._tag) {
      case "Matched":
        this.#judge(match.call, message)
        break
      case "Nobody":
        this.counters.foreign++
        break
      case "Foreign":
        this.counters.foreign++
        if (match.concerned !== undefined) this.#foreign(match.concerned, message.messageId!)
        break
    }
  }

  #judge(call: Call, message: Message.Message): void {
    call.span?.received(message.bytes.length)
    const redaction = () => this.#owner.redaction(call)
    const judgement = Reply.judge(message, call.operation.expects, this.#owner.limits, redaction)
    // What an abandoned call acquired is given back: it was never held.
    const isKept = !call.abandoned || call.operation.undo === undefined
    if (judgement._tag === "Success" && isKept) this.#owner.succeeded(call)
    if (call.abandoned) this.#late(call, judgement, message.bytes)
    else this.#answer(call, message, judgement)
  }

  #answer(call: Call, message: Message.Message, judgement: Reply.Judgement): void {
    call.answer = judgement._tag === "Success" ? "success" : "failure"
    switch (judgement._tag) {
      case "Success":
        this.#completed.push([call, this.#succeed(call, message, judgement)])
        break
      case "Refused":
        this.#completed.push([call, Effect.fail(this.#refused(call, judgement.errors))])
        break
      case "Unclear":
        this.#fail(call, Outcome.unreadable(judgement.layer, judgement.detail, message.bytes.length, message.bytes))
        break
    }
  }

  #refused(call: Call, errors: Reply.Refused["errors"]): Errors.OperationError {
    return Outcome.refused(call, errors, this.#owner.peer(), this.#owner.now())
  }

  #succeed(call: Call, message: Message.Message, judgement: Reply.Success): Answer {
    const owner = this.#owner
    const context = Outcome.contextOf(call, owner.peer(), owner.now())
    try {
      const [first, ...rest] = judgement.warnings.filter(
        (warning) => call.warnings === "fail" || (typeof call.warnings === "function" && call.warnings(warning))
      )
      if (first !== undefined) return Effect.fail(Outcome.unwelcome(context, [first, ...rest]))
    } catch (defect) {
      // The caller's own predicate: its call dies of it, the reader and everybody else do not.
      return Effect.die(defect)
    }
    const { elapsed } = context
    const receivedAt = owner.wallClock()
    return Effect.succeed(Reply.make({ message, judgement, context, limits: owner.limits, elapsed, receivedAt }))
  }

  /** The reply of a call that nobody waits for: dropped and counted, and what it acquired is given back. */
  #late(call: Call, judgement: Reply.Judgement, reply?: Uint8Array): void {
    this.counters.late++
    const undo = call.operation.undo
    if (undo === undefined || judgement._tag === "Refused") return
    const { capabilities } = this.#owner.peer()
    this.#undos.push([call, judgement._tag === "Success" ? undo(capabilities, reply) : "close-session"])
  }

  // Taken off the table: its own reply, should it still come, has an id that was issued, and is nobody's.
  #foreign(concerned: Call, messageId: string): void {
    this.#calls.remove(concerned)
    this.#fail(
      concerned,
      new Errors.ProtocolError({
        layer: "message",
        detail: `a reply with message-id "${messageId.slice(0, 40)}" came, which was never sent; expected "${concerned.id}"`
      })
    )
  }

  /** The call that an unreadable message answers; without a readable head only when no other can be meant. */
  #concerned(head: ReturnType<typeof Message.replyIdOf>): Call | undefined {
    if (head === "other") return undefined
    if (head !== undefined) return this.#calls.find(head.messageId)
    return this.#calls.abandoned === 0 ? this.#calls.find(undefined) : undefined
  }

  /** An answer that cannot be understood; what it may have granted is given back. */
  #fail(call: Call, error: Errors.ProtocolError): void {
    call.answer = "failure"
    const undo = call.operation.undo?.(this.#owner.peer().capabilities)
    if (undo !== undefined) this.#undos.push([call, undo])
    const shown = redactError(error, this.#owner.redaction(call))
    this.#completed.push([call, Effect.fail(Outcome.lost(call, shown, this.#owner.peer(), this.#owner.now()))])
  }
}
