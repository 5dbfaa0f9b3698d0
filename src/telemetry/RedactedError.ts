/**
 * What a peer said before there was a session (a banner, a reason for disconnecting, a prompt) stands in the errors of
 * transports; here its secrets are hidden.
 */
import { type ConnectError, withFields } from "../errors.ts"
import type { Redaction } from "./Redaction.ts"

/** Fields that repeat a peer's, a name server's or a caller's words. */
const spoken = new Set(["detail", "why", "attempts", "offered"])

/** The same error, with the secrets in its words hidden. */
export const redactError = <E extends ConnectError>(error: E, redaction: Redaction): E => {
  const changed: Record<string, string | ReadonlyArray<string>> = {}
  for (const [name, value] of Object.entries(error)) {
    if (!spoken.has(name)) continue
    const shown = shownAs(value, redaction)
    if (shown !== undefined) changed[name] = shown
  }
  return withFields(error, changed)
}

/** Undefined where there is nothing to hide. */
const shownAs = (value: unknown, redaction: Redaction): string | ReadonlyArray<string> | undefined => {
  if (typeof value === "string") {
    const shown = redaction.text(value)
    return shown === value ? undefined : shown
  }
  if (!Array.isArray(value)) return undefined
  const shown = value.map((item) => (typeof item === "string" ? redaction.text(item) : String(item)))
  return shown.every((item, index) => item === value[index]) ? undefined : shown
}
