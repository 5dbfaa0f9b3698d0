/**
 * What a peer may repeat of what it was told: the secrets of the refused request, and of the edits that a commit or a
 * validate is about. They are looked up when a peer complains, so a request that succeeds costs nothing.
 */
import type { Redaction } from "../telemetry/Redaction.ts"
import type { Capabilities } from "./Capabilities.ts"
import type { Operation } from "./Operation.ts"

/** Edits that are kept in mind until they are committed or discarded, the newest ones. */
const remembered = 8

export class Echo {
  readonly #redaction: Redaction
  #edits: Array<Operation<unknown>> = []

  constructor(redaction: Redaction) {
    this.#redaction = redaction
  }

  /** An operation was written. */
  sent(operation: Operation<unknown>): void {
    if (operation.lease?.change !== "edit") return
    this.#edits.push(operation)
    if (this.#edits.length > remembered) this.#edits.shift()
  }

  /** An operation succeeded: what is committed or discarded is no longer complained about. */
  succeeded({ lease }: Operation<unknown>): void {
    if (lease?.change === "commit" || lease?.change === "discard") this.#edits = []
  }

  /** The session's redaction, which hides what this request carried as well. */
  of(operation: Operation<unknown>, capabilities: Capabilities): Redaction {
    const secrets = new Set<string>()
    for (const one of new Set([operation, ...this.#edits])) {
      for (const secret of this.#secretsOf(one, capabilities)) secrets.add(secret)
    }
    return this.#redaction.hiding(secrets)
  }

  /** Encoded again: what could be sent before can be encoded, and what cannot was never seen by the peer. */
  #secretsOf(operation: Operation<unknown>, capabilities: Capabilities): ReadonlySet<string> {
    try {
      return this.#redaction.secrets(operation.encode(capabilities))
    } catch {
      return new Set()
    }
  }
}
