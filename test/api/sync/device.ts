/** A simulated device in a process of its own, behind SSH: a client that blocks its thread cannot have its server there. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { Faults, Refusal, SampleModel, SimulatedDevice } from "../../../src/testing.ts"
import { serve } from "../../trial/child.ts"

const scope = Scope.makeUnsafe()
const inScope = <A, E>(effect: Effect.Effect<A, E, Scope.Scope>): Promise<A> =>
  Effect.runPromise(Scope.provide(effect, scope))
const device = await inScope(SimulatedDevice.make({ schemas: { a: "module a {}" } }))
const listener = await inScope(device.ssh())

const large = (bytes: number): string =>
  `<rpc-reply message-id="{message-id}" xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><data><a xmlns="urn:a">` +
  `<b>${"x".repeat(995)}</b>`.repeat(Math.ceil(bytes / 1002)) +
  `</a></data></rpc-reply>`

const faults = {
  refuse: Faults.refuse(Refusal.lockDenied(99, "held")),
  silence: Faults.silence(),
  unheard: Faults.silence({ applied: false }),
  close: Faults.closeAfter("network"),
  late: Faults.late("300 millis")
}

export const methods = {
  login: () => ({
    hostname: listener.host,
    port: listener.port,
    username: listener.username,
    password: Redacted.value(listener.password),
    hostKey: { fingerprint: listener.fingerprint }
  }),
  /** What was done on the device since it was asked last. */
  log: () => device.log.map(({ operation }) => operation),
  state: () => ({
    sessions: device.sessions.size,
    connections: listener.connections(),
    locks: [...device.locks.keys()],
    commits: device.commits,
    dirty: device.candidateIsDirty
  }),
  fault: ({ fault, on }: { readonly fault: keyof typeof faults; readonly on: string }) => {
    device.faults.add(faults[fault], { on, times: 1 })
  },
  large: (bytes: number) => {
    device.faults.add(Faults.reply(large(bytes)), { on: "get-config", times: 1 })
  },
  system: () => SampleModel.system,
  /** Events `from` to `to`, all at once. */
  notify: ({ from, to }: { readonly from: number; readonly to: number }) => {
    for (let n = from; n <= to; n++) device.notify(`<event xmlns="urn:test"><n>${n}</n></event>`)
  },
  stop: () => Effect.runPromise(Scope.close(scope, Exit.void))
}

serve(methods)
