/**
 * Private keys of any format -> keys that ssh2 signs with: OpenSSH, PEM (PKCS#1, SEC 1, PKCS#8), PuTTY 2; encrypted
 * or not. Encrypted ones are decrypted once per credential and in a worker thread: bcrypt takes 0.3 to 2 s.
 *
 * The worker hands back the key unencrypted in a format that ssh2 parses in under a millisecond; the parsed key stays
 * in memory as long as its credential does. Reading key files is Auth's business.
 */
import * as Crypto from "node:crypto"
import { Worker } from "node:worker_threads"
import type { ParsedKey } from "ssh2"
import ssh2 from "ssh2"

/** Why a text is not a key that can be used; `message` never holds any of it. */
export class KeyError extends Error {
  override readonly name = "KeyError"
}

/** Whether reading this key needs a passphrase, told from its head alone. */
export const isEncrypted = (text: string): boolean => {
  if (/^-----BEGIN ENCRYPTED PRIVATE KEY-----/m.test(text)) return true
  if (/^Proc-Type: *4, *ENCRYPTED/m.test(text)) return true
  if (/^PuTTY-User-Key-File-/m.test(text)) return /^Encryption: (?!none)/m.test(text)
  const container = /-----BEGIN OPENSSH PRIVATE KEY-----\s+([A-Za-z0-9+/=\s]+)/.exec(text)?.[1]
  if (container === undefined) return false
  const head = Buffer.from(container.replace(/\s/g, "").slice(0, 64), "base64")
  // "openssh-key-v1\0", then the cipher's name.
  return head.length > 23 && head.toString("latin1", 19, 19 + 4) !== "none"
}

/** The same key, not encrypted, in a format that ssh2 reads. Synchronous and slow for an encrypted key. */
export const decrypt = (text: string, passphrase: string | undefined): string => {
  if (isEncrypted(text) && (passphrase === undefined || passphrase === "")) {
    throw new KeyError("it is encrypted, and no passphrase is given")
  }
  const trimmed = text.trim()
  if (/^-----BEGIN (ENCRYPTED )?PRIVATE KEY-----/.test(trimmed)) return fromPkcs8(trimmed, passphrase)
  const key = firstOf(ssh2.utils.parseKey(trimmed, passphrase))
  if (key instanceof Error) throw new KeyError(explain(trimmed))
  if (!key.isPrivateKey()) throw new KeyError("it is a public key; the private one is needed")
  if (!isEncrypted(text)) return trimmed
  const pem = key.getPrivatePEM()
  return pem.startsWith("-----BEGIN PRIVATE KEY-----") ? fromPkcs8(pem, undefined) : pem
}

const firstOf = (keys: ParsedKey | Array<ParsedKey> | Error): ParsedKey | Error =>
  Array.isArray(keys) ? (keys[0] ?? new Error("none")) : keys

const explain = (text: string): string => {
  if (isEncrypted(text)) return "the passphrase does not open it, or it is damaged"
  if (/PRIVATE KEY-----/.test(text)) return "it is damaged, or of a type that is not supported"
  return "it is not a private key (OpenSSH, PEM and PuTTY version 2 formats are read)"
}

const fromPkcs8 = (text: string, passphrase: string | undefined): string => {
  let key: Crypto.KeyObject
  try {
    key = Crypto.createPrivateKey(passphrase === undefined ? text : { key: text, passphrase })
  } catch {
    throw new KeyError(explain(text))
  }
  switch (key.asymmetricKeyType) {
    case "rsa":
      return key.export({ type: "pkcs1", format: "pem" }).toString()
    case "ec":
      return key.export({ type: "sec1", format: "pem" }).toString()
    case "ed25519":
      return openSshEd25519(key)
    default:
      throw new KeyError(`${key.asymmetricKeyType ?? "this type"} is not supported (RSA, ECDSA and ed25519 are)`)
  }
}

