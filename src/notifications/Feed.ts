/**
 * A subscription of RFC 5277 on one session: what the session hears, told apart into events, the marks of the protocol
 * (replayComplete, notificationComplete, §2.1.1 and §2.3) and what is broken.
 *
 * A session carries one of them. What becomes of it all is the subscription's, which may have one feed after another.
 */
import type { Listener } from "../rpc/Listener.ts"
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
  lostOne(bytes: number, why: string, kind: Broken): void
  /** Bytes that were no notification, or one that may still come. */
  odd(bytes: number, why: string, kind: Broken): void
}

/** What broke it. */
export type Broken = "malformed" | "next-notification" | "size" | "time" | "end-of-session"

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
  readonly #context: ErrorContext

  constructor(sink: Sink, origin: Origin) {
    this.maxBytes = sink.maxBytes
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
    else this.#sink.odd(bytes.length, detail, "malformed")
  }

  incomplete(guard: "size" | "time" | "end-of-session", partialBytes: number): void {
    if (guard === "size") {
      const why = `an unfinished notification has ${partialBytes} bytes, more than the limit of ${this.maxBytes}`
      this.#sink.lostOne(partialBytes, why, guard)
    } else if (guard === "time") {
      const why = `of an unfinished notification ${partialBytes} bytes came, and nothing more for ${this.patience} ms`
      this.#sink.odd(partialBytes, why, guard)
    } else this.#sink.odd(partialBytes, `the session ended after ${partialBytes} bytes of a message`, guard)
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

  #recover(bytes: Buffer): void {
    for (const piece of Recover.recover(bytes, this.#origin.limits)) {
      switch (piece._tag) {
        case "Whole":
          this.#take(piece.bytes, piece.head)
          break
        case "Incomplete":
          this.#sink.lostOne(
            piece.bytes,
            `a notification broke off after ${piece.bytes} bytes, and the next one began`,
            piece.guard
          )
          break
        case "Other":
          this.#origin.message(piece.bytes)
          break
        case "Malformed":
          this.#sink.lostOne(piece.bytes, piece.detail, "malformed")
          break
        case "Orphan":
          this.#sink.odd(piece.bytes, `${piece.bytes} bytes outside of any message`, "malformed")
          break
      }
    }
  }
}

/** Of the protocol; an event of a device's own may have the same name. */
const isMark = ({ namespace }: NotificationHead): boolean =>
  namespace === Namespaces.netmod || namespace === Namespaces.notification || namespace === ""
