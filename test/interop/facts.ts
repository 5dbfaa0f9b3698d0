/**
 * What the interop tests know of the servers that run: written as JSON by `server.ts`, its path handed over in INTEROP_FACTS.
 */
import { readFileSync } from "node:fs"

/** Four kinds of netconfd, then what an sshd in front of the first of them insists on. */
export const variants = [
  "candidate",
  "writable-running",
  "startup",
  "base10",
  "rekey",
  "max-sessions",
  "max-auth-tries",
  "key-and-password",
  "banner",
  "keyboard-interactive"
] as const
export type Variant = (typeof variants)[number]

export const keyTypes = ["ed25519", "ecdsa", "rsa"] as const
export type KeyType = (typeof keyTypes)[number]

export interface Facts {
  readonly host: string
  readonly username: string
  readonly password: string
  /** One port per variant. */
  readonly ports: Readonly<Record<Variant, number>>
  /** `SHA256:...` of each host key. */
  readonly fingerprints: Readonly<Record<KeyType, string>>
  /** A known_hosts file that knows every port. */
  readonly knownHosts: string
  /** Paths of private keys that the server accepts; `rsaPem` is in the older PEM format. */
  readonly keys: Readonly<Record<KeyType | "rsaPem" | "encrypted" | "encryptedPem", string>>
  /** Of the encrypted keys. */
  readonly passphrase: string
  /** Path of a private key that no server accepts. */
  readonly strangerKey: string
  /** Text that the banner variant shows before the login. */
  readonly banner: string
  /** At least so many bytes come in reply to a get-config from the do-nothing server behind the subsystem `bulk`. */
  readonly bulkBytes: number
  /** Log files of the sshds; the `rekey` variant's is verbose. */
  readonly logs: Readonly<Record<Variant, string>>
}

export const read = (): Facts => {
  const path = process.env["INTEROP_FACTS"]
  if (path === undefined) throw new Error("INTEROP_FACTS is not set: start these tests with `npm run test:interop`")
  return JSON.parse(readFileSync(path, "utf8")) as Facts
}
