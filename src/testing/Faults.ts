/**
 * What can go wrong on purpose: faults that are switched on and off while the simulated device runs.
 *
 * A fault is a value that says what becomes of one reply; a rule says to which operations it applies and how often.
 * Several that match act together. Nothing is random: the same program meets the same faults in the same order. How a
 * device is built, for good, is its dialect (`Dialects.ts`).
 */
import type * as Duration from "effect/Duration"
import type { Element } from "../xml/Element.ts"
import type { Refusal } from "./Refusal.ts"

/** What a rule and a fault are told of the request. For the hello, `operation` is `hello` and there is no request. */
export interface Occasion {
  /** The operation's element name: `edit-config`; `hello` for our own hello. */
  readonly operation: string
  readonly sessionId: number
  readonly messageId: string | undefined
  readonly request: Element | undefined
}

export type Fault =
  | { readonly _tag: "Delay"; readonly duration: Duration.Input; readonly applied: boolean }
  | { readonly _tag: "Silence"; readonly applied: boolean }
  | { readonly _tag: "Refuse"; readonly refusals: ReadonlyArray<Refusal> }
  | { readonly _tag: "Close"; readonly applied: boolean; readonly fraction: number; readonly by: "peer" | "network" }
  | { readonly _tag: "Reply"; readonly message: (occasion: Occasion) => string | Uint8Array }
  | { readonly _tag: "Raw"; readonly bytes: string | Uint8Array }
  | { readonly _tag: "MessageId"; readonly value: string | undefined }
  | { readonly _tag: "Duplicate" }
  | { readonly _tag: "Chunks"; readonly size: number }
  | { readonly _tag: "Writes"; readonly sizes: ReadonlyArray<number>; readonly between: Duration.Input }
  | { readonly _tag: "Events"; readonly where: "before" | "with"; readonly events: ReadonlyArray<string> }

/** To what a fault applies. */
export interface Rule {
  /** An operation's element name, several, `hello`, or a predicate. Default: every operation, but not the hello. */
  readonly on?: string | ReadonlyArray<string> | ((occasion: Occasion) => boolean)
  /** How often it happens. Default: until it is removed. */
  readonly times?: number
  /** How many occasions are let through first. Default: 0. */
  readonly after?: number
}

/** Holds the operation back before it takes effect. */
export const delay = (duration: Duration.Input): Fault => ({ _tag: "Delay", duration, applied: false })
/** Lets the operation take effect, and holds back its reply. */
export const late = (duration: Duration.Input): Fault => ({ _tag: "Delay", duration, applied: true })
/** Never answers. The operation takes effect, unless `applied` is false. */
export const silence = (options: { readonly applied?: boolean } = {}): Fault => ({
  _tag: "Silence",
  applied: options.applied ?? true
})
/** Refuses with these errors; nothing takes effect. */
export const refuse = (...refusals: ReadonlyArray<Refusal>): Fault => ({ _tag: "Refuse", refusals })
/** Closes the connection instead of doing anything. */
export const closeBefore = (by: "peer" | "network" = "peer"): Fault => ({
  _tag: "Close",
  applied: false,
  fraction: 0,
  by
})
/** Lets the operation take effect and closes the connection without a word: the commit that nobody knows of. */
export const closeAfter = (by: "peer" | "network" = "peer"): Fault => ({
  _tag: "Close",
  applied: true,
  fraction: 0,
  by
})
/** Sends the first half of the reply's frame, or another fraction of it, and closes. */
export const halfFrame = (fraction = 0.5): Fault => ({ _tag: "Close", applied: true, fraction, by: "peer" })
/** Sends this message in place of the reply, in a proper frame. `{message-id}` in it stands for the request's. */
export const reply = (message: string | Uint8Array | ((occasion: Occasion) => string)): Fault => ({
  _tag: "Reply",
  message: (occasion) => {
    const text = typeof message === "function" ? message(occasion) : message
    return typeof text === "string" ? text.replaceAll("{message-id}", occasion.messageId ?? "") : text
  }
})
/** Sends these bytes in place of the reply, without any frame. */
export const raw = (bytes: string | Uint8Array): Fault => ({ _tag: "Raw", bytes })
/** A reply that is not XML, in a proper frame. */
export const garbage: Fault = reply("%$ this is not XML <<<>&;")
/** Leaves message-id out of the reply. */
export const noMessageId: Fault = { _tag: "MessageId", value: undefined }
/** Answers with another message-id. */
export const wrongMessageId = (value = "not-yours"): Fault => ({ _tag: "MessageId", value })
/** Sends the reply twice. */
export const duplicate: Fault = { _tag: "Duplicate" }
/** Cuts the reply into framing chunks of this many bytes; without effect under end-of-message framing. */
export const chunks = (size: number): Fault => ({ _tag: "Chunks", size })
/** Hands the frame to the transport in pieces of these sizes, the last one repeated; `between` them passes this time. */
export const writes = (sizes: number | ReadonlyArray<number>, between: Duration.Input = 0): Fault => ({
  _tag: "Writes",
  sizes: typeof sizes === "number" ? [sizes] : sizes,
  between
})

/**
 * For create-subscription and establish-subscription: these events occur, and the subscription starts, before the reply is
 * written, as some devices do (netopeer2#1403).
 */
export const eventsBeforeReply = (...events: ReadonlyArray<string>): Fault => ({
  _tag: "Events",
  where: "before",
  events
})
/** For the same: these events occur right behind the reply, and reach the client in the same write. */
export const eventsWithReply = (...events: ReadonlyArray<string>): Fault => ({ _tag: "Events", where: "with", events })

const appliesTo = (rule: Rule, occasion: Occasion): boolean => {
  if (rule.on === undefined) return occasion.operation !== "hello"
  if (typeof rule.on === "function") return rule.on(occasion)
  return typeof rule.on === "string" ? rule.on === occasion.operation : rule.on.includes(occasion.operation)
}

interface Entry {
  readonly fault: Fault
  readonly rule: Rule
  skip: number
  left: number
}

/** The faults of one device; `device.faults`. */
export class Faults {
  readonly #entries = new Set<Entry>()

  /** Switches a fault on; the function that it returns switches it off. */
  add(fault: Fault, rule: Rule = {}): () => void {
    const entry = { fault, rule, skip: rule.after ?? 0, left: rule.times ?? Infinity }
    this.#entries.add(entry)
    return () => {
      this.#entries.delete(entry)
    }
  }

  /** Switches all of them off. */
  clear(): void {
    this.#entries.clear()
  }

  /** What happens on this occasion; counts it. */
  on(occasion: Occasion): ReadonlyArray<Fault> {
    const matching: Array<Fault> = []
    for (const entry of this.#entries) {
      if (!appliesTo(entry.rule, occasion)) continue
      if (entry.skip-- > 0) continue
      matching.push(entry.fault)
      if (--entry.left <= 0) this.#entries.delete(entry)
    }
    return matching
  }
}
