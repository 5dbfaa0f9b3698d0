/**
 * The devices of the soak, in a process of their own, over real SSH. Each numbers its events without a break, whatever
 * becomes of its sessions; in the end, and of each gap, it tells the truth.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { xml } from "../../src/xml/Template.ts"
import * as Element from "../../src/xml/Element.ts"
import { Dialects, type Faults, Keys, Model, SimulatedDevice } from "../../src/testing.ts"
import { serve } from "../trial/child.ts"
import { Emitter } from "./emitter.ts"
import { namespace, type Traits, traitsOf } from "./traits.ts"
import type { Settled } from "./sequence.ts"
import { Trouble } from "./trouble.ts"

export interface Listening {
  readonly name: string
  readonly port: number
  readonly fingerprint: string
  readonly username: string
  readonly password: string
}

export interface DeviceTruth {
  readonly name: string
  /** How many events have happened. */
  readonly events: number
  readonly sessions: number
}

export type FarmMethods = {
  readonly start: (options: { readonly devices: number; readonly seed: number }) => Promise<ReadonlyArray<Listening>>
  /** Devices begin to have trouble. */
  readonly trouble: (_: void) => void
  /** The number that the first event after the last create-subscription has, the replayed ones included. */
  readonly established: (name: string) => number
  /** Of each gap what is wrong with it, if anything is. */
  readonly judge: (gaps: ReadonlyArray<Settled>) => ReadonlyArray<string | undefined>
  /** No more events, and no more trouble. Gives how often which trouble was had. */
  readonly calm: (_: void) => Readonly<Record<string, number>>
  /** One more event on each of these devices. */
  readonly mark: (names: ReadonlyArray<string>) => void
  readonly truth: (_: void) => ReadonlyArray<DeviceTruth>
  /** What the device has been through lately. */
  readonly story: (name: string) => ReadonlyArray<string>
}

export const model = Model.make(Model.open(namespace, { "slots/slot": ["name"] }))

/** A create-subscription. */
interface Asked {
  readonly at: number
  readonly session: number
  /** The oldest event in the log by then, or the next one; and what it was when the device last told of its log. */
  readonly first: number
  readonly told: number
  /** The number that the next event would have. */
  readonly next: number
  readonly replays: boolean
}

/** So many create-subscriptions of a device are remembered, to judge gaps by. */
const remembered = 500

class Emitting {
  readonly traits: Traits
  readonly device: SimulatedDevice.SimulatedDevice
  readonly emitter: Emitter
  readonly trouble: Trouble
  #asked: Array<Asked> = []
  #told = 0

  constructor(traits: Traits, device: SimulatedDevice.SimulatedDevice, seed: number) {
    this.traits = traits
    this.device = device
    this.emitter = new Emitter(device, traits, seed)
    this.trouble = new Trouble(this.emitter, device, traits, seed)
    // A rule that never applies is asked at every request.
    device.faults.add({ _tag: "Duplicate" }, { on: (occasion) => this.#look(occasion) })
  }

  #look({ operation, request, sessionId }: Faults.Occasion): false {
    // For an hour, the log of requests is too much to keep.
    if (this.device.log.length > 100) (this.device.log as Array<unknown>).length = 0
    if (operation === "get") this.#told = this.emitter.oldest
    if (operation !== "create-subscription" || request === undefined) return false
    const replays = Element.child(request, "startTime") !== undefined
    if (replays && this.traits.replay) this.trouble.beforeReplay()
    const { count: next, oldest: first } = this.emitter
    this.#asked.push({ at: Date.now(), session: sessionId, first, told: this.#told, next, replays })
    if (this.#asked.length > 2 * remembered) this.#asked = this.#asked.slice(-remembered)
    return false
  }

  get story(): ReadonlyArray<string> {
    const asked = this.#asked.slice(-8).map(({ at, first, next, replays, session }) => {
      const log = this.traits.replay ? `its log holds ${first} to ${next - 1}` : "it has no log"
      return [
        at,
        `session ${session} asks for events${replays ? ", replayed ones too" : ""}; ${log}, ${next} is next`
      ] as const
    })
    return [...asked, ...this.trouble.lately]
      .toSorted(([a], [b]) => a - b)
      .map(([at, what]) => `${new Date(at).toISOString().slice(11, 23)} device: ${what}`)
  }

