/**
 * Auditing for plain async code: the `audit` and `changeId` options of a client, around everything that it runs.
 */
import * as Effect from "effect/Effect"
import { InputError } from "../../errors.ts"
import * as Audit from "../Audit.ts"
import { changeId as checkChangeId } from "../Checks.ts"
import * as AuditFile from "../audit/File.ts"

/** Keeps a record; its rejection means that it could not be kept. */
export type AuditRecorder = (entry: Audit.Entry) => Promise<void> | void

export interface AuditOptions {
  /**
   * Where every write is recorded before it is sent and when its outcome is known: the path of a file, created with mode
   * 0600, or a function of your own. A write that cannot be recorded is not sent and rejects with an `AuditError`.
   */
  readonly audit?: string | AuditRecorder
  /** Which change the client's writes belong to: in the audit, and in the commit's comment where the device takes one. */
  readonly changeId?: string
}

export interface ClientAudit {
  /** Fails where the file cannot be used. */
  readonly ready: Effect.Effect<void, InputError>
  readonly around: <A, E>(self: Effect.Effect<A, E>) => Effect.Effect<A, E>
}

const recorded =
  (recorder: AuditRecorder): Audit.Sink["record"] =>
  (entry) =>
    Effect.tryPromise({
      try: async () => recorder(entry),
      catch: (cause) => (cause instanceof Error ? cause.message : String(cause))
    })

/** Runs an effect under a change id, if there is one; throws an `InputError` for what is none. */
export const named = <A, E>(self: Effect.Effect<A, E>, changeId: string | undefined): Effect.Effect<A, E> =>
  changeId === undefined ? self : Audit.withChangeId(checkedId(changeId))(self)

const checkedId = (changeId: string): string => {
  checkChangeId(changeId)
  return changeId
}

/** What the options say; throws an `InputError` for an `audit` or a `changeId` that is none. */
export const make = ({ audit, changeId }: AuditOptions): ClientAudit => {
  if (changeId !== undefined) checkChangeId(changeId)
  if (audit === undefined) return { ready: Effect.void, around: (self) => named(self, changeId) }
  if (typeof audit !== "function" && (typeof audit !== "string" || audit === "")) {
    throw new InputError({ what: "audit", why: "expected the path of a file, or a function" })
  }
  const sink: Audit.Sink = { record: typeof audit === "string" ? AuditFile.make(audit) : recorded(audit) }
  return {
    ready: typeof audit === "string" ? Effect.asVoid(AuditFile.open(audit)) : Effect.void,
    around: (self) => Effect.provideService(named(self, changeId), Audit.Current, sink)
  }
}
