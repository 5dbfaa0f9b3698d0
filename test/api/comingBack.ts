/** A device that can be put out of reach, and a session with it that comes back. */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as Netconf from "../../src/api/Netconf.ts"
import type { ReconnectingOptions } from "../../src/api/Reconnecting.ts"
import { AuthError, type ConnectError, ConnectionError, HostKeyError, ProtocolError } from "../../src/errors.ts"
import { SampleModel, SimulatedDevice } from "../../src/testing.ts"
import type { Transport } from "../../src/transport/Transport.ts"
import { print } from "../../src/xml/Print.ts"
import { settle } from "../rpc/peer.ts"

export const hostname = (name: string) => `<system xmlns="${SampleModel.system}"><hostname>${name}</hostname></system>`
export const both = ["running", "candidate"] as const

export const refused = new ConnectionError({ reason: "refused", detail: "nobody listens" })
export const auth = new AuthError({ tried: ["password"], offered: ["publickey"], detail: "no credential was accepted" })
export const hostKey = new HostKeyError({
  why: "changed",
  fingerprint: "SHA256:x",
  keyType: "ssh-ed25519",
  howToAccept: "look at it",
  detail: "another key is known"
})
export const garbage = new ProtocolError({ layer: "hello", detail: "that is no hello" })

/** A device that can be out of reach, and a session that comes back. */
export const setUp = (options: SimulatedDevice.Options = {}, more: Partial<Netconf.ConnectOptions> = {}) =>
  Effect.gen(function* () {
    const device = yield* SimulatedDevice.make(options)
    const attempts: Array<ConnectError | "open"> = []
    let barrier: ConnectError | undefined
    const transport: Transport = {
      peer: device.transport.peer,
      open: (handler, context) =>
        Effect.suspend(() => {
          attempts.push(barrier ?? "open")
          return barrier === undefined ? device.transport.open(handler, context) : Effect.fail(barrier)
        })
    }
    return {
      device,
      attempts,
      block: (error: ConnectError | undefined) => {
        barrier = error
      },
      cut: Effect.andThen(
        Effect.sync(() => {
          for (const session of device.sessions.values()) session.cut()
        }),
        settle
      ),
      log: () => device.log.map((entry) => `${entry.session}:${entry.operation}`),
      runs: (name: string) => print(device.running).includes(`<hostname>${name}</hostname>`),
      connect: (reconnect?: ReconnectingOptions) =>
        Netconf.reconnecting({ label: "leaf-01", transport, ...more }, reconnect)
    }
  })

export const open = (
  reconnect: ReconnectingOptions = {},
  options: SimulatedDevice.Options = {},
  more: Partial<Netconf.ConnectOptions> = {}
) =>
  Effect.gen(function* () {
    const set = yield* setUp(options, more)
    return { ...set, session: yield* set.connect(reconnect) }
  })

export const pass = (time: Duration.Input) => Effect.andThen(TestClock.adjust(time), settle)
