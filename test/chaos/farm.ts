/**
 * The devices, in a process of their own: simulated ones over real SSH, each with its way of being built (`breeds.ts`) and
 * its own trouble (`trouble.ts`). In the end it tells the truth: from the devices' logs and datastores, never by way of the
 * client.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { Keys, SimulatedDevice } from "../../src/testing.ts"
import { breedOf } from "./breeds.ts"
import { serve } from "../trial/child.ts"
import { factory, model, tokensIn, tokensOf } from "./token.ts"
import { Trouble } from "./trouble.ts"

export interface Listening {
  readonly name: string
  readonly breed: string
  readonly port: number
  readonly fingerprint: string
  readonly username: string
  readonly password: string
}

/** What one device says of one token. */
export interface TokenTruth {
  /** How many edit-configs with it were received. */
  readonly received: number
  /** How many times it has come into running. */
  readonly appeared: number
  /** Whether it is there. */
  readonly present: boolean
}

export interface DeviceTruth {
  readonly name: string
  readonly tokens: ReadonlyMap<string, TokenTruth>
  /** What is left of sessions: their locks, themselves, and a confirmed commit that still waits. */
  readonly locks: ReadonlyArray<string>
  readonly sessions: number
  readonly pending: boolean
  readonly requests: number
}

export type FarmMethods = {
  readonly start: (options: { readonly devices: number; readonly seed: number }) => Promise<ReadonlyArray<Listening>>
  /** Ends all trouble. */
  readonly calm: (_: void) => Readonly<Record<string, number>>
  readonly truth: (_: void) => ReadonlyArray<DeviceTruth>
  /** What the device's log says of a token, in order. */
  readonly story: (of: { readonly device: string; readonly token: string }) => ReadonlyArray<string>
}

/** Watches running from outside: before each request it looks what the ones before it have made of it. */
class Watched {
  readonly device: SimulatedDevice.SimulatedDevice
  readonly trouble: Trouble
  readonly appeared = new Map<string, number>()
  #seen: unknown
  #present: ReadonlySet<string> = new Set()

  constructor(device: SimulatedDevice.SimulatedDevice, trouble: Trouble) {
    this.device = device
    this.trouble = trouble
    // A rule that never applies is asked at every request.
    device.faults.add({ _tag: "Duplicate" }, { on: () => this.look() })
  }

  look(): false {
    const { running } = this.device
    if (running === this.#seen) return false
    this.#seen = running
    const present = new Set(tokensIn(running))
    for (const token of present) {
      if (!this.#present.has(token)) this.appeared.set(token, (this.appeared.get(token) ?? 0) + 1)
    }
    this.#present = present
    return false
  }

  truth(name: string): DeviceTruth {
    this.look()
    const received = new Map<string, number>()
    for (const { operation, xml } of this.device.log) {
      if (operation !== "edit-config") continue
      for (const token of tokensOf(xml)) received.set(token, (received.get(token) ?? 0) + 1)
    }
    const tokens = new Map<string, TokenTruth>()
    for (const token of new Set([...received.keys(), ...this.appeared.keys()])) {
      tokens.set(token, {
        received: received.get(token) ?? 0,
        appeared: this.appeared.get(token) ?? 0,
        present: this.#present.has(token)
      })
    }
    return {
      name,
      tokens,
      locks: [...this.device.locks].map(([datastore, holder]) => `${datastore} by session ${holder}`),
      sessions: this.device.sessions.size,
      pending: this.device.confirmedCommit !== undefined,
      requests: this.device.log.length
    }
  }

  /** Everything that the sessions which sent the token have sent. */
  story(token: string): ReadonlyArray<string> {
    const { log } = this.device
    const senders = new Set(log.filter(({ xml }) => tokensOf(xml).includes(token)).map(({ session }) => session))
    const began = log.findIndex(({ xml }) => tokensOf(xml).includes(token))
    return log
      .slice(Math.max(0, began - 8), began + 40)
      .filter(({ session }) => senders.has(session))
      .map(({ at, messageId, operation, session, xml }) => {
        const tokens = tokensOf(xml).join(" ")
        return `${new Date(at).toISOString().slice(11, 23)} session ${session} ${operation} ${tokens} (id ${messageId})`
      })
  }
}

// 3 ms each to make, and which one it is does not matter here.
const hostKey = Keys.generate().privateKey
const scope = Scope.makeUnsafe()
const farm = new Map<string, Watched>()

const startDevice = (index: number, seed: number) =>
  Effect.gen(function* () {
    const name = `device-${index}`
    const { breed, options } = breedOf(index)
    const device = yield* SimulatedDevice.make({ ...options, name, model, running: factory(name) })
    const ssh = yield* Effect.orDie(device.ssh({ hostKeys: [hostKey] }))
    farm.set(name, new Watched(device, new Trouble(device.faults, { seed, name, ids: breed !== "without ids" })))
    const { fingerprint, port, username } = ssh
    return { name, breed, fingerprint, port, username, password: Redacted.value(ssh.password) } satisfies Listening
  })

const methods: FarmMethods = {
  start: ({ devices, seed }) => {
    const indices = Array.from({ length: devices }, (_, index) => index)
    return Effect.runPromise(
      Scope.provide(
        Effect.forEach(indices, (index) => startDevice(index, seed)),
        scope
      )
    )
  },
  calm: () => {
    const total: Record<string, number> = {}
    for (const { trouble } of farm.values()) {
      trouble.end()
      for (const [what, count] of trouble.met) total[what] = (total[what] ?? 0) + count
    }
    return total
  },
  truth: () => [...farm].map(([name, watched]) => watched.truth(name)),
  story: ({ device, token }) => farm.get(device)!.story(token)
}

serve(methods)