/** ssh2 reads ed25519 keys in OpenSSH's own container only (openssh-portable, PROTOCOL.key). */
const openSshEd25519 = (key: Crypto.KeyObject): string => {
  const jwk = key.export({ format: "jwk" })
  const seed = Buffer.from(jwk.d ?? "", "base64url")
  const publicKey = Buffer.from(jwk.x ?? "", "base64url")
  const blob = Buffer.concat([sshString("ssh-ed25519"), sshString(publicKey)])
  const check = Crypto.randomBytes(4)
  const body = Buffer.concat([check, check, blob, sshString(Buffer.concat([seed, publicKey])), sshString("")])
  const padding = Buffer.from(Array.from({ length: (8 - (body.length % 8)) % 8 }, (_, index) => index + 1))
  const container = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    sshString("none"),
    sshString("none"),
    sshString(""),
    Buffer.from([0, 0, 0, 1]),
    sshString(blob),
    sshString(Buffer.concat([body, padding]))
  ])
  const base64 = container.toString("base64").replace(/.{70}/g, "$&\n")
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${base64}\n-----END OPENSSH PRIVATE KEY-----`
}

const sshString = (value: string | Buffer): Buffer => {
  const bytes = Buffer.from(value)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

/** A key that is being read, or has been. */
export interface Loading {
  readonly key: Promise<ParsedKey>
  /** Called by each who waits; the result is to be called when that one waits no longer. */
  readonly wait: () => () => void
}

const loaded = new WeakMap<object, { readonly text: string; readonly loading: Loading }>()

/**
 * The key in `text`, read once for this credential object and again only if the text has changed. Rejects with KeyError.
 */
export const load = (credential: object, text: string, passphrase: string | undefined): Loading => {
  const before = loaded.get(credential)
  if (before?.text === text) return before.loading
  const loading = isEncrypted(text) ? inWorker(text, passphrase) : inline(text, passphrase)
  loaded.set(credential, { text, loading })
  // Not kept when it failed: a file may be repaired. The rejection itself goes to those who wait.
  loading.key.catch(() => loaded.delete(credential))
  return loading
}

const parse = (text: string): ParsedKey => {
  const key = firstOf(ssh2.utils.parseKey(text))
  if (key instanceof Error) throw new KeyError(explain(text))
  return key
}

const inline = (text: string, passphrase: string | undefined): Loading => ({
  key: new Promise((resolve) => resolve(parse(decrypt(text, passphrase)))),
  wait: () => () => {}
})

export interface Job {
  readonly text: string
  readonly passphrase: string | undefined
}

export type JobResult = { readonly text: string } | { readonly error: string }

const workerUrl = new URL(
  import.meta.url.endsWith(".ts") ? "./PrivateKeyWorker.ts" : "./PrivateKeyWorker.js",
  import.meta.url
)

const inWorker = (text: string, passphrase: string | undefined): Loading => {
  let worker: Worker
  try {
    worker = new Worker(workerUrl, { workerData: { text, passphrase } satisfies Job, execArgv: [] })
  } catch {
    return inline(text, passphrase)
  }
  const key = new Promise<JobResult>((resolve, reject) =>
    worker.once("message", resolve).once("error", reject).once("exit", reject)
  )
    // A bundled program has no such file, and some runtimes no threads: slower for everybody else, but right.
    .catch((): JobResult => ({ text: decrypt(text, passphrase) }))
    .then((result) => {
      if ("error" in result) throw new KeyError(result.error)
      return parse(result.text)
    })
  return { key, wait: keepAliveWhileWaiting(worker) }
}

/** The process stays alive for the worker only while somebody waits for its result. */
const keepAliveWhileWaiting = (worker: Worker): (() => () => void) => {
  let waiting = 0
  worker.unref()
  return () => {
    if (waiting++ === 0) worker.ref()
    let released = false
    return () => {
      if (released) return
      released = true
      if (--waiting === 0) worker.unref()
    }
  }
}