  get established(): number {
    const last = this.#asked.at(-1)!
    return last.replays ? last.first : last.next
  }

  /** A log that begins within the stamp of what was delivered last may have lost more of that stamp: nobody can tell. */
  #isDoubtful(first: number, last: number): boolean {
    const unit = this.traits.wholeSeconds ? 1000 : 1
    const [began, aged, delivered] = [first, first - 1, last].map((n) =>
      Math.floor((this.emitter.stamp(n) ?? Number.NaN) / unit)
    )
    return began === delivered || aged === delivered
  }

  /** What is wrong with a gap: it claims that the log did not reach back, and it did; or it ends before what is missing. */
  judge({ after, lossy, next, resumedAt, to }: Settled): string | undefined {
    if (!this.traits.replay || after === undefined) return undefined
    // Both clocks are this machine's, in whole milliseconds.
    const asked = this.#asked.find(({ at }) => at >= resumedAt - 2) ?? this.#asked.at(-1)
    if (asked === undefined) return "nobody has asked for a subscription"
    if (asked.first <= after) {
      if (this.#isDoubtful(asked.told, after)) return undefined
      return `the log began with ${asked.first}, and ${after} was delivered`
    }
    if (to === undefined || lossy || next - after < 2) return undefined
    // A log that has lost more since the device told of it: no client can know from when on it is whole.
    if (asked.first > asked.told) return undefined
    const missed = this.emitter.stamp(next - 1)
    const end = Date.parse(to) + (this.traits.wholeSeconds ? 999 : 0)
    return missed !== undefined && missed > end
      ? `${next - 1} is missing, of ${new Date(missed).toISOString()}, later than ${to}`
      : undefined
  }
}

const hostKey = Keys.generate().privateKey
const scope = Scope.makeUnsafe()
const farm = new Map<string, Emitting>()

/** Answers with what it was asked. */
const echo: SimulatedDevice.CustomOperation = (request) => [
  xml`<echoed xmlns="${namespace}">${Element.text(request)}</echoed>`
]

const startDevice = (index: number, seed: number) =>
  Effect.gen(function* () {
    const traits = traitsOf(seed, index)
    const { logSize, name, replay, standardEvents, wholeSeconds } = traits
    const device = yield* SimulatedDevice.make({
      name,
      model,
      running: `<about xmlns="${namespace}"><name>${name}</name></about>`,
      without: [":writable-running"],
      dialect: wholeSeconds ? Dialects.wholeSeconds : [],
      operations: { echo },
      notifications: { replay, logSize, standardEvents }
    })
    const ssh = yield* Effect.orDie(device.ssh({ hostKeys: [hostKey] }))
    farm.set(name, new Emitting(traits, device, seed))
    const { fingerprint, port, username } = ssh
    return { name, fingerprint, port, username, password: Redacted.value(ssh.password) } satisfies Listening
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
  trouble: () => {
    for (const { trouble } of farm.values()) trouble.begin()
  },
  established: (name) => farm.get(name)!.established,
  judge: (gaps) => gaps.map((gap) => farm.get(gap.device)!.judge(gap)),
  calm: () => {
    const met: Record<string, number> = {}
    for (const { emitter, trouble } of farm.values()) {
      emitter.stop()
      trouble.end()
      for (const [what, count] of trouble.met) met[what] = (met[what] ?? 0) + count
    }
    return met
  },
  mark: (names) => {
    for (const name of names) farm.get(name)!.emitter.emit()
  },
  story: (name) => farm.get(name)!.story,
  truth: () =>
    [...farm].map(([name, { device, emitter }]) => ({ name, events: emitter.count, sessions: device.sessions.size }))
}

serve(methods)
