/**
 * Whether what the settings name can be used at all, as far as that shows without the network: hosts that can be dialled,
 * key files and known_hosts files that are there. Otherwise it would show device by device, in the middle of a run.
 */
import * as Effect from "effect/Effect"
import { constants } from "node:fs"
import * as Fs from "node:fs/promises"
import * as Target from "../../transport/Target.ts"
import { type Effective, type Layer, placed } from "./Devices.ts"
import type { Path } from "./Located.ts"
import type { Problem } from "./Problem.ts"

/** Why a host cannot be dialled, in words that do not show it. */
const hostProblem = (host: string): string | undefined => {
  if (Target.check({ host, port: 830, localAddress: undefined }) === undefined) return undefined
  if (host.includes("://")) return "expected a host alone, without ssh:// before it"
  if (host.includes("@")) return "expected a host alone: what stands before the @ is the key username"
  if (/^[^:]+:\d+$|^\[.*\]:\d+$/.test(host))
    return "expected a host alone: what stands behind the colon is the key port"
  if (/^\[.*\]$/.test(host)) return "expected an IPv6 address without brackets"
  return "expected a host name or an IP address"
}

const hostProblems = (devices: ReadonlyArray<Effective>): ReadonlyArray<Problem> =>
  devices.flatMap(({ name, settings: { host } }) => {
    const why = hostProblem(host ?? name)
    if (why === undefined) return []
    if (host !== undefined) return [{ path: ["devices", name, "host"], why }]
    return [{ path: ["devices", name], why: `it has no host, and its name is none: ${why}` }]
  })

const localAddressProblems = (layers: ReadonlyArray<Layer>): ReadonlyArray<Problem> =>
  layers.flatMap(({ path, settings: { ssh } }) => {
    const localAddress = ssh?.localAddress
    if (localAddress === undefined) return []
    const isAddress = Target.check({ host: "localhost", port: 830, localAddress }) === undefined
    return isAddress ? [] : [{ path: [...path, "ssh", "localAddress"], why: "expected an IP address of this machine" }]
  })

/** A file that is named, and by whom. */
interface Named {
  readonly path: Path
  readonly file: string
}

const filesOf = (layer: Layer): ReadonlyArray<Named> => {
  const { hostKey } = layer.settings
  const keys = placed(layer).flatMap(({ auth: { privateKey }, path }) =>
    typeof privateKey === "object" && privateKey.path !== undefined
      ? [{ path: [...path, "privateKey", "path"], file: privateKey.path }]
      : []
  )
  return typeof hostKey === "object" && hostKey.knownHosts !== undefined
    ? [...keys, { path: [...layer.path, "hostKey", "knownHosts"], file: hostKey.knownHosts }]
    : keys
}

const fileProblem = async (file: string): Promise<string | undefined> => {
  try {
    await Fs.access(file, constants.R_OK)
    return (await Fs.stat(file)).isFile() ? undefined : "it is not a file"
  } catch (error) {
    const { code } = error as { readonly code?: string }
    return code === "ENOENT" ? "there is no such file" : `the file cannot be read (${code ?? "unknown"})`
  }
}

const fileProblems = (layers: ReadonlyArray<Layer>, resolvePath: (path: string) => string) =>
  Effect.map(
    Effect.forEach(layers.flatMap(filesOf), ({ file, path }) =>
      Effect.map(
        Effect.promise(() => fileProblem(resolvePath(file))),
        (why) => (why === undefined ? [] : [{ path, why }])
      )
    ),
    (found): ReadonlyArray<Problem> => found.flat()
  )

/** What is wrong with the hosts of these devices, and with the files and addresses that anything in the file names. */
export const unreachable = (
  devices: ReadonlyArray<Effective>,
  layers: ReadonlyArray<Layer>,
  resolvePath: (path: string) => string
): Effect.Effect<ReadonlyArray<Problem>> =>
  Effect.map(fileProblems(layers, resolvePath), (files) => [
    ...hostProblems(devices),
    ...localAddressProblems(layers),
    ...files
  ])
