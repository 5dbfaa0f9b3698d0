import { assert, describe, it } from "@effect/vitest"
import * as Crypto from "node:crypto"
import ssh2 from "ssh2"
import * as PrivateKey from "../../src/transport/PrivateKey.ts"
import { makeKey } from "./sshServer.ts"

const passphrase = "correct horse"

const pem = (type: "rsa" | "ec" | "ed25519", format: "pkcs1" | "sec1" | "pkcs8", encrypted: boolean): string => {
  const { privateKey } =
    type === "rsa"
      ? Crypto.generateKeyPairSync("rsa", { modulusLength: 2048 })
      : type === "ec"
        ? Crypto.generateKeyPairSync("ec", { namedCurve: "secp384r1" })
        : Crypto.generateKeyPairSync("ed25519")
  const encryption = encrypted ? { cipher: "aes-128-cbc", passphrase } : {}
  return privateKey.export({ type: format as "pkcs8", format: "pem", ...encryption }).toString()
}

/** Each format, plain and encrypted. */
const formats: ReadonlyArray<readonly [name: string, text: (encrypted: boolean) => string]> = [
  ["OpenSSH ed25519", (encrypted) => makeKey("ed25519", encrypted ? { passphrase, rounds: 2 } : undefined).private],
  ["OpenSSH ECDSA", (encrypted) => makeKey("ecdsa", encrypted ? { passphrase, rounds: 2 } : undefined).private],
  ["OpenSSH RSA", (encrypted) => makeKey("rsa", encrypted ? { passphrase, rounds: 2 } : undefined).private],
  ["PKCS#1 RSA", (encrypted) => pem("rsa", "pkcs1", encrypted)],
  ["SEC 1 ECDSA", (encrypted) => pem("ec", "sec1", encrypted)],
  ["PKCS#8 RSA", (encrypted) => pem("rsa", "pkcs8", encrypted)],
  ["PKCS#8 ECDSA", (encrypted) => pem("ec", "pkcs8", encrypted)],
  ["PKCS#8 ed25519", (encrypted) => pem("ed25519", "pkcs8", encrypted)]
]

const signs = (text: string): boolean => {
  const key = ssh2.utils.parseKey(text)
  if (key instanceof Error || Array.isArray(key)) return false
  const data = Buffer.from("to be signed")
  return key.isPrivateKey() && key.verify(data, key.sign(data))
}

const problem = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    if (error instanceof PrivateKey.KeyError) return error.message
    throw error
  }
  return "none"
}

describe("PrivateKey.decrypt", () => {
  it.each(formats)("makes a key of %s that ssh2 signs with", (_name, text) => {
    const [plain, encrypted] = [text(false), text(true)]
    assert.deepStrictEqual([PrivateKey.isEncrypted(plain), PrivateKey.isEncrypted(encrypted)], [false, true])
    assert.isTrue(signs(PrivateKey.decrypt(plain, undefined)))
    assert.isTrue(signs(PrivateKey.decrypt(`\n${plain}\n\n`, "not needed")))
    const opened = PrivateKey.decrypt(encrypted, passphrase)
    assert.isTrue(signs(opened))
    assert.isFalse(PrivateKey.isEncrypted(opened))
  })

  it.each(formats)("says what is missing or wrong with an encrypted key of %s", (_name, text) => {
    const encrypted = text(true)
    assert.strictEqual(
      problem(() => PrivateKey.decrypt(encrypted, undefined)),
      "it is encrypted, and no passphrase is given"
    )
    assert.strictEqual(
      problem(() => PrivateKey.decrypt(encrypted, "")),
      "it is encrypted, and no passphrase is given"
    )
    assert.strictEqual(
      problem(() => PrivateKey.decrypt(encrypted, "wrong")),
      "the passphrase does not open it, or it is damaged"
    )
  })

  it("says that a public key is one", () => {
    assert.strictEqual(
      problem(() => PrivateKey.decrypt(makeKey().public, undefined)),
      "it is a public key; the private one is needed"
    )
  })

  it.each([
    ["", "it is not a private key"],
    ["hunter2", "it is not a private key"],
    ["-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "it is not a private key"],
    ["-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----", "it is damaged"],
    ["-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----", "it is damaged"],
    ["-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----", "it is damaged"]
  ])("says what is wrong with %j, and nothing of what it says", (text, why) => {
    const message = problem(() => PrivateKey.decrypt(text, undefined))
    assert.include(message, why)
    assert.notInclude(message, "hunter2")
  })

  it("names a type of key that SSH has no use for", () => {
    const { privateKey } = Crypto.generateKeyPairSync("x25519")
    const text = privateKey.export({ type: "pkcs8", format: "pem" }).toString()
    assert.include(
      problem(() => PrivateKey.decrypt(text, undefined)),
      "x25519 is not supported"
    )
  })
})

describe("PrivateKey.load", () => {
  const slow = makeKey("ed25519", { passphrase, rounds: 30 }).private

  it("decrypts away from the event loop", async () => {
    let [longest, last] = [0, performance.now()]
    const turn = () => {
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }
    const timer = setInterval(turn, 1)
    const loading = PrivateKey.load({}, slow, passphrase)
    const done = loading.wait()
    const key = await loading.key
    done()
    turn()
    clearInterval(timer)
    const began = performance.now()
    PrivateKey.decrypt(slow, passphrase)
    const inline = performance.now() - began
    assert.isTrue(key.isPrivateKey())
    assert.isBelow(longest, inline / 2)
  })

  it("reads a key once per credential, and again when its text has changed", async () => {
    const credential = {}
    const first = PrivateKey.load(credential, slow, passphrase)
    assert.strictEqual(PrivateKey.load(credential, slow, passphrase), first)
    const other = PrivateKey.load(credential, makeKey().private, undefined)
    assert.notStrictEqual(await other.key, await first.key)
    assert.notStrictEqual(PrivateKey.load({}, slow, passphrase), first)
  })

  it("rejects with what is wrong, and tries again the next time", async () => {
    const credential = {}
    const first = PrivateKey.load(credential, slow, "wrong")
    const error: unknown = await first.key.catch((reason: unknown) => reason)
    assert.instanceOf(error, PrivateKey.KeyError)
    assert.isTrue((await PrivateKey.load(credential, slow, passphrase).key).isPrivateKey())
  })
})
