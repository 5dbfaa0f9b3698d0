/**
 * The options of a session, checked before anything is connected and resolved with their defaults.
 */
import type * as Effect from "effect/Effect"
import { type ErrorContext, InputError } from "../errors.ts"
import type { Profile } from "../profiles/Profile.ts"
import type { Framing } from "../rpc/Hello.ts"
import type * as Core from "../rpc/Session.ts"
import type { WireLogEntry } from "../rpc/WireLogEntry.ts"
import * as Redaction from "../telemetry/Redaction.ts"
import { type Deadlines, resolve } from "../transport/Deadlines.ts"
import type { Transport } from "../transport/Transport.ts"
import { defaultLimits, type Limits } from "../xml/Parse.ts"
import { findIllegal } from "../xml/Print.ts"
import { isRecord, kindOf, knownNames, shown, texts, wholeNumber } from "./Checks.ts"
import * as Keepalive from "./session/Keepalive.ts"
import { closeSession } from "./operations/SessionControl.ts"

export interface ConnectOptions {
  /** How the device is reached: `Ssh.make`, `Ssh.share`, a simulated device's, or one of your own. */
  readonly transport: Transport
  /** Your name for the device, in errors and logs. */
  readonly label?: string
  readonly deadlines?: Deadlines
  /** How many rpcs may be unanswered at once. Default: 1; devices serve them one after the other, in order. */
  readonly maxOutstanding?: number
  /** `auto` (default) offers both base versions; the others offer one, for devices that announce what they cannot do. */
  readonly framing?: Framing
  /** Further capability URIs of our hello. */
  readonly capabilities?: ReadonlyArray<string>
  /** How this device differs from the RFC. Default: chosen from its hello. */
  readonly profile?: Profile
  /** Size of a message, depth and attributes of its XML. Default: 256 MiB, 256, 1024. */
  readonly limits?: Partial<Limits>
  /** What bytes that are not UTF-8 do: `refuse` (default) fails the call, `replace` reads them as U+FFFD. */
  readonly invalidUtf8?: "refuse" | "replace"
  /** A hello without session-id: `refuse` (default), or `tolerate`, which is reported in `session.notes`. */
  readonly missingSessionId?: "refuse" | "tolerate"
  /** How many abandoned rpcs may stay unanswered before the session is ended. Default: 4. */
  readonly maxAbandoned?: number
  /** What is hidden in errors and logs besides what the usual models keep secret. */
  readonly redaction?: Redaction.RedactionOptions
  /**
   * Logs every message with its secrets hidden: `true` at Debug, or each entry to a function. Default: off. It never
   * holds up the session; what it cannot keep up with is dropped and counted.
   */
  readonly wireLog?: true | ((entry: WireLogEntry) => Effect.Effect<void>)
  /** A cheap rpc while the session is idle, so that a dead device is noticed. Default: none. */
  readonly keepalive?: Keepalive.KeepaliveOptions
}

const known: Readonly<Record<keyof ConnectOptions, true>> = {
  transport: true,
  label: true,
  deadlines: true,
  maxOutstanding: true,
  framing: true,
  capabilities: true,
  profile: true,
  limits: true,
  invalidUtf8: true,
  missingSessionId: true,
  maxAbandoned: true,
  redaction: true,
  wireLog: true,
  keepalive: true
}

/** All of them. */
export const names: ReadonlyArray<string> = Object.keys(known)

/** Who an error is about, as far as the options say; they may be anything. */
export const whereOf = (options: ConnectOptions): Pick<ErrorContext, "label" | "peer"> => {
  const { label, transport } = (isRecord(options) ? options : {}) as Partial<ConnectOptions>
  return {
    label: typeof label === "string" ? label : undefined,
    peer: isRecord(transport) ? transport.peer : undefined
  }
}

const oneOf = <A extends string>(what: string, value: A, all: ReadonlyArray<A>): A => {
  if (all.includes(value)) return value
  throw new InputError({ what, why: `expected ${all.join(", ")}, got ${shown(value)}` })
}

const uriOf = (uri: string): string => {
  const illegal = findIllegal(uri)
  if (illegal === undefined) return uri
  const point = uri.codePointAt(illegal.index)!.toString(16).toUpperCase().padStart(4, "0")
  throw new InputError({
    what: "capabilities",
    where: `character ${illegal.index}`,
    why: `XML cannot carry U+${point}`
  })
}

const capabilitiesOf = (given: ConnectOptions["capabilities"]): ReadonlyArray<string> => {
  if (given === undefined) return none
  texts("capabilities", given, `["urn:example:capability"]`)
  return given.map(uriOf)
}

const wireLogOf = (sink: ConnectOptions["wireLog"]): ConnectOptions["wireLog"] => {
  if (sink === undefined || sink === true || typeof sink === "function") return sink
  throw new InputError({ what: "wireLog", why: `expected true or a function, got ${kindOf(sink)}` })
}

const redactionOf = (options: Redaction.RedactionOptions | undefined): Redaction.Redaction => {
  if (options !== undefined) knownNames("redaction", options, ["names", "values"])
  return Redaction.make(options)
}

const limitsOf = (limits: Partial<Limits> | undefined): Limits => {
  if (limits === undefined) return defaultLimits
  knownNames("limits", limits, Object.keys(defaultLimits))
  return { ...defaultLimits, ...limits }
}

const transportOf = (transport: Transport): Transport => {
  if (!isRecord(transport) || typeof transport.open !== "function") {
    const why = `expected a way to reach the device, such as Ssh.make({ host, username }), got ${kindOf(transport)}`
    throw new InputError({ what: "transport", why })
  }
  transport.check?.()
  return transport
}

/** Options with their defaults; throws an `InputError`. Connects nothing. */
export const read = (options: ConnectOptions): Core.Options & { readonly maxOutstanding: number } => {
  knownNames("", options, names)
  return {
    transport: transportOf(options.transport),
    label: options.label,
    deadlines: resolve(options.deadlines),
    maxOutstanding: wholeNumber("maxOutstanding", options.maxOutstanding ?? 1, 1),
    framing: oneOf("framing", options.framing ?? "auto", ["auto", "end-of-message", "chunked"]),
    capabilities: capabilitiesOf(options.capabilities),
    profile: options.profile,
    limits: limitsOf(options.limits),
    invalidUtf8: oneOf("invalidUtf8", options.invalidUtf8 ?? "refuse", ["refuse", "replace"]),
    requireSessionId:
      oneOf("missingSessionId", options.missingSessionId ?? "refuse", ["refuse", "tolerate"]) !== "tolerate",
    maxAbandoned: wholeNumber("maxAbandoned", options.maxAbandoned ?? 4, 0),
    redaction: redactionOf(options.redaction),
    wireLog: wireLogOf(options.wireLog),
    keepalive: Keepalive.resolve(options.keepalive),
    closeSession: goodbye
  }
}

/** What sessions are closed with, and nothing that any of them has of its own. */
const none: ReadonlyArray<string> = []
const goodbye = closeSession()
