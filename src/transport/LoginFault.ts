/**
 * What the end of a connection during handshake or authentication is called (RFC 4253, RFC 4252): above all whether it
 * was a failed login, because a failed login that is called anything else is tried again until the account is locked.
 */
import type { ConnectError } from "../errors.ts"
import { AuthError, ChannelError, HostKeyError, printable } from "../errors.ts"
import type { Conversation } from "./AuthConversation.ts"
import { toConnectionError } from "./ConnectionFault.ts"
import * as KnownHosts from "./KnownHosts.ts"
import type { SshFault } from "./SshLink.ts"
import type { Preset } from "./SshOptions.ts"
import type { EndReason } from "./Transport.ts"

/** The login that failed, and since when it was at this step. */
export interface Where {
  readonly label: string | undefined
  readonly peer: string
  readonly elapsed: number
}

/** The end that the peer, or the network, has made of it. */
export interface End {
  readonly where: Where
  readonly ended: EndReason
  readonly fault: SshFault | undefined
}

export const atPeer = (where: Where, detail: string): ChannelError =>
  new ChannelError({ ...where, phase: "open", by: "peer", detail })

export const notLoggedIn = (where: Where, { offered, tried }: Conversation, detail: string): AuthError =>
  new AuthError({ ...where, tried, offered, detail })

const sentSecret = ({ tried }: Conversation): string => {
  const last = tried.at(-1) ?? ""
  return last === "keyboard-interactive" ? "the answers had been sent" : "the password had been sent"
}

/**
 * Not decided, and maybe refused: tried again, a secret that is wrong would be shown until the account is locked. A key or
 * an agent's signature is none of these: nobody can guess it, so no account is locked for it.
 */
const undecided = (conversation: Conversation, what: string): string =>
  conversation.secret === "sent"
    ? `${what}, after ${sentSecret(conversation)}; whether it was refused is not known, and it counts as refused`
    : `${what}, after a refusal`

/** The deadline passed; undefined while there is nothing that a further login could lock. */
export const lateAuth = (where: Where, conversation: Conversation, deadline: number): AuthError | undefined => {
  if (conversation.secret === "unsent") return undefined
  return notLoggedIn(where, conversation, undecided(conversation, `not decided within ${deadline} ms (phase auth)`))
}

/** What the peer said instead of an SSH banner; `beginning` is the beginning of it. */
export const notSsh = (beginning: Buffer): string | undefined => {
  if (beginning.length === 0) return undefined
  const seen = beginning.toString("latin1")
  return `not an SSH server: it says \`${printable(seen.slice(0, 60))}${seen.length > 60 ? "..." : ""}\``
}

const noCommon = (message: string, algorithms: Preset): string => {
  const hint =
    algorithms === "legacy" ? `not even with algorithms: "legacy"` : `an old device may need algorithms: "legacy"`
  return `no SSH algorithm in common (${printable(message)}); ${hint}`
}

/** A key that we would trust, but the peer could not sign with it, or ssh2 cannot read it. */
const unusable = (where: Where, hostKey: Buffer, message: string): HostKeyError => {
  const broken = /signature verification failed/i.test(message)
  return new HostKeyError({
    ...where,
    why: "unusable",
    fingerprint: KnownHosts.fingerprint(hostKey),
    keyType: KnownHosts.typeOf(hostKey) ?? "unknown",
    detail: broken
      ? "the peer could not prove that it holds this key: its signature is wrong"
      : `this key cannot be checked (${printable(message)})`,
    howToAccept: "It cannot be accepted: whoever answers there is not the owner of the key, or is broken."
  })
}

/** `stranger`: what the peer is if it is no SSH server; `hostKey`: the one that we would trust, if it has shown it. */
export const ofHandshake = (
  { ended, fault, where }: End,
  stranger: string | undefined,
  hostKey: Buffer | undefined,
  algorithms: Preset
): ConnectError => {
  if (fault?.level === "client-socket") return toConnectionError(fault, where)
  if (stranger !== undefined) return atPeer(where, stranger)
  const message = fault?.message ?? ended.detail
  const ofKey = /signature verification failed|malformed signature|public key/i.test(message)
  if (ofKey && hostKey !== undefined) return unusable(where, hostKey, message)
  if (/no matching/i.test(message)) return atPeer(where, noCommon(message, algorithms))
  return atPeer(where, `${ended.detail} during the SSH handshake`)
}

const refusedBy = ({ detail }: EndReason, tried: ReadonlyArray<string>): string => {
  const hint = tried.some((one) => one.startsWith("agent"))
    ? `; if it allows few attempts, name the agent's keys: { agent: true, keys: ["SHA256:..."] }`
    : ""
  return `${detail}${hint}`
}

/** `waiting`: it had not offered its credential, because others were trying the same. */
export const ofAuth = ({ ended, fault, where }: End, conversation: Conversation, waiting: boolean): ConnectError => {
  const { secret, state, tried } = conversation
  const network = ended.by === "network"
  if (secret === "refused" || (secret === "sent" && network)) {
    const what = network ? toConnectionError(fault ?? { code: "ECONNRESET" }, where).detail : refusedBy(ended, tried)
    return notLoggedIn(where, conversation, network ? undecided(conversation, what) : what)
  }
  // Devices drop the connection after too many attempts.
  const refused = state === "refused" || (state === "tried" && !network)
  if (refused && !waiting) return notLoggedIn(where, conversation, refusedBy(ended, tried))
  if (network) return toConnectionError(fault ?? { code: "ECONNRESET" }, where)
  const when = waiting ? "while this login waited for others with the same credential" : "during authentication"
  return atPeer(where, `${ended.detail} ${when}`)
}
