/**
 * The methods of a blocking session, as a table: each is the Promise adapter's method of the same name. A further one is a
 * further line; its types follow from the Promise adapter's.
 */
import type { Kind } from "../../rpc/Operation.ts"
import type { NetconfSessionClient } from "../promise/SessionClient.ts"

/** What has to be known of a method where the thread that carries it out is lost, or never begins. */
export interface Method {
  /** The operation, as errors name it. */
  readonly operation: string
  /** What may have become of the device when no answer comes. */
  readonly kind: Kind | ((options: Readonly<Record<string, unknown>>) => Kind)
  /** Whether it needs a permit of the operation pool. */
  readonly permit: boolean | ((options: Readonly<Record<string, unknown>>) => boolean)
}

const read = (operation: string): Method => ({ operation, kind: "read", permit: true })
const write = (operation: string): Method => ({ operation, kind: "write", permit: true })
const control = (operation: string): Method => ({ operation, kind: "control", permit: true })

/** What ends or frees something waits for no permit. */
const urgent = (method: Method): Method => ({ ...method, permit: false })

const isConfirming = ({ confirmed, persistId }: Readonly<Record<string, unknown>>): boolean =>
  persistId !== undefined && confirmed !== true

export const methods = {
  sendRpc: { ...write("rpc"), kind: (options) => (options["read"] === true ? "read" : "write") },
  get: read("get"),
  getConfig: read("get-config"),
  editConfig: write("edit-config"),
  copyConfig: write("copy-config"),
  deleteConfig: write("delete-config"),
  validate: read("validate"),
  lock: control("lock"),
  unlock: urgent(control("unlock")),
  commit: { ...write("commit"), permit: (options) => !isConfirming(options) },
  cancelCommit: urgent(write("cancel-commit")),
  discardChanges: urgent(control("discard-changes")),
  streams: read("get"),
  killSession: urgent(control("kill-session")),
  lockedEditConfig: write("edit-config"),
  save: write("save")
} as const satisfies { readonly [Name in keyof NetconfSessionClient]?: Method }

export type Name = keyof typeof methods

/** Options without what cannot cross to another thread: functions, signals, schedules. */
type Plain<Options> = Options extends object
  ? "signal" extends keyof Options
    ? Omit<Options, "signal" | "warnings" | "breakStale" | "wait"> & { readonly warnings?: "return" | "fail" }
    : Options
  : Options

type PlainAll<Args extends ReadonlyArray<unknown>> = { readonly [I in keyof Args]: Plain<Args[I]> }

type Blocking<Method> = Method extends (...args: infer Args) => Promise<infer A>
  ? (...args: PlainAll<Args>) => A
  : never

/** The Promise adapter's methods, each of which blocks until it has its result, and throws what the other rejects with. */
export type BlockingMethods = {
  readonly [M in keyof Pick<NetconfSessionClient, Name>]: Blocking<NetconfSessionClient[M]>
}
