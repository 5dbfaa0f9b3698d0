/**
 * Logging in to a test server, and the ways in which it may be refused.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { AuthContext, PublicKeyAuthContext } from "ssh2"
import ssh2 from "ssh2"
import * as Deadlines from "../../src/transport/Deadlines.ts"
import * as Ssh from "../../src/transport/Ssh.ts"
import { recorder } from "./contract.ts"
import { hostKey, serve, type TestKey, type TestServer } from "./sshServer.ts"

export type Authenticate = (context: AuthContext) => void

/** Accepts any of these keys, once signed with. */
export const acceptsKey = (context: AuthContext, keys: ReadonlyArray<TestKey>): boolean => {
  if (context.method !== "publickey") return false
  const { blob, hashAlgo, key, signature } = context as PublicKeyAuthContext
  const known = keys.find((one) => one.blob.equals(key.data))
  if (known === undefined) return false
  if (signature === undefined || blob === undefined) return true
  const parsed = ssh2.utils.parseKey(known.public)
  return !(parsed instanceof Error) && !Array.isArray(parsed) && parsed.verify(blob, signature, hashAlgo)
}

export const signed = (context: AuthContext): boolean => (context as PublicKeyAuthContext).signature !== undefined

export const login = (server: TestServer, auth: Ssh.SshOptions["auth"], deadlines: Deadlines.Deadlines = {}) =>
  Ssh.make({
    host: "127.0.0.1",
    port: server.port,
    username: "admin",
    hostKey: { fingerprint: hostKey.fingerprint },
    ...(auth === undefined ? {} : { auth })
  }).open(recorder(), { label: "leaf-01", deadlines: Deadlines.resolve(deadlines) })

export const failure = (server: TestServer, auth: Ssh.SshOptions["auth"], deadlines?: Deadlines.Deadlines) =>
  Effect.flip(login(server, auth, deadlines))

export const refusal = (server: TestServer, auth: Ssh.SshOptions["auth"], deadlines?: Deadlines.Deadlines) =>
  Effect.map(failure(server, auth, deadlines), (error) => {
    assert(error._tag === "AuthError", error.message)
    return error
  })

export const inputError = (auth: Ssh.SshOptions["auth"]) =>
  Effect.gen(function* () {
    const server = yield* serve()
    const error = yield* failure(server, auth)
    assert(error._tag === "InputError", error.message)
    assert.strictEqual(server.accepted(), 0)
    return error
  })

export const password = (text: string) => ({ password: Redacted.make(text) })
export const privateKey = (key: TestKey, passphrase?: string): Ssh.Auth => ({
  privateKey: Redacted.make(key.private),
  ...(passphrase === undefined ? {} : { passphrase: Redacted.make(passphrase) })
})

/** A server that notes each attempt and leaves the answer to `decide`. */
export const noting = (decide: Authenticate) =>
  Effect.gen(function* () {
    const attempts: Array<string> = []
    const server = yield* serve({
      authenticate: (context) => {
        if (context.method !== "publickey" || signed(context)) attempts.push(context.method)
        decide(context)
      }
    })
    return { server, attempts }
  })
