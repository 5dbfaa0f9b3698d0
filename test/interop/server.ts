/**
 * Starts and stops the servers of the interop tests: netconfd in four variants, an sshd for each and for each thing that
 * an sshd can insist on, and the do-nothing server behind the subsystem `bulk`.
 *
 * Everything lives in a fresh temporary directory, except the Unix account (made when missing) and its password, which is
 * random and kept for root alone in /run, so that runs side by side agree on it. By hand: `node test/interop/server.ts`.
 */
import { randomBytes } from "node:crypto"
import {
  accessSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { keyTypes, variants } from "./facts.ts"
import type { Facts, Variant } from "./facts.ts"
import { netconfdVariants, startNetconfd } from "./netconfd.ts"
import type { Account, NetconfdVariant } from "./netconfd.ts"
import { ready, run, start } from "./processes.ts"
import type { Program } from "./processes.ts"
import { clientKeys, fingerprint, logOf, makeKeys, sshdVariants, startSshd } from "./sshd.ts"

const username = "nctest"
const passphrase = "key passphrase"
const banner = "Authorised use only.\nÜberwacht.\n"
const bulkBytes = 50 * 1024 * 1024

/** Each program with the Debian package that brings it. */
const programs = [
  ["/usr/sbin/netconfd", "netconfd"],
  ["/usr/sbin/netconf-subsystem", "netconfd"],
  ["/usr/sbin/sshd", "openssh-server"],
  ["/usr/bin/ssh-keygen", "openssh-client"],
  ["/usr/bin/socat", "socat"],
  ["/usr/bin/setpriv", "util-linux"]
] as const

/** The Debian packages to install before the servers can start. */
export const missingPackages = (): ReadonlyArray<string> => [
  ...new Set(programs.filter(([path]) => !existsSync(path)).map(([, name]) => name))
]

/** Why the servers cannot be started here, in words; undefined when they can. */
export const obstacle = (): string | undefined => {
  const missing = missingPackages()
  if (missing.length > 0) {
    return `missing programs; install them with: apt-get install -y --no-install-recommends ${missing.join(" ")}`
  }
  if (process.getuid?.() !== 0) return "sshd's password logins and the test account need root; run this as root"
  return undefined
}

const passwordFile = "/run/effect-netconf-interop.password"

const keptPassword = (): string => {
  try {
    writeFileSync(passwordFile, randomBytes(18).toString("base64url"), { mode: 0o600, flag: "wx" })
  } catch {
    accessSync(passwordFile)
  }
  return readFileSync(passwordFile, "utf8")
}

const account = async (password: string): Promise<Account> => {
  const look = () => run("/usr/bin/getent", ["passwd", username])
  const entry = await look().catch(() => run("/usr/sbin/useradd", ["-m", "-s", "/bin/sh", username]).then(look))
  await run("/usr/sbin/chpasswd", [], `${username}:${password}\n`)
  const [, , uid, gid, , home] = entry.split(":")
  const made: Account = { name: username, home: home!, uid: Number(uid), gid: Number(gid) }
  // netconfd wants ~/.yuma, whatever HOME says
  for (const directory of [made.home, join(made.home, ".yuma")]) {
    mkdirSync(directory, { recursive: true })
    chownSync(directory, made.uid, made.gid)
  }
  return made
}

const startBulk = async (directory: string, started: (program: Program) => void): Promise<string> => {
  const socket = join(directory, "bulk.sock")
  const script = join(import.meta.dirname, "bulk.ts")
  const program = start(process.execPath, [script, socket, String(bulkBytes)], { log: join(directory, "bulk.log") })
  started(program)
  await ready(program, () => existsSync(socket))
  return `/usr/bin/socat STDIO UNIX-CONNECT:${socket}`
}

const authorize = (directory: string): void => {
  const keys = Object.values(clientKeys(directory)).map((path) => readFileSync(`${path}.pub`, "utf8"))
  writeFileSync(join(directory, "authorized_keys"), keys.join(""))
}

const writeKnownHosts = (directory: string, ports: ReadonlyArray<number>): string => {
  const path = join(directory, "known_hosts")
  const keys = keyTypes.map((type) => readFileSync(join(directory, `host_${type}.pub`), "utf8"))
  const lines = keys.map((key) => key.split(" ").slice(0, 2).join(" "))
  writeFileSync(path, ports.flatMap((port) => lines.map((line) => `[127.0.0.1]:${port} ${line}\n`)).join(""))
  return path
}

// waits for all of them even when one fails: nothing may still be starting when the others are stopped
const entries = async <K extends string, V>(names: ReadonlyArray<K>, make: (name: K) => Promise<V>) => {
  const settled = await Promise.allSettled(names.map(async (name) => [name, await make(name)] as const))
  const failed = settled.find((result) => result.status === "rejected")
  if (failed !== undefined) throw failed.reason
  return Object.fromEntries(
    settled.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []))
  ) as Record<K, V>
}

