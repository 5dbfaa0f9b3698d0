/**
 * known_hosts as sshd(8) describes it, "SSH_KNOWN_HOSTS FILE FORMAT": plain and hashed names, wildcards, negation,
 * `[host]:port`, `@revoked`, `@cert-authority`, several keys per host. Pure: text in, lines out, and which lines speak
 * about a host. Reading the files and deciding about a key are HostKey's business.
 */
import * as Crypto from "node:crypto"

export interface Line {
  /** The file as it was named, and the line's number in it, from 1. */
  readonly file: string
  readonly line: number
  readonly marker: "" | "revoked" | "cert-authority"
  /** The host patterns, unsplit, or one hashed name. */
  readonly hosts: string
  /** The type of the key as its blob says: `ssh-rsa`, never a signature algorithm. */
  readonly type: string
  readonly blob: Buffer
}

/** Every line that holds a key. Comments, blank and broken lines are skipped, as OpenSSH does. */
export const parse = (text: string, file: string): ReadonlyArray<Line> => {
  const lines: Array<Line> = []
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = parseLine(raw, file, index + 1)
    if (line !== undefined) lines.push(line)
  }
  return lines
}

const parseLine = (raw: string, file: string, number: number): Line | undefined => {
  const text = raw.trim()
  if (text === "" || text.startsWith("#")) return undefined
  const fields = text.split(/[ \t]+/)
  const marked = fields[0]!.startsWith("@")
  const marker = marked ? fields.shift()!.slice(1) : ""
  const [hosts, type, base64] = fields
  if (hosts === undefined || type === undefined || base64 === undefined) return undefined
  if (marker !== "" && marker !== "revoked" && marker !== "cert-authority") return undefined
  const blob = Buffer.from(base64, "base64")
  // A line whose key is cut or does not say what it is called is no key.
  return typeOf(blob) === type ? { file, line: number, marker, hosts, type, blob } : undefined
}

/** The key type that a public key blob begins with (RFC 4253 §6.6), or undefined when it is not one. */
export const typeOf = (blob: Buffer): string | undefined => {
  if (blob.length < 8) return undefined
  const length = blob.readUInt32BE(0)
  return length > 0 && length < 128 && blob.length > 4 + length ? blob.toString("latin1", 4, 4 + length) : undefined
}

/** The name under which a host on a port is looked up: bare on port 22, `[host]:port` elsewhere. */
export const nameOf = (host: string, port: number): string =>
  port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`

/** Whether the line speaks about this name. One negated pattern that matches rules the whole line out. */
const matches = (line: Line, name: string): boolean => {
  if (line.hosts.startsWith("|")) return matchesHash(line.hosts, name)
  let found = false
  for (const pattern of line.hosts.split(",")) {
    const negated = pattern.startsWith("!")
    if (!matchesPattern(negated ? pattern.slice(1) : pattern, name)) continue
    if (negated) return false
    found = true
  }
  return found
}

const matchesHash = (hosts: string, name: string): boolean => {
  const [, version, salt, hash] = hosts.split("|")
  if (version !== "1" || salt === undefined || hash === undefined) return false
  const expected = Buffer.from(hash, "base64")
  return Crypto.createHmac("sha1", Buffer.from(salt, "base64")).update(name).digest().equals(expected)
}

/** `*` and `?` as in a shell; brackets are only brackets. Walks back to the last `*` alone, so it stays quadratic at worst. */
const matchesPattern = (pattern: string, name: string): boolean => {
  const wanted = pattern.toLowerCase()
  let at = 0
  let position = 0
  let star = -1
  let resume = 0
  while (position < name.length) {
    if (wanted[at] === "*") {
      star = at++
      resume = position
    } else if (at < wanted.length && (wanted[at] === "?" || wanted[at] === name[position])) {
      at++
      position++
    } else if (star >= 0) {
      at = star + 1
      position = ++resume
    } else return false
  }
  while (wanted[at] === "*") at++
  return at === wanted.length
}

/** What the files say about one host on one port. */
export interface Found {
  /** Plain keys under `[host]:port` (or the bare host on port 22). */
  readonly exact: ReadonlyArray<Line>
  /** Plain keys under the bare host: OpenSSH accepts an equal key found there, for any port. */
  readonly bare: ReadonlyArray<Line>
  /** `@revoked` under either name: these win over everything. */
  readonly revoked: ReadonlyArray<Line>
  /** `@cert-authority` under either name: certificates are not supported, so they only explain a refusal. */
  readonly authorities: ReadonlyArray<Line>
}

export const find = (lines: ReadonlyArray<Line>, host: string, port: number): Found => {
  const name = nameOf(host, port)
  const bareName = host.toLowerCase()
  const exact: Array<Line> = []
  const bare: Array<Line> = []
  const revoked: Array<Line> = []
  const authorities: Array<Line> = []
  for (const line of lines) {
    const isExact = matches(line, name)
    if (!isExact && (port === 22 || !matches(line, bareName))) continue
    if (line.marker === "revoked") revoked.push(line)
    else if (line.marker === "cert-authority") authorities.push(line)
    else (isExact ? exact : bare).push(line)
  }
  return { exact, bare, revoked, authorities }
}

/** `SHA256:` and base64 without padding, as OpenSSH prints it. */
export const fingerprint = (blob: Uint8Array): string =>
  `SHA256:${Crypto.createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`

/** `~/.ssh/known_hosts:12`. */
export const place = (line: Line): string => `${line.file}:${line.line}`
