/**
 * Whether the key that a device shows is one that the caller trusts: the policy, the files it reads, the verdict, and
 * how a person who is refused gets in. It fails closed.
 *
 * ssh2 asks before it has checked the device's signature, so a key seen here is not proven yet: nothing is recorded,
 * and nothing is written to known_hosts, ever. What known_hosts lines mean is KnownHosts' business.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs/promises"
import * as Os from "node:os"
import * as Path from "node:path"
import { HostKeyError, InputError } from "../errors.ts"
import * as KnownHosts from "./KnownHosts.ts"

/**
 * Which host keys are trusted.
 *
 * - `"known-hosts"` (the default): those in `~/.ssh/known_hosts` and `/etc/ssh/ssh_known_hosts`, read at each connect.
 * - `{ knownHosts: path }`: those in this file alone. `~` stands for the home directory.
 * - `{ fingerprint }`: these keys and no others, as `SHA256:...` (one or several), whatever the files say.
 * - `"accept-any"`: any key. Anyone between you and the device can then read and change everything; it is logged.
 */
export type HostKeyPolicy =
  | "known-hosts"
  | { readonly knownHosts: string }
  | { readonly fingerprint: string | ReadonlyArray<string> }
  | "accept-any"

/** What a refusal says, without the names of peer and device. */
export type Refusal = Pick<HostKeyError, "why" | "fingerprint" | "keyType" | "howToAccept" | "detail">

type Verdict =
  | { readonly _tag: "accepted"; readonly because: string }
  | { readonly _tag: "refused"; readonly refusal: Refusal }

export interface Verifier {
  /** Key types that are known for the host, in the files' order; to be asked for first. */
  readonly keyTypes: ReadonlyArray<string>
  /** Synchronous: everything was read before dialling. */
  readonly check: (blob: Buffer) => Verdict
  /** Whether a connection that was accepted is to be warned about. */
  readonly warns: boolean
}

const userFile = "~/.ssh/known_hosts"
const systemFile = "/etc/ssh/ssh_known_hosts"

export const expandHome = (path: string): string =>
  path === "~" || path.startsWith("~/") ? Path.join(Os.homedir(), path.slice(1)) : path

/** Reads what the policy needs, now: known_hosts may have changed since the last connect. */
export const prepare = (policy: HostKeyPolicy, host: string, port: number): Effect.Effect<Verifier, InputError> => {
  if (policy === "accept-any") return Effect.succeed(acceptAny)
  if (!isPolicy(policy)) return Effect.fail(noPolicy(policy))
  if (typeof policy === "object" && "fingerprint" in policy) return pinned(policy.fingerprint)
  const files = policy === "known-hosts" ? [userFile, systemFile] : [policy.knownHosts]
  return Effect.map(
    Effect.promise(() => readAll(files)),
    (read) => fromKnownHosts(read, files, host, port)
  )
}

/** Why it is no policy, or its fingerprints are none; undefined for one that is. */
export const wrongPolicy = (policy: HostKeyPolicy | undefined): InputError | undefined => {
  if (policy === undefined || policy === "accept-any") return undefined
  if (!isPolicy(policy)) return noPolicy(policy)
  const pins = typeof policy === "object" && "fingerprint" in policy ? pinsOf(policy.fingerprint) : []
  return pins instanceof InputError ? pins : undefined
}

const isPolicy = (policy: unknown): policy is HostKeyPolicy =>
  policy === "known-hosts" ||
  (typeof policy === "object" &&
    policy !== null &&
    ("fingerprint" in policy || ("knownHosts" in policy && typeof policy.knownHosts === "string")))

const noPolicy = (policy: unknown): InputError =>
  new InputError({
    what: "hostKey",
    why: `expected "known-hosts", "accept-any", { knownHosts: path } or { fingerprint: "SHA256:..." }, got ${JSON.stringify(policy) ?? String(policy)}`
  })

const acceptAny: Verifier = {
  keyTypes: [],
  check: () => ({ _tag: "accepted", because: "any key is accepted" }),
  warns: true
}

// --- pinned fingerprints

const sha256Syntax = /^SHA256:[A-Za-z0-9+/]{43}=?$/

