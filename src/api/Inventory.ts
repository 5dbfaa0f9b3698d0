/**
 * An inventory: the devices of a fleet, from a file that people write, JSON or YAML.
 *
 * It is read as a whole or not at all; what is wrong with it is one `InputError` that names file, line, path and device of
 * each problem, and shows no value. Secrets are named, and stand in the file itself only if nobody else can read it.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { isUtf8 } from "node:buffer"
import { constants } from "node:fs"
import * as Fs from "node:fs/promises"
import * as Path from "node:path"
import { InputError, printable, tryInput } from "../errors.ts"
import * as Profile from "../profiles/Profile.ts"
import { expandHome } from "../transport/HostKey.ts"
import * as Ssh from "../transport/Ssh.ts"
import type { Transport } from "../transport/Transport.ts"
import type { Device } from "./fleet/Devices.ts"
import { type Effective, expand, type Layer, placed, withoutNothing } from "./inventory/Devices.ts"
import { InventoryFile } from "./inventory/File.ts"
import { type Problem, problemsOf, toError } from "./inventory/Problem.ts"
import { unreachable } from "./inventory/Reachable.ts"
import { inline, noKeys, type Resolved, resolve } from "./inventory/Secrets.ts"
import { kindOf, type Located, printPath, TextError } from "./inventory/Located.ts"
import { read as readJson } from "./inventory/LocatedJson.ts"

export { InventoryFile } from "./inventory/File.ts"

export interface Options {
  /** Profiles of your own, by the names that the file may give besides those of the library. */
  readonly profiles?: ReadonlyArray<Profile.Profile>
  /** How a device is reached. Default: `Ssh.make`. */
  readonly transport?: (options: Ssh.SshOptions, name: string) => Transport
}

export interface FileOptions extends Options {
  /** Default: by the file's extension: .json, .yaml or .yml. */
  readonly format?: Format
}

export interface TextOptions extends Options {
  readonly format: Format
  /** What errors call it. */
  readonly name: string
  /** True if nobody else can read where the text comes from: only then may secrets stand in it. Default: false. */
  readonly private?: boolean
  /** What relative paths in it start from. Default: the current directory. */
  readonly directory?: string
}

export type Format = "json" | "yaml"

const maxBytes = 16 * 1024 * 1024
const tooLarge = `it is larger than ${maxBytes / 1024 / 1024} MB`

const fail = (name: string, why: string): InputError => toError(name, [{ path: [], why }])

/** The text as data; throws a `TextError`. YAML's reader is loaded when it is first needed. */
const readText = async (text: string, format: Format): Promise<Located> => {
  if (text.length > maxBytes) throw new TextError(tooLarge)
  const content = text.replace(/^\ufeff/, "")
  if (content.trim() === "") throw new TextError("it is empty: expected a map with the key devices")
  if (format === "json") return readJson(content)
  const yaml = await import("./inventory/LocatedYaml.ts")
  return yaml.read(content)
}

const formatOf = (name: string, format: Format | undefined): Format => {
  const given = format ?? /\.(json|ya?ml)$/i.exec(name)?.[1]?.toLowerCase().replace("yml", "yaml")
  if (given === "json" || given === "yaml") return given
  throw fail(name, `expected a file that ends in .json, .yaml or .yml, or the option format: "json" or "yaml"`)
}

const locate = (text: string, { format, name }: TextOptions): Effect.Effect<Located, InputError> =>
  Effect.tryPromise({
    try: () => readText(text, format),
    catch: (error) => {
      if (!(error instanceof TextError)) return fail(name, "it cannot be read")
      const { column, line, message, path } = error
      const why = column === undefined ? message : `column ${column}: ${message}`
      return toError(name, [{ path, line, why }])
    }
  })

