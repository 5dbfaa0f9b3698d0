/**
 * A record of every write, made before it is sent and again when its outcome is known: who, when, on which device, what,
 * under which change id, and how it ended.
 *
 * This is what users set up; `audit/Audited.ts` makes the records around each operation, `audit/File.ts` appends them to a file.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { InputError } from "../errors.ts"
import * as AuditFile from "./audit/File.ts"
import * as ChangeId from "./audit/ChangeId.ts"

/**
 * `started`: about to be sent. Then one of: `ok`; `refused` by the device; `partial`: refused, and part of the change may
 * have been made; `unknown`: sent, and no clear reply came; `not-sent`: it certainly did not reach the device.
 */
export type Outcome = "started" | "ok" | "refused" | "partial" | "unknown" | "not-sent"

/** One record. The two of one write have the same `id`; a `started` without a second one is as good as `unknown`. */
export interface Entry {
  readonly id: string
  readonly outcome: Outcome
  /** ISO 8601, of this record. */
  readonly time: string
  /** Of the local process. */
  readonly user: string
  /** The caller's name of the device. */
  readonly label?: string
  /** Address and port of the device. */
  readonly peer?: string
  readonly sessionId?: number
  /** The operation's element name. */
  readonly operation: string
  /** The datastore, or a URL without its user part. */
  readonly target?: string
  readonly changeId?: string
  /** `sha256:` and the hash of the operation's element as XML, as it was sent. */
  readonly payloadHash: string
  /** The operation's element as XML, secrets hidden; in the record before it is sent. */
  readonly payload?: string
  /** The tag of the error and the error-tags of the device, where the outcome is not `ok`. */
  readonly error?: string
  /** Milliseconds from the first record to this one. */
  readonly elapsed?: number
}

/** Where records go. It must not succeed before the record is safe. */
export interface Sink {
  readonly record: (entry: Entry) => Effect.Effect<void, unknown>
}

/** Where the writes of the calling fiber are recorded. Undefined, the default: nowhere. */
export const Current: Context.Reference<Sink | undefined> = Context.Reference<Sink | undefined>(
  "effect-netconf/Audit",
  { defaultValue: () => undefined }
)

/**
 * Records the writes of what runs inside with a sink of your own. When its record cannot be made, no write starts: it
 * fails with an `AuditError`.
 *
 * @example
 * const stored: Array<Audit.Entry> = []
 * const auditing = Audit.layer({ record: (entry) => Effect.sync(() => void stored.push(entry)) })
 */
export const layer = (sink: Sink): Layer.Layer<never> => Layer.succeed(Current, sink)

/**
 * Appends the records to a file, one JSON object a line; the first of each write is on the disk before anything is sent.
 * The file is created with mode 0600, and opened anew for each record, so that it can be rotated. Fails with an
 * `InputError` for one that cannot be written, or that somebody else can write.
 *
 * @example
 * const recorded = session.commit().pipe(
 *   Audit.withChangeId("CHG-1042"),
 *   Effect.provide(Audit.layerFile("/var/log/netconf-audit.jsonl"))
 * )
 */
export const layerFile = (path: string): Layer.Layer<never, InputError> =>
  Layer.effect(
    Current,
    Effect.map(AuditFile.open(path), (record): Sink => ({ record }))
  )

/**
 * Names the change that the writes of a program belong to: in the audit, and in the commit's comment on devices whose
 * profile has one. Text on one line; under anything else every write fails with an `InputError`.
 */
export const withChangeId =
  (id: string) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.provideService(self, ChangeId.Current, id)
