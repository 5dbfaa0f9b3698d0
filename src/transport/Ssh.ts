/**
 * NETCONF over SSH (RFC 6242): the transports that users make, one that dials for each session and one whose sessions
 * share a connection.
 *
 * The steps are elsewhere: SshConnect (all of them in order), Dial, SshLogin, SshChannel, SshShare, Keepalive.
 */
import * as Placement from "./Placement.ts"
import { check, openOwn, resolve } from "./SshConnect.ts"
import * as SshCrossing from "./SshCrossing.ts"
import type { SshOptions } from "./SshOptions.ts"
import { Shared } from "./SshShare.ts"
import type { Transport } from "./Transport.ts"

export type { Answer, Auth, Challenge, Prompt } from "./AuthOptions.ts"
export type { HostKeyPolicy } from "./HostKey.ts"
export type { SshOptions } from "./SshOptions.ts"

/**
 * Dials a connection for each session.
 *
 * Opening it fails with InputError (options, key files), ConnectionError (the network), HostKeyError, AuthError,
 * DeadlineError (which step took too long), or ChannelError with `phase: "open"`: the peer is no SSH server, closed
 * the connection, has no algorithm in common, or refused the subsystem. A TCP reset is a ConnectionError, whenever it
 * comes; an orderly close is a ChannelError; both are an AuthError once a credential has been refused.
 *
 * @example
 * const transport = Ssh.make({
 *   host: "192.0.2.1",
 *   username: "admin",
 *   auth: { privateKey: { path: "~/.ssh/id_ed25519" } },
 *   hostKey: "known-hosts"
 * })
 */
export const make = (options: SshOptions): Transport => {
  const resolved = resolve(options)
  const remote = SshCrossing.make(resolved, false)
  return {
    peer: resolved.peer,
    check: () => check(resolved),
    remote,
    open: (handler, context) => Placement.open(remote, handler, context, openOwn(resolved, handler, context, []))
  }
}

/**
 * Dials once, and opens a channel of that connection for each session; the connection closes with the last of them.
 *
 * A connection that has died is dialled again for the next session. Sessions opened at once share one dial, by the
 * deadlines of the first. Where the peer refuses a further channel, that session gets a connection of its own, and its
 * `notes` say so. Fails like {@link make}.
 */
export const share = (options: SshOptions): Transport => {
  const resolved = resolve(options)
  const shared = new Shared(resolved)
  const remote = SshCrossing.make(resolved, true)
  return {
    peer: resolved.peer,
    check: () => check(resolved),
    remote,
    open: (handler, context) => Placement.open(remote, handler, context, shared.open(handler, context))
  }
}