const shape = (located: Located, { name }: TextOptions): Effect.Effect<InventoryFile, InputError> => {
  const { value } = located
  if (kindOf(value) !== "a map") return fail(name, `expected a map with the key devices, found ${kindOf(value)}`)
  const decoding = Schema.decodeUnknownEffect(InventoryFile, { errors: "all", onExcessProperty: "error" })(value)
  return Effect.mapError(decoding, ({ issue }) => toError(name, problemsOf(issue, located)))
}

const naming = "name an environment variable ({ env: NAME }) or a path in the Config ({ config: PATH })"
const inText = `no secret may stand in it: ${naming}`

const ownProfiles = Object.values(Profile).filter((value): value is Profile.Profile => typeof value === "object")

type Profiles = ReadonlyMap<string, Profile.Profile>

const unnamed = (devices: ReadonlyArray<Effective>): ReadonlyArray<Problem> =>
  devices
    .filter(({ settings }) => settings.username === undefined)
    .map(({ name }) => ({
      path: ["devices", name, "username"],
      why: "it is missing: give it here, in a group or in defaults"
    }))

const unprofiled = (layers: ReadonlyArray<Layer>, profiles: Profiles): ReadonlyArray<Problem> =>
  layers.flatMap(({ path, settings: { profile } }) => {
    if (profile === undefined || profiles.has(profile)) return []
    const why = `there is no profile ${JSON.stringify(profile)}; there are ${[...profiles.keys()].join(", ")}`
    return [{ path: [...path, "profile"], why }]
  })

const directoryOf = ({ directory = "." }: TextOptions) => {
  const from = Path.resolve(directory)
  return (path: string): string => Path.resolve(from, expandHome(path))
}

const toDevice = (
  { auth, name, settings }: Effective,
  options: TextOptions,
  profiles: Profiles,
  { auths }: Resolved
): Device => {
  const { host = name, hostKey, port, profile, ssh, username, ...rest } = settings
  const ways = auth?.map((each) => auths.get(each.auth)!)
  const sshOptions = {
    host,
    username: username!,
    ...(port === undefined ? {} : { port }),
    ...(ways === undefined ? {} : { auth: ways }),
    ...(hostKey === undefined ? {} : { hostKey: hostKeyOf(hostKey, directoryOf(options)) }),
    ...ssh
  } as Ssh.SshOptions
  return {
    name,
    ...(rest as Omit<Device, "name" | "transport">),
    ...(profile === undefined ? {} : { profile: profiles.get(profile)! }),
    transport: (options.transport ?? Ssh.make)(sshOptions, name)
  }
}

const hostKeyOf = (
  policy: NonNullable<Effective["settings"]["hostKey"]>,
  resolvePath: (path: string) => string
): Ssh.HostKeyPolicy => {
  if (typeof policy === "string") return policy
  return policy.knownHosts === undefined
    ? { fingerprint: policy.fingerprint! }
    : { knownHosts: resolvePath(policy.knownHosts) }
}

const isNotIn = (problems: ReadonlyArray<Problem>) => (path: Problem["path"]) =>
  !problems.some((problem) => printPath(problem.path) === printPath(path))

/** Reads an inventory, with the reason why no secret may stand in it, if so. */
const decodeWith = (
  text: string,
  options: TextOptions,
  notPrivate: string | undefined
): Effect.Effect<ReadonlyArray<Device>, InputError> =>
  Effect.gen(function* () {
    const { name } = options
    const located = yield* locate(text, options)
    const { inOrder, lineOf } = located
    const file = yield* shape({ ...located, value: withoutNothing(located.value) }, options)
    const profiles = new Map([...ownProfiles, ...(options.profiles ?? [])].map((profile) => [profile.name, profile]))
    const { devices, layers, problems } = expand(file, inOrder(["devices"], Object.keys(file.devices)))
    const written = layers.flatMap(placed)
    const notKeys = written.flatMap(noKeys)
    // What is no key is no secret that somebody has put into the wrong place.
    const inlined = notPrivate === undefined ? [] : written.flatMap(inline).filter(isNotIn(notKeys))
    const secrets = [...notKeys, ...inlined.map((path) => ({ path, why: notPrivate! }))]
    const used = devices.flatMap((device) => device.auth ?? [])
    const resolved = yield* resolve(used, directoryOf(options))
    // A transport of the caller's own may take other hosts, and files from elsewhere.
    const reach = options.transport === undefined ? yield* unreachable(devices, layers, directoryOf(options)) : []
    const told = [...problems, ...secrets, ...unnamed(devices), ...unprofiled(layers, profiles), ...resolved.problems]
    const all = [...told, ...reach]
    if (all.length > 0) {
      return yield* toError(
        name,
        all.map((problem) => ({ ...problem, line: lineOf(problem.path) }))
      )
    }
    return yield* tryInput(() => devices.map((device) => toDevice(device, options, profiles, resolved)))
  })

