/**
 * The ways to log in of an inventory, with each secret fetched from where it is said to be. Devices that share a way to log
 * in share one value of it, so that an encrypted key is decrypted once for all of them.
 */
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as Ssh from "../../transport/Ssh.ts"
import type { Auth, PrivateKey, Secret } from "./File.ts"
import type { Problem } from "./Problem.ts"
import type { Path } from "./Located.ts"

/** A way to log in, and where it stands in the file. */
export interface PlacedAuth {
  readonly auth: Auth
  readonly path: Path
}

const kinds = ["password", "privateKey", "passphrase"] as const

/** The secrets that stand in the text itself. */
export const inline = ({ auth, path }: PlacedAuth): ReadonlyArray<Path> =>
  kinds.filter((kind) => typeof auth[kind] === "string").map((kind) => [...path, kind])

/** The secrets in the text that are no key where one is expected: the name of a file, most likely. */
export const noKeys = ({ auth: { privateKey }, path }: PlacedAuth): ReadonlyArray<Problem> =>
  typeof privateKey !== "string" || /^\s*(?:-----BEGIN |PuTTY-User-Key-File)/.test(privateKey)
    ? []
    : [{ path: [...path, "privateKey"], why: "it is not the text of a private key; a key file is { path: FILE }" }]

type Source = Exclude<Secret, string>

interface Reader {
  readonly environment: ConfigProvider.ConfigProvider
  /** Each source is read once. */
  readonly known: Map<string, Redacted.Redacted>
  readonly problems: Array<Problem>
}

const missing = ({ env }: Source): string => {
  if (env === undefined) return "the Config has no text at this path"
  // A secret is easily written where its name is expected.
  const shown = /^[A-Z_][A-Z0-9_]*$/.test(env)
    ? `the environment variable ${env}`
    : "the environment variable of this name"
  return `${shown} is ${process.env[env] === "" ? "empty" : "not set"}`
}

/** What stands at a source; undefined after having told why there is nothing. */
const read = (source: Source, path: Path, { environment, known, problems }: Reader) =>
  Effect.gen(function* () {
    const { config = "", env } = source
    const name = env === undefined ? `config:${config}` : `env:${env}`
    const before = known.get(name)
    if (before !== undefined) return before
    const reading = Config.schema(Schema.Redacted(Schema.String), env === undefined ? config.split(".") : [env])
    const asked =
      env === undefined ? reading : Effect.provideService(reading, ConfigProvider.ConfigProvider, environment)
    const result = yield* Effect.result(asked)
    // A ConfigProvider takes an empty text for a missing one.
    if (result._tag === "Success") {
      known.set(name, result.success)
      return result.success
    }
    const unreadable = result.failure.cause._tag === "SourceError"
    problems.push({ path, why: unreadable ? "the Config cannot be read" : missing(source) })
    return undefined
  })

const secretOf = (secret: Secret, path: Path, reader: Reader) =>
  typeof secret === "string" ? Effect.succeed(Redacted.make(secret)) : read(secret, path, reader)

const keyOf = (
  key: PrivateKey,
  path: Path,
  reader: Reader,
  resolvePath: (path: string) => string
): Effect.Effect<Extract<Ssh.Auth, { readonly privateKey: unknown }>["privateKey"] | undefined> =>
  typeof key === "object" && key.path !== undefined
    ? Effect.succeed({ path: resolvePath(key.path) })
    : secretOf(key, path, reader)

const authOf = (
  { auth, path }: PlacedAuth,
  reader: Reader,
  resolvePath: (path: string) => string
): Effect.Effect<Ssh.Auth | undefined> =>
  Effect.gen(function* () {
    const { agent, keys, passphrase, password, privateKey } = auth
    if (agent !== undefined) return keys === undefined ? { agent } : { agent, keys }
    if (password !== undefined) {
      const secret = yield* secretOf(password, [...path, "password"], reader)
      return secret === undefined ? undefined : { password: secret }
    }
    const key = yield* keyOf(privateKey!, [...path, "privateKey"], reader, resolvePath)
    if (passphrase === undefined) return key === undefined ? undefined : { privateKey: key }
    const secret = yield* secretOf(passphrase, [...path, "passphrase"], reader)
    return key === undefined || secret === undefined ? undefined : { privateKey: key, passphrase: secret }
  })

export interface Resolved {
  readonly auths: ReadonlyMap<Auth, Ssh.Auth>
  readonly problems: ReadonlyArray<Problem>
}

/** Fetches what these ways to log in need; `env` is the environment's, `config` the current ConfigProvider's. */
export const resolve = (placed: Iterable<PlacedAuth>, resolvePath: (path: string) => string): Effect.Effect<Resolved> =>
  Effect.gen(function* () {
    const reader: Reader = { environment: ConfigProvider.fromEnv(), known: new Map(), problems: [] }
    const auths = new Map<Auth, Ssh.Auth>()
    const asked = new Set<Auth>()
    for (const each of placed) {
      if (asked.has(each.auth)) continue
      asked.add(each.auth)
      const auth = yield* authOf(each, reader, resolvePath)
      if (auth !== undefined) auths.set(each.auth, auth)
    }
    return { auths, problems: reader.problems }
  })
