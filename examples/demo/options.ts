/** The demo's command line. */
import { parseArgs } from "node:util"

export const usage = `npm run demo                                   a simulated device on this machine
npm run demo -- --host HOST --username USER    a real one, read only
npm run demo -- --serve                        a simulated device that stays, for programs of yours, until Ctrl-C

  --port PORT               default 830
  --fingerprint SHA256:...  the device's host key; may be repeated
  --known-hosts PATH        instead of ~/.ssh/known_hosts
  --key PATH                a private key; its passphrase comes from NETCONF_PASSPHRASE or a prompt
  --edit FILE.xml           loads a change: asks for the device's name first
  -h, --help

The password comes from NETCONF_PASSWORD or from a prompt. An empty one means the agent and your default keys.`

/** A command line that cannot be meant. */
export class UsageError extends Error {}

export interface DeviceOptions {
  readonly host: string
  readonly username: string
  readonly port: number
  readonly fingerprints: ReadonlyArray<string>
  readonly knownHosts: string | undefined
  readonly key: string | undefined
  readonly edit: string | undefined
}

const parse = (args: ReadonlyArray<string>) => {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: false,
      options: {
        host: { type: "string" },
        username: { type: "string" },
        port: { type: "string", default: "830" },
        fingerprint: { type: "string", multiple: true, default: [] },
        "known-hosts": { type: "string" },
        key: { type: "string" },
        edit: { type: "string" },
        serve: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false }
      }
    }).values
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

const isPassword = (arg: string): boolean => arg === "--password" || arg.startsWith("--password=")

const portOf = (text: string): number => {
  const port = Number(text)
  if (/^\d+$/.test(text) && port >= 1 && port <= 65_535) return port
  throw new UsageError(`--port: expected 1 to 65535, got ${text}`)
}

/** Throws a {@link UsageError}. */
export const read = (args: ReadonlyArray<string>): "help" | "simulated" | "serve" | DeviceOptions => {
  if (args.some(isPassword)) {
    throw new UsageError(
      "--password is not accepted: a command line is seen by every user of this machine and kept in the shell's history.\n" +
        "Set NETCONF_PASSWORD, or leave it out and be asked."
    )
  }
  const { edit, fingerprint, help, host, key, "known-hosts": knownHosts, port, serve, username } = parse(args)
  if (help) return "help"
  if (args.length === 0) return "simulated"
  if (serve) {
    if (args.length > 1) throw new UsageError("--serve goes with no other option")
    return "serve"
  }
  if (host === undefined || host === "") throw new UsageError("--host is missing")
  if (username === undefined || username === "") throw new UsageError("--username is missing")
  if (fingerprint.length > 0 && knownHosts !== undefined) {
    throw new UsageError("--fingerprint and --known-hosts exclude each other")
  }
  return { host, username, port: portOf(port), fingerprints: fingerprint, knownHosts, key, edit }
}
