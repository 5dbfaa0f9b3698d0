/**
 * Log lines about a device: each carries its label, its peer and its session-id as annotations, as far as they are known.
 */
import * as Effect from "effect/Effect"
import type { ErrorContext } from "../errors.ts"

/** A log line with its annotations; what is not known is left out. */
export const annotated = (context: ErrorContext, line: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.annotateLogs(line, Object.fromEntries(Object.entries(context).filter(([, value]) => value !== undefined)))
