/**
 * From a message on the wire to an entry of the wire log: parsed, its secrets hidden; as markup when that is not certain.
 */
import type { ErrorContext } from "../errors.ts"
import { excerpt } from "../telemetry/Excerpt.ts"
import type { Redaction } from "../telemetry/Redaction.ts"
import * as Element from "../xml/Element.ts"
import * as Parse from "../xml/Parse.ts"
import { print } from "../xml/Print.ts"
import * as Message from "./Message.ts"

/** One message, as it may be kept. */
export interface WireLogEntry {
  readonly direction: "sent" | "received"
  /** Milliseconds since 1970. */
  readonly time: number
  readonly label: string | undefined
  readonly peer: string | undefined
  readonly sessionId: number | undefined
  /** The root element: `hello`, `rpc`, `rpc-reply`, `notification`; undefined when it could not be read. */
  readonly message: string | undefined
  readonly messageId: string | undefined
  /** Size of the message, without its framing. */
  readonly bytes: number
  /**
   * The message with its secrets hidden. Of one that is not XML, is larger than 64 KiB or was cut, the beginning of its
   * markup, with every value replaced by its length; of one whose very markup holds a secret, its size alone: `[123]`.
   */
  readonly xml: string
  /** Whether `xml` is the whole message. */
  readonly whole: boolean
  /** Messages so far that were not logged because the log did not keep up. */
  readonly dropped: number
}

/** Larger messages are shown as markup. */
export const maxShown = 65_536

/** Secrets of sent messages that are looked for in what comes back; the newest. */
const maxSecrets = 400

/** A message as it was handed over; of a large one only the beginning is kept. */
export interface Handed extends Pick<WireLogEntry, "direction" | "time" | "bytes"> {
  readonly context: ErrorContext
  readonly beginning: Buffer
}

/** Turns messages into entries; knows the secrets that were sent, because a peer may repeat them anywhere. */
export class Reading {
  readonly #redaction: Redaction
  #secrets = new Set<string>()
  #hiding: Redaction
  /** A message was sent that was too large to look for its secrets, or there were too many. */
  #blind = false

  constructor(redaction: Redaction) {
    this.#redaction = redaction
    this.#hiding = redaction
  }

  /** All of an entry but what the log itself knows. */
  entry({ beginning, bytes, context, direction, time }: Handed): Omit<WireLogEntry, "dropped"> {
    const tree = bytes === beginning.length ? this.#parse(beginning) : undefined
    if (direction === "sent") this.#learn(tree)
    const { label, peer, sessionId } = context
    const common = { direction, time, label, peer, sessionId, bytes }
    if (tree === undefined || (this.#blind && direction === "received")) {
      return { ...common, ...this.#unreadable(beginning), xml: this.#markup(beginning, bytes), whole: false }
    }
    const messageId = Element.attribute(tree, "message-id")
    // A peer may have put a secret where no redaction looks: into a name or a namespace.
    const xml = print(this.#hiding.element(tree))
    const whole = !this.#hiding.betrays(xml)
    return {
      ...common,
      message: this.#hiding.betrays(tree.name) ? undefined : tree.name,
      messageId: messageId === undefined ? undefined : this.#hiding.text(messageId),
      xml: whole ? xml : this.#markup(beginning, bytes),
      whole
    }
  }

  /** Shows names, so it may be as bad as what it stands for. */
  #markup(beginning: Buffer, bytes: number): string {
    const shown = excerpt(beginning, maxShown)
    return this.#hiding.betrays(shown) ? `[${bytes}]` : shown
  }

  #parse(bytes: Buffer): Element.Element | undefined {
    try {
      return Parse.decode(bytes)
    } catch {
      return undefined
    }
  }

  #learn(tree: Element.Element | undefined): void {
    if (tree === undefined) {
      this.#blind = true
      return
    }
    const secrets = this.#redaction.secrets(tree)
    if ([...secrets].every((secret) => this.#secrets.has(secret))) return
    const all = [...new Set([...this.#secrets, ...secrets])]
    // One that is forgotten would be shown when it comes back.
    if (all.length > maxSecrets) this.#blind = true
    this.#secrets = new Set(all.slice(-maxSecrets))
    this.#hiding = this.#redaction.hiding(this.#secrets)
  }

  #unreadable(beginning: Buffer): Pick<WireLogEntry, "message" | "messageId"> {
    const head = Message.replyIdOf(beginning)
    if (head === undefined || head === "other") return { message: undefined, messageId: undefined }
    const { messageId } = head
    return { message: "rpc-reply", messageId: messageId === undefined ? undefined : this.#hiding.text(messageId) }
  }
}
