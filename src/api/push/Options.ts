/** What a dynamic subscription may be told besides its terms, with defaults, and what of it cannot be. */
import { InputError } from "../../errors.ts"
import type { MailboxOptions } from "../../notifications/Mailbox.ts"
import { isRecord, shown, wholeNumber } from "../Checks.ts"
import {
  check,
  type DatastoreOptions,
  type EstablishOptions,
  type StreamOptions
} from "../operations/SubscriptionOptions.ts"

export interface QueueOptions extends MailboxOptions {
  /**
   * `own`: a session of its own. `together`: the one that all such subscriptions of this session have in common; at most one
   * of them is to a stream, whose records do not say whose they are, and none can hold the session back (policy `suspend`).
   *
   * Default: `together` for a datastore, and its policy is `unbounded` unless another is chosen; `own` for a stream, and
   * with policy `suspend`.
   */
  readonly session?: "own" | "together"
}

export type DynamicOptions = (StreamOptions & QueueOptions) | (DatastoreOptions & QueueOptions)

export interface Settings {
  readonly terms: EstablishOptions
  readonly together: boolean
  readonly mailbox: MailboxOptions
}

const policies: ReadonlyArray<unknown> = ["suspend", "dropNewest", "dropOldest", "unbounded"]

const sessionOf = ({ policy, session }: QueueOptions, isDatastore: boolean): "own" | "together" => {
  if (session === undefined) return isDatastore && policy !== "suspend" ? "together" : "own"
  if (session !== "own" && session !== "together") {
    throw new InputError({ what: "session", why: `expected own or together, got ${shown(session)}` })
  }
  if (session === "together" && policy === "suspend") {
    const why = `suspend would hold back the other subscriptions of the session; choose another, or session: "own"`
    throw new InputError({ what: "policy", why })
  }
  return session
}

/** Throws an `InputError`. */
export const read = (options: DynamicOptions): Settings => {
  const given: unknown = options
  if (!isRecord(given)) check(options)
  const { capacity, dropEventThreshold, maxBytes, policy, session: _session, ...terms } = options
  check(terms)
  if (policy !== undefined && !policies.includes(policy)) {
    throw new InputError({ what: "policy", why: `expected ${policies.join(", ")}, got ${shown(policy)}` })
  }
  if (dropEventThreshold !== undefined) wholeNumber("dropEventThreshold", dropEventThreshold, 1)
  const together = sessionOf(options, "datastore" in terms) === "together"
  const limits = { capacity, maxBytes, dropEventThreshold }
  const set = Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined))
  return { terms, together, mailbox: { policy: policy ?? (together ? "unbounded" : "suspend"), ...set } }
}
