/**
 * What an SSH transport is made of, plain enough for the structured clone: what crosses to a thread. Types only, and none of
 * ssh2's; SshCrossing makes one.
 */
import type { SshOptions } from "./SshOptions.ts"

/** One way to log in, without wrapper or function. */
export type PlainAuth =
  | { readonly password: string }
  | { readonly privateKey: string | { readonly path: string }; readonly passphrase: string | undefined }
  | { readonly agent: string | true; readonly keys: ReadonlyArray<string> | undefined }
  | { readonly prompt: number }

/** An SSH transport, plain. */
export interface RemoteDescription {
  readonly shared: boolean
  readonly options: Omit<SshOptions, "auth" | "keepalive">
  /** Milliseconds. */
  readonly keepalive: number | "off" | undefined
  readonly auth: ReadonlyArray<PlainAuth> | undefined
}
