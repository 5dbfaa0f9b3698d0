/**
 * Who is told of what arrives on a session and answers no rpc (RFC 5277 §2.2, RFC 8640 §5). Types only: Notifications hands
 * over, `notifications/` listens.
 */
import type { NotificationHead } from "../xml/NotificationHead.ts"

/**
 * What cut a notification short. `size`: more bytes came than are allowed, and the rest of it is dropped. `time`: no further
 * byte of it came for too long; it is handed over whole should the rest come. `end-of-session`: the rest never comes.
 */
export type Guard = "size" | "time" | "end-of-session"

/** Called synchronously by the reader of a session, which goes on at once: a listener never waits, and never throws. */
export interface Listener {
  /** Bytes that an unfinished notification may have. */
  readonly maxBytes: number
  /** Milliseconds that an unfinished notification may stay without a further byte. */
  readonly patience: number
  /** A message of which the head is known, and nothing else: valid UTF-8, not written to any more. */
  notification(bytes: Buffer, head: NotificationHead): void
  /** A message that is no reply, and of which not even the head can be read. */
  malformed(bytes: Buffer, detail: string): void
  /** A reply with something else behind it in its frame: takes that, and gives back what is the reply's. */
  behindReply(bytes: Buffer): Buffer
  /** What of a notification was not complete, in bytes. */
  incomplete(guard: Guard, partialBytes: number): void
}
