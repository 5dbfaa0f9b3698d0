/**
 * Which credential one is, without keeping it: the same secret of the same user is the same credential, whoever offers it
 * where. What is known of it belongs to CredentialGuard.
 */
import * as Redacted from "effect/Redacted"
import * as Crypto from "node:crypto"
import type { Credential } from "./Auth.ts"
import * as KnownHosts from "./KnownHosts.ts"

export interface Identity {
  /** A keyed hash of the user's name and the secret; the key is this process's own, with its threads. */
  readonly id: string
  /** In words: `the password of admin`. */
  readonly name: string
}

let hashKey: Uint8Array = Crypto.randomBytes(32)

/** For the process's own threads alone: a credential has to be the same one in each of them. */
export const key = (): Uint8Array => hashKey

/** Called once in a thread, before anything is identified there. */
export const adoptKey = (ofProcess: Uint8Array): void => {
  hashKey = ofProcess
}

const identity = (name: string, ...parts: ReadonlyArray<string>): Identity => ({
  name,
  id: Crypto.createHmac("sha256", hashKey).update(JSON.stringify(parts)).digest("base64")
})

/** Undefined for a function that answers prompts: a person notices refusals without us. */
export const identify = (username: string, credential: Credential): Identity | undefined => {
  switch (credential._tag) {
    case "password":
      return identity(`the password of ${username}`, "password", username, Redacted.value(credential.password))
    case "key": {
      const fingerprint = KnownHosts.fingerprint(credential.key.getPublicSSH())
      return identity(`the key ${fingerprint} of ${username}`, "key", username, fingerprint)
    }
    case "agent": {
      const only = credential.only === undefined ? [] : [...credential.only].sort()
      return identity(`the agent ${credential.path} of ${username}`, "agent", username, credential.path, ...only)
    }
    case "prompt":
      return undefined
  }
}
