/**
 * A subscription of RFC 5277 on one session: what the session hears, told apart into events, the marks of the protocol
 * (replayComplete, notificationComplete, §2.1.1 and §2.3) and what is broken.
 *
 * A session carries one of them. What becomes of it all is the subscription's, which may have one feed after another.
 */
import type { Guard, Listener } from "../rpc/Listener.ts"
import * as Namespaces from "../xml/Namespaces.ts"
import type { NotificationHead } from "../xml/NotificationHead.ts"
import type { Limits } from "../xml/Parse.ts"
import type { ErrorContext } from "../errors.ts"
import * as Notification from "./Notification.ts"
import * as Recover from "./Recover.ts"

/** Who takes what a feed brings. */
export interface Sink extends Pick<Listener, "maxBytes" | "patience"> {
  notification(notification: Notification.Notification): void
  replayComplete(eventTime: string | undefined): void
  /** There will be no more: stopTime has passed, or the device ends it. */
  completed(): void
  /** A notification is lost; `why` says how, in words. */
  notificationLost(bytes: number, why: string, kind: Broken): void
  /** Bytes that were no notification, or one that may still come. */
  tolerated(bytes: number, why: string, kind: Broken): void
}

/** What broke it. */
export type Broken = Guard | "malformed" | "next-notification"

/** The session that it is on. */
export interface Origin {
  readonly context: ErrorContext
  readonly limits: Limits
  /** When the bytes came that are being read, in milliseconds since 1970. */
  readonly receivedAt: number
  /** Takes a message that stood in the frame of another one. */
  message(bytes: Buffer): void
}

export class Feed implements Listener {
  readonly maxBytes: number
  readonly patience: number
  readonly #sink: Sink
  readonly #origin: Origin
  /** Kept, because a session makes it anew for whoever asks. */
  readonly #context: ErrorContext

  constructor(sink: Sink, origin: Origin) {
    this.maxBytes = Math.min(sink.maxBytes, origin.limits.bytes)
    this.patience = sink.patience
    this.#sink = sink
    this.#origin = origin
    this.#context = origin.context
  }

  notification(bytes: Buffer, head: NotificationHead): void {
    if (head.isWhole !== true && Recover.looksSuspicious(bytes)) this.#recover(bytes)
    else this.#take(bytes, head)
  }

  malformed(bytes: Buffer, detail: string): void {
    if (bytes.includes("notification")) this.#recover(bytes)
    else this.#sink.tolerated(bytes.length, detail, "malformed")
  }

  incomplete(guard: Guard, partialBytes: number): void {
    if (guard === "size") {
      const why = `an unfinished notification has ${partialBytes} bytes, more than the limit of ${this.maxBytes}`
      this.#sink.notificationLost(partialBytes, why, guard)
    } else if (guard === "time") {
      const why = `of an unfinished notification ${partialBytes} bytes came, and nothing more for ${this.patience} ms`
      this.#sink.tolerated(partialBytes, why, guard)
    } else this.#sink.tolerated(partialBytes, `the session ended after ${partialBytes} bytes of a message`, guard)
  }

  #take(bytes: Buffer, head: NotificationHead): void {
    switch (head.name) {
      case "replayComplete":
        if (isMark(head)) return this.#sink.replayComplete(head.eventTime)
        break
      case "notificationComplete":
        if (isMark(head)) return this.#sink.completed()
        break
    }
    const { limits, receivedAt } = this.#origin
    this.#sink.notification(Notification.make({ bytes, head, receivedAt, limits, context: this.#context }))
  }

  behindReply(bytes: Buffer): Buffer {
    const [first, ...others] = Recover.recover(bytes, this.#origin.limits)
    if (first === undefined || others.length === 0) return bytes
    for (const piece of others) this.#piece(piece)
    return first._tag === "Other" ? first.bytes : bytes.subarray(0, sizeOf(first))
  }

  #recover(bytes: Buffer): void {
    for (const piece of Recover.recover(bytes, this.#origin.limits)) {
      // Handed back is only what has become less: what nobody can read would come again and again.
      if (piece._tag === "Other" && piece.name === "rpc-reply" && piece.bytes.length < bytes.length) {
        this.#origin.message(piece.bytes)
      } else this.#piece(piece)
    }
  }

  #piece(piece: Recover.Piece): void {
    switch (piece._tag) {
      case "Whole":
        return this.#take(piece.bytes, piece.head)
      case "Other":
        return this.#sink.tolerated(
          piece.bytes.length,
          `a message <${piece.name}> came, which answers nothing`,
          "malformed"
        )
      case "Incomplete":
        return this.#sink.notificationLost(
          piece.bytes,
          `a notification broke off after ${piece.bytes} bytes`,
          piece.guard
        )
      case "Malformed":
        return this.#sink.notificationLost(piece.bytes, piece.detail, "malformed")
      case "Orphan":
        return this.#sink.tolerated(piece.bytes, `${piece.bytes} bytes outside of any message`, "malformed")
    }
  }
}

const sizeOf = ({ bytes }: Recover.Piece): number => (typeof bytes === "number" ? bytes : bytes.length)

/** Of the protocol; an event of a device's own may have the same name. */
const isMark = ({ namespace }: NotificationHead): boolean =>
  namespace === Namespaces.netmod || namespace === Namespaces.notification || namespace === ""
