/**
 * Simulated devices for other programs: they stay on real SSH ports of this machine until they are interrupted, and say
 * first what is needed to reach them, as commands for another terminal. Started again with the same port they are the same.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { SampleModel, SimulatedDevice } from "../../src/testing.ts"
import type { SshListener } from "../../src/testing/SshServer.ts"
import { keptHostKey } from "./hostKey.ts"
import type { ServeOptions } from "./options.ts"
import { bold, dim, line } from "./screen.ts"

interface Served extends SshListener {
  readonly name: string
}

const nameOf = (i: number): string => `leaf-${String(i + 1).padStart(2, "0")}`

const serveOne = Effect.fnUntraced(function* (i: number, key: string, port: number | undefined) {
  const name = nameOf(i)
  const device = yield* SimulatedDevice.make()
  device.edit(`<system xmlns="${SampleModel.system}"><hostname>${name}</hostname></system>`)
  const listener = yield* device.ssh({ hostKeys: [key], ...(port === undefined ? {} : { port: port + i }) })
  return { ...listener, name } satisfies Served
})

/** What `Inventory.fromFile` reads. */
const inventory = (devices: ReadonlyArray<Served>, { fingerprint, username }: SshListener): ReadonlyArray<string> => [
  "defaults:",
  `  username: ${username}`,
  "  auth: { password: { env: NETCONF_PASSWORD } }",
  `  hostKey: { fingerprint: "${fingerprint}" }`,
  "  tags: [leaf]",
  "devices:",
  ...devices.map(({ host, name, port }) => `  ${name}: { host: ${host}, port: ${port} }`)
]

const tell = (devices: ReadonlyArray<Served>, first: Served): void => {
  const { fingerprint, host, hostKey, password, port, username } = first
  const what = devices.length === 1 ? "a simulated device" : `${devices.length} simulated devices`
  line(bold("effect-netconf") + `: ${what} on real SSH ports of this machine, until Ctrl-C`)
  line()
  line("In another terminal, in this folder:")
  line()
  line(`export NETCONF_HOST=${host} NETCONF_HOSTS=${host} NETCONF_PORT=${port}`)
  line(`export NETCONF_USERNAME=${username} NETCONF_PASSWORD=${Redacted.value(password)}`)
  line(`export NETCONF_FINGERPRINT=${fingerprint}`)
  for (const name of ["get-config", "subscribe", "mirror"]) line(`npx node examples/${name}.ts`)
  line(`npm run demo -- --host ${host} --port ${port} --username ${username} --fingerprint ${fingerprint}`)
  line()
  line("cat > demo.yaml <<'END'")
  inventory(devices, first).forEach((row) => line(row))
  line("END")
  line("npx node examples/inventory.ts demo.yaml")
  line()
  line(dim("Instead of the fingerprint, for known_hosts:"))
  for (const each of devices) line(`[${each.host}]:${each.port} ${hostKey}`)
}

export const serve = Effect.fnUntraced(function* ({ count, key, port }: ServeOptions) {
  const keyText = yield* keptHostKey(key)
  const devices = yield* Effect.forEach(Array.from({ length: count }), (_, i) => serveOne(i, keyText, port))
  tell(devices, devices[0]!)
  return yield* Effect.never
})
