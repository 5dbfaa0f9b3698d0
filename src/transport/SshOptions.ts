/**
 * The options of an SSH transport.
 *
 * Types only, and none of ssh2's, so that nobody who uses them needs ssh2's types; SshConnect resolves them.
 */
import type * as Duration from "effect/Duration"
import type { Auth } from "./AuthOptions.ts"
import type { HostKeyPolicy } from "./HostKey.ts"

/** `legacy` adds, at the end, what only old devices speak. */
export type Preset = "modern" | "legacy"

/** How a device is reached over SSH. */
export interface SshOptions {
  /** A host name or an IP address. */
  readonly host: string
  /** Default: 830. */
  readonly port?: number
  readonly username: string
  /** Tried in this order. Default: the agent, then the key files that ssh uses by default. */
  readonly auth?: Auth | ReadonlyArray<Auth>
  /** Default: `"known-hosts"`. */
  readonly hostKey?: HostKeyPolicy
  /** The address of this machine to dial from: the management network's. */
  readonly localAddress?: string
  /**
   * After how much silence the peer is asked whether it is still there; after three questions without an answer the
   * connection is given up. Default: 30 seconds.
   */
  readonly keepalive?: Duration.Input | "off"
  /** `"legacy"` adds algorithms that are broken or weak, for devices that know no others. Default: `"modern"`. */
  readonly algorithms?: Preset
  /** Default: `netconf`. */
  readonly subsystem?: string
}
