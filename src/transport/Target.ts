/**
 * What is dialled: a host, a port, and the address of this machine to dial from; checked, and named in messages.
 */
import * as Net from "node:net"
import { InputError } from "../errors.ts"
import { placeholder } from "../telemetry/Redaction.ts"

export interface Target {
  readonly host: string
  readonly port: number
  readonly localAddress: string | undefined
}

const hostSyntax = /^[\p{L}\p{N}_:][\p{L}\p{N}_.:%-]*$/u

/** A value that may be of any type, told from a number by its quotes. */
const shown = (value: unknown): string =>
  JSON.stringify(typeof value === "string" ? bare(value) : value) ?? String(value)

/** Without `user:password@`, which belongs into no message and no metric. */
const bare = (host: string): string =>
  host.includes("@") ? host.replace(/^(.*:\/\/)?.*@/s, `$1${placeholder}@`) : host

/** Why it cannot be dialled; a host that passes can be printed in a shell command as it stands. */
export const check = (target: Target): InputError | undefined => {
  if (typeof target.host !== "string" || !hostSyntax.test(target.host) || target.host.length > 255) {
    return new InputError({ what: "host", why: `${shown(target.host)} is not a host name or an IP address` })
  }
  if (/^[^:]+:\d+$/.test(target.host)) {
    return new InputError({ what: "host", why: `${shown(target.host)} holds a port, which is the option \`port\`` })
  }
  if (!Number.isInteger(target.port) || target.port < 1 || target.port > 65_535) {
    return new InputError({ what: "port", why: `${shown(target.port)} is not a port (a number from 1 to 65535)` })
  }
  if (target.localAddress !== undefined && Net.isIP(target.localAddress) === 0) {
    return new InputError({
      what: "localAddress",
      why: `${JSON.stringify(target.localAddress)} is not an IP address of this machine`
    })
  }
  return undefined
}

/** `192.0.2.1:830`, `[2001:db8::1]:830`. */
export const peerName = (host: string, port: number): string =>
  String(host).includes(":") ? `[${bare(String(host))}]:${port}` : `${bare(String(host))}:${port}`
