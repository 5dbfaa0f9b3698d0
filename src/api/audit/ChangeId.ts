/**
 * The change that a program's writes belong to, by the caller's own name for it: in audit records, and as the comment of
 * its commits on devices that take one.
 *
 * The comment goes only to a peer that announces that it takes one, and never into what confirms a commit: nothing that keeps a change from
 * being rolled back may be refused for its comment.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { type InputError, tryInput } from "../../errors.ts"
import type { CommitComment } from "../../profiles/Profile.ts"
import type { Operation } from "../../rpc/Operation.ts"
import type * as Core from "../../rpc/Session.ts"
import { changeId as checkChangeId } from "../Checks.ts"
import * as Element from "../../xml/Element.ts"
import * as Namespaces from "../../xml/Namespaces.ts"

/** The change id of the calling fiber. */
export const Current = Context.Reference<string | undefined>("effect-netconf/ChangeId", {
  defaultValue: () => undefined
})

/** An own comment of the caller stays. */
const added = (commit: Element.Element, { name, namespace }: CommitComment, text: string): Element.Element =>
  Element.child(commit, name, namespace) !== undefined
    ? commit
    : { ...commit, children: [...commit.children, Element.make(name, namespace, { children: [text] })] }

const withComment = (operation: Operation<unknown>, comment: CommitComment, text: string): Operation<unknown> => ({
  ...operation,
  encode: (capabilities) => {
    const element = operation.encode(capabilities)
    return element.namespace === Namespaces.base ? added(element, comment, text) : element
  }
})

/** The change id of the calling fiber, which has to be one: it stands in records that are read by others. */
const checked: Effect.Effect<string | undefined, InputError> = Effect.flatMap(Current, (id) =>
  tryInput(() => {
    if (id !== undefined) checkChangeId(id)
    return id
  })
)

/** Sends an operation, a write under a change id that is one; a commit with it as its comment, where the peer takes one. */
export const noted = <A, E>(
  { hello, profile }: Core.Session,
  operation: Operation<unknown>,
  send: (operation: Operation<unknown>) => Effect.Effect<A, E>
): Effect.Effect<A, E | InputError> => {
  if (operation.kind !== "write") return send(operation)
  const { commitComment } = profile
  const takes = commitComment !== undefined && hello.capabilities.has(commitComment.capability)
  const comment = operation.name === "commit" && takes ? commitComment : undefined
  return Effect.flatMap(checked, (id) =>
    send(id === undefined || comment === undefined ? operation : withComment(operation, comment, id))
  )
}
