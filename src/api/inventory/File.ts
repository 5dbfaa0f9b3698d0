/**
 * The shape of an inventory file: settings, for one device, for a group, or as defaults. Keys that are not known are
 * refused by whoever decodes it. What the settings mean together is the business of Devices.ts.
 */
import * as Schema from "effect/Schema"
import { millis } from "../../transport/Deadlines.ts"
import { checkFingerprint } from "../../transport/HostKey.ts"

// An `identifier` is what the messages call it.
const text = Schema.NonEmptyString.annotate({ identifier: "text" })
const texts = Schema.Array(text).annotate({ identifier: "a list of texts" })

const whole = (least: number, most: number, what: string) => {
  const said = `expected ${what}`
  const check = Schema.makeFilter((n: number) => (Number.isSafeInteger(n) && n >= least && n <= most) || said)
  return Schema.Finite.check(check).annotate({ identifier: what })
}

const count = (least: number) => whole(least, Number.MAX_SAFE_INTEGER, `a whole number from ${least}`)

const isDuration = (input: string): boolean => {
  try {
    return millis("", input as "1 second") < Infinity
  } catch {
    return false
  }
}

const units: ReadonlyArray<readonly [short: RegExp, unit: string]> = [
  [/^ms(?:ecs?)?$/, "millis"],
  [/^s(?:ecs?)?$/, "seconds"],
  [/^m(?:ins?)?$/, "minutes"],
  [/^h(?:rs?)?$/, "hours"],
  [/^d$/, "days"]
]

/** For `30s` and `5 min`: how the unit is written. */
const unitOf = (input: string): string => {
  const short = /^[\d.]+\s*([a-z]+)$/i.exec(input.trim())?.[1]?.toLowerCase() ?? ""
  const unit = units.find(([pattern]) => pattern.test(short))?.[1]
  return unit === undefined ? "" : `: write ${unit} behind the number and a space`
}

/** A duration as text; `or` is a word that stands for none. */
const duration = (or?: string) => {
  const expected = `a duration such as "30 seconds"${or === undefined ? "" : `, or "${or}"`}`
  const check = Schema.makeFilter(
    (input: string) => input === or || isDuration(input) || `expected ${expected}${unitOf(input)}`
  )
  return Schema.String.check(check).annotate({ identifier: expected })
}

/** Exactly one of these keys, and what else may stand beside it. */
const oneOf = <Fields extends Schema.Struct.Fields>(keys: ReadonlyArray<string>, fields: Fields) =>
  Schema.Struct(fields).check(
    Schema.makeFilter((value: object) => keys.filter((key) => key in value).length === 1 || one(keys))
  )
const one = (keys: ReadonlyArray<string>): string => `expected exactly one of ${keys.join(", ")}`

const optional = Schema.optionalKey

/** Where a secret is found: an environment variable, a path in the program's Config, or the text itself in a private file. */
const Source = { env: optional(text), config: optional(text) }
const Secret = Schema.Union([text, oneOf(["env", "config"], Source)]).annotate({
  identifier: "text, { env: NAME } or { config: PATH }"
})
export type Secret = typeof Secret.Type

const PrivateKey = Schema.Union([text, oneOf(["path", "env", "config"], { path: optional(text), ...Source })]).annotate(
  { identifier: "{ path: FILE }, { env: NAME } or { config: PATH }" }
)
export type PrivateKey = typeof PrivateKey.Type

const Auth = oneOf(["password", "privateKey", "agent"], {
  password: optional(Secret),
  privateKey: optional(PrivateKey),
  passphrase: optional(Secret),
  agent: optional(
    Schema.Union([Schema.Literal(true), text]).annotate({ identifier: "true, or the path of an agent's socket" })
  ),
  keys: optional(texts)
}).check(
  Schema.makeFilter((auth) => {
    if ("passphrase" in auth && !("privateKey" in auth)) return "passphrase goes with privateKey"
    return !("keys" in auth) || "agent" in auth || "keys goes with agent"
  })
)
export type Auth = typeof Auth.Type

const aFingerprint = "a fingerprint as ssh-keygen -l prints it (SHA256: and 43 characters)"
const isFingerprint = (input: string): boolean => typeof checkFingerprint(input, "") === "string"
const fingerprint = text.check(Schema.makeFilter((input) => isFingerprint(input) || `expected ${aFingerprint}`))

const hostKeys = `"known-hosts", { knownHosts: FILE }, { fingerprint: "SHA256:..." } or "accept-any"`
const HostKey = Schema.Union([
  Schema.Literals(["known-hosts", "accept-any"]).annotate({ identifier: hostKeys }),
  oneOf(["knownHosts", "fingerprint"], {
    knownHosts: optional(text),
    fingerprint: optional(Schema.Union([fingerprint, Schema.Array(fingerprint)]))
  })
]).annotate({ identifier: hostKeys })

const phases = ["queue", "dial", "handshake", "auth", "subsystem", "hello", "rpc", "progress", "close"] as const
const none = optional(duration("none"))
const deadlines = Object.fromEntries(phases.map((phase) => [phase, none])) as Record<
  (typeof phases)[number],
  typeof none
>

const settings = {
  host: optional(text),
  port: optional(whole(1, 65_535, "a port from 1 to 65535")),
  username: optional(text),
  auth: optional(
    Schema.Union([Auth, Schema.Array(Auth)]).annotate({ identifier: "a way to log in, or a list of them" })
  ),
  hostKey: optional(HostKey),
  /** By later groups over earlier ones, and by a group over its parents. */
  groups: optional(texts),
  /** Those of the device, of its groups and of the defaults together. */
  tags: optional(texts),
  redundancyGroup: optional(text),
  /** Key by key. */
  deadlines: optional(Schema.Struct(deadlines)),
  maxOutstanding: optional(count(1)),
  maxAbandoned: optional(count(0)),
  framing: optional(Schema.Literals(["auto", "end-of-message", "chunked"])),
  profile: optional(text),
  capabilities: optional(texts),
  invalidUtf8: optional(Schema.Literals(["refuse", "replace"])),
  missingSessionId: optional(Schema.Literals(["refuse", "tolerate"])),
  /** Key by key. */
  limits: optional(
    Schema.Struct({ bytes: optional(count(1)), depth: optional(count(1)), attributes: optional(count(1)) })
  ),
  redaction: optional(Schema.Struct({ names: optional(texts) })),
  /** Of NETCONF, with a cheap rpc. SSH's own is `ssh.keepalive`. */
  keepalive: optional(Schema.Struct({ every: duration(), deadline: optional(duration()), rpc: optional(text) })),
  /** Key by key. */
  ssh: optional(
    Schema.Struct({
      algorithms: optional(Schema.Literals(["modern", "legacy"])),
      keepalive: optional(duration("off")),
      localAddress: optional(text),
      subsystem: optional(text)
    })
  )
}

export const Settings = Schema.Struct(settings)
export interface Settings extends Schema.Schema.Type<typeof Settings> {}

/** A group and the defaults stand for many devices, so they name no host. */
const { groups, host: _host, ...shared } = settings

/** The whole file. */
export const InventoryFile = Schema.Struct({
  defaults: optional(Schema.Struct(shared)),
  groups: optional(Schema.Record(Schema.String, Schema.Struct({ ...shared, groups }))),
  devices: Schema.Record(Schema.String, Settings).annotate({ identifier: "a map of devices by their names" })
}).annotate({ identifier: "a map with the key devices" })
export interface InventoryFile extends Schema.Schema.Type<typeof InventoryFile> {}
