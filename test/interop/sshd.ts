/**
 * OpenSSH's sshd in front of a netconfd, on a free port of 127.0.0.1, once for each thing it can insist on.
 */
import { writeFileSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import type { KeyType, Variant } from "./facts.ts"
import { keyTypes } from "./facts.ts"
import type { NetconfdVariant } from "./netconfd.ts"
import { freePort, ready, run, start } from "./processes.ts"
import type { Program } from "./processes.ts"

/** What differs from the plain configuration, and the netconfd behind it. */
export const sshdVariants: Readonly<Record<Variant, { behind: NetconfdVariant; lines: ReadonlyArray<string> }>> = {
  candidate: { behind: "candidate", lines: [] },
  "writable-running": { behind: "writable-running", lines: [] },
  startup: { behind: "startup", lines: [] },
  base10: { behind: "base10", lines: [] },
  rekey: { behind: "candidate", lines: ["RekeyLimit 1M", "LogLevel DEBUG1"] },
  "max-sessions": { behind: "candidate", lines: ["MaxSessions 1"] },
  "max-auth-tries": { behind: "candidate", lines: ["MaxAuthTries 2"] },
  "key-and-password": { behind: "candidate", lines: ["AuthenticationMethods publickey,password"] },
  banner: { behind: "candidate", lines: ["Banner DIRECTORY/banner"] },
  "keyboard-interactive": {
    behind: "candidate",
    lines: ["UsePAM yes", "PasswordAuthentication no", "KbdInteractiveAuthentication yes", "PubkeyAuthentication no"]
  }
}

export interface SshdOptions {
  readonly variant: Variant
  readonly directory: string
  readonly username: string
  /** Command of the subsystem `netconf`. */
  readonly netconf: string
  /** Command of the subsystem `bulk`. */
  readonly bulk: string
}

// sshd takes the first value of a keyword, so the variant's lines come first.
const configuration = (options: SshdOptions, port: number): string =>
  [
    ...sshdVariants[options.variant].lines.map((line) => line.replace("DIRECTORY", options.directory)),
    `Port ${port}`,
    "ListenAddress 127.0.0.1",
    ...keyTypes.map((type) => `HostKey ${join(options.directory, `host_${type}`)}`),
    "PidFile none",
    `AllowUsers ${options.username}`,
    `AuthorizedKeysFile ${join(options.directory, "authorized_keys")}`,
    "StrictModes no",
    "PubkeyAuthentication yes",
    "PasswordAuthentication yes",
    "KbdInteractiveAuthentication no",
    "UsePAM no",
    "PermitRootLogin no",
    "DisableForwarding yes",
    "PrintMotd no",
    "UseDNS no",
    "MaxStartups 1000",
    "MaxSessions 1000",
    "LogLevel VERBOSE",
    `Subsystem netconf ${options.netconf}`,
    `Subsystem bulk ${options.bulk}`
  ].join("\n") + "\n"

const greets = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1")
    const done = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(1_000, () => done(false))
    socket.on("error", () => done(false))
    socket.on("data", (bytes) => done(bytes.toString("latin1").startsWith("SSH-")))
  })

export const logOf = (directory: string, variant: Variant): string => join(directory, `sshd_${variant}.log`)

/** Starts one and returns its port. */
export const startSshd = async (options: SshdOptions, started: (program: Program) => void): Promise<number> => {
  const port = await freePort()
  const config = join(options.directory, `sshd_${options.variant}`)
  writeFileSync(config, configuration(options, port))
  const program = start("/usr/sbin/sshd", ["-D", "-e", "-f", config], {
    log: logOf(options.directory, options.variant)
  })
  started(program)
  await ready(program, () => greets(port))
  return port
}

const keygen = (path: string, type: string, passphrase: string, ...more: ReadonlyArray<string>): Promise<string> =>
  run("/usr/bin/ssh-keygen", ["-q", "-t", type, "-N", passphrase, "-C", "interop", "-f", path, ...more])

export const clientKeys = (directory: string) => ({
  ed25519: join(directory, "client_ed25519"),
  ecdsa: join(directory, "client_ecdsa"),
  rsa: join(directory, "client_rsa"),
  rsaPem: join(directory, "client_rsa_pem"),
  encrypted: join(directory, "client_encrypted"),
  encryptedPem: join(directory, "client_encrypted_pem")
})

/** Makes host keys, the clients' keys and one that no server knows. */
export const makeKeys = async (directory: string, passphrase: string): Promise<void> => {
  const keys = clientKeys(directory)
  await Promise.all([
    ...keyTypes.map((type) => keygen(join(directory, `host_${type}`), type, "")),
    ...keyTypes.map((type) => keygen(keys[type], type, "")),
    keygen(keys.rsaPem, "rsa", "", "-m", "PEM"),
    keygen(keys.encrypted, "ed25519", passphrase),
    keygen(keys.encryptedPem, "rsa", passphrase, "-m", "PEM"),
    keygen(join(directory, "client_stranger"), "ed25519", "")
  ])
}

/** `SHA256:...`, as `ssh-keygen -l` says it. */
export const fingerprint = async (directory: string, type: KeyType): Promise<string> => {
  const line = await run("/usr/bin/ssh-keygen", ["-l", "-f", join(directory, `host_${type}.pub`)])
  return line.split(" ")[1]!
}
