/**
 * Debian's netconfd (yuma123) in the variants that the tests need, each with a directory of its own.
 *
 * It listens on a Unix socket; `subsystem` is the script that an sshd starts to reach it. YANG modules are loaded by file
 * name: a bare name would also load a module's C library, and some of those call ifconfig and reboot.
 */
import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { ready, start } from "./processes.ts"
import type { Program } from "./processes.ts"

const modules = [
  "netconfcentral/toaster.yang",
  "ietf/iana-if-type@2014-05-08.yang",
  "ietf/ietf-interfaces@2014-05-08.yang",
  "ietf/ietf-ip@2014-06-16.yang",
  "ietf/ietf-system@2014-08-06.yang"
]

export const netconfdVariants = {
  candidate: ["--target=candidate", "--with-startup=false"],
  "writable-running": ["--target=running", "--with-startup=false"],
  startup: ["--target=running", "--with-startup=true"],
  base10: ["--target=candidate", "--with-startup=false", "--protocols=netconf1.0"]
} as const
export type NetconfdVariant = keyof typeof netconfdVariants

export interface Account {
  readonly name: string
  readonly home: string
  readonly uid: number
  readonly gid: number
}

// netconfd accepts sessions only for the ports it was told of, four at most, and learns the port from SSH_CONNECTION.
const port = 830

const subsystemScript = (socket: string): string => `#!/bin/sh
set -- $SSH_CONNECTION
SSH_CONNECTION="$1 $2 $3 ${port}"
export SSH_CONNECTION
exec /usr/sbin/netconf-subsystem --ncxserver-sockname=${port}@${socket}
`

const parameters = (directory: string, account: Account): ReadonlyArray<string> => [
  `--ncxserver-sockname=${join(directory, "ncx.sock")}`,
  `--port=${port}`,
  `--superuser=${account.name}`,
  `--startup=${join(directory, "data", "startup-cfg.xml")}`,
  "--log-level=info",
  "--with-url=true",
  "--with-validate=true",
  "--max-burst=0",
  ...modules.map((module) => `--module=/usr/share/yuma/modules/${module}`)
]

const prepare = (directory: string, account: Account): void => {
  const data = join(directory, "data")
  mkdirSync(data, { recursive: true })
  // without a startup file of its own netconfd would look for one in the account's home
  const empty = '<?xml version="1.0" encoding="UTF-8"?>\n<config xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"/>\n'
  writeFileSync(join(data, "startup-cfg.xml"), empty)
  writeFileSync(join(directory, "subsystem"), subsystemScript(join(directory, "ncx.sock")))
  chmodSync(join(directory, "subsystem"), 0o755)
  for (const path of [directory, data, join(data, "startup-cfg.xml")]) chownSync(path, account.uid, account.gid)
}

const startOnce = async (
  variant: NetconfdVariant,
  directory: string,
  account: Account,
  started: (program: Program) => void
): Promise<void> => {
  const program = start("/usr/sbin/netconfd", [...parameters(directory, account), ...netconfdVariants[variant]], {
    log: join(directory, "data", "netconfd.log"),
    cwd: join(directory, "data"),
    env: { PATH: "/usr/bin:/bin", HOME: account.home, USER: account.name },
    user: account.name
  })
  started(program)
  await ready(program, () => existsSync(join(directory, "ncx.sock")))
}

/** Starts one and returns the path of its subsystem script. */
export const startNetconfd = async (
  variant: NetconfdVariant,
  parent: string,
  account: Account,
  started: (program: Program) => void
): Promise<string> => {
  const directory = join(parent, variant)
  prepare(directory, account)
  const once = () => startOnce(variant, directory, account, started)
  // all of an account's netconfds keep their transaction id in one file of ~/.yuma: it may be half written just now
  await once().catch(once)
  return join(directory, "subsystem")
}
