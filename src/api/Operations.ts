/**
 * The table of operations: one value per verb, from which the session's named methods are made.
 */
import * as Effect from "effect/Effect"
import { InputError, type OperationError } from "../errors.ts"
import type { CallOptions, Operation, Run } from "../rpc/Operation.ts"
import { cancelCommit, commit, discardChanges } from "./Commit.ts"
import { copyConfig, deleteConfig, editConfig, validate } from "./Edit.ts"
import { lock, unlock } from "./Lock.ts"
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
const ofCalls = ["deadline", "total", "warnings", "capabilityCheck"]

/** With those of the Promise adapter. */
const everyCall = [...ofCalls, "signal", "changeId"]

const wrongOptions = (name: keyof Table, options: unknown): InputError | undefined => {
  if (options === undefined) return undefined
  const names = [...taken[name], ...ofCalls].join(", ")
  if (typeof options !== "object" || options === null) {
    return new InputError({ what: name, why: `expected options in an object ({ ${names} }), got ${typeof options}` })
  }
  const unknown = Object.keys(options).find((key) => !taken[name].includes(key) && !everyCall.includes(key))
  return unknown === undefined
    ? undefined
    : new InputError({ what: `${name}.${unknown}`, why: `no such option; there are ${names}` })
}

/** One method per row of the table, all through the one generic `run`. */
export const makeMethods = (run: Run): Methods => {
  const method =
    (name: keyof Table, operation: (...args: ReadonlyArray<never>) => Operation<unknown>) =>
    (...args: ReadonlyArray<never>) => {
      const options = args[name === "rpc" ? 1 : 0]
      return wrongOptions(name, options) ?? Effect.suspend(() => run(operation(...args), options))
    }
  return Object.fromEntries(
    Object.entries(operations).map(([name, operation]) => [name, method(name as keyof Table, operation)])
  ) as unknown as Methods
}
