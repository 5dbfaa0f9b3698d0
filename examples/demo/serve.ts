/**
 * A simulated device for other programs: it stays on a real SSH port of this machine until it is interrupted, and says
 * first what they need to reach it.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { SimulatedDevice } from "../../src/testing.ts"
import { bold, dim, line } from "./screen.ts"

export const serve = Effect.gen(function* () {
  const device = yield* SimulatedDevice.make()
  const { fingerprint, host, hostKey, password, port, username } = yield* device.ssh()
  line(bold("effect-netconf") + `: a simulated device on a real SSH port of this machine, until Ctrl-C`)
  line()
  line("In another terminal, in this folder:")
  line()
  line(`export NETCONF_HOST=${host} NETCONF_PORT=${port}`)
  line(`export NETCONF_USERNAME=${username} NETCONF_PASSWORD=${Redacted.value(password)}`)
  line(`export NETCONF_FINGERPRINT=${fingerprint}`)
  line("npx node examples/get-config.ts")
  line(`npm run demo -- --host ${host} --port ${port} --username ${username} --fingerprint ${fingerprint}`)
  line()
  line(dim("Instead of the fingerprint, a line for known_hosts:"))
  line(`[${host}]:${port} ${hostKey}`)
  return yield* Effect.never
})
