/** The demo's command line. */
import { parseArgs } from "node:util"

export const usage = `npm run demo                                   a simulated device on this machine
npm run demo -- --host HOST --username USER    a real one, read only
npm run demo -- --serve                        a simulated device that stays, for programs of yours, until Ctrl-C
npm run demo -- --serve --port 10801 --count 5 five of them, on ports 10801 to 10805

  --port PORT               default 830; with --serve the first one's, default: any free ports
  --fingerprint SHA256:...  the device's host key; may be repeated
  --known-hosts PATH        instead of ~/.ssh/known_hosts
  --key PATH                a private key; its passphrase comes from NETCONF_PASSPHRASE or a prompt.
                            With --serve the host key, made if it is not there, so that it is the same next time
                            (default: demo-host-key in ~/.local/state/effect-netconf, or in XDG_STATE_HOME)
  --count N                 with --serve: how many devices, default 1
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

export interface ServeOptions {
  readonly count: number
  /** Of the first device; undefined: any that are free. */
  readonly port: number | undefined
  /** Where the host key is kept; undefined: in the user's state directory. */
  readonly key: string | undefined
}

const parse = (args: ReadonlyArray<string>) => {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: false,
      options: {
        host: { type: "string" },
        username: { type: "string" },
        port: { type: "string" },
        count: { type: "string" },
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

const numberOf = (option: string, text: string, most: number): number => {
  const number = Number(text)
  if (/^\d+$/.test(text) && number >= 1 && number <= most) return number
  throw new UsageError(`${option}: expected 1 to ${most}, got ${text}`)
}

const serving = (values: ReturnType<typeof parse>): ServeOptions => {
  const others = { "--host": values.host, "--username": values.username, "--edit": values.edit }
  const [other] = Object.entries(others).find(([, value]) => value !== undefined) ?? []
  if (other !== undefined || values.fingerprint.length > 0 || values["known-hosts"] !== undefined) {
    throw new UsageError("--serve goes with --port, --count and --key only")
  }
  const count = values.count === undefined ? 1 : numberOf("--count", values.count, 1000)
  const port = values.port === undefined ? undefined : numberOf("--port", values.port, 65_536 - count)
  return { count, port, key: values.key }
}

/** Throws a {@link UsageError}. */
export const read = (args: ReadonlyArray<string>): "help" | "simulated" | ServeOptions | DeviceOptions => {
  if (args.some(isPassword)) {
    throw new UsageError(
      "--password is not accepted: a command line is seen by every user of this machine and kept in the shell's history.\n" +
        "Set NETCONF_PASSWORD, or leave it out and be asked."
    )
  }
  const values = parse(args)
  const { count, edit, fingerprint, help, host, key, "known-hosts": knownHosts, port = "830", serve, username } = values
  if (help) return "help"
  if (args.length === 0) return "simulated"
  if (serve) return serving(values)
  if (count !== undefined) throw new UsageError("--count goes with --serve")
  if (host === undefined || host === "") throw new UsageError("--host is missing")
  if (username === undefined || username === "") throw new UsageError("--username is missing")
  if (fingerprint.length > 0 && knownHosts !== undefined) {
    throw new UsageError("--fingerprint and --known-hosts exclude each other")
  }
  return { host, username, port: numberOf("--port", port, 65_535), fingerprints: fingerprint, knownHosts, key, edit }
}
