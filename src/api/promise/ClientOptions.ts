/**
 * What `NetconfClient` is given, checked and turned into the options of a session: pyNetX's names and defaults, and words
 * for what people coming from there get wrong.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { InputError } from "../../errors.ts"
import type { WireLogEntry } from "../../rpc/WireLogEntry.ts"
import { resolve } from "../../transport/Deadlines.ts"
import * as Ssh from "../../transport/Ssh.ts"
import type { Transport } from "../../transport/Transport.ts"
import { knownNames, seconds } from "../Checks.ts"
import type { AuditOptions } from "./ClientAudit.ts"
import { defined } from "../../data/Defined.ts"
import * as ConnectOptions from "../ConnectOptions.ts"
import type * as Netconf from "../Netconf.ts"
import { names as reconnectNames, read, type ReconnectingOptions } from "../reconnecting/Options.ts"
import { type RetryPlan, scheduleOf } from "./RetryPlan.ts"
import { type NotificationOptions, notificationNames } from "./SubscribeOptions.ts"

/** A duration: `"30 seconds"`. A bare number is milliseconds; below 1000 it is refused, because seconds were meant. */
export type Timeout = Duration.Input

export interface NetconfClientOptions
  extends Omit<Netconf.ConnectOptions, "transport" | "wireLog">, AuditOptions, NotificationOptions {
  readonly hostname?: string
  /** Default: 830. */
  readonly port?: number
  readonly username?: string
  readonly password?: string | Redacted.Redacted<string>
  /** The key's text or bytes, or where it stands. */
  readonly privateKey?: string | Buffer | Redacted.Redacted<string> | { readonly path: string }
  readonly passphrase?: string | Redacted.Redacted<string>
  /** The socket of an ssh-agent, or true for SSH_AUTH_SOCK. */
  readonly agent?: string | true
  /** Default: `"known-hosts"`, which fails closed. */
  readonly hostKey?: Ssh.HostKeyPolicy
  /** Everything up to the device's hello. Default: 60 seconds. */
  readonly connectTimeout?: Timeout
  /** From a written rpc to its reply. Default: 60 seconds; commit, copyConfig and validate: 10 minutes. */
  readonly readTimeout?: Timeout
  /** DNS and TCP. Default: 5 seconds. */
  readonly socketConnectTimeout?: Timeout
  /** Further options of the SSH transport. */
  readonly ssh?: Partial<Pick<Ssh.SshOptions, "localAddress" | "keepalive" | "algorithms" | "subsystem">>
  /** Logs every message with its secrets hidden: `true` to Effect's logger at Debug, or each entry to a function. Default: off. */
  readonly wireLog?: true | ((entry: WireLogEntry) => void | Promise<void>)
  /** Instead of SSH to `hostname`: a simulated device's transport, or one of your own. */
  readonly transport?: Transport
  /** Opens the session anew whenever it is lost; `true` for all defaults. Default: one session, one life. */
  readonly reconnect?: true | ReconnectingClientOptions
}

/** As of the Effect API; the schedule may be plain: `{ times: 10, delay: "5 seconds" }`. */
export interface ReconnectingClientOptions extends Omit<ReconnectingOptions, "schedule"> {
  readonly schedule?: RetryPlan | NonNullable<ReconnectingOptions["schedule"]>
}

/** A timeout as it is; throws an `InputError` for what is none, or was meant as seconds. */
export const timeout = (what: string, input: Timeout): Timeout => {
  seconds(what, input)
  return input
}

/** What a client takes besides the options of a session. */
const known: Readonly<
  Record<Exclude<keyof NetconfClientOptions, keyof ConnectOptions.ConnectOptions | keyof NotificationOptions>, true>
> = {
  hostname: true,
  port: true,
  username: true,
  password: true,
  privateKey: true,
  passphrase: true,
  agent: true,
  hostKey: true,
  ssh: true,
  audit: true,
  changeId: true,
  connectTimeout: true,
  readTimeout: true,
  socketConnectTimeout: true,
  reconnect: true
}

/** All of them. */
export const clientNames: ReadonlyArray<string> = [...Object.keys(known), ...notificationNames, ...ConnectOptions.names]