const bringUp = async (directory: string, started: (program: Program) => void): Promise<Facts> => {
  const password = keptPassword()
  const user = await account(password)
  await makeKeys(directory, passphrase)
  authorize(directory)
  writeFileSync(join(directory, "banner"), banner)
  mkdirSync("/run/sshd", { recursive: true, mode: 0o755 })
  const bulk = await startBulk(directory, started)
  const names = Object.keys(netconfdVariants) as ReadonlyArray<NetconfdVariant>
  const behind: Partial<Record<NetconfdVariant, string>> = {}
  // one after another: starting at once they trip over each other in ~/.yuma
  for (const variant of names) behind[variant] = await startNetconfd(variant, directory, user, started)
  const open = (variant: Variant) => {
    const netconf = behind[sshdVariants[variant].behind]!
    return startSshd({ variant, directory, username, netconf, bulk }, started)
  }
  const ports = await entries(variants, open)
  return {
    host: "127.0.0.1",
    username,
    password,
    ports,
    fingerprints: await entries(keyTypes, (type) => fingerprint(directory, type)),
    knownHosts: writeKnownHosts(directory, Object.values(ports)),
    keys: clientKeys(directory),
    passphrase,
    strangerKey: join(directory, "client_stranger"),
    banner,
    bulkBytes,
    logs: Object.fromEntries(variants.map((variant) => [variant, logOf(directory, variant)])) as Facts["logs"]
  }
}

export interface Servers {
  /** Path of the {@link Facts} as JSON. */
  readonly facts: string
  readonly stop: () => Promise<void>
}

/** Starts them all; whatever has been started is stopped again when one of them fails or the signal aborts. */
export const startServers = async (signal?: AbortSignal): Promise<Servers> => {
  const directory = mkdtempSync(join(tmpdir(), "effect-netconf-interop-"))
  chmodSync(directory, 0o755)
  const running: Array<Program> = []
  const stop = async () => {
    await Promise.all(running.map((program) => program.stop()))
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  }
  const started = (program: Program) => {
    running.push(program)
    signal?.throwIfAborted()
  }
  try {
    const facts = join(directory, "facts.json")
    writeFileSync(facts, JSON.stringify(await bringUp(directory, started), null, 2), { mode: 0o600 })
    return { facts, stop }
  } catch (cause) {
    await stop()
    throw cause
  }
}

/** Aborted by Ctrl-C, by SIGTERM, or when the terminal goes away. */
export const interrupted = (): AbortSignal => {
  const controller = new AbortController()
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => controller.abort(new Error(`stopped by ${name}`)))
  }
  return controller.signal
}

if (import.meta.main) {
  const why = obstacle()
  if (why !== undefined) throw new Error(why)
  const signal = interrupted()
  const servers = await startServers(signal)
  console.log(`${readFileSync(servers.facts, "utf8")}\nINTEROP_FACTS=${servers.facts}\nCtrl-C stops them.`)
  const keepAlive = setInterval(() => {}, 60_000)
  signal.addEventListener("abort", () => {
    clearInterval(keepAlive)
    void servers.stop()
  })
}