/**
 * The devices of an inventory that is at hand as text. Fails with an `InputError` like {@link fromFile}.
 *
 * @example
 * const devices = yield* Inventory.decode(text, { format: "yaml", name: "inventory of the lab" })
 */
export const decode = (text: string, options: TextOptions): Effect.Effect<ReadonlyArray<Device>, InputError> =>
  Effect.flatMap(
    tryInput(() => formatOf(options.name, options.format)),
    (format) => decodeWith(text, { ...options, format }, options.private === true ? undefined : inText)
  )

/**
 * The devices of an inventory file, in its order. Secrets that it names are read from the environment (`env`) and from
 * the current ConfigProvider (`config`). A relative path in it starts from the file's directory.
 *
 * Fails with an `InputError` that tells everything that is wrong with it: a file that cannot be read, is no UTF-8 or larger
 * than 16 MB; keys that are not known or stand twice; values that are not what was expected; groups that do not exist or are
 * their own parents; hosts that cannot be dialled; files and secrets that are not there; secrets in a file that others can
 * read.
 *
 * @example
 * const devices = yield* Inventory.fromFile("inventory.yaml")
 */
export const fromFile = (path: string, options: FileOptions = {}): Effect.Effect<ReadonlyArray<Device>, InputError> =>
  Effect.gen(function* () {
    const format = yield* tryInput(() => formatOf(path, options.format))
    const { notPrivate, text } = yield* readFile(path)
    return yield* decodeWith(text, { ...options, format, name: path, directory: Path.dirname(path) }, notPrivate)
  })

interface Content {
  readonly text: string
  readonly notPrivate: string | undefined
}

const readFile = (path: string): Effect.Effect<Content, InputError> =>
  Effect.tryPromise({
    try: async () => {
      // Without O_NONBLOCK a pipe in its place would be waited for.
      const file = await Fs.open(path, constants.O_RDONLY | constants.O_NONBLOCK)
      try {
        return await readOpen(path, file)
      } finally {
        await file.close()
      }
    },
    catch: (error) => {
      if (error instanceof InputError) return error
      const { code } = error as { readonly code?: string }
      return fail(path, code === "ENOENT" ? "there is no such file" : `it cannot be read (${code ?? "unknown"})`)
    }
  })

const readOpen = async (path: string, file: Fs.FileHandle): Promise<Content> => {
  const status = await file.stat()
  if (!status.isFile()) throw fail(path, "it is not a file")
  if (status.size > maxBytes) throw fail(path, tooLarge)
  const bytes = await file.readFile()
  if (!isUtf8(bytes)) throw fail(path, "it is not text in UTF-8")
  return { text: bytes.toString("utf8"), notPrivate: notPrivate(path, status) }
}

/** As ssh has it for keys: the user's own, and readable by nobody else. */
const notPrivate = (path: string, { mode, uid }: { readonly mode: number; readonly uid: number }) => {
  if (process.platform === "win32") return inText
  const why = uid === process.getuid?.() ? "others can read this file" : "this file is another user's"
  if (uid === process.getuid?.() && (mode & 0o077) === 0) return undefined
  return `${why}, so no secret may stand in it: chmod 600 ${printable(path)}, or ${naming}`
}
