/**
 * Which SSH algorithms are offered, fastest first (RFC 4253 §7.1: the client's order decides), and in which order host
 * keys are asked for. `modern` is what current OpenSSH accepts; `legacy` adds, at the end, what only old devices speak.
 */
import * as Crypto from "node:crypto"
import type { Algorithms, CipherAlgorithm, KexAlgorithm, MacAlgorithm, ServerHostKeyAlgorithm } from "ssh2"
import type { Preset } from "./SshOptions.ts"

const kex: ReadonlyArray<KexAlgorithm> = [
  "curve25519-sha256",
  "curve25519-sha256@libssh.org",
  "ecdh-sha2-nistp256",
  "ecdh-sha2-nistp384",
  "ecdh-sha2-nistp521",
  "diffie-hellman-group-exchange-sha256",
  "diffie-hellman-group14-sha256",
  "diffie-hellman-group15-sha512",
  "diffie-hellman-group16-sha512",
  "diffie-hellman-group17-sha512",
  "diffie-hellman-group18-sha512"
]
const legacyKex: ReadonlyArray<KexAlgorithm> = [
  "diffie-hellman-group14-sha1",
  "diffie-hellman-group-exchange-sha1",
  "diffie-hellman-group1-sha1"
]

// chacha20-poly1305 costs 2 to 3 times aes128-gcm per small message here, so it comes last.
const ciphers: ReadonlyArray<readonly [CipherAlgorithm, openssl: string]> = [
  ["aes128-gcm@openssh.com", "aes-128-gcm"],
  ["aes256-gcm@openssh.com", "aes-256-gcm"],
  ["aes128-ctr", "aes-128-ctr"],
  ["aes192-ctr", "aes-192-ctr"],
  ["aes256-ctr", "aes-256-ctr"],
  ["chacha20-poly1305@openssh.com", "chacha20"]
]
const legacyCiphers: ReadonlyArray<readonly [CipherAlgorithm, openssl: string]> = [
  ["aes128-cbc", "aes-128-cbc"],
  ["aes192-cbc", "aes-192-cbc"],
  ["aes256-cbc", "aes-256-cbc"],
  ["3des-cbc", "des-ede3-cbc"]
]

const macs: ReadonlyArray<MacAlgorithm> = [
  "hmac-sha2-256-etm@openssh.com",
  "hmac-sha2-512-etm@openssh.com",
  "hmac-sha2-256",
  "hmac-sha2-512"
]
const legacyMacs: ReadonlyArray<MacAlgorithm> = ["hmac-sha1-etm@openssh.com", "hmac-sha1"]

const hostKeys: ReadonlyArray<ServerHostKeyAlgorithm> = [
  "ssh-ed25519",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "rsa-sha2-512",
  "rsa-sha2-256"
]
const legacyHostKeys: ReadonlyArray<ServerHostKeyAlgorithm> = ["ssh-rsa", "ssh-dss"]

/** The type of key behind a host key algorithm: rsa-sha2-512 is a signature by an `ssh-rsa` key (RFC 8332 §3). */
const keyTypeOf = (algorithm: string): string => (algorithm.startsWith("rsa-sha2-") ? "ssh-rsa" : algorithm)

let opensslCiphers: ReadonlySet<string> | undefined

/** ssh2 throws at a cipher that this build of OpenSSL lacks (FIPS), so it is not offered. */
const available = (names: ReadonlyArray<readonly [CipherAlgorithm, string]>): Array<CipherAlgorithm> => {
  const known = (opensslCiphers ??= new Set(Crypto.getCiphers()))
  return names.filter(([, openssl]) => known.has(openssl)).map(([name]) => name)
}

/**
 * What to offer. `knownKeyTypes` are those that known_hosts holds for the host: they are asked for first, or a device
 * that is known by its RSA key and also has an ed25519 one would look changed.
 */
export const offer = (preset: Preset, knownKeyTypes: ReadonlyArray<string>): Algorithms => {
  const legacy = preset === "legacy"
  const keys = legacy ? [...hostKeys, ...legacyHostKeys] : [...hostKeys]
  const known = new Set(knownKeyTypes)
  return {
    kex: legacy ? [...kex, ...legacyKex] : [...kex],
    cipher: available(legacy ? [...ciphers, ...legacyCiphers] : ciphers),
    hmac: legacy ? [...macs, ...legacyMacs] : [...macs],
    serverHostKey: [
      ...keys.filter((algorithm) => known.has(keyTypeOf(algorithm))),
      ...keys.filter((algorithm) => !known.has(keyTypeOf(algorithm)))
    ],
    compress: ["none"]
  }
}
