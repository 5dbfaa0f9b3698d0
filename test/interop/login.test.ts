/** Logging in to OpenSSH: every kind of credential, every refusal, and the host key. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { readFileSync, writeFileSync } from "node:fs"
import { facts, open, options, password } from "./client.ts"
import { keyTypes } from "./facts.ts"

const passphrase = Redacted.make(facts.passphrase)
const stranger = { privateKey: { path: facts.strangerKey } }
const wrongPassword = { password: Redacted.make("not the password") }

const logsIn = (session: { readonly sessionId: number | undefined }) => assert.isAbove(session.sessionId ?? 0, 0)

describe("logging in", () => {
  it.live("takes a password", () => Effect.map(open("candidate"), logsIn))

  for (const type of [...keyTypes, "rsaPem"] as const) {
    it.live(`takes a private key: ${type}`, () =>
      Effect.map(open("candidate", { auth: { privateKey: { path: facts.keys[type] } } }), logsIn)
    )
  }

  it.live("takes a private key as text", () =>
    Effect.map(
      open("candidate", { auth: { privateKey: Redacted.make(readFileSync(facts.keys.ed25519, "utf8")) } }),
      logsIn
    )
  )

  for (const type of ["encrypted", "encryptedPem"] as const) {
    it.live(`takes an encrypted private key with its passphrase: ${type}`, () =>
      Effect.map(open("candidate", { auth: { privateKey: { path: facts.keys[type] }, passphrase } }), logsIn)
    )
  }

  it.live("says that the passphrase is wrong before it dials", () =>
    Effect.gen(function* () {
      const auth = { privateKey: { path: facts.keys.encrypted }, passphrase: Redacted.make("wrong") }
      const error = yield* Effect.flip(open("candidate", { auth, port: 1 }))
      assert.strictEqual(error._tag, "InputError")
    })
  )

  it.live("fails with AuthError for a wrong password, which is not in the message", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(open("candidate", { auth: wrongPassword }))
      assert.strictEqual(error._tag, "AuthError")
      assert.notInclude(error.message, "not the password")
      if (error._tag !== "AuthError") return
      assert.deepStrictEqual([...error.offered].toSorted(), ["password", "publickey"])
      assert.isFalse(error.isRetryable)
    })
  )

  it.live("fails with AuthError for a key that the server does not know", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(open("candidate", { auth: stranger })))._tag, "AuthError")
    })
  )

  it.live("goes on to the next credential after a refused one", () =>
    Effect.map(open("candidate", { auth: [stranger, password] }), logsIn)
  )

  it.live("logs in where a key and then a password are required", () =>
    Effect.map(open("key-and-password", { auth: [{ privateKey: { path: facts.keys.ed25519 } }, password] }), logsIn)
  )

  it.live("says what is missing where a key alone is not enough", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(open("key-and-password", { auth: { privateKey: { path: facts.keys.ed25519 } } }))
      assert.strictEqual(error._tag, "AuthError")
      if (error._tag === "AuthError") assert.deepStrictEqual(error.offered, ["password"])
    })
  )

  it.live("answers the one prompt of a keyboard-interactive login with the password", () =>
    Effect.map(open("keyboard-interactive"), logsIn)
  )

  it.live("asks the user's function for a keyboard-interactive login", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const keyboardInteractive = ({ prompts }: { prompts: ReadonlyArray<{ prompt: string; echo: boolean }> }) =>
        Effect.sync(() => {
          asked.push(...prompts.map(({ echo, prompt }) => `${prompt.trim()} ${echo}`))
          return prompts.map(() => Redacted.make(facts.password))
        })
      logsIn(yield* open("keyboard-interactive", { auth: { keyboardInteractive } }))
      assert.deepStrictEqual(asked, ["Password: false"])
    })
  )

  it.live("logs in within two attempts", () =>
    Effect.map(open("max-auth-tries", { auth: [stranger, password] }), logsIn)
  )

  it.live("fails with AuthError when the server ends the login after two attempts", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(open("max-auth-tries", { auth: [stranger, wrongPassword, password] }))
      assert.strictEqual(error._tag, "AuthError")
    })
  )

  it.live("reads past a banner before the login and keeps its text", () =>
    Effect.gen(function* () {
      const session = yield* open("banner")
      logsIn(session)
      assert.include(session.transport["banner"], "Authorised use only.")
      assert.include(session.transport["banner"], "Überwacht.")
    })
  )
})

describe("the host key", () => {
  it.live("is found in known_hosts", () =>
    Effect.map(open("candidate", { hostKey: { knownHosts: facts.knownHosts } }), logsIn)
  )

  for (const type of keyTypes) {
    it.live(`is negotiated to be the one that known_hosts has: ${type}`, () =>
      Effect.gen(function* () {
        const session = yield* open("candidate", { hostKey: { knownHosts: knownHostsWith(type) } })
        assert.include(session.transport["hostKey"], facts.fingerprints[type])
      })
    )
  }

  it.live("that is unknown fails with how to accept it", () =>
    Effect.gen(function* () {
      const empty = `${facts.knownHosts}.empty`
      writeFileSync(empty, "")
      const error = yield* Effect.flip(open("candidate", { hostKey: { knownHosts: empty } }))
      assert.strictEqual(error._tag, "HostKeyError")
      if (error._tag !== "HostKeyError") return
      assert.strictEqual(error.why, "unknown")
      assert.include(Object.values(facts.fingerprints), error.fingerprint)
      assert.include(error.howToAccept, `ssh-keyscan`)
      assert.include(error.howToAccept, String(options("candidate").port))
    })
  )

  it.live("that has changed is refused", () =>
    Effect.gen(function* () {
      const changed = `${facts.knownHosts}.changed`
      const key = readFileSync(`${facts.strangerKey}.pub`, "utf8").split(" ").slice(0, 2).join(" ")
      writeFileSync(changed, `[${facts.host}]:${facts.ports.candidate} ${key}\n`)
      const error = yield* Effect.flip(open("candidate", { hostKey: { knownHosts: changed } }))
      assert.strictEqual(error._tag, "HostKeyError")
      if (error._tag === "HostKeyError") assert.strictEqual(error.why, "changed")
    })
  )
})

const knownHostsWith = (type: (typeof keyTypes)[number]): string => {
  const path = `${facts.knownHosts}.${type}`
  const algorithm = { ed25519: "ssh-ed25519", ecdsa: "ecdsa-sha2-", rsa: "ssh-rsa" }[type]
  const lines = readFileSync(facts.knownHosts, "utf8").split("\n")
  writeFileSync(path, `${lines.filter((line) => line.split(" ")[1]?.startsWith(algorithm)).join("\n")}\n`)
  return path
}
