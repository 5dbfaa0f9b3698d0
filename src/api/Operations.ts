/**
 * The table of operations: one value per verb, from which the session's named methods are made.
 */
import type * as Effect from "effect/Effect"
import type { OperationError } from "../errors.ts"
import type { CallOptions, Operation } from "../rpc/Operation.ts"
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

type Run = <A>(operation: Operation<A>, options?: CallOptions) => Effect.Effect<A, OperationError>

/** One method per row of the table, all through the one generic `run`. */
export const makeMethods = (run: Run): Methods => {
  const method =
    (operation: (...args: ReadonlyArray<never>) => Operation<unknown>) =>
    (...args: ReadonlyArray<never>) =>
      run(operation(...args), args.at(-1))
  return Object.fromEntries(
    Object.entries(operations).map(([name, operation]) => [name, method(operation)])
  ) as unknown as Methods
}
