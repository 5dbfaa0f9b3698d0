/** lock and unlock (RFC 6241 §7.5, §7.6). `session.locked` is what a program wants: it unlocks whatever happens. */
import type { Operation } from "../../rpc/Operation.ts"
import type { Reply } from "../../rpc/Reply.ts"
import * as Datastore from "./Datastore.ts"

export interface LockOptions {
  /** Default: running. */
  readonly target?: Datastore.Datastore
}

const encode =
  (name: string, target: Datastore.Datastore): Operation["encode"] =>
  (capabilities) =>
    Datastore.baseElement(name, [Datastore.baseElement("target", [Datastore.encode(target, capabilities)])])

/** Frees a datastore that this session has locked. */
export const unlock = ({ target = "running" }: LockOptions = {}): Operation<Reply> => ({
  name: "unlock",
  kind: "control",
  release: true,
  needs: Datastore.needs(target),
  expects: "ok",
  datastore: target,
  lease: { change: "unlock", datastore: target },
  encode: encode("unlock", target),
  decode: (reply) => reply
})

/**
 * Keeps every other session from changing a datastore. A lock that is granted after nobody waits for it any more is
 * given back.
 */
export const lock = ({ target = "running" }: LockOptions = {}): Operation<Reply> => ({
  name: "lock",
  kind: "control",
  needs: Datastore.needs(target),
  expects: "ok",
  datastore: target,
  lease: { change: "lock", datastore: target },
  undo: () => unlock({ target }),
  encode: encode("lock", target),
  decode: (reply) => reply
})
