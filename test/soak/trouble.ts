/**
 * What goes wrong on one device of the soak, by its own dice: its sessions are cut or closed, its log loses its beginning or
 * all of it, and seldom it reboots, and has no log any more.
 */
import type { SimulatedDevice } from "../../src/testing.ts"
import { dice } from "../trial/dice.ts"
import type { Emitter } from "./emitter.ts"
import type { Traits } from "./traits.ts"

const weights = { "one session cut": 40, "all sessions closed": 15, "log aged in part": 20, "log aged": 15, reboot: 10 }

export class Trouble {
  readonly met = new Map<string, number>()
  /** The last of it, and when it was. */
  lately: ReadonlyArray<readonly [at: number, what: string]> = []
  readonly #emitter: Emitter
  readonly #device: SimulatedDevice.SimulatedDevice
  readonly #traits: Traits
  readonly #seed: number
  #timer: NodeJS.Timeout | undefined
  #count = 0
  #replays = 0
  #begun = false

  constructor(emitter: Emitter, device: SimulatedDevice.SimulatedDevice, traits: Traits, seed: number) {
    this.#emitter = emitter
    this.#device = device
    this.#traits = traits
    this.#seed = seed
  }

  begin(): void {
    this.#next()
    this.#begun = true
  }

  #next(): void {
    const thrown = dice(this.#seed, "trouble", this.#traits.name, this.#count++)
    this.#timer = setTimeout(
      () => {
        this.#strike(thrown.weighted(weights), thrown.between(0, 1_000))
        this.#next()
      },
      thrown.between(4_000, 40_000)
    )
  }

  /** A replay is asked for, and the device has just said how far its log reaches: sometimes that is no longer so. */
  beforeReplay(): void {
    const thrown = dice(this.#seed, "replay", this.#traits.name, this.#replays++)
    if (!this.#begun || !thrown.chance(10)) return
    this.#note("log aged before a replay")
    this.#emitter.age()
  }

  #note(what: string): void {
    this.met.set(what, (this.met.get(what) ?? 0) + 1)
    this.lately = [...this.lately.slice(-5), [Date.now(), what]]
  }

  #strike(kind: keyof typeof weights, number: number): void {
    const { replay, standardEvents } = this.#traits
    if (kind.startsWith("log") && !replay) return
    this.#note(kind)
    const sessions = [...this.#device.sessions.values()]
    switch (kind) {
      case "one session cut":
        return sessions[number % Math.max(1, sessions.length)]?.cut()
      case "all sessions closed":
        return sessions.forEach((session) => session.cut("peer"))
      case "log aged in part":
        return this.#emitter.age(standardEvents ? undefined : number)
      case "log aged":
        return this.#emitter.age()
      case "reboot":
        return this.#emitter.reboot()
    }
  }

  end(): void {
    this.#begun = false
    clearTimeout(this.#timer)
  }
}
