/** commit, confirmed commit, cancel-commit and discard-changes (RFC 6241 §8.3, §8.4). */
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import { InputError } from "../../errors.ts"
import type { Capabilities } from "../../rpc/Capabilities.ts"
import type { Needs, Operation } from "../../rpc/Operation.ts"
import { slow } from "../../transport/Deadlines.ts"
import type { Reply } from "../../rpc/Reply.ts"
import type * as Element from "../../xml/Element.ts"
import { seconds } from "../Checks.ts"
import { baseElement } from "./Datastore.ts"

export interface CommitOptions {
  /** The device rolls the commit back by itself unless it is confirmed in time. Needs `:confirmed-commit`. */
  readonly confirmed?: boolean
  /** How long the device waits for the confirmation; whole seconds, rounded up. The device's default is 600 seconds. */
  readonly confirmTimeout?: Duration.Input
  /** The confirmed commit survives the session and is confirmed by this id. Needs `:confirmed-commit:1.1`. */
  readonly persist?: string
  /** Which persistent confirmed commit this one confirms or extends. Needs `:confirmed-commit:1.1`. */
  readonly persistId?: string
}

export interface CommitReply extends Reply {
  /** Between which two moments an unconfirmed commit is rolled back by the device; undefined for a plain commit. */
  readonly rollback: { readonly earliest: DateTime.Utc; readonly latest: DateTime.Utc } | undefined
}

/** RFC 6241 §8.4.5.1. */
const defaultConfirmSeconds = 600

const confirmSeconds = (timeout: Duration.Input | undefined): number => {
  if (timeout === undefined) return defaultConfirmSeconds
  const whole = Math.ceil(seconds("confirmTimeout", timeout) / 1000)
  if (whole >= 1 && whole <= 0xffff_ffff) return whole
  throw new InputError({ what: "confirmTimeout", why: `expected 1 to 4294967295 seconds, got ${whole}` })
}

const needs = ({ confirmed, persist, persistId }: CommitOptions): Needs => [
  [":candidate"],
  ...(confirmed === true ? [[":confirmed-commit"]] : []),
  ...(persist === undefined && persistId === undefined ? [] : [[":confirmed-commit:1.1"]])
]

const check = ({ confirmed, confirmTimeout, persist }: CommitOptions): void => {
  if (confirmed === true) return
  const wrong = confirmTimeout !== undefined ? "confirmTimeout" : persist !== undefined ? "persist" : undefined
  if (wrong !== undefined)
    throw new InputError({ what: wrong, why: "it needs confirmed: true (persistId confirms a commit)" })
}

const parameters = (options: CommitOptions): ReadonlyArray<Element.Element> => {
  check(options)
  const { confirmed, confirmTimeout, persist, persistId } = options
  return [
    ...(confirmed === true ? [baseElement("confirmed")] : []),
    ...(confirmTimeout === undefined ? [] : [baseElement("confirm-timeout", [String(confirmSeconds(confirmTimeout))])]),
    ...(persist === undefined ? [] : [baseElement("persist", [persist])]),
    ...(persistId === undefined ? [] : [baseElement("persist-id", [persistId])])
  ]
}

const rollbackWindow = (
  { confirmTimeout, confirmed }: CommitOptions,
  { elapsed, receivedAt }: Reply
): CommitReply["rollback"] => {
  if (confirmed !== true) return undefined
  const timeout = confirmSeconds(confirmTimeout) * 1000
  return {
    earliest: DateTime.makeUnsafe(receivedAt - elapsed + timeout),
    latest: DateTime.makeUnsafe(receivedAt + timeout)
  }
}

/**
 * What takes back a confirmed commit that nobody waits for, or that was refused but may have left its timer armed. One
 * that extends another by its id has armed nothing of its own. With `:confirmed-commit:1.0` only the session's end does it.
 */
const cancel = ({ persist, persistId }: CommitOptions, capabilities: Capabilities): Operation<unknown> | undefined => {
  if (!capabilities.has(":confirmed-commit:1.1") || (persist === undefined && persistId !== undefined)) return undefined
  return cancelCommit(persist === undefined ? {} : { persistId: persist })
}

/** Confirmed by a plain commit of this session, and rolled back with its end. */
const belongsToSession = ({ confirmed, persist, persistId }: CommitOptions): boolean =>
  confirmed === true && persist === undefined && persistId === undefined

const isExtension = ({ persist, persistId }: CommitOptions): boolean => persistId !== undefined && persist === undefined

/**
 * Makes the candidate the running configuration.
 *
 * A confirmed commit without `persist` is tied to this session: closing the session, or losing it, rolls it back at once
 * (RFC 6241 §8.4.1). A refused confirmed commit is followed by a cancel-commit, because some devices leave its timer
 * armed. A later plain commit in the same session, or one with `persistId`, confirms it, and commits the candidate
 * as it is then.
 */
export const commit = (options: CommitOptions = {}): Operation<CommitReply> => ({
  name: "commit",
  kind: "write",
  release: options.persistId !== undefined,
  needs: needs(options),
  expects: "ok",
  datastore: "running",
  deadline: slow,
  lease: {
    change: belongsToSession(options) ? "confirm-later" : "commit",
    datastore: "candidate",
    ...(options.confirmed === true ? { lasts: () => confirmSeconds(options.confirmTimeout) * 1000 } : {})
  },
  ...(options.confirmed === true && !isExtension(options)
    ? {
        undo: (capabilities: Capabilities) => cancel(options, capabilities) ?? ("close-session" as const),
        onRefused: (capabilities: Capabilities) => cancel(options, capabilities)
      }
    : {}),
  encode: () => baseElement("commit", parameters(options)),
  decode: (reply) => Object.assign(reply, { rollback: rollbackWindow(options, reply) })
})

export interface CancelCommitOptions {
  /** Which persistent confirmed commit is cancelled; without it, the one of this session. */
  readonly persistId?: string
}

/** Rolls a confirmed commit back before its timeout. */
export const cancelCommit = ({ persistId }: CancelCommitOptions = {}): Operation<Reply> => ({
  name: "cancel-commit",
  kind: "write",
  release: true,
  needs: [[":confirmed-commit:1.1"]],
  expects: "ok",
  datastore: "running",
  ...(persistId === undefined ? { lease: { change: "cancel", datastore: "candidate" } as const } : {}),
  encode: () => baseElement("cancel-commit", persistId === undefined ? [] : [baseElement("persist-id", [persistId])]),
  decode: (reply) => reply
})

/** Makes the candidate equal to running again. */
export const discardChanges = (): Operation<Reply> => ({
  name: "discard-changes",
  kind: "control",
  release: true,
  needs: [[":candidate"]],
  expects: "ok",
  datastore: "candidate",
  lease: { change: "discard", datastore: "candidate" },
  encode: () => baseElement("discard-changes"),
  decode: (reply) => reply
})
