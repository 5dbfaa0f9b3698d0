/** close-session and kill-session (RFC 6241 §7.8, §7.9). */
import { InputError } from "../../errors.ts"
import type { Operation } from "../../rpc/Operation.ts"
import type { Reply } from "../../rpc/Reply.ts"
import { baseElement } from "./Datastore.ts"

/** Asks the device to end this session: it releases locks and rolls back an unpersisted confirmed commit. */
export const closeSession = (): Operation<Reply> => ({
  name: "close-session",
  kind: "control",
  release: true,
  needs: [],
  expects: "ok",
  encode: () => baseElement("close-session"),
  decode: (reply) => reply
})

export interface KillSessionOptions {
  /** Not 0, which no session has; devices refuse this session's own. */
  readonly sessionId: number
}

/** Ends another session at once; its locks are released and its confirmed commit is rolled back. */
export const killSession = ({ sessionId }: KillSessionOptions): Operation<Reply> => ({
  name: "kill-session",
  kind: "control",
  release: true,
  needs: [],
  expects: "ok",
  encode: () => {
    if (!Number.isInteger(sessionId) || sessionId < 1 || sessionId > 0xffff_ffff) {
      throw new InputError({ what: "sessionId", why: `expected 1 to 4294967295, got ${sessionId}` })
    }
    return baseElement("kill-session", [baseElement("session-id", [String(sessionId)])])
  },
  decode: (reply) => reply
})