/** `SHA256:...` without padding, or why it is not one. */
export const checkFingerprint = (text: string, what: string): string | InputError => {
  if (sha256Syntax.test(text)) return text.replace(/=$/, "")
  const why = /^(MD5:)?([0-9a-f]{2}:){15}[0-9a-f]{2}$/i.test(text)
    ? "an MD5 fingerprint can be forged; use the SHA256 one (ssh-keygen -l -E sha256)"
    : `${JSON.stringify(text)} is not a fingerprint as ssh-keygen -l prints it (SHA256: and 43 characters)`
  return new InputError({ what, why })
}

const pinsOf = (input: string | ReadonlyArray<string>): ReadonlyArray<string> | InputError => {
  const pins: Array<string> = []
  for (const text of Array.isArray(input) ? input : [input]) {
    const pin = checkFingerprint(text, "hostKey.fingerprint")
    if (typeof pin !== "string") return pin
    pins.push(pin)
  }
  return pins.length > 0 ? pins : new InputError({ what: "hostKey.fingerprint", why: "no fingerprint is given" })
}

const pinned = (input: string | ReadonlyArray<string>): Effect.Effect<Verifier, InputError> => {
  const pins = pinsOf(input)
  if (pins instanceof InputError) return Effect.fail(pins)
  return Effect.succeed({ keyTypes: [], warns: false, check: (blob) => checkPins(pins, blob) })
}

const checkPins = (pins: ReadonlyArray<string>, blob: Buffer): Verdict => {
  const seen = KnownHosts.fingerprint(blob)
  if (pins.includes(seen)) return { _tag: "accepted", because: "pinned fingerprint" }
  // Nothing is known to have changed, but `why` has no nearer word: the text says what is known.
  const which = pins.length === 1 ? "the pinned key" : "one of the pinned keys"
  return refuse(blob, "changed", {
    detail:
      `not ${which} (${pins.join(", ")}): the pin is for another key, the device has a new one, ` +
      "or somebody stands between",
    howToAccept:
      "If it is the device's key (compare the fingerprint on its console; a device may have several keys, of different " +
      "types), pin this one:\n" +
      `  in code: hostKey: { fingerprint: "${seen}" }\n` +
      `  on a command line that has the option, such as the demo's: --fingerprint ${seen}`
  })
}

// --- known_hosts

interface Read {
  readonly lines: ReadonlyArray<KnownHosts.Line>
  /** Files that could not be read, with why. */
  readonly problems: ReadonlyArray<string>
}

// The text is read each time; its lines are parsed again only when it has changed.
const parsed = new Map<string, { readonly text: string; readonly lines: ReadonlyArray<KnownHosts.Line> }>()

/** A pipe that nobody writes to would hold up every connect, before any deadline has begun. */
const read = async (path: string): Promise<string> => {
  if ((await Fs.stat(path)).isFIFO()) throw Object.assign(new Error("a pipe"), { code: "it is a pipe" })
  return Fs.readFile(path, "utf8")
}

const readAll = async (files: ReadonlyArray<string>): Promise<Read> => {
  const lines: Array<KnownHosts.Line> = []
  const problems: Array<string> = []
  for (const file of files) {
    try {
      const text = await read(expandHome(file))
      const before = parsed.get(file)
      const entry = before?.text === text ? before : { text, lines: KnownHosts.parse(text, file) }
      parsed.set(file, entry)
      lines.push(...entry.lines)
    } catch (error) {
      const { code } = error as { readonly code?: string }
      problems.push(`${file} ${code === "ENOENT" ? "does not exist" : `cannot be read (${code ?? "unknown"})`}`)
    }
  }
  return { lines, problems }
}

interface Known {
  readonly found: KnownHosts.Found
  readonly problems: ReadonlyArray<string>
  readonly file: string
  readonly host: string
  readonly port: number
}

const fromKnownHosts = (read: Read, files: ReadonlyArray<string>, host: string, port: number): Verifier => {
  const found = KnownHosts.find(read.lines, host, port)
  const known: Known = { found, problems: read.problems, file: files[0]!, host, port }
  return {
    keyTypes: [...new Set([...found.exact, ...found.bare].map((line) => line.type))],
    check: (blob) => judge(known, blob),
    warns: false
  }
}