const redacted = (secret: string | Redacted.Redacted<string>): Redacted.Redacted<string> =>
  typeof secret === "string" ? Redacted.make(secret) : secret

type KeyAuth = Extract<Ssh.Auth, { readonly privateKey: unknown }>

const keyAuth = ({ passphrase, privateKey }: NetconfClientOptions): ReadonlyArray<KeyAuth> => {
  if (privateKey === undefined) return []
  const isPlain = typeof privateKey === "string" || Buffer.isBuffer(privateKey)
  const key = (isPlain ? Redacted.make(privateKey) : privateKey) as KeyAuth["privateKey"]
  return [passphrase === undefined ? { privateKey: key } : { privateKey: key, passphrase: redacted(passphrase) }]
}

/** In this order: the private key, the agent, the password. None of them given: what ssh would try. */
const authOf = (options: NetconfClientOptions): { readonly auth?: ReadonlyArray<Ssh.Auth> } => {
  const auth: ReadonlyArray<Ssh.Auth> = [
    ...keyAuth(options),
    ...(options.agent === undefined ? [] : [{ agent: options.agent }]),
    ...(options.password === undefined ? [] : [{ password: redacted(options.password) }])
  ]
  return auth.length === 0 ? {} : { auth }
}

const transportOf = (options: NetconfClientOptions): Transport => {
  if (options.transport !== undefined) return options.transport
  const { hostKey, hostname, port, username } = options
  if (hostname === undefined) throw new InputError({ what: "hostname", why: "expected a name or an address" })
  if (username === undefined) throw new InputError({ what: "username", why: "expected a name to log in with" })
  if (options.ssh !== undefined) {
    knownNames("ssh", options.ssh, ["localAddress", "keepalive", "algorithms", "subsystem"])
    if (options.ssh.keepalive !== "off") checked("ssh.keepalive", options.ssh.keepalive)
  }
  return Ssh.make({
    host: hostname,
    username,
    ...authOf(options),
    ...(port === undefined ? {} : { port }),
    ...(hostKey === undefined ? {} : { hostKey }),
    ...options.ssh
  })
}

/** A duration of a call's options, or `"none"`, by the same rule. */
export const checked = (what: string, input: Timeout | "none" | undefined): void => {
  if (input !== undefined && input !== "none") timeout(what, input)
}

/** How the session comes back, if it does; throws an `InputError`. */
export const reconnectOptions = ({ reconnect }: NetconfClientOptions): ReconnectingOptions | undefined => {
  if (reconnect === undefined) return undefined
  if (reconnect === true) return {}
  knownNames("reconnect", reconnect, reconnectNames)
  const { schedule, ...rest } = reconnect
  const options = schedule === undefined ? rest : { ...rest, schedule: scheduleOf("reconnect.schedule", schedule) }
  read(options)
  return options
}

/** A function that returns a promise, or nothing, as one that returns an effect. */
const wireLogOf = (sink: NetconfClientOptions["wireLog"]): Netconf.ConnectOptions["wireLog"] =>
  typeof sink === "function" ? (entry) => Effect.promise(async () => sink(entry)) : sink

/** The options of the session; throws an `InputError`. */
export const connectOptions = (options: NetconfClientOptions): Netconf.ConnectOptions => {
  const { deadlines, readTimeout, socketConnectTimeout } = options
  resolve(deadlines)
  for (const [phase, input] of Object.entries(deadlines ?? {})) checked(`deadlines.${phase}`, input)
  checked("keepalive.deadline", options.keepalive?.deadline)
  const { capabilities, framing, invalidUtf8, label, limits, maxAbandoned, maxOutstanding, missingSessionId, profile } =
    options
  return {
    ...defined({
      capabilities,
      framing,
      invalidUtf8,
      keepalive: options.keepalive,
      redaction: options.redaction,
      wireLog: wireLogOf(options.wireLog),
      label,
      limits,
      maxAbandoned,
      maxOutstanding,
      missingSessionId,
      profile
    }),
    transport: transportOf(options),
    deadlines: {
      ...deadlines,
      ...(readTimeout === undefined ? {} : { rpc: timeout("readTimeout", readTimeout) }),
      ...(socketConnectTimeout === undefined ? {} : { dial: timeout("socketConnectTimeout", socketConnectTimeout) })
    }
  }
}
