/**
 * The table of operations: one value per verb, from which the session's named methods are made.
 */
import * as Effect from "effect/Effect"
import type { OperationError } from "../../errors.ts"
import type { CallOptions, Operation, Run } from "../../rpc/Operation.ts"
import { wrongOptions } from "../Checks.ts"
import { cancelCommit, commit, discardChanges } from "./Commit.ts"
import { copyConfig, deleteConfig, editConfig, validate } from "./Edit.ts"
import { lock, unlock } from "./Lock.ts"
import type { Makers } from "../session/LazyMembers.ts"
import { get, getConfig } from "./Retrieve.ts"
import { rpc } from "./Rpc.ts"
import { closeSession, killSession } from "./SessionControl.ts"

export const operations = {
  get,
  getConfig,
  editConfig,
  copyConfig,
  deleteConfig,
  validate,
  lock,
  unlock,
  commit,
  cancelCommit,
  discardChanges,
  closeSession,
  killSession,
  rpc
} as const

/** Options of an operation and of the call, in one object. */
type WithCallOptions<Arguments extends ReadonlyArray<unknown>> = Arguments extends readonly []
  ? [options?: CallOptions]
  : Arguments extends readonly [infer A]
    ? [options: A & CallOptions]
    : Arguments extends readonly [_?: infer A]
      ? [options?: A & CallOptions]
      : Arguments extends readonly [infer A, infer B]
        ? [first: A, options: B & CallOptions]
        : Arguments extends readonly [infer A, _?: infer B]
          ? [first: A, options?: B & CallOptions]
          : never

type Table = typeof operations

/** The named methods: each operation's own options plus {@link CallOptions}. */
export type Methods = {
  readonly [Name in keyof Table]: Table[Name] extends (...args: infer Arguments) => Operation<infer A>
    ? (...args: WithCallOptions<Arguments>) => Effect.Effect<A, OperationError>
    : never
}

/** What each verb takes. A misspelt option would be left out in silence, and the whole configuration come back, or another datastore be locked. */
const taken: { readonly [Name in keyof Table]: ReadonlyArray<string> } = {
  get: ["filter"],
  getConfig: ["source", "filter"],
  editConfig: ["target", "config", "url", "defaultOperation", "testOption", "errorOption"],
  copyConfig: ["target", "source"],
  deleteConfig: ["target"],
  validate: ["source"],
  lock: ["target"],
  unlock: ["target"],
  commit: ["confirmed", "confirmTimeout", "persist", "persistId"],
  cancelCommit: ["persistId"],
  discardChanges: [],
  closeSession: [],
  killSession: ["sessionId"],
  rpc: ["read"]
}

/** Options of every call. */
export const ofCalls: ReadonlyArray<string> = ["deadline", "total", "warnings", "capabilityCheck"]

/** What the Promise adapter passes on with them. */
export const ofPromises: ReadonlyArray<string> = ["signal", "changeId"]

const method = (name: keyof Table, run: Run) => {
  const operation: (...args: ReadonlyArray<never>) => Operation<unknown> = operations[name]
  return (...args: ReadonlyArray<never>) => {
    const options = args[name === "rpc" ? 1 : 0]
    const wrong = options === undefined ? undefined : wrongOptions(name, options, known[name]!, ofPromises)
    return wrong ?? Effect.suspend(() => run(operation(...args), options))
  }
}

const names = Object.keys(operations) as ReadonlyArray<keyof Table>

const known = Object.fromEntries(names.map((name) => [name, [...taken[name], ...ofCalls]]))

/** One method per row of the table, all through the one generic `run`. */
export const makeMethods = (run: Run): Methods =>
  Object.fromEntries(names.map((name) => [name, method(name, run)])) as unknown as Methods

/** The same methods for whatever has a `run`, each made when it is first asked for. */
export const makers = Object.fromEntries(
  names.map((name) => [name, (self: { readonly run: Run }) => method(name, self.run)])
) as unknown as Makers<{ readonly run: Run }, Methods>
