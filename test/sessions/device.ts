/**
 * Simulated devices over SSH on loopback, for sessions that may live in a thread.
 */
import * as Effect from "effect/Effect"
import * as Element from "../../src/xml/Element.ts"
import * as SimulatedDevice from "../../src/testing/SimulatedDevice.ts"
import type * as SshServer from "../../src/testing/SshServer.ts"
import * as Ssh from "../../src/transport/Ssh.ts"

export const ns = "urn:example:reactors"

/** `<echo>` gives back its text; `<large>` as many kilobytes as it says. */
const operations: SimulatedDevice.Options["operations"] = {
  echo: (request) => [Element.make("echoed", ns, { children: [Element.text(request)] })],
  large: (request) => [
    Element.make("line", ns, { children: ["0123456789abcdef".repeat(64 * Number(Element.text(request)))] })
  ]
}

/** A device that listens, and how it is reached. */
export const served = (options: SimulatedDevice.Options = {}, ssh: SshServer.SshOptions = {}) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make({ ...options, operations: { ...operations, ...options.operations } })
    const server = yield* device.ssh(ssh)
    const reach: Ssh.SshOptions = {
      host: server.host,
      port: server.port,
      username: server.username,
      auth: { password: server.password },
      hostKey: { fingerprint: server.fingerprint }
    }
    return { device, server, reach, transport: Ssh.make(reach) }
  })