const judge = (known: Known, blob: Buffer): Verdict => {
  const { authorities, bare, exact, revoked } = known.found
  const same = (line: KnownHosts.Line) => line.blob.equals(blob)
  const type = KnownHosts.typeOf(blob) ?? "unknown"

  const banned = revoked.find(same)
  if (banned !== undefined) {
    return refuse(blob, "revoked", {
      detail: `${KnownHosts.place(banned)} revokes this key`,
      howToAccept: "A revoked key is not to be trusted: give the device a new one."
    })
  }
  const match = exact.find(same)
  if (match !== undefined) return accept(match, KnownHosts.nameOf(known.host, known.port))
  // A key under the bare host counts only when it is the same: another daemon may well have another key.
  const bareMatch = exact.length === 0 ? bare.find(same) : undefined
  if (bareMatch !== undefined) return accept(bareMatch, `${known.host}, without the port`)

  const other = exact.find((line) => line.type === type)
  if (other !== undefined) return changed(known, blob, other)
  return refuse(blob, "unknown", {
    detail: unknownDetail(known, exact, bare, authorities),
    howToAccept: addCommands(known, KnownHosts.fingerprint(blob))
  })
}

const accept = (line: KnownHosts.Line, name: string): Verdict => ({
  _tag: "accepted",
  because: `${KnownHosts.place(line)} (${name})`
})

const changed = (known: Known, blob: Buffer, other: KnownHosts.Line): Verdict => {
  const name = KnownHosts.nameOf(known.host, known.port)
  return refuse(blob, "changed", {
    detail:
      `${KnownHosts.place(other)} holds another ${other.type} key for ${name} ` +
      `(${KnownHosts.fingerprint(other.blob)}): either the device has a new key, or somebody stands between`,
    howToAccept:
      `If the device really has a new key, remove the old one: ` +
      `ssh-keygen -f ${shellFile(other.file)} -R ${shellWord(name)}\n` +
      addCommands(known, KnownHosts.fingerprint(blob))
  })
}

const unknownDetail = (
  known: Known,
  exact: ReadonlyArray<KnownHosts.Line>,
  bare: ReadonlyArray<KnownHosts.Line>,
  authorities: ReadonlyArray<KnownHosts.Line>
): string => {
  const list = (lines: ReadonlyArray<KnownHosts.Line>) =>
    lines.map((line) => `${line.type} at ${KnownHosts.place(line)}`).join(", ")
  const name = KnownHosts.nameOf(known.host, known.port)
  if (exact.length > 0) return `${name} is known by keys of other types only: ${list(exact)}`
  const parts = [`no line for ${name}`]
  if (bare.length > 0) parts.push(`${known.host} without the port has other keys: ${list(bare)}`)
  if (authorities.length > 0) {
    parts.push(`@cert-authority lines match, but host certificates are not supported: ${list(authorities)}`)
  }
  return [...parts, ...known.problems].join("; ")
}

/** The commands a person can paste; the host has been checked to be safe in a shell. */
const addCommands = (known: Known, fingerprint: string): string => {
  const scan = `ssh-keyscan -p ${known.port} ${known.host}`
  return [
    "If you trust this key (verify the fingerprint first, on the device's console; " +
      `what answers now: ${scan} | ssh-keygen -lf -), either add it:`,
    `  ${scan} >> ${shellFile(known.file)}`,
    "or pin it:",
    `  hostKey: { fingerprint: "${fingerprint}" }`
  ].join("\n")
}

const shellWord = (text: string): string =>
  /^[A-Za-z0-9_./:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`

/** A leading `~/` must stay unquoted, or the shell would not expand it. */
const shellFile = (path: string): string => (path.startsWith("~/") ? `~/${shellWord(path.slice(2))}` : shellWord(path))

const refuse = (blob: Buffer, why: Refusal["why"], text: Pick<Refusal, "detail" | "howToAccept">): Verdict => ({
  _tag: "refused",
  refusal: { why, fingerprint: KnownHosts.fingerprint(blob), keyType: KnownHosts.typeOf(blob) ?? "unknown", ...text }
})
