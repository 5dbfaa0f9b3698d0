/**
 * The change that a program's writes belong to, by the caller's own name for it: in audit records, and as the comment of
 * its commits on devices that take one.
 *
 * The comment goes only to a peer that announces that it takes one, and never into what confirms a commit: nothing that keeps a change from
 * being rolled back may be refused for its comment.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type { CommitComment } from "../../profiles/Profile.ts"
import type { Operation } from "../../rpc/Operation.ts"
import type * as Core from "../../rpc/Session.ts"
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

const withComment = <A>(operation: Operation<A>, comment: CommitComment, text: string): Operation<A> => ({
  ...operation,
  encode: (capabilities) => {
    const element = operation.encode(capabilities)
    return element.namespace === Namespaces.base ? added(element, comment, text) : element
  }
})

/** Sends an operation; a commit with the change id as its comment, where the peer takes one. */
export const noted = <A, E>(
  { hello, profile }: Core.Session,
  operation: Operation<A>,
  send: (operation: Operation<A>) => Effect.Effect<A, E>
): Effect.Effect<A, E> => {
  const { commitComment } = profile
  if (operation.name !== "commit" || commitComment === undefined) return send(operation)
  if (!hello.capabilities.has(commitComment.capability)) return send(operation)
  return Effect.flatMap(Current, (id) => send(id === undefined ? operation : withComment(operation, commitComment, id)))
}
