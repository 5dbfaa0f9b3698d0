/**
 * Making ready what the caller logs in with (RFC 4252, RFC 4256), before any packet is sent: key files are read, keys are
 * opened, and what is wrong with them is said here.
 *
 * How they are offered to a server is AuthConversation's business; the formats of keys are PrivateKey's.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Fs from "node:fs/promises"
import type { ParsedKey } from "ssh2"
import { InputError } from "../errors.ts"
import type { Answer, Auth } from "./AuthOptions.ts"
import { checkFingerprint, expandHome } from "./HostKey.ts"
import * as KnownHosts from "./KnownHosts.ts"
import * as PrivateKey from "./PrivateKey.ts"

type KeyAuth = Extract<Auth, { readonly privateKey: unknown }>
type AgentAuth = Extract<Auth, { readonly agent: unknown }>

/** A credential that is ready to be offered. */
export type Credential =
  | { readonly _tag: "password"; readonly password: Redacted.Redacted<string> }
  | { readonly _tag: "key"; readonly key: ParsedKey; readonly name: string }
  | { readonly _tag: "agent"; readonly path: string; readonly only: ReadonlySet<string> | undefined }
  | { readonly _tag: "prompt"; readonly answer: Answer }

export interface Prepared {
  readonly credentials: ReadonlyArray<Credential>
  /** What was looked for and not there, in words, for the error. */
  readonly skipped: ReadonlyArray<string>
}

const defaultKeys: ReadonlyArray<KeyAuth & { readonly privateKey: { readonly path: string } }> = [
  "~/.ssh/id_ed25519",
  "~/.ssh/id_ecdsa",
  "~/.ssh/id_rsa"
].map((path) => ({ privateKey: { path } }))

/** Reads keys and checks everything that can be checked without the network. */
export const prepare = (auth: Auth | ReadonlyArray<Auth> | undefined): Effect.Effect<Prepared, InputError> => {
  if (auth === undefined) return prepareDefaults
  const all = Array.isArray(auth) ? (auth as ReadonlyArray<Auth>) : [auth as Auth]
  return Effect.map(Effect.forEach(all, prepareOne), (credentials) => ({ credentials, skipped: [] }))
}

const prepareOne = (auth: Auth): Effect.Effect<Credential, InputError> => {
  if ("password" in auth) {
    return Redacted.isRedacted(auth.password)
      ? Effect.succeed({ _tag: "password", password: auth.password })
      : Effect.fail(notRedacted("password"))
  }
  if ("privateKey" in auth) return prepareKey(auth)
  if ("agent" in auth) return prepareAgent(auth)
  return typeof auth.keyboardInteractive === "function"
    ? Effect.succeed({ _tag: "prompt", answer: auth.keyboardInteractive })
    : Effect.fail(
        new InputError({ what: "auth", why: "neither password, privateKey, agent nor keyboardInteractive is given" })
      )
}

const notRedacted = (what: string): InputError =>
  new InputError({ what, why: "a secret must be wrapped: Redacted.make(text)" })

const prepareAgent = (auth: AgentAuth): Effect.Effect<Credential, InputError> => {
  const path = auth.agent === true ? process.env["SSH_AUTH_SOCK"] : auth.agent
  if (path === undefined || path === "") {
    return Effect.fail(new InputError({ what: "agent", why: "SSH_AUTH_SOCK is not set: no ssh-agent is running here" }))
  }
  if (auth.keys === undefined) return Effect.succeed({ _tag: "agent", path, only: undefined })
  const only = new Set<string>()
  for (const key of auth.keys) {
    const checked = checkFingerprint(key, "agent.keys")
    if (typeof checked !== "string") return Effect.fail(checked)
    only.add(checked)
  }
  return Effect.succeed({ _tag: "agent", path, only })
}

const prepareDefaults: Effect.Effect<Prepared> = Effect.gen(function* () {
  const credentials: Array<Credential> = []
  const skipped: Array<string> = []
  const path = process.env["SSH_AUTH_SOCK"]
  if (path === undefined || path === "") skipped.push("agent: SSH_AUTH_SOCK is not set")
  else credentials.push({ _tag: "agent", path, only: undefined })
  for (const auth of defaultKeys) {
    const credential = yield* Effect.result(prepareKey(auth))
    if (credential._tag === "Success") credentials.push(credential.success)
    else skipped.push(`${auth.privateKey.path}: ${credential.failure.why}`)
  }
  return { credentials, skipped }
})

const prepareKey = (auth: KeyAuth): Effect.Effect<Credential, InputError> =>
  Effect.gen(function* () {
    const source = auth.privateKey
    if (auth.passphrase !== undefined && !Redacted.isRedacted(auth.passphrase)) return yield* notRedacted("passphrase")
    const path = Redacted.isRedacted(source) ? undefined : (source as { readonly path?: unknown }).path
    if (!Redacted.isRedacted(source) && typeof path !== "string") return yield* notRedacted("privateKey")
    const where = typeof path === "string" ? path : undefined
    const text =
      where === undefined
        ? Redacted.value(source as Redacted.Redacted<string | Buffer>).toString()
        : yield* readKeyFile(where)
    const passphrase = auth.passphrase === undefined ? undefined : Redacted.value(auth.passphrase)
    const key = yield* awaitKey(() => PrivateKey.load(auth, text, passphrase), where)
    return { _tag: "key", key, name: where ?? `${key.type} ${KnownHosts.fingerprint(key.getPublicSSH())}` }
  })

const keyProblem = (where: string | undefined, why: string): InputError =>
  new InputError({ what: "privateKey", where, why })

const awaitKey = (load: () => PrivateKey.Loading, where: string | undefined): Effect.Effect<ParsedKey, InputError> =>
  Effect.callback((resume) => {
    const loading = load()
    const done = loading.wait()
    loading.key.then(
      (key) => {
        done()
        resume(Effect.succeed(key))
      },
      (error: unknown) => {
        done()
        resume(Effect.fail(keyProblem(where, error instanceof PrivateKey.KeyError ? error.message : "cannot be read")))
      }
    )
    return Effect.sync(done)
  })

/** As OpenSSH does: a key of ours that others can read is refused. */
const readKeyFile = (path: string): Effect.Effect<string, InputError> =>
  Effect.tryPromise({
    try: async () => {
      const file = expandHome(path)
      const { mode, uid } = await Fs.stat(file)
      if (process.platform !== "win32" && uid === process.getuid?.() && (mode & 0o077) !== 0) {
        throw keyProblem(path, `others can read it (mode 0${(mode & 0o777).toString(8)}): chmod 600 ${path}`)
      }
      return await Fs.readFile(file, "utf8")
    },
    catch: (error) => {
      if (error instanceof InputError) return error
      const { code } = error as { readonly code?: string }
      return keyProblem(path, code === "ENOENT" ? "there is no such file" : `cannot be read (${code ?? "unknown"})`)
    }
  })
