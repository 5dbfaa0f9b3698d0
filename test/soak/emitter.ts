/**
 * The events of one device: numbered from 0, at the pace of its traits, and a mirror of what its log still holds.
 */
import type { SimulatedDevice } from "../../src/testing.ts"
import { type Dice, dice } from "../trial/dice.ts"
import { namespace, type Pace, type Traits } from "./traits.ts"

/** Moments of the last events that are remembered. */
const remembered = 8_192

/** How many events happen at once, and how many milliseconds later the next ones do. */
const paces: Readonly<Record<Pace, (dice: Dice) => readonly [events: number, wait: number]>> = {
  idle: (dice) => [1, dice.between(800, 4_000)],
  steady: (dice) => [dice.between(1, 2), dice.between(80, 300)],
  bursts: (dice) => [dice.between(10, 200), dice.between(1_500, 6_000)]
}

export class Emitter {
  readonly #device: SimulatedDevice.SimulatedDevice
  readonly #traits: Traits
  readonly #dice: Dice
  readonly #stamps = new Float64Array(remembered)
  #count = 0
  #logged = 0
  #timer: NodeJS.Timeout | undefined

  constructor(device: SimulatedDevice.SimulatedDevice, traits: Traits, seed: number) {
    this.#device = device
    this.#traits = traits
    this.#dice = dice(seed, "events", traits.name)
    this.#next()
  }

  get count(): number {
    return this.#count
  }

  /** The oldest event that is in the log, or the next one where it is empty. */
  get oldest(): number {
    return this.#count - this.#logged
  }

  /** When an event has happened; undefined when that is long ago. */
  stamp(n: number): number | undefined {
    return this.#count - n <= remembered ? this.#stamps[n % remembered] : undefined
  }

  #next(): void {
    const [events, wait] = paces[this.#traits.pace](this.#dice)
    this.#timer = setTimeout(() => {
      for (let i = 0; i < events; i++) this.emit()
      this.#next()
    }, wait)
  }

  /** Something happens; of a pair, both. */
  emit(): void {
    this.#emit()
    if (this.#traits.pairs) this.#emit()
  }

  #emit(): void {
    const { logSize, pairs, replay } = this.#traits
    const n = pairs ? Math.floor(this.#count / 2) : this.#count
    this.#stamps[this.#count % remembered] = Date.now()
    this.#count++
    if (replay) this.#logged = Math.min(this.#logged + 1, logSize)
    const filling = "x".repeat(n % 7 === 0 ? 1_500 : 100)
    this.#device.notify(`<event xmlns="${namespace}"><n>${n}</n><filling>${filling}</filling></event>`)
  }

  /** The oldest events leave the log, all of them by default. */
  age(number: number = Infinity): void {
    const count = this.#traits.pairs ? 2 * number : number
    this.#logged = Math.max(0, this.#logged - count)
    this.#device.ageReplayLog({ count })
  }

  reboot(): void {
    this.#logged = 0
    this.#device.reboot()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}
