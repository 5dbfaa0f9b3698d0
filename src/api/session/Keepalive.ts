/**
 * The option `keepalive` of a session: checked before connecting, and turned into what rpc/Keepalive sends.
 */
import type * as Duration from "effect/Duration"
import { InputError } from "../../errors.ts"
import * as Capabilities from "../../rpc/Capabilities.ts"
import * as Encode from "../../rpc/Encode.ts"
import * as Keepalive from "../../rpc/Keepalive.ts"
import type { Operation } from "../../rpc/Operation.ts"
import { millis } from "../../transport/Deadlines.ts"
import { knownNames, seconds } from "../Checks.ts"
import type { Fragment } from "../operations/Fragment.ts"
import { rpc } from "../operations/Rpc.ts"

/** An rpc on an idle session, so that a device that is gone without a word is noticed. It is in the device's accounting log. */
export interface KeepaliveOptions {
  /** How long nothing may have come before an idle session is asked. */
  readonly every: Duration.Input
  /** Within which anything must come then, or the session ends. Default: 30 seconds. */
  readonly deadline?: Duration.Input
  /** What is sent; it must be a read. Default: a `get` whose empty filter selects nothing. */
  readonly rpc?: Fragment | Operation<unknown>
}

const defaultDeadline = "30 seconds"

const finite = (what: string, value: number): number => {
  if (value !== Infinity) return value
  throw new InputError({ what, why: "it must end; leave keepalive out to have none" })
}

const refuse = (why: string): never => {
  throw new InputError({ what: "keepalive.rpc", why })
}

const isOperation = (given: Fragment | Operation<unknown>): given is Operation<unknown> =>
  typeof given === "object" && "encode" in given && typeof given.encode === "function"

/** Of an rpc that is not known the caller says by giving it here that it changes nothing. */
const operationOf = (given: Fragment | Operation<unknown>): Operation<unknown> => {
  const operation = isOperation(given) ? given : rpc(given, { read: true })
  checkSendable(operation)
  const acquires = operation.undo !== undefined || (!isOperation(given) && rpc(given).undo !== undefined)
  if (operation.kind === "read" && !acquires) return operation
  return refuse(`${operation.name} is not a read: what is sent again and again must leave nothing behind`)
}

const checkSendable = (operation: Operation<unknown>): void => {
  try {
    Encode.encode(operation, "1", Capabilities.make([]), "end-of-message")
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    const { where, why } = error
    throw new InputError({ what: "keepalive.rpc", where, why })
  }
}

/** Throws an `InputError`. */
export const resolve = (options: KeepaliveOptions | undefined): Keepalive.Options | undefined => {
  if (options === undefined) return undefined
  knownNames("keepalive", options, ["every", "deadline", "rpc"])
  const { deadline = defaultDeadline, every, rpc: given } = options
  return {
    every: finite("keepalive.every", seconds("keepalive.every", every)),
    deadline: finite("keepalive.deadline", millis("keepalive.deadline", deadline)),
    operation: given === undefined ? Keepalive.emptyGet : operationOf(given)
  }
}
